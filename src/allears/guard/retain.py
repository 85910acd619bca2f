"""How long what is kept: periods by class, source and channel, as typed data, and which rows they make due.

The most specific period counts: one that names source and channel goes before one that names the source, that before one
that names the channel, that before one for all. A period without days keeps for good.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from allears.errors import Refused

What = Literal["signals", "texts", "originals", "refused", "invitations", "deliveries"]
CLASSES: tuple[What, ...] = get_args(What)
"""In the order in which they go: whoever loses the whole signal has no text left to lose."""
OF_LAKE = ("signals", "texts", "originals")
_WITHOUT_SOURCE = ("invitations", "deliveries")
_WORDS = ("text", "sealed", "properties")
EMPTIED = {"texts": _WORDS, "originals": ("sealed",)}
"""Columns that are emptied; a row of ``signals`` goes whole."""


class Keep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One period: rows of this class older than ``days`` go; without ``days`` they stay."""

    what: Annotated[
        What,
        Meta(
            description="`signals` whole; `texts`: words, original and properties, while ratings, moods and counts stay; `originals`: the sealed original only; `refused` rows; `invitations`; `deliveries` that were sent or given up."
        ),
    ]
    days: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Days kept, from when it happened; none: for good."),
    ] = None
    source: Annotated[str | None, Meta(description="Only of this source.")] = None
    channel: Annotated[str | None, Meta(description="Only of this channel.")] = None

    @property
    def weight(self) -> int:
        """How specific it is."""
        return 2 * (self.source is not None) + (self.channel is not None)


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    r"""All periods of a space; none: everything is kept.

    Examples
    --------
    >>> periods = read_retention('[[keep]]\nwhat = "originals"\ndays = 180')
    >>> [due.before for due in periods.due("originals", date(2026, 7, 1))]
    [datetime.date(2026, 1, 2)]
    """

    keep: tuple[Keep, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        named = [(k.what, k.source, k.channel) for k in self.keep]
        if len(set(named)) != len(named):
            raise ValueError("expected one period for each class, source and channel")
        if any(k.what in _WITHOUT_SOURCE and k.weight for k in self.keep):
            raise ValueError(f"{' and '.join(_WITHOUT_SOURCE)} have no source or channel")

    def due(self, what: str, today: date) -> list[Due]:
        """Say which rows of a class are due."""
        mine = [k for k in self.keep if k.what == what]
        return [
            Due(
                today - timedelta(days=k.days),
                k.source,
                k.channel,
                tuple((o.source, o.channel) for o in mine if o.weight > k.weight),
            )
            for k in mine
            if k.days is not None
        ]


class Due(msgspec.Struct, frozen=True):
    """Rows of before a day, of a source or channel or of all, but those that another period speaks of."""

    before: date
    source: str | None
    channel: str | None
    others: tuple[tuple[str | None, str | None], ...] = ()


def read_retention(text: str, place: str = "retention.toml") -> Retention:
    """Read periods from TOML.

    Raises
    ------
    Refused
        It is no TOML, or a period is wrong; ``place`` says where.
    """
    try:
        return msgspec.toml.decode(text, type=Retention)
    except msgspec.ValidationError as error:
        raise Refused(str(error), place=place) from None
    except msgspec.DecodeError as error:
        raise Refused(f"not TOML: {error}", place=place) from None


def predicates(retention: Retention, today: date, held: Collection[str] = ()) -> dict[str, str]:
    r"""Say in SQL which signals are due in each class of the lake; the same words rehearse and remove.

    Parameters
    ----------
    held
        Customer keys under legal hold: their rows stay.

    Examples
    --------
    >>> periods = read_retention('[[keep]]\nwhat = "signals"\ndays = 30\nchannel = "chat"')
    >>> predicates(periods, date(2026, 7, 1))["signals"]
    "((day < '2026-06-01' AND coalesce(channel, '') = 'chat'))"
    """
    found: dict[str, str] = {}
    gone: list[str] = []
    for what in OF_LAKE:
        rules = " OR ".join(f"({_rule(due)})" for due in retention.due(what, today))
        if not rules:
            continue
        parts = [f"({rules})"]
        if held:
            names = ", ".join(quoted(key) for key in sorted(held))
            parts.append(f"coalesce(customer_key, '') NOT IN ({names})")
        mine = " AND ".join(parts)
        if what in EMPTIED:
            some = " OR ".join(f"{column} IS NOT NULL" for column in EMPTIED[what])
            mine += f" AND ({some})"
        found[what] = mine + "".join(f" AND NOT ({other})" for other in gone)
        gone.append(" AND ".join(parts))
    return found


def _rule(due: Due) -> str:
    parts = [f"day < {quoted(due.before.isoformat())}", *_names(due.source, due.channel)]
    parts += [f"NOT ({' AND '.join(_names(source, channel))})" for source, channel in due.others]
    return " AND ".join(parts)


def _names(source: str | None, channel: str | None) -> Iterable[str]:
    # A row without a source or channel is not of any: with a bare comparison it would be neither due nor not due.
    if source is not None:
        yield f"coalesce(source, '') = {quoted(source)}"
    if channel is not None:
        yield f"coalesce(channel, '') = {quoted(channel)}"


def quoted(text: str) -> str:
    """Write a text as SQL does."""
    return "'" + text.replace("'", "''") + "'"
