"""Truth: links held against labels, pair by pair and person by person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


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
        ones); ``over_merged``: share of found people of several records or one that hold two true people.
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
    hit, said, real = _pairs(sizes), _pairs(of_found), _pairs(of_truth)
    one, other = both // width, both % width
    exact = int(((sizes == of_found[one]) & (sizes == of_truth[other])).sum())
    mixed = np.bincount(one, minlength=len(of_found)) > 1
    return {
        "records": len(a),
        "people": len(of_truth),
        "found_people": len(of_found),
        "pairs": _rates(hit, said, real),
        "clusters": _rates(exact, len(of_found), len(of_truth)),
        "over_merged": float(mixed.mean()) if len(mixed) else 0.0,
    }


def _pairs(sizes: Any) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def _rates(hit: int, said: int, real: int) -> dict[str, Any]:
    precision, recall = (hit / said if said else 1.0), (hit / real if real else 1.0)
    both = precision + recall
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / both if both else 0.0,
        "n": real,
    }
