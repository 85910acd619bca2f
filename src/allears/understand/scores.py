"""How well a reading agrees with labels: accuracy, macro-F1, and whether its certainty can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np

from allears.understand.words import Numbers


class Certainty(msgspec.Struct, frozen=True):
    """Among answers of about this certainty, how many were right."""

    low: float
    high: float
    n: int
    certainty: float
    accuracy: float


class Evaluation(msgspec.Struct, frozen=True):
    """Agreement with labels.

    Attributes
    ----------
    accuracy, macro_f1
        0-1.
    per_class
        F1 of blame (-1), neither (0), praise (1).
    n
        Texts measured.
    reliability
        Certainty against accuracy, in bands.
    calibration_error
        Mean distance of the two, weighted by band size.
    """

    accuracy: float
    macro_f1: float
    per_class: dict[int, float]
    n: int
    reliability: list[Certainty]
    calibration_error: float


def compare(labels: Sequence[int] | Numbers, chances: Numbers) -> Evaluation:
    """Compare chances of -1, 0, 1 (columns) with labels.

    Examples
    --------
    >>> compare([-1, 1], np.array([[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]])).accuracy
    1.0
    """
    truth = np.asarray(labels)
    said = chances.argmax(axis=1) - 1
    right, certainty = said == truth, chances.max(axis=1)
    per_class = {label: f1(truth == label, said == label) for label in (-1, 0, 1)}
    bands = _bands(certainty, right)
    error = sum(band.n * abs(band.certainty - band.accuracy) for band in bands) / max(1, len(truth))
    macro = float(np.mean(list(per_class.values())))
    return Evaluation(float(right.mean()), macro, per_class, len(truth), bands, error)


def f1(truth: Numbers, said: Numbers) -> float:
    """Harmonic mean of precision and recall of one class; 0 when it was neither said nor true."""
    total = truth.sum() + said.sum()
    return float(2 * (truth & said).sum() / total) if total else 0.0


def _bands(certainty: Numbers, right: Numbers) -> list[Certainty]:
    edges = (1 / 3, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 1.0 + 1e-9)
    bands = []
    for low, high in pairwise(edges):
        among = (certainty >= low) & (certainty < high)
        if among.any():
            bands.append(
                Certainty(
                    low,
                    min(1.0, high),
                    int(among.sum()),
                    float(certainty[among].mean()),
                    float(right[among].mean()),
                )
            )
    return bands
