"""OpenTelemetry's own Python SDK, unmodified: traces, metrics and logs over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from tests.clients.conftest import Read

pytest.importorskip("opentelemetry.sdk")
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import StatusCode

WriteKey = Callable[[str], str]
SHOP = Resource({"service.name": "checkout", "service.version": "5.2.0"})


def options(url: str, path: str, key: str) -> dict[str, Any]:
    return {
        "endpoint": f"{url}/v1/{path}",
        "headers": {"authorization": f"Bearer {key}"},
        "compression": Compression.Gzip,
        "timeout": 10,
    }


def test_spans_become_telemetry_of_a_customer(url: str, write_key: WriteKey, read: Read) -> None:
    provider = TracerProvider(resource=SHOP)
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(**options(url, "traces", write_key("py-spans"))))
    )
    tracer = provider.get_tracer("shop")
    for number in range(200):
        with tracer.start_as_current_span("POST /pay") as span:
            span.set_attribute("user.id", f"u{number % 20}")
            span.set_attribute("session.id", f"s{number % 40}")
            span.set_attribute("http.response.status_code", 503 if number % 10 == 0 else 200)
            if number % 7 == 0:
                span.set_status(StatusCode.ERROR)
    assert provider.force_flush()
    provider.shutdown()
    rows = read("py-spans")
    assert len(rows) == 200
    assert {(r["kind"], r["service"], r["release"], r["name"]) for r in rows} == {
        ("telemetry", "checkout", "5.2.0", "POST /pay")
    }
    assert sum(not r["ok"] for r in rows) == sum(n % 10 == 0 or n % 7 == 0 for n in range(200))
    assert all(r["duration_ms"] is not None and r["duration_ms"] >= 0 for r in rows)
    assert len({r["customer_key"] for r in rows}) == 20, "the sessions of a user are that user's"


def test_metrics_arrive(url: str, write_key: WriteKey, read: Read) -> None:
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(**options(url, "metrics", write_key("py-metrics")))
    )
    provider = MeterProvider(metric_readers=[reader], resource=SHOP)
    meter = provider.get_meter("shop")
    meter.create_counter("orders").add(3, {"region": "North"})
    histogram = meter.create_histogram("http.server.request.duration", unit="s")
    for seconds in (0.1, 0.2, 0.6):
        histogram.record(seconds)
    assert provider.force_flush()
    provider.shutdown()
    rows = {r["name"]: r for r in read("py-metrics")}
    assert rows["orders"]["region"] == "North"
    assert rows["http.server.request.duration"]["duration_ms"] == pytest.approx(300)


def test_logs_and_crashes_arrive(url: str, write_key: WriteKey, read: Read) -> None:
    from opentelemetry._logs import LogRecord, SeverityNumber

    provider = LoggerProvider(resource=SHOP)
    provider.add_log_record_processor(
        SimpleLogRecordProcessor(OTLPLogExporter(**options(url, "logs", write_key("py-logs"))))
    )
    logger = provider.get_logger("shop")
    about = {"session.id": "s1", "enduser.pseudo.id": "p1"}
    logger.emit(LogRecord(timestamp=1_780_000_000_000_000_000, severity_number=SeverityNumber.INFO, body="paid", attributes=about))  # fmt: skip
    logger.emit(
        LogRecord(
            timestamp=1_780_000_001_000_000_000,
            event_name="app.crash",
            attributes=about | {"app.crash.id": "c1", "exception.type": "NullPointerException"},
        )
    )
    provider.shutdown()
    paid, crash = read("py-logs")
    assert paid["ok"] is True
    assert (crash["name"], crash["ok"]) == ("app.crash", False)
    assert paid["customer_key"] == crash["customer_key"]


def test_a_wrong_key_is_a_failure_that_the_sdk_understands(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    exporter = OTLPSpanExporter(**options(url, "traces", "nobody"))
    provider = TracerProvider(resource=SHOP)
    span = provider.get_tracer("shop").start_span("x")
    span.end()
    with caplog.at_level(logging.CRITICAL):
        assert exporter.export([span]) is SpanExportResult.FAILURE  # type: ignore[list-item]
    exporter.shutdown()
    provider.shutdown()
