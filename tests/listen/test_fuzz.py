"""Each format against hostile bytes: nothing but verdicts comes out, and good neighbours stay good."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from allears.listen.formats import FORMATS
from allears.listen.reading import Context

CONTEXT = Context(
    source="fuzz", channel=None, received_at=datetime(2026, 6, 2, tzinfo=UTC), max_event_bytes=32 << 10
)
BOUNDED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CALL = {
    "type": "track",
    "event": "Paid",
    "userId": "u1",
    "messageId": "m",
    "timestamp": "2026-06-01T10:00:00Z",
    "context": {"traits": {"email": "ada@example.com"}, "page": {"path": "/"}, "os": {"name": "iOS"}},
    "properties": {"total": 1.5, "ok": True},
}
SIGNAL = {
    "text": "hello",
    "identifiers": {"user_id": "u1"},
    "occurred_at": "2026-06-01T10:00:00Z",
    "rating": 0.5,
}
SPAN = {
    "traceId": "0" * 31 + "1",
    "spanId": "0" * 15 + "1",
    "name": "GET /",
    "startTimeUnixNano": "1780000000000000000",
    "endTimeUnixNano": "1780000000050000000",
    "attributes": [{"key": "user.id", "value": {"stringValue": "u1"}}],
    "status": {"code": 2},
}
LOG = {"timeUnixNano": "1780000000000000000", "severityNumber": 9, "body": {"stringValue": "paid"}}
METRIC = {"name": "n", "sum": {"dataPoints": [{"timeUnixNano": "1780000000000000000", "asInt": "3"}]}}
MAIL = b"From: a@example.com\nTo: b@example.com\nSubject: Parcel\nDate: Mon, 01 Jun 2026 10:00:00 +0000\n\nIt never came.\n"


def spans(*several: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(several)}]}]}).encode()


def logs(*several: Any) -> bytes:
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": list(several)}]}]}).encode()


def metrics(*several: Any) -> bytes:
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": list(several)}]}]}).encode()


def batch(*several: Any) -> bytes:
    return json.dumps({"batch": list(several)}).encode()


def array(*several: Any) -> bytes:
    return json.dumps(list(several)).encode()


def span_proto() -> bytes:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="GET /", start_time_unix_nano=1)
    span.trace_id, span.span_id = b"t" * 16, b"s" * 8
    return request.SerializeToString()


SEEDS = {
    "segment": [batch(CALL, CALL), json.dumps(CALL).encode()],
    "signals": [array(SIGNAL, SIGNAL), json.dumps(SIGNAL).encode()],
    "rows": [array({"comment": "late", "stars": 1})],
    "mail": [MAIL],
    "otlp-traces": [spans(SPAN, SPAN), span_proto()],
    "otlp-logs": [logs(LOG)],
    "otlp-metrics": [metrics(METRIC)],
    "arrivals": [b"\xff\xff\xff\xff\x10\x00\x00\x00"],
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


def verdict(format: str, body: bytes) -> tuple[int, int]:
    """Check and read a body as door and digest do; gives how many rows were accepted and how many then read."""
    checked = FORMATS[format].check(body, CONTEXT)
    assert checked.accepted >= 0
    assert all(r.place and r.reason for r in checked.refused)
    FORMATS[format].read(body, CONTEXT)
    if not checked.accepted:
        return 0, 0
    reading = FORMATS[format].read(checked.keep, CONTEXT)
    assert reading.arrivals.num_rows == len(reading)
    return checked.accepted, len(reading)


@pytest.mark.parametrize("format", sorted(FORMATS))
@BOUNDED
@given(body=st.binary(max_size=300))
def test_any_bytes_give_a_verdict(format: str, body: bytes) -> None:
    verdict(format, body)


@pytest.mark.parametrize("format", sorted(set(SEEDS) & set(FORMATS)))
@BOUNDED
@given(data=st.data())
def test_a_damaged_body_gives_a_verdict(format: str, data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(SEEDS[format])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        width = data.draw(st.integers(0, 8))
        body[at : at + width] = data.draw(st.binary(max_size=8))
    verdict(format, bytes(body))


@pytest.mark.parametrize(
    ("format", "shape", "good"),
    [
        ("segment", batch, CALL),
        ("signals", array, SIGNAL),
        ("otlp-traces", spans, SPAN),
        ("otlp-logs", logs, LOG),
        ("otlp-metrics", metrics, METRIC),
    ],
    ids=["segment", "signals", "traces", "logs", "metrics"],
)
@BOUNDED
@given(data=st.data())
def test_whatever_stands_between_good_rows_costs_them_nothing(
    format: str, shape: Any, good: dict[str, Any], data: st.DataObject
) -> None:
    odd: Any = dict(good)
    if data.draw(st.booleans()):
        odd[data.draw(st.sampled_from(sorted(good)))] = data.draw(VALUES)
    else:
        odd = data.draw(VALUES)
    try:
        body = shape(good, odd, good)
    except (ValueError, UnicodeError):
        return
    if b"NaN" in body or b"Infinity" in body:
        return  # not JSON: what a whole document that is none costs is another test
    accepted, read = verdict(format, body)
    assert accepted >= 2
    assert read >= 2
