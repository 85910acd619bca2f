from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allears.errors import Refused
from allears.guard.redaction.redact import redact_json


def one(value: object, known: list[tuple[str, str]] | None = None) -> object:
    (out,) = redact_json([json.dumps(value)], [known])
    assert out is not None
    return json.loads(out)


@pytest.mark.parametrize(
    "field",
    [
        "email",
        "e-mail",
        "Email",
        "user_email",
        "phone",
        "Phone_Number",
        "mobile",
        "name",
        "firstName",
        "last_name",
        "fullName",
        "username",
        "address",
        "street_address",
        "zip",
        "ip",
        "client.address",
        "x-forwarded-for",
        "birthday",
        "dateOfBirth",
        "ssn",
        "iban",
        "cardNumber",
        "device_id",
        "password",
        "access_token",
        "latitude",
        "billing_address",
        "contact_email",
        "homePhone",
        "avatar_url",
    ],
)
def test_a_field_whose_name_says_personal_is_hidden(field: str) -> None:
    out = one({field: "Zq", "total": 3})
    assert isinstance(out, dict) and out["total"] == 3
    assert out[field].startswith("<") and out[field].endswith("_1>")
    assert one({"outer": [{field: 12345}]}) == {"outer": [{field: out[field]}]}


def test_what_is_no_person_keeps_its_name() -> None:
    for value in (
        {"name": "Blue Chair", "sku": "X1", "price": 3.5},
        {"app": {"name": "Shop", "version": "1.2.3"}, "os": {"name": "iOS"}},
        {"products": [{"name": "Lamp"}], "service.name": "checkout", "campaign": {"name": "spring"}},
        {
            "plan": "gold",
            "amount": 12.5,
            "ok": True,
            "none": None,
            "list": [1, 2],
            "ts": "2026-03-12T12:30:45.123Z",
            "page": "/home",
        },
        {"email": None, "phone": "", "name": False},
        {"address": {"city": "Rome", "country": "IT"}},
    ):
        assert one(value) == value


def test_texts_inside_are_searched_and_numbered_by_row() -> None:
    assert one(
        {"note": "call 202-555-0143", "more": ["or a@b.io", {"x": "a@b.io c@d.io"}], "email": "c@d.io"}
    ) == {
        "note": "call <PHONE_1>",
        "more": ["or <EMAIL_1>", {"x": "<EMAIL_1> <EMAIL_2>"}],
        "email": "<EMAIL_2>",
    }
    assert one({"a": "x\u0040y.com", "tel:": "ref: 4111111111111111"})["a"] == "<EMAIL_1>"  # type: ignore[index]


def test_escaped_personal_values_are_seen() -> None:
    assert redact_json(['{"a":"zoe\\u0040example.com"}']) == ['{"a":"<EMAIL_1>"}']


def test_keys_can_be_personal_too() -> None:
    assert one({"zoe@example.com": {"202-555-0143": 1, "b": "zoe@example.com"}}) == {
        "<EMAIL_1>": {"<PHONE_1>": 1, "b": "<EMAIL_1>"}
    }


def test_what_is_known_of_the_customer_goes_from_any_field() -> None:
    known = [("name", "Zelda Quince"), ("handle", "@zq_7")]
    assert one({"agent_said": "zelda", "url": "/u/zq_7/x", "n": 1}, known) == {
        "agent_said": "<NAME_1>",
        "url": "/u/<HANDLE_1>/x",
        "n": 1,
    }
    assert one({"agent_said": "zelda"}) == {"agent_said": "zelda"}


def test_harmless_rows_come_back_as_the_same_object() -> None:
    rows = ['{ "plan" : "gold", "amount":1.10 }', None, ""]
    assert all(a is b for a, b in zip(redact_json(rows), rows, strict=True))


def test_what_is_not_json_is_redacted_as_text() -> None:
    assert redact_json(["{broken a@b.io", "a@b.io"]) == ["{broken <EMAIL_1>", "<EMAIL_1>"]
    assert redact_json(['"a@b.io"', "[]", "null", "12"]) == ['"<EMAIL_1>"', "[]", "null", "12"]


def test_as_many_known_as_rows() -> None:
    with pytest.raises(Refused):
        redact_json(["{}"], [])


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["a@b.io", "gold", "call 202-555-0143 now", "Hi Anna, ok", "4111111111111111", "é 😀", "", "zelda\x00", "\ud83d"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["email", "x", "name", "sku", "q@r.io", "zip", "ö"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["email", "note", "user", "total"]), values, max_size=4),
        min_size=1,
        max_size=5,
    )
)
def test_rows_stay_json_leak_nothing_and_do_not_depend_on_their_neighbours(
    rows: list[dict[str, object]],
) -> None:
    known = [[("name", "Zelda")]] * len(rows)
    texts = [json.dumps(row) for row in rows]
    outs = redact_json(texts, known)
    for text, out in zip(texts, outs, strict=True):
        assert redact_json([text], known[:1]) == [out]
        assert out is not None
        shown = json.dumps(json.loads(out)).lower()
        assert not any(
            canary in shown for canary in ("a@b.io", "202-555", "4111111111111111", "q@r.io", "zelda")
        )
        assert redact_json([out], known[:1]) == [out]


def test_a_million_deep_nesting_is_survived() -> None:
    assert redact_json(["[" * 100_000 + "]" * 100_000])[0] is not None
