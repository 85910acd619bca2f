from __future__ import annotations

import json
from typing import Any

import pytest

from allears.listen import FORMATS, Context

SIGNALS = FORMATS["signals"]
GOOD = {"text": "the parcel is late", "occurred_at": "2026-05-30T08:00:00+02:00"}


def one(context: Context, **fields: Any) -> dict[str, Any]:
    reading = SIGNALS.read(json.dumps(fields).encode(), context)
    assert reading.refused == []
    [row] = reading.arrivals.to_pylist()
    return row


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(GOOD).encode(),
        json.dumps(GOOD, indent=2).encode(),
        json.dumps([GOOD]).encode(),
        json.dumps(GOOD).encode() + b"\n\n",
        b"\n" + json.dumps(GOOD).encode() + b"\r\n",
    ],
)
def test_object_array_and_lines_say_the_same(body: bytes, context: Context) -> None:
    checked = SIGNALS.check(body, context)
    assert (checked.accepted, checked.refused) == (1, [])
    assert checked.keep is body
    assert SIGNALS.read(body, context).arrivals.column("text").to_pylist() == ["the parcel is late"]


@pytest.mark.parametrize(
    ("bad", "place", "reason"),
    [
        (b'{"txt": "typo"}', "line 3", "unknown field"),
        (b'{"text": "x", "channel": "telegraph"}', "line 3.channel", "expected one of"),
        (b'{"text": "x", "rating": 9}', "line 3.rating", "scale 0-1"),
        (b'{"text": "x", "rating": 9, "rating_scale": "stars-1-5"}', "line 3.rating", "stars-1-5"),
        (b'{"text": "x", "occurred_at": "soon"}', "line 3.occurred_at", "expected a time"),
        (b'{"text": "x", "identifiers": {"shoe": "44"}}', "line 3.identifiers", "types"),
        (b'{"kind": "song", "text": "x"}', "line 3.kind", "expected one of"),
        (b'{"text": "x", "relationship": "cousin"}', "line 3.relationship", "consumer"),
        (b"{}", "line 3", "nothing said"),
        (b'{"text": "x"', "line 3", "truncated"),
        (b'{"text": "\xff"}', "line 3", "UTF-8"),
        (b'"hello"', "line 3", "expected `object`"),
        (b'{"properties": {"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}}", "line 3", "deep"),
    ],
)
def test_one_bad_line_among_a_hundred_costs_the_others_nothing(
    bad: bytes, place: str, reason: str, context: Context
) -> None:
    rows = [json.dumps(GOOD | {"id": i}).encode() for i in range(99)]
    rows.insert(2, bad)
    checked = SIGNALS.check(b"\n".join(rows), context)
    assert checked.accepted == 99
    [refusal] = checked.refused
    assert refusal.place == place
    assert reason in refusal.reason
    assert SIGNALS.read(checked.keep, context).arrivals.num_rows == 99


def test_one_bad_element_of_an_array_is_cut_out(context: Context) -> None:
    checked = SIGNALS.check(b'[{"text": "a"}, {"text": 5}, {"text": "b"}]', context)
    assert checked.keep == b'[{"text": "a"},{"text": "b"}]'
    assert checked.refused[0].place == "$[1].text"


@pytest.mark.parametrize("body", [b"", b"  \n", b"[]", b"[", b"nope", b"[" * 10_000])
def test_a_body_with_nothing_in_it_is_refused(body: bytes, context: Context) -> None:
    checked = SIGNALS.check(body, context)
    assert checked.accepted == 0
    assert checked.refused
    assert SIGNALS.read(body, context).arrivals.num_rows == 0


def test_friendly_forms_become_columns(context: Context) -> None:
    row = one(
        context, id="7", text="late again", occurred_at=1780300000, channel="review", rating=2, rating_scale="stars-1-5", reach=12.0,
        identifiers={"email": "ada@example.com", "user_id": 7, "handle": ["ada", "ada_b"]}, personal={"name": "Ada Byrne"},
        relationship="customer", thread=5, properties={"carrier": "Postwing", "app_version": "8.1", "sku": "A1"}, platform="iOS",
    )  # fmt: skip
    assert row["signal_id"] == "shop:7"
    assert (row["kind"], row["rating"], row["rating_scale"], row["reach"]) == (
        "feedback",
        0.25,
        "stars-1-5",
        12,
    )
    assert [pair["value"] for pair in row["identifiers"]] == ["ada@example.com", "7", "ada", "ada_b"]
    assert {"type": "name", "value": "Ada Byrne"} in row["personal"]
    assert (row["relationship"], row["thread"], row["partner"], row["release"], row["platform"]) == (
        "consumer",
        "5",
        "Postwing",
        "8.1",
        "ios",
    )
    assert json.loads(row["properties"]) == {"sku": "A1"}


def test_kind_follows_from_what_is_there(context: Context) -> None:
    assert one(context, rating=0.5)["kind"] == "feedback"
    assert one(context, service="checkout", ok=False)["kind"] == "telemetry"
    assert one(context, name="Opened")["kind"] == "event"
    assert one(context, identifiers=[{"type": "user_id", "value": 4}])["kind"] == "profile"


def test_a_time_without_zone_is_noted(context: Context) -> None:
    assert json.loads(one(context, text="x", occurred_at="2026-05-30 08:00:00")["properties"]) == {
        "zone_assumed": "UTC"
    }


@pytest.mark.parametrize("body", [b'[{"id": "1", "text": "one"}, {"id": "2', b"[" * 100_000])
def test_an_array_that_never_ends_is_called_that(body: bytes, context: Context) -> None:
    checked = FORMATS["signals"].check(body, context)
    assert [(r.place, r.reason) for r in checked.refused] == [("$", "an array that never ends")]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"text": "", "name": "bought"}, "event"),
        ({"text": " ", "rating": 4, "rating_scale": "stars-1-5"}, "feedback"),
        ({"text": "", "identifiers": {"user_id": "u1"}}, "profile"),
        ({"kind": "feedback", "properties": {"why": "price"}}, "feedback"),
    ],
)
def test_empty_text_counts_as_none(context: Context, fields: dict[str, Any], kind: str) -> None:
    row = one(context, **fields)
    assert (row["kind"], row["text"]) == (kind, None)


@pytest.mark.parametrize(
    ("fields", "place"), [({"text": ""}, "$[0]"), ({"text": " ", "kind": "feedback"}, "$[0].text")]
)
def test_a_signal_of_nothing_but_empty_text_is_refused(
    context: Context, fields: dict[str, Any], place: str
) -> None:
    [refused] = SIGNALS.read(json.dumps(fields).encode(), context).refused
    assert refused.place == place and refused.reason.startswith("nothing said")


def test_an_edit_may_take_the_text_away(context: Context) -> None:
    reading = SIGNALS.read(json.dumps({"id": "m1", "text": "", "edited_at": "2026-05-30T09:00:00Z"}).encode(), context)  # fmt: skip
    assert reading.refused == [] and [one.signal_id for one in reading.changes] == ["shop:m1"]
