from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allears.know.identifiers import BLOCKED, TYPES, domain_of, normalise


@pytest.mark.parametrize(
    ("kind", "value", "form"),
    [
        ("email", " Ada@Example.ORG\n", "ada@example.org"),
        ("email", "mailto:ada@example.org", "ada@example.org"),
        ("email", "a.d.a+shop@example.org", "a.d.a+shop@example.org"),
        ("email", "ａｄａ@example.org", "ada@example.org"),
        ("email", "李明@例子.example", "李明@例子.example"),
        ("phone", "+1 202-555-0143", "+12025550143"),
        ("phone", "202.555.0143", "+12025550143"),
        ("phone", "0049 30 901820", None),
        ("phone", "+49 (0) 30 901820", "+4930901820"),
        ("phone", "(202) 555-0143 ext. 9", "+12025550143"),
        ("handle", "@Ada", "ada"),
        ("handle", "Mastodon:@Ada@Town.Example", "mastodon:ada@town.example"),
        ("handle", ":ada", "ada"),
        ("user_id", "  0015000000AbCdE ", "0015000000AbCdE"),
        ("account", " Acme GmbH ", "Acme GmbH"),
    ],
)
def test_one_person_written_differently_has_one_form(kind: str, value: str, form: str | None) -> None:
    assert normalise(kind, value) == form


def test_a_number_without_a_prefix_belongs_to_the_region() -> None:
    assert normalise("phone", "030 901820", region="DE") == "+4930901820"


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "junk",
    ["", " ", "0", "x", "-1", "000-000", "00000000-0000-0000-0000-000000000000", "NULL", "None", "undefined", "anonymous",
     "Unknown", "n/a", "test", "void", "ABC123", "[object Object]", "y" * 600],
)  # fmt: skip
def test_junk_is_nobody_of_any_type(kind: str, junk: str) -> None:
    assert normalise(kind, junk) is None


@pytest.mark.parametrize(
    ("kind", "junk"),
    [
        ("email", "none@none.com"), ("email", "NoReply@shop.example"), ("email", "no-reply+7@shop.example"), ("email", "ada"),
        ("email", "ada@localhost"), ("email", "a da@x.example"), ("email", "@x.example"), ("phone", "555"), ("phone", "hello there"),
        ("phone", "+11111111111"), ("phone", "1234567890"), ("handle", "@@"), ("handle", "twitter:none"), ("cookie", "abcdef"),
    ],
)  # fmt: skip
def test_junk_of_one_type_is_nobody(kind: str, junk: str) -> None:
    assert normalise(kind, junk) is None


@given(st.sampled_from(TYPES), st.text(max_size=40))
def test_normalising_twice_changes_nothing(kind: str, value: str) -> None:
    form = normalise(kind, value)
    assert form is None or normalise(kind, form) == form


def test_the_table_of_blocked_values_tells_what_is_blocked() -> None:
    assert "none@none.com" in BLOCKED["email: addresses"]
    assert all(normalise("user_id", word) is None for word in BLOCKED["any type: words"])


def test_the_domain_is_what_follows_the_last_at() -> None:
    assert domain_of('"a@b"@c.example') == "c.example"
