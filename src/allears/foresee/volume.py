"""Surprises in one series, of any step: how far a point leaves what its own past explains."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allears.errors import Refused
from allears.foresee.expected import Calendar, expect_day, week_shape
from allears.foresee.grid import trailing
from allears.foresee.tail import rise_score

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


def surprise_matrix(
    counts: NDArray[np.generic],
    first_seen: Sequence[int] | NDArray[np.int64],
    first_hour: int,
    calendar: Calendar,
    settle_days: int = 7,
) -> dict[str, Floats]:
    """Score many hourly series at once, each hour knowing only the hours before it.

    Parameters
    ----------
    counts
        Shape (series, hours), from a midnight in UTC on.
    first_seen
        Hour (column) from which each series was listened to; it is judged ``settle_days`` later.
    first_hour
        Hours since 1970 of the first column.
    calendar
        Hours of the week and holidays.

    Returns
    -------
    dict
        ``score`` (-log10 tail probability, 0 while not judged), ``expected`` and ``growth`` (the
        series' expectation and the factor by which all others rose), each of shape (series, hours).
    """
    given = np.asarray(counts, np.float32)
    count, hours = given.shape
    began = np.asarray(first_seen, np.int64)
    week = calendar.hours_of_week(first_hour + np.arange(hours))
    clean, known = given.copy(), np.arange(hours)[None, :] >= began[:, None]
    expected = np.zeros((count, hours), np.float32)
    for day in range(1, -(-hours // 24)):
        past, today = slice(max(0, day - 35) * 24, day * 24), slice(day * 24, min(hours, day * 24 + 24))
        total = np.where(known[:, past], clean[:, past], 0).sum(0).astype(float)
        shape = week_shape(total, np.where(known[:, past].any(0), 1.0, 0.0), week[past])
        due, _ = expect_day(clean[:, past], known[:, past], np.arange(count), week[past], week[today], shape)
        expected[:, today] = due
        judged = known[:, today] & (due > 0)
        clean[:, today] = np.where(
            judged, np.minimum(given[:, today], due + 3 * np.sqrt(due + 0.1 * due**2) + 1), given[:, today]
        )
    live = np.arange(hours)[None, :] >= began[:, None] + settle_days * 24
    seen, due = given * live, expected * live
    got, usual = trailing(seen, 24, hours), trailing(due, 24, hours)
    growth = (
        np.maximum(1.0, (got.sum(0) - got + 10.0) / (usual.sum(0) - usual + 10.0))
        if count > 1
        else np.ones_like(got)
    )
    score = np.where(live & (expected > 0), rise_score(given, expected * growth, 0.05), 0.0)
    return {"score": score, "expected": expected.astype(float), "growth": growth}


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
