"""Traits: what a customer's profiles told, source by source, and which value counts where they differ.

Three rules: the most recent, the most trusted (the first of the listed sources that told any; its most recent), the most
frequent (told on most different days, by each source for itself). What is left open goes to the most recent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec
import pyarrow as pa

Rule = Literal["recent", "trusted", "frequent"]
Value = str | int | float | bool

_CONTEXT = frozenset({"page_path", "campaign", "clock_off", "locale"})
"""What doors keep of where a call was made: about the moment, not about the person."""
_MOST = 200


class Rules(msgspec.Struct, frozen=True):
    """Which value of a trait counts.

    Parameters
    ----------
    usual
        For traits that have no rule of their own.
    of
        Trait to rule.
    trusted
        Sources, the most trusted first.
    """

    usual: Rule = "recent"
    of: dict[str, Rule] = {}
    trusted: tuple[str, ...] = ()


class Told(NamedTuple):
    """One source told a value."""

    trait: str
    value: Value
    source: str
    at: datetime


class Claim(msgspec.Struct, frozen=True):
    """A value as one source told it."""

    value: Value
    source: str
    days: int
    """On how many different days."""
    first_at: datetime
    last_at: datetime


class Trait(msgspec.Struct, frozen=True):
    """What counts, why, and everything that was told."""

    trait: str
    value: Value
    source: str
    at: datetime
    rule: Rule
    differs: bool
    """Whether another value was told, too."""
    told: list[Claim]
    """The one that counts first, then the newest."""


def reconcile(told: Iterable[Told], rules: Rules | None = None) -> list[Trait]:
    """Say for each trait which value counts, by the rule set for it.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> may = lambda day: datetime(2026, 5, day, tzinfo=UTC)
    >>> told = [Told("plan", "gold", "crm", may(1)), Told("plan", "free", "app", may(2)), Told("plan", "free", "app", may(3))]
    >>> for usual in ("recent", "trusted", "frequent"):
    ...     [plan] = reconcile(told, Rules(usual, trusted=("crm",)))
    ...     print(plan.value, plan.source, plan.differs)
    free app True
    gold crm True
    free app True
    """
    rules = rules or Rules()
    days: dict[str, dict[tuple[str, Value, str], list[datetime]]] = {}
    for one in told:
        # True and 1 are two values to whoever reads them, and one key to Python.
        key = (type(one.value).__name__, one.value, one.source)
        days.setdefault(one.trait, {}).setdefault(key, []).append(one.at)
    found = []
    for trait, claims in sorted(days.items())[:_MOST]:
        rule = rules.of.get(trait, rules.usual)
        every = [
            Claim(value, source, len({at.date() for at in ats}), min(ats), max(ats))
            for (_, value, source), ats in claims.items()
        ]
        best = _choose(every, rule, rules.trusted)
        rest = sorted((c for c in every if c is not best), key=lambda c: c.last_at, reverse=True)
        differs = any((type(c.value), c.value) != (type(best.value), best.value) for c in rest)
        found.append(Trait(trait, best.value, best.source, best.last_at, rule, differs, [best, *rest]))
    return found


def _choose(claims: Sequence[Claim], rule: Rule, trusted: Sequence[str]) -> Claim:
    newest = sorted(claims, key=lambda c: (c.last_at, c.source, str(c.value)), reverse=True)
    if rule == "trusted":
        for source in trusted:
            if theirs := next((c for c in newest if c.source == source), None):
                return theirs
    if rule == "frequent":
        often: dict[tuple[str, Value], int] = {}
        for claim in claims:
            key = (type(claim.value).__name__, claim.value)
            often[key] = often.get(key, 0) + claim.days
        return max(newest, key=lambda c: often[type(c.value).__name__, c.value])
    return newest[0]


def told_by(profiles: pa.Table) -> list[Told]:
    """Read what profile signals tell; what a group call tells is about the group.

    Parameters
    ----------
    profiles
        Signals with the columns ``kind``, ``name``, ``source``, ``occurred_at`` and ``properties``.
    """
    found: list[Told] = []
    for row in profiles.to_pylist():
        if row["kind"] == "profile" and row["name"] != "group" and row["properties"]:
            for trait, value in _traits(row["properties"]).items():
                found.append(Told(trait, value, row["source"] or "", row["occurred_at"]))
    return found


def _traits(properties: str) -> dict[str, Value]:
    try:
        told: Any = msgspec.json.decode(properties)
    except msgspec.DecodeError:
        return {}
    if not isinstance(told, dict):
        return {}
    inner = told.pop("traits", None)
    whole = told | (inner if isinstance(inner, dict) else {})
    return {k: v for k, v in whole.items() if k not in _CONTEXT and isinstance(v, str | int | float | bool)}
