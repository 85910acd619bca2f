"""When a silent source is told from a quiet one: false silences and delays on simulated sources with outages at known times.

Each source is drawn hour by hour: a rate a day, a shape of its week, a level that wanders from week to week, days that are
busier than others, and counts that come in bursts (negative binomial). None of it is a real source, and none has holidays.
The thresholds are those that run in a space of twelve sources; beside them, in the same run, two plain rules: nothing for a
day, and the fixed gap that would have raised as few false silences over the same year, which nobody can know beforehand.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from allears.foresee.flow import WEEK, flow
from allears.journey.hours import DAYS, SHARE_OF_BUDGET
from allears.settings import WatchSettings
from bench.report import Row, row

Floats = NDArray[np.float64]

YEAR, SETTLE = 24 * 364, 24 * 42
RATES = (2, 10, 50, 250, 1_000)
SHAPES = ("round the clock", "office hours")
SIZES = {"no bursts": None, "bursts": 2.0, "strong bursts": 0.5}
"""Size of the negative binomial of an hour: variance is mean + mean^2 / size."""
SEEDS = range(100, 108)
"""None of those on which the thresholds were chosen."""
OUTAGES = 12
LONGEST = 24 * 21
SOURCES = 12
BUDGET = SHARE_OF_BUDGET * WatchSettings().false_alarms_per_week / SOURCES
PLAIN = 24


class Source(NamedTuple):
    """One simulated source: what arrived in each hour, and what was to be expected."""

    counts: Floats
    mean: Floats


def simulate(seed: int, rate: float, shape: str, size: float | None) -> Source:
    """Draw a year of a source, and the six weeks before it."""
    rng = np.random.default_rng(seed)
    hour = np.arange(SETTLE + YEAR)
    of_day, day = hour % 24, hour // 24 % 7
    if shape == "office hours":
        level = np.where((of_day >= 8) & (of_day < 18) & (day < 5), 1.0, 0.0)
    else:
        level = (1.1 + np.cos((of_day - 15) * np.pi / 12)) * np.where(day < 5, 1.0, 0.7)
    weeks, days = len(hour) // WEEK + 1, len(hour) // 24 + 1
    wander = np.exp(np.cumsum(rng.normal(0, 0.05, weeks)))[hour // WEEK]
    busy = rng.gamma(20.0, 1 / 20.0, days)[hour // 24]
    mean = rate * 24 * level / level.mean() / 24 / 24 * wander * busy
    drawn = mean if size is None else mean * rng.gamma(size, 1 / size, len(hour))
    return Source(rng.poisson(drawn).astype(float), mean)


def silent(source: Source, end: int) -> bool:
    """Whether the source reads as silent at the end of an hour; after ``end`` nothing is known."""
    begin = max(0, end - 24 * DAYS)
    place = np.arange(begin, end) % WEEK
    return flow(source.counts[begin:end], place, np.ones(end - begin, bool), alarms_per_week=BUDGET).silent


def false_silences(source: Source) -> tuple[int, list[int]]:
    """Count gaps of a working source that would be raised, and give the length of every gap of its year, longest first."""
    heard = np.flatnonzero(source.counts > 0)
    due = np.r_[0.0, np.cumsum(source.mean)]
    raised, lengths = 0, []
    for before, after in pairwise(heard):
        if after - before < 2 or after < SETTLE:
            continue
        lengths.append(int(after - before - 1))
        # A gap only grows until the next arrival: just before it is when it would be raised. The threshold is never below
        # three learned signals, so a gap of less than one true signal is not asked about.
        if due[after] - due[before + 1] >= 1.0 and silent(source, int(after)):
            raised += 1
    return raised, sorted(lengths, reverse=True)


def delays(source: Source, starts: NDArray[np.int64], gap: int) -> list[tuple[float, float, float, float]]:
    """Give for each outage the hours until it is raised, the signals missed by then, and the hours of the two plain rules."""
    found = []
    for start in starts:
        counts = source.counts.copy()
        counts[start:] = 0
        cut = Source(counts, source.mean)
        last = int(np.flatnonzero(counts)[-1])
        low, high = int(start), min(int(start) + LONGEST, len(counts))
        if not silent(cut, high):
            found.append((np.inf, np.inf, 0.0, 0.0))
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if silent(cut, middle) else (middle, high)
        plain, fitted = (max(last + 1 + hours - start, 0) for hours in (PLAIN, gap))
        found.append((high - start, float(source.mean[start:high].sum()), float(plain), float(fitted)))
    return found


def rows() -> list[Row]:
    """Run it all."""
    told: list[Row] = []
    for rate in RATES:
        for shape in SHAPES:
            raised, plain, years = 0, 0, 0
            by_size: dict[str, int] = defaultdict(int)
            late: list[tuple[float, float, float, float]] = []
            for name, size in SIZES.items():
                for seed in SEEDS:
                    source = simulate(1_000 * seed + rate, rate, shape, size)
                    false, gaps = false_silences(source)
                    raised, years = raised + false, years + 1
                    by_size[name] += false
                    plain += sum(gap >= PLAIN for gap in gaps)
                    starts = np.random.default_rng(seed).integers(SETTLE, SETTLE + YEAR - LONGEST, OUTAGES)
                    late += delays(source, starts, gaps[false] + 1 if len(gaps) > false else 1)
            told += _rows(rate, shape, (raised, plain, years), by_size, np.array(late))
    return told


def _rows(
    rate: float, shape: str, counted: tuple[int, int, int], by_size: dict[str, int], late: Floats
) -> list[Row]:
    raised, plain, years = counted
    data = f"simulated, {rate} a day, {shape}"
    low = float(stats.chi2.ppf(0.025, 2 * raised) / 2) if raised else 0.0
    high = float(stats.chi2.ppf(0.975, 2 * raised + 2) / 2)
    said = ", ".join(f"{name} {n}" for name, n in by_size.items())
    found = [
        row("false silences", data, raised / years, "a source-year", low=low / years, high=high / years,
            reference=round(52 * BUDGET, 3), source=f"budget beside it; {years} source-years: {said}"),
        row("false silences, nothing for 24 h", data, plain / years, "a source-year", source="plain rule"),
    ]  # fmt: skip
    hours, missed, a_day, fitted = late.T
    middle, ninth = np.quantile(hours, [0.5, 0.9], method="higher")
    found.append(
        row("delay until a silence is raised", data, float(middle), "h, median", high=float(ninth), reference=float(np.median(fitted)),
            source=f"high: 9 of 10; beside it the fixed gap that raises as few; {np.median(missed):.0f} signals missed; "
            f"24 h rule {np.median(a_day):.0f} h; {int(np.isinf(hours).sum())} of {len(hours)} not within {LONGEST // 24} days")
    )  # fmt: skip
    return found
