"""OpenTelemetry over HTTP: traces, logs and metrics, protobuf or JSON told by the first byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from allears.listen import attributes as names
from allears.listen.facets import Facets, platform_name, truth
from allears.listen.gather import Gather
from allears.listen.otlpjson import DOCUMENTS, read_whole
from allears.listen.otlpproto import MESSAGES, clean_proto, records_proto
from allears.listen.ratings import as_number
from allears.listen.reading import BadRow, Checked, Context, Reading, Refusal, refuse
from allears.listen.record import Record
from allears.listen.sift import sift
from allears.listen.traits import as_text

_ERROR_SEVERITY = 17
_MILLISECONDS = {"s": 1000.0, "ms": 1.0, "us": 0.001, "ns": 0.000001}
_BROKEN = (msgspec.DecodeError, RecursionError, UnicodeError, BadRow)


class Otlp:
    """The formats ``otlp-traces``, ``otlp-logs`` and ``otlp-metrics``.

    Parameters
    ----------
    signal
        traces, logs or metrics.
    """

    def __init__(self, signal: str) -> None:
        self.signal = signal
        self.format = f"otlp-{signal}"
        self._document = msgspec.json.Decoder(DOCUMENTS[signal])
        self._add: Callable[[Gather, Record], None] = {
            "traces": _add_span,
            "logs": _add_log,
            "metrics": _add_point,
        }[signal]

    def check(self, body: bytes, context: Context) -> Checked:
        """Count the good records; those without their ids or time are named and left out."""
        if not body:
            return Checked(0, [], b"")  # in protobuf a request without telemetry has no bytes
        try:
            if _is_json(body):
                return self._check_json(body)
            return clean_proto(_parse(self.signal, body), body, self.format)
        except _BROKEN as error:
            return Checked(0, [refuse(error, "$", body, self.format)], b"")

    def _check_json(self, body: bytes) -> Checked:
        try:
            return Checked(len(self._whole(body)), [], body)
        except _BROKEN:
            return sift(body, self.format, self._whole)

    def _whole(self, body: bytes) -> list[Record]:
        return read_whole(self._document.decode(body))

    def read(self, body: bytes, context: Context) -> Reading:
        """Turn records into arrivals of the kind telemetry."""
        gather = Gather(context)
        refused: list[Refusal] = []
        try:
            for record in self._records(body):
                try:
                    self._add(gather, record)
                except BadRow as error:
                    refused.append(refuse(error, record.place, b"", "raw"))
        except _BROKEN as error:
            refused.append(refuse(error, "$", body, self.format))
        return Reading(gather.rows(), refused, len(body))

    def _records(self, body: bytes) -> Iterator[Record]:
        if _is_json(body):
            yield from self._document.decode(body).records()
        else:
            yield from records_proto(_parse(self.signal, body))


def _is_json(body: bytes) -> bool:
    # A protobuf export request opens with field 1, the byte 0x0a - which JSON may also have, as a line feed.
    return body.lstrip()[:1] == b"{" and (body[:1] != b"\n" or b'"resource' in body[:4096])


def _parse(signal: str, body: bytes) -> Any:
    from google.protobuf.message import DecodeError

    message = MESSAGES[signal]()
    try:
        message.ParseFromString(body)
    except DecodeError:
        raise BadRow("neither OTLP protobuf nor OTLP JSON") from None
    return message


def _add_span(gather: Gather, record: Record) -> None:
    if not record.trace_id or not record.span_id:
        raise BadRow("expected a trace id and a span id")
    if not record.start:
        raise BadRow("expected a start time")
    failed = record.status == 2
    duration = (record.end - record.start) / 1e6 if record.end >= record.start else None
    extra = {"trace_id": record.trace_id}
    if record.parent_id:
        extra["parent_span_id"] = record.parent_id
    _add(gather, record, f"{record.trace_id}{record.span_id}", not failed, duration, extra)


def _add_log(gather: Gather, record: Record) -> None:
    extra: dict[str, Any] = {}
    if record.body not in (None, ""):
        extra["body"] = record.body
    if record.severity:
        extra["severity"] = record.severity_text or record.severity
    if record.trace_id:
        extra["trace_id"] = record.trace_id
    ok = record.severity < _ERROR_SEVERITY if record.severity else None
    duration = None
    event = record.name or as_text(_first(record.attributes, names.EVENT_NAME))
    if event in names.CRASHES:
        ok = False
    elif event in names.VITALS:
        ok, duration = _vital(record)
    _add(gather, record, None, ok, duration, extra)


def _vital(record: Record) -> tuple[bool | None, float | None]:
    """Tell whether a page's vital was good enough for its visitor, and how many milliseconds it took."""
    told = {**(record.body if isinstance(record.body, dict) else {}), **record.attributes}
    vital = str(_first(told, names.VITAL_NAME) or "").lower()
    value, rating = as_number(_first(told, names.VITAL_VALUE)), _first(told, names.VITAL_RATING)
    if rating is not None:
        ok: bool | None = rating != "poor"
    else:
        ok = value <= names.POOR_FROM[vital] if value is not None and vital in names.POOR_FROM else None
    return ok, None if vital in names.WITHOUT_UNIT else value


def _add_point(gather: Gather, record: Record) -> None:
    extra: dict[str, Any] = {key: value for key, value in record.values.items() if value is not None}
    if record.unit:
        extra["unit"] = record.unit
    duration = None
    if record.unit in _MILLISECONDS and record.values.get("count"):
        duration = record.values["sum"] / record.values["count"] * _MILLISECONDS[record.unit]
    _add(gather, record, None, None, duration, extra)


def _add(
    gather: Gather,
    record: Record,
    own: str | None,
    ok: bool | None,
    duration: float | None,
    extra: dict[str, Any],
) -> None:
    told = {**record.resource, **record.attributes}
    identifiers = [(kind, v) for name, kind in names.IDENTIFIERS if (v := as_text(told.pop(name, None)))]
    personal = [(kind, v) for name, kind in names.PERSONAL if (v := as_text(told.pop(name, None)))]
    personal += [(kind, v) for kind, v in identifiers if kind == "email"]
    code = as_number(_first(told, names.STATUS_CODE))
    if code is not None and code >= 500:
        ok = False
    facets = Facets(
        as_text(_take(told, names.SERVICE)),
        truth(told.pop("ok")) if "ok" in told else ok,
        duration if duration is not None else as_number(_take(told, names.DURATION_MS)),
        as_text(_take(told, names.RELEASE)),
        _platform(told),
        as_text(_take(told, names.REGION)),
        as_text(_take(told, names.PARTNER)),
    )
    account = as_text(_take(told, names.ACCOUNT))
    name = as_text(_take(told, names.EVENT_NAME)) or record.name
    for dropped in names.DROPPED:
        told.pop(dropped, None)
    rest = {**told, **extra}
    at = gather.settle((record.start // 1000, False) if record.start else None, rest)
    content = b"" if own else msgspec.json.encode((record.start, name, facets, rest, identifiers))
    gather.add(
        gather.signal_id(own, content),
        at,
        "telemetry",
        gather.context.channel or ("app" if facets.platform in ("ios", "android") else "web"),
        name=name,
        identifiers=identifiers,
        personal=personal,
        account=account,
        facets=facets,
        rest=rest,
    )


def _platform(told: dict[str, Any]) -> str | None:
    if _first(told, names.SDK_LANGUAGE) == "webjs":
        return "web"
    return platform_name(as_text(_take(told, names.PLATFORM)))


def _first(told: dict[str, Any], candidates: tuple[str, ...]) -> Any:
    return next((told[name] for name in candidates if name in told), None)


def _take(told: dict[str, Any], candidates: tuple[str, ...]) -> Any:
    found = None
    for name in candidates:
        value = told.pop(name, None)
        found = value if found is None else found
    return found
