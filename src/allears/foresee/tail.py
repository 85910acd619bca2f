"""How unlikely a count is: negative-binomial tails, and a check of them against what really happened."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
MOST = 300.0
NOMINAL = 2.0


def rise_score(observed: ArrayLike, expected: ArrayLike, spread: ArrayLike) -> Floats:
    """Score a count as -log10 of the probability of at least this many.

    Negative binomial with variance ``expected + spread * expected**2``.

    Examples
    --------
    >>> rise_score([0, 3, 12], [2.0, 2.0, 2.0], 0.1).round(1).tolist()
    [0.0, 0.5, 4.5]
    """
    from scipy.special import betainc

    k = np.asarray(observed, float)
    mean = np.maximum(np.asarray(expected, float), 1e-9)
    size = 1.0 / np.maximum(np.asarray(spread, float), 1e-6)
    tail = betainc(np.maximum(k, 1e-9), size, mean / (mean + size))
    score: Floats = np.where(k > 0, -np.log10(np.maximum(tail, 10.0**-MOST)), 0.0)
    return score


def drop_score(observed: ArrayLike, expected: ArrayLike, spread: ArrayLike) -> Floats:
    """Score a count as -log10 of the probability of at most this many."""
    from scipy.special import betainc

    k = np.asarray(observed, float)
    mean = np.maximum(np.asarray(expected, float), 1e-9)
    size = 1.0 / np.maximum(np.asarray(spread, float), 1e-6)
    tail = betainc(size, k + 1, size / (mean + size))
    score: Floats = -np.log10(np.maximum(tail, 10.0**-MOST))
    return score


def highest_usual(expected: ArrayLike, spread: ArrayLike, score: float) -> Floats:
    """Return the count whose `rise_score` reaches ``score``, for each expectation."""
    return count_quantile(1 - 10.0**-score, expected, spread) + 1


def count_quantile(level: float, expected: ArrayLike, spread: ArrayLike) -> Floats:
    """Return the least count not exceeded with probability ``level``.

    Examples
    --------
    >>> count_quantile(0.95, [0.1, 10.0], 0.05).tolist()
    [1.0, 17.0]
    """
    from scipy.special import nbdtrik

    mean = np.maximum(np.asarray(expected, float), 1e-9)
    size = 1.0 / np.maximum(np.asarray(spread, float), 1e-6)
    none = (size / (mean + size)) ** size
    count = nbdtrik(np.maximum(level, none), size, size / (mean + size))
    quantile: Floats = np.where(none >= level, 0.0, np.ceil(np.nan_to_num(count) - 1e-6))
    return quantile


@dataclass
class Honesty:
    """Keeps the tails honest: spread and tail weight as seen, per window length.

    A model whose one-in-a-hundred happens three times in a hundred has its scores shrunk until it
    does not (conformal calibration, pooled over series; forgetting with a half-life of about 20 days).
    """

    windows: tuple[int, ...]
    least_spread: float = 0.02
    excess: Floats = field(init=False)
    square: Floats = field(init=False)
    beyond: Floats = field(init=False)
    judged: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.excess, self.square, self.beyond, self.judged = (np.zeros(len(self.windows)) for _ in range(4))

    def spread(self, at: int) -> float:
        """Extra variance per squared mean in window number ``at``."""
        # Two prior days' worth of a spread of 0.05: without them the first week would look exact.
        seen = (self.excess[at] + 0.05 * 20) / (self.square[at] + 20)
        return float(np.clip(seen, self.least_spread, 1.0))

    def trust(self, at: int) -> float:
        """Factor 0-1 on scores of window number ``at``."""
        share = (self.beyond[at] + 1.0) / (self.judged[at] + 100.0)
        return float(np.clip(-np.log10(max(share, 1e-9)) / NOMINAL, 0.4, 1.0))

    def learn(self, at: int, observed: Floats, expected: Floats, score: Floats) -> None:
        """Take in judged windows that do not overlap."""
        usual = (score < 4.0) & (expected > 0.05)
        seen, mean = observed[usual], expected[usual]
        keep = 0.5 ** (max(1.0, self.windows[at] / 24) / 20)
        self.excess[at] = keep * self.excess[at] + float(((seen - mean) ** 2 - mean).sum())
        self.square[at] = keep * self.square[at] + float((mean**2).sum())
        self.beyond[at] = keep * self.beyond[at] + float((score[usual] >= NOMINAL).sum())
        self.judged[at] = keep * self.judged[at] + float(usual.sum())
