from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from allears.listen import FORMATS, Context

START = int(datetime(2026, 6, 1, 10, tzinfo=UTC).timestamp()) * 1_000_000_000
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


def value(given: Any) -> dict[str, Any]:
    if isinstance(given, bool):
        return {"boolValue": given}
    return {"intValue": str(given)} if isinstance(given, int) else {"stringValue": given}


def attributes(**given: Any) -> list[dict[str, Any]]:
    return [{"key": key.replace("__", "."), "value": value(held)} for key, held in given.items()]


def span(**changes: Any) -> dict[str, Any]:
    return {
        "traceId": TRACE, "spanId": SPAN, "name": "POST /pay", "startTimeUnixNano": str(START), "endTimeUnixNano": str(START + 250_000_000),
        "attributes": attributes(session__id="s1", user__id="u1", http__response__status_code=503), "status": {"code": 0},
    } | changes  # fmt: skip


def traces(*spans: dict[str, Any]) -> bytes:
    resource = {
        "attributes": attributes(
            service__name="checkout",
            service__version="8.1",
            os__name="iOS",
            cloud__region="eu-west",
            telemetry__sdk__name="x",
        )
    }
    return json.dumps(
        {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}
    ).encode()


def as_proto(body: bytes, message: Any) -> bytes:
    """Say the same in protobuf: ids are bytes there."""
    from base64 import b64encode

    from google.protobuf.json_format import ParseDict

    document = json.loads(body)

    def walk(held: Any) -> None:
        for key, inner in list(held.items()) if isinstance(held, dict) else ():
            if key in ("traceId", "spanId"):
                held[key] = b64encode(bytes.fromhex(inner)).decode()
            else:
                walk(inner)
        for inner in held if isinstance(held, list) else ():
            walk(inner)

    walk(document)
    encoded: bytes = ParseDict(document, message).SerializeToString()
    return encoded


def test_protobuf_and_json_say_the_same(context: Context) -> None:
    body = traces(span(), span(spanId="aaa19b7ec3c1b174", status={"code": 2}))
    first = FORMATS["otlp-traces"].read(body, context).arrivals
    second = FORMATS["otlp-traces"].read(as_proto(body, ExportTraceServiceRequest()), context).arrivals
    assert first.equals(second)


def test_a_span_becomes_telemetry(context: Context) -> None:
    [row] = FORMATS["otlp-traces"].read(traces(span()), context).arrivals.to_pylist()
    assert (row["kind"], row["name"], row["service"], row["ok"], row["duration_ms"]) == (
        "telemetry",
        "POST /pay",
        "checkout",
        False,
        250.0,
    )
    assert (row["release"], row["platform"], row["region"], row["channel"]) == (
        "8.1",
        "ios",
        "eu-west",
        "app",
    )
    assert row["signal_id"] == f"shop:{TRACE}{SPAN}"
    assert [(p["type"], p["value"]) for p in row["identifiers"]] == [
        ("user_id", "u1"),
        ("anonymous_id", "s1"),
    ]
    assert json.loads(row["properties"]) == {"http.response.status_code": 503, "trace_id": TRACE}


@pytest.mark.parametrize(
    ("status", "code", "ok"),
    [(0, 200, True), (1, 200, True), (2, 200, False), (0, 404, True), (0, 500, False)],
)
def test_ok_follows_status_and_code(status: int, code: int, ok: bool, context: Context) -> None:
    body = traces(span(status={"code": status}, attributes=attributes(http__response__status_code=code)))
    assert FORMATS["otlp-traces"].read(body, context).arrivals.column("ok").to_pylist() == [ok]


@pytest.mark.parametrize("proto", [False, True])
def test_a_span_without_ids_is_cut_out(proto: bool, context: Context) -> None:
    body = traces(span(), span(traceId=""), span(spanId="aaa19b7ec3c1b174", startTimeUnixNano="0"))
    body = as_proto(body, ExportTraceServiceRequest()) if proto else body
    checked = FORMATS["otlp-traces"].check(body, context)
    assert checked.accepted == 1
    assert {r.place for r in checked.refused} == {
        "$.resourceSpans[0].scopeSpans[0].spans[1]",
        "$.resourceSpans[0].scopeSpans[0].spans[2]",
    }
    assert FORMATS["otlp-traces"].read(checked.keep, context).arrivals.num_rows == 1


def test_logs_become_telemetry_and_their_words_are_not_a_customers(context: Context) -> None:
    record = {
        "timeUnixNano": str(START),
        "severityNumber": 17,
        "severityText": "ERROR",
        "body": {"stringValue": "card refused"},
        "eventName": "pay.failed",
        "attributes": [],
    }
    body = json.dumps(
        {
            "resourceLogs": [
                {
                    "resource": {"attributes": attributes(service__name="pay")},
                    "scopeLogs": [{"logRecords": [record]}],
                }
            ]
        }
    ).encode()
    reading = FORMATS["otlp-logs"].read(body, context)
    [row] = reading.arrivals.to_pylist()
    assert (row["kind"], row["name"], row["ok"], row["service"], row["text"]) == (
        "telemetry",
        "pay.failed",
        False,
        "pay",
        None,
    )
    assert json.loads(row["properties"]) == {"body": "card refused", "severity": "ERROR"}
    assert (
        FORMATS["otlp-logs"]
        .read(as_proto(body, ExportLogsServiceRequest()), context)
        .arrivals.equals(reading.arrivals)
    )


def test_metrics_become_points(context: Context) -> None:
    gauge = {
        "name": "queue",
        "unit": "1",
        "gauge": {
            "dataPoints": [
                {"asInt": "5", "timeUnixNano": str(START)},
                {"asDouble": 1.5, "timeUnixNano": str(START)},
            ]
        },
    }
    timer = {
        "name": "http.server.request.duration",
        "unit": "s",
        "histogram": {"dataPoints": [{"count": "4", "sum": 2.0, "timeUnixNano": str(START)}]},
    }
    body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [gauge, timer]}]}]}).encode()
    checked = FORMATS["otlp-metrics"].check(body, context)
    reading = FORMATS["otlp-metrics"].read(body, context)
    assert checked.accepted == reading.arrivals.num_rows == 3
    assert [json.loads(p)["unit"] for p in reading.arrivals.column("properties").to_pylist()] == [
        "1",
        "1",
        "s",
    ]
    assert reading.arrivals.column("duration_ms").to_pylist() == [None, None, 500.0]
    again = FORMATS["otlp-metrics"].read(as_proto(body, ExportMetricsServiceRequest()), context)
    assert again.arrivals.column("duration_ms").to_pylist() == [None, None, 500.0]


@pytest.mark.parametrize(
    "body",
    [b"{", b"hello", b"\xff" * 40, b'{"resourceSpans": 5}', b'{"resourceSpans": ' + b"[" * 10_000],
)
def test_what_is_no_export_is_refused(body: bytes, context: Context) -> None:
    checked = FORMATS["otlp-traces"].check(body, context)
    assert (checked.accepted, checked.keep) == (0, b"")
    assert checked.refused[0].place.startswith("$")
    assert FORMATS["otlp-traces"].read(body, context).arrivals.num_rows == 0


@pytest.mark.parametrize("body", [b"", b"{}", b" {} "])
def test_a_request_without_telemetry_is_neither_taken_nor_refused(body: bytes, context: Context) -> None:
    for signal in ("traces", "logs", "metrics"):
        checked = FORMATS[f"otlp-{signal}"].check(body, context)
        assert (checked.accepted, checked.refused, checked.keep) == (0, [], b"")


def test_a_shell_that_is_none_is_kept_in_refused(context: Context) -> None:
    shells: list[object] = [
        1,
        {"scopeLogs": 5},
        {"scopeLogs": [7, {"logRecords": "x"}, {"logRecords": [{}]}]},
    ]
    checked = FORMATS["otlp-logs"].check(json.dumps({"resourceLogs": shells}).encode(), context)
    assert checked.accepted == 1
    assert [refusal.place for refusal in checked.refused] == [
        "$.resourceLogs[0]",
        "$.resourceLogs[1].scopeLogs",
        "$.resourceLogs[2].scopeLogs[0]",
        "$.resourceLogs[2].scopeLogs[1].logRecords",
    ]


def test_an_export_of_nothing_is_accepted(context: Context) -> None:
    assert FORMATS["otlp-traces"].check(b'{"resourceSpans": []}', context).refused == []


@pytest.mark.parametrize(
    ("vital", "ok", "duration"),
    [
        ({"name": "lcp", "value": 5000.0}, False, 5000.0),
        ({"name": "inp", "value": 120.0}, True, 120.0),
        ({"name": "cls", "value": 0.3}, False, None),
        ({"name": "lcp", "value": 5000.0, "rating": "needs-improvement"}, True, 5000.0),
    ],
)
@pytest.mark.parametrize("in_body", [False, True], ids=["attributes", "body"])
def test_a_poor_vital_is_a_failure_a_visitor_met(
    vital: dict[str, object], ok: bool, duration: float | None, in_body: bool, context: Context
) -> None:
    def pair(key: str, value: object) -> dict[str, object]:
        kind = "doubleValue" if isinstance(value, float) else "stringValue"
        return {"key": key, "value": {kind: value}}

    log: dict[str, object] = {"timeUnixNano": "1780000000000000000", "eventName": "browser.web_vital"}
    if in_body:
        log["body"] = {"kvlistValue": {"values": [pair(k, v) for k, v in vital.items()]}}
    else:
        log["attributes"] = [pair(f"browser.web_vital.{k}", v) for k, v in vital.items()]
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]}).encode()
    row = FORMATS["otlp-logs"].read(body, context).arrivals.to_pylist()[0]
    assert (row["ok"], row["duration_ms"], row["name"]) == (ok, duration, "browser.web_vital")
