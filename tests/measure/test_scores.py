"""Scores of our own surveys give back what the answers were drawn from, and tell nothing of a few."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from allears.measure.scores import scores

AT = datetime(2026, 6, 1, tzinfo=UTC)
TRUTHS = {
    "nps-0-10": (list(range(11)), 10, lambda c: 100 * ((c >= 9).mean() - (c <= 6).mean())),
    "csat-1-5": (list(range(1, 6)), 4, lambda c: 100 * (c >= 4).mean()),
    "ces-1-7": (list(range(1, 8)), 6, lambda c: c.mean()),
    "stars-1-5": (list(range(1, 6)), 4, lambda c: c.mean()),
}


@pytest.mark.parametrize("scale", TRUTHS)
def test_the_interval_holds_the_truth_as_often_as_it_says(scale: str) -> None:
    choices, span, measure = TRUTHS[scale]
    chance = np.random.default_rng(5)
    weights = chance.dirichlet(np.ones(len(choices)))
    truth = measure(chance.choice(choices, 200_000, p=weights))
    inside = 0
    for _ in range(200):
        given = Counter(chance.choice(choices, 80, p=weights).tolist())
        rows = [("a.b", scale, (choice - choices[0]) / span, n) for choice, n in given.items()]
        [row] = scores(rows, at=AT)
        exact = measure(np.repeat(list(given), list(given.values())))
        assert row["estimate"] == pytest.approx(exact) and row["n"] == 80
        inside += row["low"] <= truth <= row["high"]
    assert inside >= 182  # 190 expected; less than one draw in three hundred falls below


def test_of_fewer_than_ten_only_their_number_is_told() -> None:
    [row] = scores([("a.b", "csat-1-5", 1.0, 9)], at=AT)
    assert (row["estimate"], row["low"], row["n"], row["mark"]) == (None, None, 9, "suppressed")
