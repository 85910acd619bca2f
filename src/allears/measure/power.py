"""How much data a question takes."""

from __future__ import annotations

import math

from allears.errors import Refused
from allears.measure.intervals import Z90, Z95

# Chance 0.8 to find what is there; for equivalence both sides must hold, hence 0.9 each.
Z_POWER = 0.8416212335729143
Z_BOTH = 1.2815515655446004


def answers_for_nps(margin: float, *, promoters: float = 0.5, detractors: float = 0.2) -> int:
    """Give the answers it takes to know NPS to within ``margin`` points (95 %).

    Examples
    --------
    >>> answers_for_nps(5)
    938
    """
    spread = promoters + detractors - (promoters - detractors) ** 2
    return _ceil((100 * Z95 / _above_zero(margin)) ** 2 * spread)


def answers_for_share(margin: float, *, share: float = 0.5) -> int:
    """Give the answers it takes to know a share to within ``margin`` percentage points (95 %).

    Examples
    --------
    >>> answers_for_share(3)
    1068
    """
    return _ceil((100 * Z95 / _above_zero(margin)) ** 2 * share * (1 - share))


def answers_to_tell(difference: float, *, deviation: float) -> int:
    """Give the answers per group it takes to find a difference of means (5 %, two-sided, power 80 %).

    Examples
    --------
    >>> answers_to_tell(5.0, deviation=25.0)
    393
    """
    return _ceil(2 * ((Z95 + Z_POWER) * deviation / _above_zero(difference)) ** 2)


def more_to_find(effect: float, error: float, n: float) -> int:
    """Give how many more it takes to find ``effect``, when ``n`` gave the standard error ``error``.

    Examples
    --------
    >>> more_to_find(10.0, 5.0, 100)
    97
    """
    return _ceil(n * max(((Z95 + Z_POWER) * error / _above_zero(abs(effect))) ** 2 - 1, 0.0))


def more_to_equate(margin: float, error: float, n: float, *, gap: float = 0.0) -> int:
    """Give how many more it takes to show that a gap lies within ``margin`` (TOST 5 %, power 80 %).

    The gap is taken as 0 where that still takes more; else as the one seen, up to half the margin.

    Examples
    --------
    >>> more_to_equate(10.0, 5.0, 100)
    115
    >>> more_to_equate(10.0, 3.0, 100, gap=4.0)
    55
    """
    at_zero = n * (((Z90 + Z_BOTH) * error / _above_zero(margin)) ** 2 - 1)
    as_seen = n * (((Z90 + Z_POWER) * error / (margin - min(abs(gap), margin / 2))) ** 2 - 1)
    return _ceil(max(at_zero if at_zero > 0 else as_seen, 0.0))


def _above_zero(value: float) -> float:
    if not value > 0:
        raise Refused("expected a number above 0")
    return value


def _ceil(value: float) -> int:
    return math.ceil(round(value, 6))
