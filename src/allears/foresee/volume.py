"""Surprises in one series, of any step: how far a point leaves what its own past explains."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allears.errors import Refused

Floats = NDArray[np.float64]
HALF_LIFE_DAYS = 5.0
QUANTILE_DAYS = 14.0
GATE_DAYS = 0.25
LEAST_HISTORY = 60
FULL = 6.0


def surprises(times: ArrayLike, counts: ArrayLike) -> Floats:
    """Score each point of one series between 0 (usual) and 1 (never seen), using only what came before it.

    Four views, each turned into how rare its value is among its own past values (conformal, so
    series of any scale compare): distance from a moving mean (half-life 5 days), and distance beyond
    the rolling 1st to 99th percentile (14 days) of the value, of its hourly mean and of its hourly
    restlessness. Their mean is reported only where it beats every value of the last six hours.

    Parameters
    ----------
    times
        Oldest first; ``datetime64`` or aware datetimes. The step is taken from the median distance.
    counts
        As many values.

    Returns
    -------
    numpy.ndarray
        One score per point.

    Notes
    -----
    Streaming: the score of a point does not change when later points are added.

    Examples
    --------
    >>> hours = np.arange("2026-01-01", "2026-01-11", dtype="datetime64[h]")
    >>> counts = 20 + 10 * np.sin(np.arange(240) / 24 * 2 * np.pi) + np.arange(240) % 3
    >>> counts[200] = 90
    >>> int(np.argmax(surprises(hours, counts)))
    200
    """
    values = np.asarray(counts, float)
    if len(values) != len(np.asarray(times)):
        raise Refused("expected as many times as counts", place="counts")
    if len(values) < 3:
        return np.zeros(len(values))
    per_day = max(1.0, 86_400.0 / _step_seconds(times))
    hour = max(2, int(per_day / 24))
    restless = _recent(np.abs(np.diff(values, prepend=values[:1])), hour)
    views = [_from_mean(values, per_day)]
    views += [_beyond_usual(v, per_day) for v in (values, _recent(values, hour), restless)]
    rare = np.mean([_rarity(v) for v in views], axis=0)
    return _gate(rare, max(3, int(per_day * GATE_DAYS))) / FULL


def _step_seconds(times: ArrayLike) -> float:
    given: Any = np.asarray(times)
    if given.dtype == object:
        seconds = np.array([t.timestamp() for t in given])
    else:
        seconds = given.astype("datetime64[s]").astype(np.int64).astype(float)
    steps = np.diff(seconds)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else 3600.0


def _from_mean(values: Floats, per_day: float) -> Floats:
    keep = 0.5 ** (1.0 / (HALF_LIFE_DAYS * per_day))
    result = np.zeros(len(values))
    mean, square, mass = values[0], 0.0, 0.0
    for at, value in enumerate(values):
        spread = (square / mass) ** 0.5 if mass > 1 else 0.0
        result[at] = abs(value - mean) / (spread + 0.01 * abs(mean) + 1e-9) if spread else 0.0
        mass = keep * mass + 1.0
        gap = value - mean
        mean += gap / mass
        square = keep * square + gap * (value - mean)
    return result


def _beyond_usual(values: Floats, per_day: float) -> Floats:
    """Distance above the rolling 99th and below the 1st percentile, in units of the span between."""
    window: deque[float] = deque()
    ordered: list[float] = []
    most = int(max(LEAST_HISTORY, QUANTILE_DAYS * per_day))
    out = np.zeros(len(values))
    for at, value in enumerate(values):
        if len(ordered) >= 20:
            low, high = ordered[int(0.01 * len(ordered))], ordered[int(0.99 * (len(ordered) - 1))]
            span = high - low + 0.02 * abs(high) + 1e-9
            out[at] = max(value - high, low - value) / span
        window.append(value)
        insort(ordered, value)
        if len(window) > most:
            del ordered[bisect_left(ordered, window.popleft())]
    return out


def _recent(values: Floats, steps: int) -> Floats:
    """Mean over the last steps."""
    summed = np.cumsum(values)
    summed[steps:] = summed[steps:] - summed[:-steps]
    result: Floats = summed / np.minimum(np.arange(1, len(values) + 1), steps)
    return result


def _rarity(view: Floats) -> Floats:
    """-log10 of the share of past values at least as high; beyond the highest, by how much it is passed."""
    ordered: list[float] = []
    result = np.zeros(len(view))
    for at, value in enumerate(view):
        n = len(ordered)
        if n >= LEAST_HISTORY:
            higher = n - bisect_left(ordered, value)
            result[at] = -np.log10((1 + higher) / (n + 1))
            if not higher and value > 0:
                result[at] += np.log2(max(value, 1e-9) / max(ordered[-1], 1e-3))
        insort(ordered, value)
    return np.clip(result, 0.0, FULL)


def _gate(scores: Floats, steps: int) -> Floats:
    """Keep a score only where it beats every score of the last day."""
    result = np.zeros(len(scores))
    best: deque[int] = deque()
    for at, score in enumerate(scores):
        while best and best[0] < at - steps:
            best.popleft()
        if not best or score > scores[best[0]]:
            result[at] = score
        while best and scores[best[-1]] <= score:
            best.pop()
        best.append(at)
    return result
