"""What of a broken OTLP JSON document can still be read: each record on its own, so that a bad one costs no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from allears.listen.reading import BadRow, Checked, Refusal, explain, refuse
from allears.listen.record import Record

Read = Callable[[bytes], Iterable[Record]]
LEVELS = {
    "otlp-traces": ("resourceSpans", "scopeSpans", "spans"),
    "otlp-logs": ("resourceLogs", "scopeLogs", "logRecords"),
    "otlp-metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
}
_BROKEN = (msgspec.DecodeError, RecursionError, UnicodeError, BadRow)


def sift(body: bytes, format: str, read: Read) -> Checked:
    """Keep the records that can be read, and name those that cannot.

    Parameters
    ----------
    read
        Reads a document; raises where one of its records is wrong.

    Raises
    ------
    BadRow
        It is no export at all.
    """
    outer, middle, inner = LEVELS[format]
    document = msgspec.json.decode(body)
    if document == {}:
        return Checked(0, [], b"")
    if not isinstance(document, dict) or not isinstance(document.get(outer), list):
        raise BadRow(f"expected an export with `{outer}`")
    refused: list[Refusal] = []
    count = 0
    for i, held in enumerate(document[outer]):
        if wrong := _wrong(held, middle):
            refused.append(_shell(wrong, f"$.{outer}[{i}]", {outer: [held]}, format))
        for j, scope in enumerate(_listed(held, middle)):
            if wrong := _wrong(scope, inner):
                alone = {outer: [{"resource": held.get("resource"), middle: [scope]}]}
                refused.append(_shell(wrong, f"$.{outer}[{i}].{middle}[{j}]", alone, format))
            good = []
            for k, one in enumerate(_listed(scope, inner)):
                alone = {outer: [{"resource": held.get("resource"), middle: [{inner: [one]}]}]}
                payload = msgspec.json.encode(alone)
                try:
                    count += sum(1 for _ in read(payload))
                    good.append(one)
                except _BROKEN as error:
                    place, reason = explain(error, "$")
                    within = place.replace(f".{outer}[0].{middle}[0].{inner}[0]", "").removeprefix("$")
                    at = f"$.{outer}[{i}].{middle}[{j}].{inner}[{k}]"
                    refused.append(refuse(BadRow(reason, within), at, payload, format))
            if isinstance(scope, dict):
                scope[inner] = good
    return Checked(count, refused, _tidy(document, outer, middle) if count else b"")


def _wrong(held: Any, name: str) -> BadRow | None:
    """Say what is wrong with a shell whose records cannot even be counted."""
    if not isinstance(held, dict):
        return BadRow("expected `object`")
    return BadRow("expected `array`", f".{name}") if not isinstance(held.get(name, []), list) else None


def _shell(wrong: BadRow, at: str, document: dict[str, Any], format: str) -> Refusal:
    return refuse(wrong, at, msgspec.json.encode(document), format)


def _listed(held: Any, name: str) -> list[Any]:
    found = held.get(name) if isinstance(held, dict) else None
    return found if isinstance(found, list) else []


def _tidy(document: dict[str, Any], outer: str, middle: str) -> bytes:
    """Write what is left, without the shells that were no objects."""
    kept = [held for held in document[outer] if isinstance(held, dict)]
    for held in kept:
        held[middle] = [scope for scope in _listed(held, middle) if isinstance(scope, dict)]
    return msgspec.json.encode({outer: kept})
