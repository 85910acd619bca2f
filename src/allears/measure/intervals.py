"""Estimates with their intervals: shares, NPS, means, and the difference of two."""

from __future__ import annotations

import math
from typing import NamedTuple

from allears.errors import Refused

Z95 = 1.959963984540054
Z90 = 1.6448536269514722


class Estimate(NamedTuple):
    """A figure, its interval, and how much is behind it."""

    estimate: float
    low: float
    high: float
    n: float

    @property
    def error(self) -> float:
        """Half the interval's width over the normal quantile: the standard error it implies."""
        return (self.high - self.low) / (2 * Z95)

    def scaled(self, by: float) -> Estimate:
        """Give the same figure in another unit; ``by`` is above 0."""
        return Estimate(self.estimate * by, self.low * by, self.high * by, self.n)


def wilson(hits: float, n: float, *, z: float = Z95) -> Estimate:
    """Estimate a share by Wilson's score interval.

    Parameters
    ----------
    hits
        How many were so; may be fractional when answers are weighted.
    n
        Of how many, above 0; the effective number when answers repeat.
    z
        Normal quantile, 1.96 for 95 %.

    Raises
    ------
    Refused
        ``n`` is not above 0, or ``hits`` lies outside 0..n.

    Examples
    --------
    >>> [round(x, 3) for x in wilson(45, 50)[:3]]
    [0.9, 0.786, 0.957]
    """
    if n <= 0 or not 0 <= hits <= n * (1 + 1e-9):
        raise Refused("a share needs 0 <= hits <= n and n above 0")
    p = min(hits / n, 1.0)
    scale = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # At the ends the formula equals p up to rounding; the estimate must never fall outside.
    return Estimate(p, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)), n)


def nps(
    promoters: float, detractors: float, n: float, *, n_effective: float | None = None, z: float = Z95
) -> Estimate:
    """Estimate the Net Promoter Score, -100..100, by the adjusted Wald interval.

    Three answers are added, spread as 3/4 promoters, 3/4 detractors and the rest passives ([1]_: the
    interval whose coverage was best). The estimate shown stays the plain one.

    Parameters
    ----------
    promoters, detractors
        Answers of 9-10 and of 0-6.
    n
        All answers, above 0.
    n_effective
        What they are worth when customers answered more than once; ``n`` when omitted.
    z
        Normal quantile.

    References
    ----------
    .. [1] B. Rocks (2016), Interval Estimation for the "Net Promoter Score", The American Statistician 70(4).

    Examples
    --------
    >>> score = nps(100, 40, 200)
    >>> score.estimate, round((score.high - score.low) / 2, 1)
    (30.0, 10.7)
    """
    if n <= 0 or promoters < 0 or detractors < 0 or promoters + detractors > n * (1 + 1e-9):
        raise Refused("NPS needs promoters + detractors <= n and n above 0")
    worth = n if n_effective is None else n_effective
    p, d = promoters / n, detractors / n
    added = worth + 3
    p_star, d_star = (p * worth + 0.75) / added, (d * worth + 0.75) / added
    centre = p_star - d_star
    half = z * math.sqrt(max(p_star + d_star - centre * centre, 0.0) / added)
    low, high = 100 * max(-1.0, centre - half), 100 * min(1.0, centre + half)
    plain = 100 * (p - d)
    return Estimate(plain, min(low, plain), max(high, plain), n)


def mean(total: float, squares: float, n: float, *, n_effective: float | None = None) -> Estimate:
    """Estimate a mean from its sum and sum of squares, by Student's t.

    Examples
    --------
    >>> [round(x, 2) for x in mean(30.0, 110.0, 10)[:3]]
    [3.0, 1.93, 4.07]
    """
    from scipy import special

    if n < 2:
        raise Refused("a mean with an interval needs two answers")
    worth = max(n if n_effective is None else n_effective, 2.0)
    middle = total / n
    variance = max(squares / n - middle * middle, 0.0) * n / (n - 1)
    half = float(special.stdtrit(worth - 1, 0.975)) * math.sqrt(variance / worth)
    return Estimate(middle, middle - half, middle + half, n)


def effective(n: float, squares_within: float, squares_of_clusters: float) -> float:
    """Give how many independent answers ``n`` clustered ones are worth.

    Parameters
    ----------
    n
        Answers.
    squares_within
        Sum of squared residuals over answers.
    squares_of_clusters
        Sum over customers of the squared sum of their residuals.

    Examples
    --------
    Two customers who each answered the same thing twice count as two:

    >>> effective(4, 4.0, 8.0)
    2.0
    """
    if squares_within <= 0:
        return n
    # A design effect below 1 is noise here: nobody's second answer tells more than a stranger's.
    return n / max(squares_of_clusters / squares_within, 1.0)


def difference(before: Estimate, after: Estimate) -> Estimate:
    """Estimate ``after - before`` for independent samples.

    Each half-interval is taken on its own side (Newcombe's square-and-add), so that shares near 0 or 1 stay honest.

    Examples
    --------
    >>> moved = difference(Estimate(70, 65, 75, 300), Estimate(78, 74, 82, 300))
    >>> round(moved.estimate), round(moved.low, 1), round(moved.high, 1)
    (8, 1.6, 14.4)
    """
    moved = after.estimate - before.estimate
    down = math.hypot(after.estimate - after.low, before.high - before.estimate)
    up = math.hypot(after.high - after.estimate, before.estimate - before.low)
    return Estimate(moved, moved - down, moved + up, before.n + after.n)
