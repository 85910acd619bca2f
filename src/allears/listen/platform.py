"""Call platforms: how each one's JSON lays out a transcript, as data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from allears.errors import NotFound, Refused
from allears.listen.call import Call, Turn, role_of
from allears.listen.expressions import Expression
from allears.listen.reading import BadRow
from allears.listen.times import OLDEST, read_time

SHIPPED = files("allears.listen") / "platforms"
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ticks": 1e-7}
_CLOCK = re.compile(r"(\d{1,3}):(\d\d):(\d\d(?:\.\d{1,9})?)")


class Platform(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One platform's layout; every expression is JMESPath over the whole document, or over each of its ``calls``."""

    title: Annotated[str, Meta(description="What the platform is called.")]
    when: Annotated[str, Meta(description="Holds for this platform's documents and no others.")]
    calls: Annotated[str | None, Meta(description="List of calls, where a document may hold several.")] = None
    turns: Annotated[
        str, Meta(description="List of objects: speaker, role, start, end or lasts, text; of one call.")
    ]
    unit: Annotated[
        Literal["s", "ms", "us", "ticks"],
        Meta(
            description="Unit of start, end and lasts: s, ms, us or ticks (100 ns); 00:00:02.5 is read as well."
        ),
    ] = "s"
    id: Annotated[str | None, Meta(description="The platform's own id of the call.")] = None
    began: Annotated[str | None, Meta(description="When the call began, where turns tell offsets.")] = None


class Platforms(Mapping[str, Platform]):
    """Layouts by name: the space's own first, then those that ship; one of the space hides a shipped one of its name.

    Examples
    --------
    >>> "amazon-contact-lens" in Platforms(), Platforms().of({"utterances": []})
    (True, None)
    """

    def __init__(self, own: Path | None = None) -> None:
        self._own = own
        self._read: dict[str, tuple[int, Platform]] = {}

    def __getitem__(self, name: str) -> Platform:
        path = self._own / f"{name}.toml" if self._own is not None else None
        source = path if path is not None and path.is_file() else SHIPPED / f"{name}.toml"
        if name not in self:
            raise NotFound(f"no layout of that name; there are {', '.join(self)}", place="platform")
        # The space's own may be mended while a server runs.
        stamp = source.stat().st_mtime_ns if isinstance(source, Path) else 0
        if name not in self._read or self._read[name][0] != stamp:
            try:
                self._read[name] = stamp, read_platform(source.read_text("utf-8"), f"{name}.toml")
            except UnicodeDecodeError:
                raise Refused("expected text in UTF-8", place=f"{name}.toml") from None
        return self._read[name][1]

    def __iter__(self) -> Iterator[str]:
        own = sorted(p.stem for p in self._own.glob("*.toml")) if self._own and self._own.is_dir() else []
        shipped = sorted(p.name.removesuffix(".toml") for p in SHIPPED.iterdir() if p.name.endswith(".toml"))
        return iter([*own, *(name for name in shipped if name not in own)])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in list(iter(self))

    def __reduce__(self) -> tuple[type[Platforms], tuple[Path | None]]:
        # Another process reads them again.
        return Platforms, (self._own,)

    def of(self, document: Any) -> Platform | None:
        """Recognise whose transcripts a JSON document holds; None when it is nobody's."""
        if not isinstance(document, dict):
            return None
        for name in self:
            try:
                platform = self[name]
            except (Refused, NotFound, OSError):
                # One file that is wrong keeps no call from being read by another; `allears doctor` names it.
                continue
            if _expression(platform.when).holds(document):
                return platform
        return None


def read_platform(text: str, place: str = "platform.toml") -> Platform:
    """Read a layout from TOML and try its expressions.

    Raises
    ------
    Refused
        Not TOML, an unknown field, or an expression that is no JMESPath; ``place`` says which.
    """
    try:
        found = msgspec.toml.decode(text, type=Platform)
    except msgspec.DecodeError as error:
        raise Refused(str(error), place=place) from None
    for name in ("when", "calls", "turns", "id", "began"):
        if (expression := getattr(found, name)) is not None:
            Expression(expression, f"{place} {name}")
    return found


def read_transcripts(document: Any, platform: Platform) -> list[Call]:
    """Read the calls that a platform's document holds, most often one.

    Raises
    ------
    BadRow
        There is no call in it, or a turn has no time or no text to be read.
    """
    parts = [document] if platform.calls is None else _expression(platform.calls).of(document)
    if not isinstance(parts, list) or not parts:
        raise BadRow("expected a list of calls")
    return [_transcript(part, platform) for part in parts]


def _transcript(document: Any, platform: Platform) -> Call:
    found = _expression(platform.turns).of(document)
    if not isinstance(found, list):
        raise BadRow("expected a list of turns")
    turns = [_turn(row, platform.unit, at) for at, row in enumerate(found) if isinstance(row, dict)]
    turns = [turn for turn in turns if turn.text]
    given = _expression(platform.id).of(document) if platform.id else None
    told = _expression(platform.began).of(document) if platform.began else None
    moment = read_time(told) if isinstance(told, str | int | float) else None
    began = moment[0] if moment is not None else None
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
    clock = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if clock is not None:
        return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number < 1e20 else None


@cache
def _expression(text: str) -> Expression:
    return Expression(text, "platform")
