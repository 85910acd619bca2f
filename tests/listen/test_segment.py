from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from allears.listen import FORMATS, Context
from allears.listen.segment import wrap
from allears.listen.segment_call import CALLS

SEGMENT = FORMATS["segment"]


def track(**changes: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": "Order Paid", "userId": "u1", "messageId": "m1", "timestamp": "2026-06-01T10:00:00Z",
    } | changes  # fmt: skip


def batch(*calls: object) -> bytes:
    return json.dumps({"batch": calls}).encode()


def read(context: Context, *calls: object) -> list[dict[str, Any]]:
    reading = SEGMENT.read(batch(*calls), context)
    assert reading.refused == []
    return reading.arrivals.to_pylist()


def pairs(found: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(pair["type"], pair["value"]) for pair in found}


@pytest.mark.parametrize("call", CALLS)
def test_each_call_is_wrapped_into_a_batch_that_reads(call: str, context: Context) -> None:
    body = wrap(call, b'{"userId": "u1", "event": "x", "groupId": "g", "previousId": "p"}')
    assert SEGMENT.check(body, context).accepted == 1
    assert SEGMENT.read(body, context).arrivals.num_rows == 1


def test_a_batch_passes_unwrapped_and_an_empty_object_is_refused(context: Context) -> None:
    assert wrap("batch", b"{}") == b"{}"
    checked = SEGMENT.check(wrap("track", b"{}"), context)
    assert (checked.accepted, checked.refused[0].place) == (0, "$.batch[0]")


def test_a_good_body_is_kept_byte_for_byte(context: Context) -> None:
    body = batch(track(), track(messageId="m2"))
    assert SEGMENT.check(body, context).keep is body


BAD: list[tuple[bytes, str, str]] = [
    (b'{"type": "track", "userId": "u"}', "$.batch[41].event", "name of an event"),
    (b'{"type": "dance", "userId": "u"}', "$.batch[41].type", "expected one of"),
    (b'{"type": "page"}', "$.batch[41]", "userId or an anonymousId"),
    (b'{"type": "track", "event": "x", "userId": ["u"]}', "$.batch[41].userId", "expected"),
    (
        b'{"type": "track", "event": "x", "userId": "u", "context": [1]}',
        "$.batch[41].context",
        "expected `object",
    ),
    (
        b'{"type": "track", "event": "x", "userId": "u", "timestamp": "soon"}',
        "$.batch[41].timestamp",
        "expected a time",
    ),
    (b'{"type": track}', "$.batch[41]", "malformed"),
    (b'{"type": "track", "event": "a\x00b", "userId": "u"}', "$.batch[41]", "malformed"),
    (b'{"type": "track", "event": "x", "userId": "u", "properties": {"a": "\xff"}}', "$.batch[41]", "UTF-8"),
    (
        b'{"type": "track", "event": "x", "userId": "u", "properties": {"a":'
        + b"[" * 10_000
        + b"]" * 10_000
        + b"}}",
        "$.batch[41]",
        "deep",
    ),
]


@pytest.mark.parametrize(("bad", "place", "reason"), BAD)
def test_one_bad_event_among_a_hundred_costs_the_others_nothing(
    bad: bytes, place: str, reason: str, context: Context
) -> None:
    good = [json.dumps(track(messageId=f"m{i}")).encode() for i in range(99)]
    rows = [*good[:41], bad, *good[41:]]
    checked = SEGMENT.check(
        b'{"batch": [' + b",".join(rows) + b'], "sentAt": "2026-06-01T10:00:01Z"}', context
    )
    assert checked.accepted == 99
    assert [(r.place, r.payload) for r in checked.refused] == [(place, bad)]
    assert reason in checked.refused[0].reason
    reading = SEGMENT.read(checked.keep, context)
    assert (reading.arrivals.num_rows, reading.refused) == (99, [])


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b'{"batch": 1}', b'{"batch": [{"type"', b"\xff\xfe", b"{" * 10_000]
)
def test_a_body_that_is_no_batch_is_refused_whole(body: bytes, context: Context) -> None:
    checked = SEGMENT.check(body, context)
    assert checked.accepted == 0
    assert checked.refused
    assert SEGMENT.read(body, context).arrivals.num_rows == 0


def test_an_empty_batch_is_accepted_as_nothing(context: Context) -> None:
    checked = SEGMENT.check(b'{"batch": []}', context)
    assert (checked.accepted, checked.refused) == (0, [])


def test_a_refused_event_can_be_replayed_once_repaired(context: Context) -> None:
    refused = SEGMENT.check(batch(track(event="")), context).refused[0]
    assert refused.format == "segment"
    mended = json.dumps(json.loads(refused.payload) | {"event": "Order Paid"}).encode()
    assert SEGMENT.check(mended, context).accepted == 1


def test_identify_tells_who_it_is(context: Context) -> None:
    traits = {"email": "ada@example.com", "phone": "+15550100", "firstName": "Ada", "name": "Ada Byrne", "employee": True, "plan": "gold",
              "address": {"street": "1 Mill Lane", "city": "Ely"}}  # fmt: skip
    call = {
        "type": "identify",
        "userId": "u1",
        "anonymousId": "a1",
        "traits": traits,
        "context": {"device": {"id": "d1"}},
    }
    [row] = read(context, call)
    assert (row["kind"], row["relationship"]) == ("profile", "employee")
    assert pairs(row["identifiers"]) == {
        ("user_id", "u1"),
        ("anonymous_id", "a1"),
        ("email", "ada@example.com"),
        ("phone", "+15550100"),
        ("device", "d1"),
    }
    assert pairs(row["personal"]) == {
        ("email", "ada@example.com"),
        ("phone", "+15550100"),
        ("name", "Ada"),
        ("name", "Ada Byrne"),
        ("address", "1 Mill Lane, Ely"),
    }
    assert json.loads(row["properties"]) == {"plan": "gold"}


def test_alias_carries_both_ids_and_group_the_account(context: Context) -> None:
    alias, group = read(
        context,
        {"type": "alias", "userId": "u1", "previousId": "a9"},
        {"type": "group", "userId": "u1", "groupId": "g7", "traits": {"name": "Mill Ltd"}},
    )
    assert pairs(alias["identifiers"]) == {("user_id", "u1"), ("anonymous_id", "a9")}
    assert (group["account"], group["kind"]) == ("g7", "profile")
    assert pairs(group["identifiers"]) == {("user_id", "u1")}
    assert group["personal"] == []


@pytest.mark.parametrize(
    ("event", "properties", "rating", "scale", "text", "channel"),
    [
        ("NPS Answered", {"score": 10, "comment": "kind people"}, 1.0, "nps-0-10", "kind people", "survey"),
        ("CSAT Answered", {"score": 2}, 0.25, "csat-1-5", None, "survey"),
        ("CES Answered", {"score": 7}, 1.0, "ces-1-7", None, "survey"),
        (
            "Review Submitted",
            {"stars": 1, "text": "the lid broke"},
            0.0,
            "stars-1-5",
            "the lid broke",
            "review",
        ),
        ("Feedback Submitted", {"text": "where is my parcel"}, None, None, "where is my parcel", "survey"),
        ("Message Received", {"message": "hello?", "channel": "chat"}, None, None, "hello?", "chat"),
    ],
)
def test_answers_become_feedback(
    event: str,
    properties: dict[str, Any],
    rating: float | None,
    scale: str | None,
    text: str | None,
    channel: str,
    context: Context,
) -> None:
    [row] = read(context, track(event=event, properties=properties))
    assert row["kind"] == "feedback"
    assert (row["rating"], row["rating_scale"], row["text"], row["channel"]) == (rating, scale, text, channel)


def test_an_answer_off_its_scale_is_kept_as_it_was_written(context: Context) -> None:
    [row] = read(context, track(event="NPS Answered", properties={"score": 99, "comment": "hm"}))
    assert row["rating"] is None
    assert json.loads(row["properties"]) == {"score": 99, "rating_unread": True}


def test_facets_land_in_their_columns(context: Context) -> None:
    told = {
        "app": {"version": "8.1"},
        "os": {"name": "iOS"},
        "location": {"region": "North"},
        "library": {"name": "analytics-ios"},
    }
    properties = {"carrier": "Postwing", "ok": False, "duration_ms": 120, "service": "checkout", "sku": "A1"}
    [row] = read(context, track(context=told, properties=properties))
    facets = {
        name: row[name]
        for name in ("release", "platform", "region", "partner", "service", "ok", "duration_ms", "channel")
    }
    assert facets == {
        "release": "8.1",
        "platform": "ios",
        "region": "North",
        "partner": "Postwing",
        "service": "checkout",
        "ok": False,
        "duration_ms": 120.0,
        "channel": "app",
    }
    assert json.loads(row["properties"]) == {"sku": "A1"}


def test_channels_of_web_app_and_store(context: Context) -> None:
    rows = read(
        context,
        track(context={"library": {"name": "analytics.js"}, "os": {"name": "Android"}}),
        track(context={"os": {"name": "Android"}}),
        track(properties={"channel": "store"}),
        {"type": "screen", "userId": "u1", "name": "Home"},
    )
    assert [row["channel"] for row in rows] == ["web", "app", "store", "app"]


def test_a_device_whose_clock_runs_ahead_is_set_right_by_its_sent_time(context: Context) -> None:
    ahead = context.received_at + timedelta(days=3650)
    call = track(timestamp=(ahead - timedelta(hours=1)).isoformat())
    body = json.dumps({"batch": [call], "sentAt": ahead.isoformat()}).encode()
    [row] = SEGMENT.read(body, context).arrivals.to_pylist()
    assert row["occurred_at"] == context.received_at - timedelta(hours=1)
    assert json.loads(row["properties"])["clock_off"] is True


def test_an_impossible_time_without_sent_time_becomes_the_arrival(context: Context) -> None:
    [row] = read(context, track(timestamp="2036-06-01T00:00:00Z"))
    assert row["occurred_at"] == context.received_at
    assert json.loads(row["properties"]) == {"clock_off": True}


def test_ids_are_the_senders_else_the_contents(context: Context) -> None:
    first, second, third = read(context, track(), track(messageId=None), track(messageId=None, event="Other"))
    assert first["signal_id"] == "shop:m1"
    assert second["signal_id"] != third["signal_id"]
    assert read(context, track(messageId=None))[0]["signal_id"] == second["signal_id"]


def test_right_to_left_and_emoji_survive(context: Context) -> None:
    text = "الطرد لم يصل 😡👩‍👩‍👧 \u202eabc"
    [row] = read(context, track(event="Feedback Submitted", properties={"text": text}))
    assert row["text"] == text


def test_an_escaped_nul_is_dropped_from_the_text(context: Context) -> None:
    [row] = read(context, track(event="Feedback Submitted", properties={"text": "a\0b"}))
    assert row["text"] == "ab"
