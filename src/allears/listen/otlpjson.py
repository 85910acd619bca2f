"""OTLP in JSON: ids in hex, 64-bit numbers as text, as its specification demands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from allears.listen.reading import BadRow
from allears.listen.record import Record

_Number = int | str


class _Value(msgspec.Struct, rename="camel"):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    bytes_value: str | None = None
    array_value: _Array | None = None
    kvlist_value: _Pairs | None = None


class _Array(msgspec.Struct):
    values: list[_Value] = []


class _Pair(msgspec.Struct):
    key: str
    value: _Value | None = None


class _Pairs(msgspec.Struct):
    values: list[_Pair] = []


class _Resource(msgspec.Struct):
    attributes: list[_Pair] = []


class _Status(msgspec.Struct):
    code: int | str = 0


class _Span(msgspec.Struct, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    name: str = ""
    start_time_unix_nano: _Number = 0
    end_time_unix_nano: _Number = 0
    attributes: list[_Pair] = []
    status: _Status | None = None


class _Log(msgspec.Struct, rename="camel"):
    time_unix_nano: _Number = 0
    observed_time_unix_nano: _Number = 0
    severity_number: int | str = 0
    severity_text: str = ""
    body: _Value | None = None
    attributes: list[_Pair] = []
    event_name: str = ""
    trace_id: str = ""
    span_id: str = ""


class _Point(msgspec.Struct, rename="camel"):
    attributes: list[_Pair] = []
    time_unix_nano: _Number = 0
    as_double: float | str | None = None
    as_int: _Number | None = None
    count: _Number | None = None
    sum: float | str | None = None


class _Points(msgspec.Struct, rename="camel"):
    data_points: list[_Point] = []


class _Metric(msgspec.Struct, rename="camel"):
    name: str = ""
    unit: str = ""
    gauge: _Points | None = None
    sum: _Points | None = None
    histogram: _Points | None = None
    exponential_histogram: _Points | None = None
    summary: _Points | None = None


class _ScopeSpans(msgspec.Struct):
    spans: list[_Span] = []


class _ScopeLogs(msgspec.Struct, rename="camel"):
    log_records: list[_Log] = []


class _ScopeMetrics(msgspec.Struct):
    metrics: list[_Metric] = []


class _ResourceSpans(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] = []


class _ResourceLogs(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_logs: list[_ScopeLogs] = []


class _ResourceMetrics(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_metrics: list[_ScopeMetrics] = []


class Traces(msgspec.Struct, rename="camel"):
    """An export request of spans."""

    resource_spans: list[_ResourceSpans]

    def records(self) -> Iterator[Record]:
        """Yield the spans."""
        for i, held in enumerate(self.resource_spans):
            resource = _attributes(held.resource.attributes) if held.resource else {}
            for j, scope in enumerate(held.scope_spans):
                for k, span in enumerate(scope.spans):
                    yield Record(
                        f"$.resourceSpans[{i}].scopeSpans[{j}].spans[{k}]",
                        resource,
                        _attributes(span.attributes),
                        name=span.name,
                        trace_id=span.trace_id.lower(),
                        span_id=span.span_id.lower(),
                        parent_id=span.parent_span_id.lower(),
                        start=_whole(span.start_time_unix_nano),
                        end=_whole(span.end_time_unix_nano),
                        status=_status(span.status),
                    )


class Logs(msgspec.Struct, rename="camel"):
    """An export request of log records."""

    resource_logs: list[_ResourceLogs]

    def records(self) -> Iterator[Record]:
        """Yield the log records."""
        for i, held in enumerate(self.resource_logs):
            resource = _attributes(held.resource.attributes) if held.resource else {}
            for j, scope in enumerate(held.scope_logs):
                for k, log in enumerate(scope.log_records):
                    yield Record(
                        f"$.resourceLogs[{i}].scopeLogs[{j}].logRecords[{k}]",
                        resource,
                        _attributes(log.attributes),
                        name=log.event_name or None,
                        trace_id=log.trace_id.lower(),
                        start=_whole(log.time_unix_nano) or _whole(log.observed_time_unix_nano),
                        severity=log.severity_number if isinstance(log.severity_number, int) else 0,
                        severity_text=log.severity_text,
                        body=_value(log.body),
                    )


class Metrics(msgspec.Struct, rename="camel"):
    """An export request of metrics."""

    resource_metrics: list[_ResourceMetrics]

    def records(self) -> Iterator[Record]:
        """Yield the points of all metrics."""
        for i, held in enumerate(self.resource_metrics):
            resource = _attributes(held.resource.attributes) if held.resource else {}
            for j, scope in enumerate(held.scope_metrics):
                for k, metric in enumerate(scope.metrics):
                    place = f"$.resourceMetrics[{i}].scopeMetrics[{j}].metrics[{k}]"
                    yield from _points(place, resource, metric)


DOCUMENTS: dict[str, Any] = {"traces": Traces, "logs": Logs, "metrics": Metrics}


def read_whole(document: Traces | Logs | Metrics) -> list[Record]:
    """Read all records; spans need their ids and start.

    Raises
    ------
    BadRow
        One of them is not whole.
    """
    records = list(document.records())
    if isinstance(document, Traces) and not all(map(_is_whole, records)):
        raise BadRow("expected trace id, span id and start time")
    return records


def _is_whole(record: Record) -> bool:
    return record.start > 0 and _has_ids(record.trace_id, record.span_id)


def _has_ids(trace: str, span: str) -> bool:
    return len(trace) == 32 and len(span) == 16 and _is_hex(trace) and _is_hex(span)


def _is_hex(text: str) -> bool:
    try:
        return bool(bytes.fromhex(text))
    except ValueError:
        return False


def _points(place: str, resource: dict[str, Any], metric: _Metric) -> Iterator[Record]:
    held = metric.gauge or metric.sum or metric.histogram or metric.exponential_histogram or metric.summary
    for point in held.data_points if held else ():
        if point.count is not None:
            values: dict[str, Any] = {"count": _whole(point.count), "sum": _real(point.sum) or 0.0}
        else:
            values = {
                "value": _real(point.as_double) if point.as_double is not None else _whole(point.as_int or 0)
            }
        yield Record(
            place,
            resource,
            _attributes(point.attributes),
            name=metric.name,
            start=_whole(point.time_unix_nano),
            unit=metric.unit,
            values=values,
        )


def _attributes(pairs: list[_Pair]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: _Value | None) -> Any:
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.int_value is not None:
        return _whole(value.int_value)
    if value.bool_value is not None:
        return value.bool_value
    if value.double_value is not None:
        return _real(value.double_value)
    if value.array_value is not None:
        return [_value(inner) for inner in value.array_value.values]
    return _attributes(value.kvlist_value.values) if value.kvlist_value is not None else value.bytes_value


def _status(status: _Status | None) -> int:
    if status is None:
        return 0
    return status.code if isinstance(status.code, int) else 2 * (status.code == "STATUS_CODE_ERROR")


def _whole(number: _Number) -> int:
    try:
        return int(number)
    except ValueError:
        raise BadRow("expected a whole number") from None


def _real(number: float | str | None) -> float | None:
    try:
        return None if number is None else float(number)
    except ValueError:
        raise BadRow("expected a number") from None
