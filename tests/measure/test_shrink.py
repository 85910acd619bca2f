import numpy as np
import pytest

from allears.errors import Refused
from allears.measure.shrink import means, shares


def test_the_prior_of_shares_is_given_back() -> None:
    rng = np.random.default_rng(1)
    truth = rng.beta(12, 8, 600)
    n = rng.integers(5, 60, 600)
    shrunk = shares(rng.binomial(n, truth), n)
    assert shrunk.prior.middle == pytest.approx(0.6, abs=0.02)
    assert shrunk.prior.strength == pytest.approx(20, rel=0.35)


def test_shrunken_shares_foretell_the_other_half_better() -> None:
    rng = np.random.default_rng(2)
    truth = rng.beta(12, 8, 200)
    n = rng.integers(10, 30, 200)
    first, second = rng.binomial(n, truth), rng.binomial(n, truth)
    raw = np.mean((first / n - second / n) ** 2)
    shrunk = np.mean((shares(first, n).estimate - second / n) ** 2)
    assert shrunk < 0.85 * raw


def test_intervals_of_shrunken_shares_cover() -> None:
    rng = np.random.default_rng(3)
    truth = rng.beta(12, 8, 2000)
    n = rng.integers(5, 60, 2000)
    s = shares(rng.binomial(n, truth), n)
    inside = np.abs(s.estimate - truth) < 1.96 * s.error
    assert 0.92 < inside.mean() < 0.98


def test_means_shrink_by_how_unsure_they_are_and_cover() -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(5, 2, 1000)
    error = rng.uniform(0.5, 4, 1000)
    s = means(truth + rng.normal(0, error), error)
    assert s.prior.middle == pytest.approx(5, abs=0.3)
    assert 0.92 < np.mean(np.abs(s.estimate - truth) < 1.96 * s.error) < 0.98


def test_equal_groups_become_one() -> None:
    s = means([3.0, 3.1, 2.9, 3.0], [0.5] * 4)
    assert np.allclose(s.estimate, 3.0) and s.prior.strength == float("inf")


def test_a_group_without_data_gets_the_prior() -> None:
    s = means([1.0, 5.0, float("nan")], [0.1, 0.1, float("nan")])
    assert s.estimate[2] == pytest.approx(s.prior.middle) and s.error[2] > s.error[0]


def test_one_group_cannot_borrow() -> None:
    with pytest.raises(Refused):
        shares([1], [2])
    with pytest.raises(Refused):
        means([1.0, float("nan")], [1.0, float("nan")])
