"""Call platforms: how each one's JSON lays out a transcript, as data."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from allears.listen.call import Call, Turn, role_of
from allears.listen.expressions import Expression
from allears.listen.reading import BadRow
from allears.listen.times import OLDEST

UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ticks": 1e-7}


class Platform(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One platform's layout; every expression is JMESPath over the whole document."""

    title: Annotated[str, Meta(description="What the platform is called.")]
    when: Annotated[str, Meta(description="Holds for this platform's transcripts and no others.")]
    turns: Annotated[str, Meta(description="List of objects: speaker, role, start, end or lasts, text.")]
    unit: Annotated[str, Meta(description="Unit of start, end and lasts: s, ms, us or ticks (100 ns).")] = "s"
    id: Annotated[str | None, Meta(description="The platform's own id of the call.")] = None


@cache
def platforms() -> dict[str, Platform]:
    """Give the platforms that are known, by name.

    Examples
    --------
    >>> "amazon-contact-lens" in platforms()
    True
    """
    folder = files("allears.listen") / "platforms"
    return {
        entry.name.removesuffix(".toml"): msgspec.convert(tomllib.loads(entry.read_text("utf-8")), Platform)
        for entry in sorted(folder.iterdir(), key=lambda e: e.name)
        if entry.name.endswith(".toml")
    }


def platform_of(document: Any) -> str | None:
    """Recognise whose transcript a JSON document is; None when it is nobody's."""
    if not isinstance(document, dict):
        return None
    return next((n for n, p in platforms().items() if _expression(p.when).holds(document)), None)


def read_transcript(document: Any, name: str) -> Call:
    """Read a platform's transcript.

    Raises
    ------
    BadRow
        A turn has no time or no text to be read.
    """
    platform = platforms()[name]
    found = _expression(platform.turns).of(document)
    if not isinstance(found, list):
        raise BadRow("expected a list of turns")
    turns = [_turn(row, platform.unit, at) for at, row in enumerate(found) if isinstance(row, dict)]
    turns = [turn for turn in turns if turn.text]
    given = _expression(platform.id).of(document) if platform.id else None
    began = None
    first = min((t.start for t in turns), default=0.0)
    if first * 1e6 >= OLDEST:
        # This platform gives moments, not offsets.
        began = round(first * 1e6)
        turns = [replace(t, start=t.start - first, end=t.end - first) for t in turns]
    own = str(given) if isinstance(given, str | int) and given != "" else None
    return Call(turns, id=own, began=began, platform=platform.title)


def _turn(row: dict[str, Any], unit: str, at: int) -> Turn:
    text = row.get("text")
    start, end, lasts = (_number(row.get(name)) for name in ("start", "end", "lasts"))
    if text is not None and not isinstance(text, str):
        raise BadRow("expected text", f".turns[{at}].text")
    if start is None:
        raise BadRow("expected a time", f".turns[{at}].start")
    scale = UNITS[unit]
    until = end if end is not None else start + (lasts or 0.0)
    speaker, role = row.get("speaker"), row.get("role")
    return Turn(
        start * scale,
        max(start, until) * scale,
        None if speaker is None else str(speaker),
        (text or "").strip(),
        role_of(role) if isinstance(role, str) else None,
    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number < 1e20 else None


@cache
def _expression(text: str) -> Expression:
    return Expression(text, "platform")
