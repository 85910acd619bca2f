"""OTLP in protobuf."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from allears.listen.reading import BadRow, Checked, Refusal, refuse
from allears.listen.record import Record

MESSAGES: dict[str, Callable[[], Any]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
NOT_WHOLE = "expected trace id, span id and start time"
_POINTS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


def clean_proto(message: Any, body: bytes, format: str) -> Checked:
    """Count records; spans without ids or start are cut out of the message."""
    if format == "otlp-metrics":
        points = sum(len(list(_points(metric))) for *_, metric in _inner(message))
        return Checked(points, [], body)
    if format == "otlp-logs":
        return Checked(sum(1 for _ in _inner(message)), [], body)
    refused: list[Refusal] = []
    count = 0
    for i, held in enumerate(message.resource_spans):
        for j, scope in enumerate(held.scope_spans):
            bad = [k for k, span in enumerate(scope.spans) if not _is_whole(span)]
            count += len(scope.spans) - len(bad)
            for k in reversed(bad):
                place = f"$.resourceSpans[{i}].scopeSpans[{j}].spans[{k}]"
                alone = type(message)()
                kept = alone.resource_spans.add(resource=held.resource).scope_spans.add().spans
                kept.append(scope.spans[k])
                refused.append(refuse(BadRow(NOT_WHOLE), place, alone.SerializeToString(), format))
                del scope.spans[k]
    if not refused:
        return Checked(count, [], body)
    return Checked(count, refused, message.SerializeToString() if count else b"")


def records_proto(message: Any) -> Iterator[Record]:
    """Yield the records of an export request."""
    last: Any = None
    resource: dict[str, Any] = {}
    for place, held, one in _inner(message):
        if held is not last:
            last, resource = held, _attributes(held.resource.attributes)
        yield from _READ[type(one).__name__](place, resource, one)


def _is_whole(span: Any) -> bool:
    return len(span.trace_id) == 16 and len(span.span_id) == 8 and span.start_time_unix_nano > 0


def _inner(message: Any) -> Iterator[tuple[str, Any, Any]]:
    outer, middle, inner = _FIELDS[type(message).__name__]
    for i, held in enumerate(getattr(message, outer)):
        for j, scope in enumerate(getattr(held, middle)):
            for k, one in enumerate(getattr(scope, inner)):
                yield f"$.{outer}[{i}].{middle}[{j}].{inner}[{k}]", held, one


def _span(place: str, resource: dict[str, Any], span: Any) -> Iterator[Record]:
    yield Record(
        place,
        resource,
        _attributes(span.attributes),
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        status=span.status.code,
    )


def _log(place: str, resource: dict[str, Any], log: Any) -> Iterator[Record]:
    yield Record(
        place,
        resource,
        _attributes(log.attributes),
        name=log.event_name or None,
        trace_id=log.trace_id.hex(),
        span_id=log.span_id.hex(),
        start=log.time_unix_nano or log.observed_time_unix_nano,
        severity=log.severity_number,
        severity_text=log.severity_text,
        body=_value(log.body),
    )


def _metric(place: str, resource: dict[str, Any], metric: Any) -> Iterator[Record]:
    for point in _points(metric):
        if hasattr(point, "as_double"):
            kind = point.WhichOneof("value")
            values = {"value": getattr(point, kind) if kind else None}
        else:
            values = {"count": point.count, "sum": point.sum}
        yield Record(
            place,
            resource,
            _attributes(point.attributes),
            name=metric.name,
            start=point.time_unix_nano,
            unit=metric.unit,
            values=values,
        )


def _points(metric: Any) -> Iterable[Any]:
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind in _POINTS else ()


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    held = getattr(value, kind)
    if kind == "array_value":
        return [_value(inner) for inner in held.values]
    if kind == "kvlist_value":
        return _attributes(held.values)
    return held.hex() if kind == "bytes_value" else held


_FIELDS = {
    "ExportTraceServiceRequest": ("resource_spans", "scope_spans", "spans"),
    "ExportLogsServiceRequest": ("resource_logs", "scope_logs", "log_records"),
    "ExportMetricsServiceRequest": ("resource_metrics", "scope_metrics", "metrics"),
}
_READ: dict[str, Callable[[str, dict[str, Any], Any], Iterator[Record]]] = {
    "Span": _span,
    "LogRecord": _log,
    "Metric": _metric,
}
