"""Rates of pairs, with intervals: pairs of one person stand or fall together, so people count, not pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Z = 1.959964
"""95 %."""


def rate(hits: npt.ArrayLike, chances: npt.ArrayLike) -> dict[str, Any]:
    """Give the share of hits among chances, both counted per independent unit.

    Wilson's interval, with as many chances as the spread between units leaves: never more than there are units.

    Returns
    -------
    dict
        ``estimate``, ``low``, ``high``, ``n`` (chances), ``units``; without a chance all but the counts are ``None``.

    Examples
    --------
    >>> found = rate([1, 1, 0, 1], [1, 1, 1, 1])
    >>> found["estimate"], round(found["low"], 2), round(found["high"], 2), found["n"]
    (0.75, 0.26, 0.96, 4)
    """
    hit, had = np.asarray(hits, float), np.asarray(chances, float)
    units, whole = int((had > 0).sum()), float(had.sum())
    if not units:
        return {"estimate": None, "low": None, "high": None, "n": 0, "units": 0}
    share = float(hit.sum()) / whole
    spread = float(((hit - share * had) ** 2).sum()) / whole**2 * (units / max(units - 1, 1))
    worth = min(share * (1 - share) / spread, units) if spread > 0 else units
    middle = (share + Z**2 / (2 * worth)) / (1 + Z**2 / worth)
    half = Z * np.sqrt(share * (1 - share) / worth + Z**2 / (4 * worth**2)) / (1 + Z**2 / worth)
    low, high = min(float(middle - half), share), max(float(middle + half), share)
    return {"estimate": share, "low": max(low, 0.0), "high": min(high, 1.0), "n": int(whole), "units": units}
