"""Judge hours: every series over several trailing windows, at one false-alarm budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allears.foresee.grid import trailing
from allears.foresee.tail import Honesty, rise_score

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
HOT = 2.0
LEAST_DUE = 0.02
WEEK = 168
# Windows overlap and neighbouring hours share most of their counts: of all tests made, about this share is independent.
INDEPENDENT = 0.25


@dataclass
class Judged:
    """Alarms of a stretch of hours, and which series are still warm."""

    cell: Ints
    hour: Ints
    window: Ints
    score: Floats
    seen: Floats
    due: Floats
    hot: NDArray[np.bool_]


def needed_score(false_alarms_per_week: float, cells: int, windows: int) -> float:
    """Score that keeps expected false alarms within a budget (Bonferroni over tests made in a week).

    Examples
    --------
    >>> round(needed_score(0.5, 200, 5), 1)
    4.9
    """
    tests = max(cells, 1) * WEEK * windows * INDEPENDENT
    return float(np.log10(tests / false_alarms_per_week))


def judge_hours(
    seen: NDArray[np.float32],
    due: NDArray[np.float32],
    unsure: Floats,
    windows: tuple[int, ...],
    honesty: Honesty,
    hours: Ints,
    limit: float,
    least: int,
    judged: NDArray[np.bool_],
) -> Judged:
    """Score the last ``len(hours)`` columns over every window and keep what passes the limit.

    Parameters
    ----------
    seen, due
        Counts and expectations, shape (series, hours so far), the last columns being ``hours``.
    unsure
        Squared relative uncertainty of each series' level.
    limit
        Least score of an alarm.
    least
        Least count of an alarm.
    judged
        Which series may be judged at all.
    """
    count = len(hours)
    hot = np.zeros((seen.shape[0], count), bool)
    parts: list[tuple[Ints, Ints, int, Floats, Floats, Floats]] = []
    for at, window in enumerate(windows):
        got, expected = trailing(seen, window, count), trailing(due, window, count)
        rows, columns = np.nonzero((got >= 3) & (got > expected + 2 * np.sqrt(expected)) & judged[:, None])
        if not len(rows):
            continue
        observed, mean = got[rows, columns], expected[rows, columns]
        mean = np.maximum(mean, LEAST_DUE)
        score = rise_score(observed, mean, honesty.spread(at) + unsure[rows]) * honesty.trust(at)
        hot[rows, columns] |= (score >= HOT) & (window <= 24)
        alarm = (score >= limit) & (observed >= least)
        parts.append((rows[alarm], columns[alarm], window, score[alarm], observed[alarm], mean[alarm]))
    return _gather(parts, hours, hot)


def learn_day(
    seen: NDArray[np.float32],
    due: NDArray[np.float32],
    unsure: Floats,
    honesty: Honesty,
    day: int,
    judged: NDArray[np.bool_],
) -> None:
    """Compare a finished day with its tails, over windows that do not overlap."""
    for at, window in enumerate(honesty.windows):
        if window > 24 and day % (window // 24):
            continue
        got, expected = trailing(seen, window, 24)[judged], trailing(due, window, 24)[judged]
        step = slice(window - 1, 24, window) if window < 24 else slice(23, 24)
        observed, mean = got[:, step].ravel(), expected[:, step].ravel()
        extra = np.repeat(unsure[judged], got[:, step].shape[1])
        score = rise_score(observed, mean, honesty.spread(at) + extra)
        honesty.learn(at, observed, mean, score)


def _gather(
    parts: list[tuple[Ints, Ints, int, Floats, Floats, Floats]],
    hours: Ints,
    hot: NDArray[np.bool_],
) -> Judged:
    def joined(index: int, kind: type) -> NDArray[Any]:
        return np.concatenate([np.asarray(p[index]) for p in parts] or [np.empty(0)]).astype(kind)

    windows = np.concatenate([np.full(len(p[0]), p[2]) for p in parts] or [np.empty(0)]).astype(np.int64)
    return Judged(
        cell=joined(0, np.int64),
        hour=hours[joined(1, np.int64)] if parts else np.empty(0, np.int64),
        window=windows,
        score=joined(3, np.float64),
        seen=joined(4, np.float64),
        due=joined(5, np.float64),
        hot=hot,
    )
