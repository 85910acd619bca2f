"""Segment's and OpenTelemetry's own libraries for Node, unmodified."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.clients import node
from tests.clients.conftest import Read

WriteKey = Callable[[str], str]

SEGMENT = """
const { Analytics } = require('@segment/analytics-node')
const [url, key] = process.argv.slice(1)
const analytics = new Analytics({ writeKey: key, host: url, flushAt: 5 })
const timestamp = new Date('2026-06-01T10:00:00Z')
analytics.on('error', (error) => { console.error(error); process.exitCode = 1 })
analytics.identify({ userId: 'u1', traits: { email: 'ada@example.com' }, timestamp })
analytics.track({ userId: 'u1', event: 'Paid', properties: { total: 5, region: 'North' }, timestamp })
analytics.page({ userId: 'u1', name: 'Prices', timestamp })
analytics.screen({ userId: 'u1', name: 'Basket', timestamp })
analytics.group({ userId: 'u1', groupId: 'g1', timestamp })
analytics.alias({ userId: 'u1', previousId: 'a1', timestamp })
for (let n = 0; n < 100; n++) analytics.track({ anonymousId: 'a1', event: 'Viewed', properties: { n }, timestamp })
analytics.closeAndFlush()
"""

OTLP = """
const { SpanStatusCode } = require('@opentelemetry/api')
const { resourceFromAttributes } = require('@opentelemetry/resources')
const { BasicTracerProvider, BatchSpanProcessor, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base')
const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics')
const { LoggerProvider, SimpleLogRecordProcessor } = require('@opentelemetry/sdk-logs')
const proto = require('@opentelemetry/exporter-trace-otlp-proto')
const json = require('@opentelemetry/exporter-trace-otlp-http')
const metrics = require('@opentelemetry/exporter-metrics-otlp-proto')
const logs = require('@opentelemetry/exporter-logs-otlp-http')
const [url, key] = process.argv.slice(1)
const resource = resourceFromAttributes({ 'service.name': 'shop-web', 'service.version': '2.0' })
const to = (path) => ({ url: `${url}/v1/${path}`, headers: { authorization: `Bearer ${key}` }, compression: 'gzip' })

async function main() {
  const tracers = new BasicTracerProvider({ resource, spanProcessors: [
    new BatchSpanProcessor(new proto.OTLPTraceExporter(to('traces'))),
    new SimpleSpanProcessor(new json.OTLPTraceExporter(to('traces'))),
  ] })
  const span = tracers.getTracer('t').startSpan('GET /cart', { attributes: { 'enduser.pseudo.id': 'p1', 'session.id': 's1' } })
  span.setStatus({ code: SpanStatusCode.ERROR })
  span.end()
  await tracers.forceFlush()
  await tracers.shutdown()
  const meters = new MeterProvider({ resource, readers: [
    new PeriodicExportingMetricReader({ exporter: new metrics.OTLPMetricExporter(to('metrics')) }),
  ] })
  meters.getMeter('m').createCounter('carts').add(2)
  await meters.forceFlush()
  await meters.shutdown()
  const loggers = new LoggerProvider({ resource, processors: [
    new SimpleLogRecordProcessor({ exporter: new logs.OTLPLogExporter(to('logs')) }),
  ] })
  loggers.getLogger('l').emit({ eventName: 'browser.web_vital', attributes: {
    'browser.web_vital.name': 'lcp', 'browser.web_vital.value': 4500, 'browser.web_vital.rating': 'poor', 'session.id': 's1' } })
  loggers.getLogger('l').emit({ eventName: 'app.crash', attributes: { 'app.crash.id': 'c1', 'session.id': 's1' } })
  await loggers.forceFlush()
  await loggers.shutdown()
}
main().catch((error) => { console.error(error); process.exit(1) })
"""


@pytest.fixture(scope="session")
def clients() -> Path:
    return node.install()


def test_each_call_of_segments_node_library_arrives(
    clients: Path, url: str, write_key: WriteKey, read: Read
) -> None:
    node.run(clients, SEGMENT, url, write_key("node"))
    rows = read("node")
    assert len(rows) == 106
    names = {r["name"] for r in rows}
    assert names == {"identify", "Paid", "Prices", "Basket", "group", "alias", "Viewed"}
    assert {r["occurred_at"] for r in rows} == {datetime(2026, 6, 1, 10, tzinfo=UTC)}
    assert [r["region"] for r in rows if r["name"] == "Paid"] == ["North"]


def test_opentelemetrys_node_sdk_arrives_in_protobuf_and_json(
    clients: Path, url: str, write_key: WriteKey, read: Read
) -> None:
    node.run(clients, OTLP, url, write_key("node-otlp"))
    rows = {r["name"]: r for r in read("node-otlp")}
    # The span was exported twice, in protobuf and in JSON: one span, one signal.
    assert set(rows) == {"GET /cart", "carts", "browser.web_vital", "app.crash"}
    assert {r["service"] for r in rows.values()} == {"shop-web"}
    assert {r["release"] for r in rows.values()} == {"2.0"}
    assert [rows[n]["ok"] for n in ("GET /cart", "browser.web_vital", "app.crash")] == [False, False, False]
    assert rows["browser.web_vital"]["duration_ms"] == 4500
    assert len({r["customer_key"] for n, r in rows.items() if n != "carts"}) == 1, "one session, one visitor"
