from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allears.act.notice import envelope, issue_notice, without_personal
from allears.errors import NotAllowed, Refused, WorldFailed
from allears.guard.address import check_url, is_public, resolve

AT = datetime(2026, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "payload",
    [
        {"customer": "c1"}, {"data": {"email": "x"}}, {"rows": [{"Text": "hello"}]}, {"title": "mail ada@example.com now"},
        {"why": "call +44 20 7946 0958"}, {"why": ["ok", "(555) 010-99991"]},
    ],
)  # fmt: skip
def test_personal_data_is_refused_by_place_without_naming_it(payload: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        envelope("x", payload, AT)
    assert (
        caught.value.place.startswith("$.")
        and "ada" not in str(caught.value)
        and "7946" not in str(caught.value)
    )


def test_ordinary_facts_are_not_taken_for_personal() -> None:
    facts = {
        "id": "case-0123456789abcdef",
        "at": AT.isoformat(),
        "day": "2026-05-06",
        "score": 12.345678901,
        "n": 1234567890,
        "release": "10.4.2",
    }
    assert '"n":1234567890' in envelope("x", facts, AT)
    with pytest.raises(Refused):
        envelope("x", {"n": {1, 2}}, AT)


def test_a_title_made_of_customers_words_is_cleaned() -> None:
    notice = issue_notice({"id": "i1", "title": "refund for ada@example.com", "detected_at": AT})
    assert notice["title"] == "refund for <REMOVED>" and notice["detected_at"] == AT.isoformat()
    envelope("issue.opened", notice, AT)


@given(st.text(max_size=60))
def test_a_cleaned_text_always_passes(text: str) -> None:
    envelope("x", {"title": without_personal(without_personal(text))}, AT)


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "127.0.0.1", "0.0.0.0", "169.254.169.254", "192.168.0.1", "172.16.0.1", "100.64.0.1", "224.0.0.1", "::1", "::", "fe80::1%eth0",
     "fd00::1", "::ffff:127.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::", "ff02::1"],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_names_are_resolved_and_private_ones_refused() -> None:
    assert is_public("2606:4700:4700::1111") and is_public("64:ff9b::8.8.8.8")
    assert resolve("127.0.0.1", 80, allow_private=True) == "127.0.0.1"
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]".strip("[]")):
        with pytest.raises(NotAllowed):
            resolve(host, 80, allow_private=False)
    with pytest.raises(WorldFailed):
        resolve("no-such-name.invalid", 80, allow_private=False)
    check_url("http://10.0.0.1:8080/", allow_private=True)
