"""Truth: links held against labels, pair by pair and person by person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from allears.know.link.rates import rate


def evaluate(found: Sequence[int] | Sequence[str], truth: Sequence[int] | Sequence[str]) -> dict[str, Any]:
    """Compare two groupings of the same records.

    Parameters
    ----------
    found, truth
        A number or name per record; equal ones are one person.

    Returns
    -------
    dict
        ``records``, ``people``, ``found_people``; ``pairs`` and ``clusters``, each with ``precision``, ``recall``, ``f1``, ``n`` (true
        ones); ``intervals`` (95 %, people and not pairs taken as
        independent); ``over_merged``: share of found people that hold two true people, and ``over_merged_interval``.
        A cluster counts as right when it is exactly a true one, those of one record included.

    Examples
    --------
    >>> evaluate([0, 0, 1, 1], [0, 0, 0, 1])["pairs"]["precision"]
    0.5
    """
    a, b = (np.unique(np.asarray(side), return_inverse=True)[1] for side in (found, truth))
    width = int(b.max()) + 1 if len(b) else 1
    both, sizes = np.unique(a * width + b, return_counts=True)
    of_found, of_truth = np.bincount(a), np.bincount(b)
    one, other = both // width, both % width
    exact = (sizes == of_found[one]) & (sizes == of_truth[other])
    unit = _apart(one, other, len(of_found), len(of_truth))
    found_unit, truth_unit = (
        _first(unit, side, many) for side, many in ((one, len(of_found)), (other, len(of_truth)))
    )

    def summed(values: Any, units: Any) -> Any:
        return np.bincount(units, values, int(unit.max()) + 1 if len(unit) else 0)

    mixed = np.bincount(one, minlength=len(of_found)) > 1
    return {
        "records": len(a),
        "people": len(of_truth),
        "found_people": len(of_found),
        "pairs": rates(
            summed(_pairs(sizes), unit),
            summed(_pairs(of_found), found_unit),
            summed(_pairs(of_truth), truth_unit),
        ),
        "clusters": rates(
            summed(exact, unit),
            summed(np.ones(len(of_found)), found_unit),
            summed(np.ones(len(of_truth)), truth_unit),
        ),
        "over_merged": float(mixed.mean()) if len(mixed) else 0.0,
        "over_merged_interval": _interval(rate(mixed, np.ones(len(mixed)))),
    }


def _pairs(sizes: Any) -> Any:
    return sizes * (sizes - 1) // 2


def _apart(one: Any, other: Any, found: int, truth: int) -> Any:
    """Give what hangs together by either grouping one number: what happens in one says nothing of the next."""
    unit = np.arange(found)
    while True:
        lowest = np.full(truth, found)
        np.minimum.at(lowest, other, unit[one])
        again = unit.copy()
        np.minimum.at(again, one, lowest[other])
        if (again == unit).all():
            return np.unique(unit[one], return_inverse=True)[1]
        unit = again


def _first(unit: Any, side: Any, many: int) -> Any:
    of = np.zeros(many, np.int64)
    of[side] = unit
    return of


def rates(hit: Any, said: Any, real: Any) -> dict[str, Any]:
    """Give precision, recall and F1 with intervals, from what was hit, said and real in each independent unit."""
    precision, recall, both = rate(hit, said), rate(hit, real), rate(2 * hit, said + real)
    found = {
        # Who said nothing said nothing wrong.
        "precision": 1.0 if precision["estimate"] is None else precision["estimate"],
        "recall": 1.0 if recall["estimate"] is None else recall["estimate"],
    }
    found["f1"] = 0.0 if both["estimate"] is None else both["estimate"]
    intervals = {"precision": precision, "recall": recall, "f1": both}
    return {**found, "n": int(real.sum()), "intervals": {name: _interval(r) for name, r in intervals.items()}}


def _interval(found: dict[str, Any]) -> list[float] | None:
    return None if found["estimate"] is None else [found["low"], found["high"]]
