"""The reference: how things stood in a fixed period, against which trust is told ever after."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from allears.measure import periods
from allears.measure.soundings import Key, Sounding, soundings

PERIODS = 4


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """Levels of each sounding in the reference periods. Store it: a moving reference hides a slow decline."""

    start: Annotated[datetime, Meta(description="Start of the first reference period.")]
    end: Annotated[datetime, Meta(description="End of the last one.")]
    every: Annotated[str, Meta(description="Period: day, week or month (four weeks).")]
    levels: Annotated[dict[str, float], Meta(description="Share of good per sounding, above 0 and below 1.")]
    weights: Annotated[dict[str, float], Meta(description="Weight of each sounding within its part.")]
    again: Annotated[
        dict[int, float], Meta(description="Share active again, by pattern of the two periods before.")
    ]

    @property
    def version(self) -> str:
        """A short name that changes when anything here changes."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:8]


def reference_from(
    found: dict[Key, Sounding],
    again: dict[tuple[str, int, int], tuple[float, float]],
    *,
    every: str,
    first: int,
) -> Reference:
    """Learn the levels of the first four whole periods, all groups together.

    Parameters
    ----------
    found, again
        From `soundings` and `repeats`.
    every
        The period.
    first
        Number of the first whole period.
    """
    good: dict[str, float] = defaultdict(float)
    n: dict[str, float] = defaultdict(float)
    for (name, _, period), s in found.items():
        if first <= period < first + PERIODS:
            good[name] += s.good
            n[name] += s.n
    active: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for (_, period, pattern), (customers, back) in again.items():
        if first <= period < first + PERIODS:
            active[pattern][0] += customers
            active[pattern][1] += back
    shares = {pattern: (back + 0.5) / (customers + 1) for pattern, (customers, back) in active.items()}
    levels = {name: (good[name] + 0.5) / (n[name] + 1) for name in n if n[name] >= 30}
    return Reference(
        start=periods.start(first, every),
        end=periods.start(first + PERIODS, every),
        every=every,
        levels=dict(sorted(levels.items())),
        weights={name: n[name] ** 0.5 for name in sorted(levels)},
        again=dict(sorted(shares.items())),
    )


def extend_reference(signals: Any, reference: Reference, *, scales: list[str], cutoff: datetime) -> Reference:
    """Take in scales that were first asked after the reference was learned: each by its own first four whole periods.

    What was learned before stays as it is; the version changes only when something was added.

    Parameters
    ----------
    signals
        Ibis table of ``signals``.
    scales
        Rating scales found, such as ``trustid-1-7``.
    """
    late = [scale for scale in scales if scale.split("-")[0] not in reference.levels]
    if not late:
        return reference
    rows = signals.filter(signals.rating_scale.isin(late))
    found = soundings(rows, by=None, every=reference.every, cutoff=cutoff)
    last = periods.number(cutoff, reference.every)
    levels, weights = dict(reference.levels), dict(reference.weights)
    for name in sorted({key[0] for key in found if key[0] in {scale.split("-")[0] for scale in late}}):
        # The period in which asking began is not a whole one.
        first = min(period for what, _, period in found if what == name) + 1
        mine = [
            s for (what, _, period), s in found.items() if what == name and first <= period < first + PERIODS
        ]
        n = sum(s.n for s in mine)
        if last - first >= PERIODS and n >= 30:
            levels[name] = (sum(s.good for s in mine) + 0.5) / (n + 1)
            weights[name] = n**0.5
    if levels == reference.levels:
        return reference
    return msgspec.structs.replace(
        reference, levels=dict(sorted(levels.items())), weights=dict(sorted(weights.items()))
    )
