import numpy as np
import pytest

from allears.errors import Refused
from allears.measure.power import answers_for_nps, answers_to_tell, more_to_equate, more_to_find


def test_the_answers_asked_for_give_the_power_promised() -> None:
    n = answers_to_tell(6.0, deviation=20.0)
    rng = np.random.default_rng(0)
    a, b = rng.normal(50, 20, (2000, n)), rng.normal(56, 20, (2000, n))
    z = (b.mean(1) - a.mean(1)) / np.sqrt((a.var(1, ddof=1) + b.var(1, ddof=1)) / n)
    assert 0.76 < np.mean(np.abs(z) > 1.96) < 0.84


def test_the_equivalence_asked_for_gives_the_power_promised() -> None:
    n, error, margin = 100, 6.0, 10.0
    enough = error * np.sqrt(n / (n + more_to_equate(margin, error, n)))
    gap = np.random.default_rng(1).normal(0, enough, 20_000)
    assert 0.77 < np.mean(np.abs(gap) + 1.645 * enough < margin) < 0.83


def test_enough_needs_no_more() -> None:
    assert more_to_find(10, 1.0, 100) == 0 == more_to_equate(10, 1.0, 100)
    assert answers_for_nps(5) == 938


def test_nothing_cannot_be_sought() -> None:
    with pytest.raises(Refused):
        more_to_find(0, 1.0, 100)
