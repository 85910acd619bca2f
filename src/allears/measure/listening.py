"""Objectives of sources: what the listening itself is held to, how it stands against them, how much may still go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from allears.measure.intervals import wilson

METHOD = "listening 1"
WINDOW_DAYS = 28
LONGEST = timedelta(days=7)
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
EVERY = "*"
"""Stands for all sources; what is said of one source goes before it, field by field."""


class SourceObjectives(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a source is held to, over four weeks.

    Examples
    --------
    >>> SourceObjectives(fresh="15m").within
    datetime.timedelta(seconds=900)
    """

    refused: Annotated[float, Meta(description="Largest share of rows that may be refused.", gt=0, lt=1)] = (
        0.01
    )
    heard: Annotated[
        float,
        Meta(
            description="Share of busy hours (five signals or more expected) in which it is heard.",
            gt=0,
            lt=1,
        ),
    ] = 0.99
    fresh: (
        Annotated[
            str,
            Meta(
                description="How long after it happened a signal may arrive, such as 30s, 15m, 6h, 2d; null: worked out.",
                pattern="^[1-9][0-9]{0,6}[smhd]$",
            ),
        ]
        | None
    ) = None
    fresh_share: Annotated[
        float, Meta(description="Share of signals that arrive within that time.", gt=0, lt=1)
    ] = 0.95

    def __post_init__(self) -> None:
        """Refuse a limit beyond which nothing is counted."""
        if self.within is not None and self.within > LONGEST:
            raise ValueError("`fresh` is at most 7d: what arrives later counts as history")

    @property
    def within(self) -> timedelta | None:
        """How long after it happened a signal may arrive."""
        if self.fresh is None:
            return None
        return timedelta(seconds=int(self.fresh[:-1]) * UNITS[self.fresh[-1]])


def in_words(limit: timedelta) -> str:
    """Write a limit.

    Examples
    --------
    >>> in_words(timedelta(seconds=10)), in_words(timedelta(minutes=90)), in_words(timedelta(hours=6)), in_words(timedelta(days=1))
    ('10 s', '90 min', '6 h', '1 day')
    """
    seconds = int(limit.total_seconds())
    for unit, name in ((86_400, "day"), (3_600, "h"), (60, "min")):
        if seconds % unit == 0:
            count = seconds // unit
            return f"{count} {name}{'s' if name == 'day' and count > 1 else ''}"
    return f"{seconds} s"


def held_to(by_hand: Mapping[str, SourceObjectives], source: str) -> SourceObjectives:
    """Tell what a source is held to.

    Examples
    --------
    >>> held_to({"*": SourceObjectives(refused=0.05)}, "chat").refused
    0.05
    """
    return by_hand.get(source) or by_hand.get(EVERY) or SourceObjectives()


def stands(objective: str, bad: float, n: float, target: float, says: str) -> dict[str, Any]:
    """Compare what went wrong with what may.

    Parameters
    ----------
    objective
        ``refused``, ``heard`` or ``fresh``.
    bad, n
        How many went wrong, of how many.
    target
        Largest share that may be refused; else the smallest that must go right.
    says
        The objective in words.

    Returns
    -------
    dict
        objective, says, target and estimate with interval (percent), n, standing, budget_left (percent of what may go
        wrong; below 0 when overspent) with interval, window_days, method. Met or missed is said only when the whole
        interval lies on one side.

    Examples
    --------
    >>> row = stands("refused", 2, 1000, 0.01, "at most 1 % of rows are refused")
    >>> row["estimate"], row["budget_left"]["estimate"], row["standing"]
    (0.2, 80.0, 'meets it')
    """
    at_most = objective == "refused"
    budget = target if at_most else 1 - target
    row: dict[str, Any] = {
        "objective": objective,
        "says": says,
        "target": round(100 * target, 6),
        "estimate": None,
        "low": None,
        "high": None,
        "n": int(n),
        "standing": "can not be told",
        "budget_left": None,
        "window_days": WINDOW_DAYS,
        "method": METHOD,
    }
    if n <= 0:
        return row
    share = wilson(bad, n)
    shown = share if at_most else wilson(n - bad, n)
    row |= {name: 100 * getattr(shown, name) for name in ("estimate", "low", "high")}
    left = {"estimate": share.estimate, "low": share.high, "high": share.low}
    row["budget_left"] = {name: round(100 * (1 - value / budget), 1) for name, value in left.items()}
    row["standing"] = (
        "meets it" if share.high <= budget else "misses it" if share.low > budget else "too close to tell"
    )
    return row
