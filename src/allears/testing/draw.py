"""Drawing: ids that look random but follow from a number, times by rhythm, choices by weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
HOUR = 3_600_000
DAY = 24 * HOUR

# How a day's visits spread over its hours, by local time.
VISITS = (8, 5, 3, 2, 2, 4, 10, 22, 36, 44, 50, 54, 60, 56, 50, 48, 50, 58, 70, 84, 96, 88, 56, 24)
# People write to a firm more at daytime.
WRITES = (4, 3, 2, 1, 1, 3, 9, 26, 56, 76, 82, 78, 66, 64, 68, 66, 62, 58, 56, 58, 56, 44, 24, 10)
_WORD = 2**64 - 1
WEEK = (1.06, 1.0, 0.97, 0.98, 1.02, 1.05, 0.92)


def scatter(numbers: Ints, seed: int) -> NDArray[np.uint64]:
    """Turn running numbers into random-looking ones (splitmix64): the same number gives the same answer.

    Examples
    --------
    >>> scatter(np.arange(2), 1).tolist() == scatter(np.arange(2), 1).tolist()
    True
    """
    with np.errstate(over="ignore"):
        z = numbers.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % 2**64)
        z = (z + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0x94D049BB133111EB)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0xBF58476D1CE4E5B9)
    out: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return out


def scatter_one(number: int, seed: int) -> int:
    """Give what `scatter` gives for one number, without an array around it.

    Examples
    --------
    >>> bool(scatter_one(7, 1) == scatter(np.array([7]), 1)[0])
    True
    """
    z = number + (seed + 1) * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019
    z = z * 0xBF58476D1CE4E5B9 & _WORD
    z = (z ^ (z >> 30)) * 0x94D049BB133111EB & _WORD
    z = (z ^ (z >> 27)) * 0xBF58476D1CE4E5B9 & _WORD
    return z ^ (z >> 31)


def pick(rng: np.random.Generator, weights: Mapping[Any, float], size: int) -> list[Any]:
    """Draw keys by weight."""
    keys = list(weights)
    share = np.array([weights[key] for key in keys], dtype=float)
    return [keys[i] for i in rng.choice(len(keys), size, p=share / share.sum())]


def draw_index(rng: np.random.Generator, weights: Floats, size: int) -> Ints:
    """Draw places by weight, much faster than `Generator.choice` for long weights."""
    total = np.cumsum(weights)
    found = np.searchsorted(total, rng.random(size) * total[-1], side="right")
    places: Ints = np.minimum(found, len(weights) - 1).astype(np.int64)
    return places


def draw_times(
    rng: np.random.Generator, start: int, day_weights: Floats, hours: Sequence[float], size: int
) -> Ints:
    """Draw local times in milliseconds: a day by its weight, an hour by the day's rhythm."""
    days = draw_index(rng, day_weights, size)
    hour = draw_index(rng, np.asarray(hours, dtype=float), size)
    within = rng.integers(0, HOUR, size)
    times: Ints = start + days * DAY + hour * HOUR + within
    return times


def weekdays(start: int, days: int) -> Floats:
    """Give each day its weekday's weight; 1970-01-01 was a Thursday."""
    weekday = (np.arange(days) + start // DAY + 3) % 7
    weights: Floats = np.asarray(WEEK)[weekday]
    return weights
