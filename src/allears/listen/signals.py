"""Allears' own shape: what ``POST /signals`` takes, as an object, an array or lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from allears.listen.facets import Facets, platform_name, take_facets
from allears.listen.gather import Gather
from allears.listen.networks import on_network
from allears.listen.ratings import BOUNDS, as_number, normalise
from allears.listen.reading import BadRow, Checked, Context, Reading, Refusal, refuse
from allears.listen.rowsof import cut_rows, join_rows
from allears.listen.times import read_time
from allears.listen.traits import as_text, relationship
from allears.tables.signals import CHANNELS, KINDS

IDENTIFIER_TYPES = ("email", "phone", "user_id", "anonymous_id", "handle", "account", "device")
_One = str | int | None


class Pair(msgspec.Struct):
    """An identifier or personal field as ``{"type": ..., "value": ...}``."""

    type: str
    value: str | int


_People = dict[str, str | int | list[str | int] | None] | list[Pair] | None


class Signal(msgspec.Struct, forbid_unknown_fields=True):
    """One signal as a sender writes it; every field may be left out, but not all of them.

    ``rating`` with a ``rating_scale`` is the raw answer (9 on ``nps-0-10``); without one it is 0-1. ``edited_at`` makes it a
    new version of the signal of its id, ``deleted_at`` the end of it; either may come before what it is about.
    """

    signal_id: _One = None
    id: _One = None
    occurred_at: str | int | float | None = None
    # As with `network`: left out of the ids of signals that are neither.
    edited_at: str | int | float | msgspec.UnsetType = msgspec.UNSET
    deleted_at: str | int | float | msgspec.UnsetType = msgspec.UNSET
    kind: str | None = None
    channel: str | None = None
    name: str | None = None
    direction: Literal["in", "out"] = "in"
    identifiers: _People = None
    personal: _People = None
    relationship: str | None = None
    account: _One = None
    # Left out of what an id is made from while it is not given: ids of signals without one stay as they were.
    network: str | msgspec.UnsetType = msgspec.UNSET
    thread: _One = None
    text: str | None = None
    rating: float | str | None = None
    rating_scale: str | None = None
    reach: int | float | None = None
    service: str | None = None
    ok: bool | None = None
    duration_ms: float | None = None
    release: str | int | float | None = None
    platform: str | None = None
    region: str | None = None
    partner: str | None = None
    properties: dict[str, Any] | None = None
    source: str | None = None
    received_at: str | int | float | None = None


_ONE = msgspec.json.Decoder(Signal)
_MANY = msgspec.json.Decoder(list[Signal])
_BROKEN = (msgspec.DecodeError, RecursionError, UnicodeError, BadRow)


class Signals:
    """The format ``signals``."""

    def check(self, body: bytes, context: Context) -> Checked:
        """Count the good signals; one bad signal costs its neighbours nothing."""
        try:
            found = _decode(body)
            for signal in found:
                _demand(signal)
        except _BROKEN:
            return check_rows(body, "signals", lambda part: _demand(_ONE.decode(part)))
        return Checked(len(found), [], body) if found else check_rows(body, "signals", lambda part: None)

    def read(self, body: bytes, context: Context) -> Reading:
        """Turn signals into arrivals."""
        gather = Gather(context)
        refused: list[Refusal] = []
        found: list[tuple[str, Signal | bytes]]
        try:
            found = [(f"$[{i}]", signal) for i, signal in enumerate(_decode(body))]
        except _BROKEN:
            found = list(cut_rows(body))
        for at, given in found:
            try:
                signal = _ONE.decode(given) if isinstance(given, bytes) else given
                _demand(signal)
                _add(gather, signal)
            except _BROKEN as error:
                payload = given if isinstance(given, bytes) else msgspec.json.encode(given)
                refused.append(refuse(error, at, payload, "signals"))
        return Reading(gather.rows(), refused, len(body), gather.changes())


def check_rows(body: bytes, format: str, look: Callable[[bytes], object]) -> Checked:
    """Check rows one by one and keep the good ones, in the form they came in."""
    good: list[bytes] = []
    refused: list[Refusal] = []
    parts = list(cut_rows(body))
    if not parts:
        return Checked(0, [Refusal("$", "the body is empty", b"", "raw")], b"")
    for at, part in parts:
        try:
            part.decode()
            if at == "$" and part.lstrip()[:1] == b"[":
                raise BadRow("an array that never ends")
            look(part)
            good.append(part)
        except _BROKEN as error:
            refused.append(refuse(error, at, part, format))
    return Checked(len(good), refused, join_rows(body, good) if refused else body)


def _decode(body: bytes) -> list[Signal]:
    body.decode()
    start = body.lstrip()[:1]
    if start == b"[":
        return _MANY.decode(body)
    try:
        return _ONE.decode_lines(body)
    except msgspec.DecodeError:
        return [_ONE.decode(body)]


def _demand(signal: Signal) -> None:
    if signal.kind is not None and signal.kind not in KINDS:
        raise BadRow(f"expected one of {', '.join(KINDS)}", ".kind")
    if signal.channel is not None and signal.channel not in CHANNELS:
        raise BadRow(f"expected one of {', '.join(CHANNELS)}", ".channel")
    if signal.relationship is not None and relationship(signal.relationship) is None:
        raise BadRow("expected consumer, employee or partner", ".relationship")
    if signal.rating_scale is not None and signal.rating_scale not in BOUNDS:
        raise BadRow(f"expected one of {', '.join(BOUNDS)}", ".rating_scale")
    if signal.rating is not None and normalise(signal.rating, signal.rating_scale) is None:
        raise BadRow(f"expected a rating on {signal.rating_scale or 'the scale 0-1'}", ".rating")
    if signal.occurred_at is not None and read_time(signal.occurred_at) is None:
        raise BadRow("expected a time", ".occurred_at")
    for name, moment in (("edited_at", signal.edited_at), ("deleted_at", signal.deleted_at)):
        if moment is not msgspec.UNSET and read_time(moment) is None:
            raise BadRow("expected a time", f".{name}")
    changes = signal.edited_at is not msgspec.UNSET or signal.deleted_at is not msgspec.UNSET
    if changes and signal.signal_id is None and signal.id is None:
        raise BadRow("an edit or a delete that does not say of which signal", ".id")
    if signal.deleted_at is not msgspec.UNSET:
        return
    if isinstance(signal.identifiers, dict):
        types = list(signal.identifiers)
    else:
        types = [pair.type for pair in signal.identifiers or ()]
    if any(kind not in IDENTIFIER_TYPES for kind in types):
        raise BadRow(f"expected identifiers of the types {', '.join(IDENTIFIER_TYPES)}", ".identifiers")
    if _kind(signal) is None:
        raise BadRow("nothing said or done: expected text, rating, name, service or a person")
    if signal.kind == "feedback" and not (_said(signal) or signal.name or signal.properties):
        raise BadRow("nothing said: expected text, rating, name or properties", ".text")


def _said(signal: Signal) -> bool:
    # Text that was there and was taken away is an edit; text that is empty from the beginning is none.
    edited = signal.edited_at is not msgspec.UNSET and signal.text is not None
    return bool(signal.text and signal.text.strip()) or signal.rating is not None or edited


def _kind(signal: Signal) -> str | None:
    if signal.kind is not None:
        return signal.kind
    if _said(signal):
        return "feedback"
    if signal.ok is not None or signal.duration_ms is not None:
        return "telemetry"
    if signal.name is not None or signal.properties:
        return "event"
    return "profile" if signal.identifiers or signal.personal else None


def _add(gather: Gather, signal: Signal) -> None:
    given = signal.signal_id if signal.signal_id is not None else signal.id
    ended = None if signal.deleted_at is msgspec.UNSET else read_time(signal.deleted_at)
    if ended is not None:
        gather.delete(gather.signal_id(given, b""), ended[0])
        return
    rest = dict(signal.properties or {})
    told = _pairs(signal.identifiers)
    personal = _pairs(signal.personal)
    personal += [pair for pair in told if pair[0] in ("email", "phone", "handle") and pair not in personal]
    identifiers = [(t, on_network(signal.network or None, v) if t == "handle" else v) for t, v in told]
    at = gather.settle(read_time(signal.occurred_at), rest)
    reach = as_number(signal.reach)
    gather.add(
        gather.signal_id(given, b"" if given is not None else msgspec.json.encode(signal)),
        at,
        _kind(signal) or "event",
        signal.channel or gather.context.channel or "web",
        name=signal.name,
        direction=signal.direction,
        identifiers=identifiers,
        personal=personal,
        relationship=relationship(signal.relationship),
        account=as_text(signal.account),
        thread=as_text(signal.thread),
        text=signal.text if signal.text and signal.text.strip() else None,
        rating=None if signal.rating is None else normalise(signal.rating, signal.rating_scale),
        rating_scale=signal.rating_scale if signal.rating is not None else None,
        reach=None if reach is None or reach < 0 else int(reach),
        facets=_facets(signal, rest),
        rest=rest,
    )
    edited = None if signal.edited_at is msgspec.UNSET else read_time(signal.edited_at)
    if edited is not None:
        gather.edited(edited[0])


def _facets(signal: Signal, rest: dict[str, Any]) -> Facets:
    told = take_facets(rest)
    return Facets(
        signal.service or told.service,
        signal.ok if signal.ok is not None else told.ok,
        signal.duration_ms if signal.duration_ms is not None else told.duration_ms,
        as_text(signal.release) or told.release,
        platform_name(signal.platform) or told.platform,
        signal.region or told.region,
        signal.partner or told.partner,
    )


def _pairs(people: _People) -> list[tuple[str, str]]:
    if not people:
        return []
    if isinstance(people, list):
        return [(pair.type, str(pair.value)) for pair in people if as_text(pair.value)]
    found = []
    for kind, given in people.items():
        values = given if isinstance(given, list) else [given]
        found += [(kind, text) for value in values if (text := as_text(value))]
    return found
