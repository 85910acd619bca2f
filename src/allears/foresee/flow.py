"""Flow: what a source should bring by the hour of its own week, and whether it has gone silent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from allears.foresee.tail import count_quantile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

METHOD = "flow 2"
WEEK = 168
HALF_LIFE_DAYS = 14.0
SETTLE_DAYS = 14
LEAST_LIVE_DAYS = 7
BEYOND_LONGEST = 1.5
CLUMPED = 1.25
"""Hours of one day are busy or quiet together: gaps are longer than hours that are drawn apart would show."""
LEAST_MISSED = 3.0
MOSTLY = 1 / 3
SIZES = np.geomspace(0.05, 1e4, 40)
"""Sizes of the negative binomial among which that of a source's hours is looked for: from bursts to an even stream."""


@dataclass(frozen=True)
class Flow:
    """One source over the hours given.

    Parameters
    ----------
    expected
        Signals expected in each hour.
    spread
        Extra variance of a day's count per squared mean.
    silent_hours
        Whole hours since the last arrival.
    missed
        Signals that were to be expected in that time.
    surprise
        How unlikely the present gap is by chance: minus the logarithm of its probability.
    needed
        How unlikely it must be before the source is called silent.
    judged
        Whether there is history enough to say so.
    """

    expected: Floats
    spread: float
    silent_hours: int
    missed: float
    surprise: float
    needed: float
    judged: bool

    @property
    def silent(self) -> bool:
        """Whether the source has gone silent."""
        return self.judged and self.missed >= LEAST_MISSED and self.surprise >= self.needed

    def last(self, hours: int) -> tuple[float, float, float]:
        """Give the count expected in the last hours with its 95 % interval: low, mean, high; days vary on their own."""
        mean = float(self.expected[-hours:].sum())
        spread = self.spread * min(1.0, 24 / hours)
        low, high = (float(count_quantile(q, [mean], spread)[0]) for q in (0.025, 0.975))
        return low, mean, high


def flow(counts: Floats, hours_of_week: Ints, listening: Bools, *, alarms_per_week: float) -> Flow:
    """Compare a source with its own past.

    A gap is measured by how unlikely its empty hours are, so a night counts little where nights are quiet. An hour that
    should bring ``m`` signals is empty with probability ``(1 + m / size) ** -size`` (negative binomial), where ``size`` is
    learned from how many of the source's own hours were empty: a source that speaks in bursts is often quiet between them.
    A source is silent once its present gap passes what chance allows within the budget, one gap after each hour heard, and
    also the longest gap it ever had by half: holidays of its own do not alarm.

    Parameters
    ----------
    counts
        Signals that arrived in each hour, one hour after the other, the last one ended.
    hours_of_week
        Of each hour, 0 to 167, where the customers live.
    listening
        Hours in which Allears could hear; in others nothing is expected.
    alarms_per_week
        Budget of false alarms of this source.

    Returns
    -------
    Flow
        Expectations rest on all hours but the present gap.

    Examples
    --------
    >>> week = np.arange(24 * 28) % WEEK
    >>> office = np.where((week % 24 >= 8) & (week % 24 < 18) & (week < 120), 6.0, 0.0)
    >>> by_night = flow(office[:-58], week[:-58], office[:-58] >= 0, alarms_per_week=0.1)
    >>> by_day = flow(np.r_[office[:-168], np.zeros(12)], week[:-156], office[:-156] >= 0, alarms_per_week=0.1)
    >>> by_night.silent, by_day.silent
    (False, True)
    """
    heard = np.flatnonzero(counts > 0)
    if not len(heard):
        return Flow(np.zeros(len(counts)), 0.1, len(counts), 0.0, 0.0, np.inf, False)
    first, last = int(heard[0]), int(heard[-1])
    place = np.arange(len(counts))
    known = (place >= first) & (place <= last) & listening
    weights = np.where(known, 0.5 ** ((last - place) / (24 * HALF_LIFE_DAYS)), 0.0)
    rate = _rate_of_week(counts, weights, hours_of_week)
    expected = np.where((place >= first) & listening, rate[hours_of_week], 0.0)
    size = _size(counts[known], expected[known], hours_of_week[known])
    run = np.r_[0.0, np.cumsum(size * np.log1p(expected / size))]
    gaps = run[heard[1:]] - run[heard[:-1] + 1]
    weeks = max((last - first) / WEEK, 1.0)
    by_chance = CLUMPED * np.log(len(heard) / weeks / alarms_per_week)
    longest = float(gaps.max(initial=0.0))
    return Flow(
        expected=expected,
        spread=_spread(counts[first : last + 1], expected[first : last + 1]),
        silent_hours=len(counts) - 1 - last,
        missed=float(expected[last + 1 :].sum()),
        surprise=float(run[-1] - run[last + 1]),
        needed=max(float(by_chance), BEYOND_LONGEST * longest),
        judged=last - first >= 24 * SETTLE_DAYS and len(np.unique(heard // 24)) >= LEAST_LIVE_DAYS,
    )


def _rate_of_week(counts: Floats, weights: Floats, hours_of_week: Ints) -> Floats:
    """Learn the mean count of each hour of the week; few weeks borrow from the hour of the day and the weekday."""
    got = np.bincount(hours_of_week, counts * weights, WEEK).reshape(7, 24)
    due = np.bincount(hours_of_week, weights, WEEK).reshape(7, 24)
    rate = got.sum() / max(float(due.sum()), 1e-9)
    if rate <= 0:
        return np.zeros(WEEK)
    by_hour = (got.sum(0) + 0.5 * rate) / (due.sum(0) * rate + 0.5 * rate)
    by_day = (got.sum(1) + 2 * rate) / ((due * by_hour).sum(1) * rate + 2 * rate)
    usual = rate * by_day[:, None] * by_hour[None, :]
    result: Floats = ((got + usual) / (due + 1.0)).ravel()
    return result


def _size(counts: Floats, expected: Floats, hours_of_week: Ints) -> float:
    """Learn the size of the negative binomial that leaves as many busy hours empty as were seen, and one more.

    The one more is caution: that no hour was empty yet does not say that none will be. Of quiet hours nothing is learned: there
    the size hardly matters. Nor of places of the week in which the source is mostly off, such as Sundays that hold one busy
    holiday: empty hours there tell of its week, not of bursts.
    """
    heard = np.bincount(hours_of_week, counts > 0, WEEK) / np.maximum(
        np.bincount(hours_of_week, minlength=WEEK), 1
    )
    busy = (expected >= 1.0) & (heard[hours_of_week] >= MOSTLY)
    due, hours = np.unique(expected[busy], return_counts=True)
    empty = float((counts[busy] == 0).sum()) + 1.0
    shares = np.exp(-SIZES[:, None] * np.log1p(due / SIZES[:, None])) @ hours
    # The larger the size, the more even the source and the fewer hours are empty.
    return float(SIZES[max(int(np.count_nonzero(shares >= empty)) - 1, 0)]) if len(due) else float(SIZES[-1])


def _spread(counts: Floats, expected: Floats) -> float:
    """Say how much more than by chance the counts of whole days vary."""
    whole = len(counts) // 24 * 24
    if whole < WEEK:
        return 0.1
    seen, mean = (values[-whole:].reshape(-1, 24).sum(1) for values in (counts, expected))
    usual = mean > 0.5
    if not usual.any():
        return 0.1
    # The median, so that a day of crisis does not make every day look usual; 0.455 is the median of a squared normal.
    extra = ((seen - mean) ** 2 / 0.455 - mean)[usual] / mean[usual] ** 2
    return float(np.clip(np.median(extra), 0.01, 2.0))
