import numpy as np
import pytest

from allears.errors import NotReady, Refused
from allears.measure.impact import cuped, interrupted, matching_weights, mean_effects, ratio_effects


def _counts(rng: np.random.Generator, n: int, factors: list[float]) -> np.ndarray:
    rate = rng.gamma(0.7, 3 / 0.7, n)
    return rng.poisson(rate[:, None] * np.array(factors)).astype(float)


def test_a_known_ratio_is_given_back_and_its_interval_covers() -> None:
    rng = np.random.default_rng(0)
    held, bias = 0, []
    for _ in range(400):
        own, other = _counts(rng, 200, [1, 1.2 * 0.7]), _counts(rng, 800, [1, 1.2])
        e = ratio_effects(own, np.ones_like(own), other, np.ones_like(other))
        held += abs(e.effect[1] - np.log(0.7)) < e.quantile(0.975) * e.error(1)
        bias.append(e.effect[1] - np.log(0.7))
    assert 0.92 <= held / 400 <= 0.98
    assert abs(np.mean(bias)) < 0.02


def test_days_observed_make_rates_of_counts() -> None:
    own, other = np.array([[10.0, 5.0]] * 4), np.array([[10.0, 10.0]] * 4)
    e = ratio_effects(own, np.array([[10.0, 5.0]] * 4), other, np.full((4, 2), 10.0))
    assert e.effect[1] == pytest.approx(0)


def test_a_window_of_no_events_is_no_certainty() -> None:
    e = ratio_effects(
        np.array([[5.0, 0.0]] * 10), np.ones((10, 2)), np.array([[5.0, 5.0]] * 10), np.ones((10, 2))
    )
    assert np.isfinite(e.effect[1]) and e.error(1) > 1


def test_two_windows_are_tested_together() -> None:
    rng = np.random.default_rng(1)
    p = []
    for _ in range(300):
        own, other = _counts(rng, 150, [1, 1, 1]), _counts(rng, 500, [1, 1, 1])
        p.append(ratio_effects(own, np.ones_like(own), other, np.ones_like(other)).joint_p([1, 2]))
    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.09


def test_means_of_scales_that_differ_do_not_mix() -> None:
    rng = np.random.default_rng(2)
    n = 6000
    exposed, window, scale = rng.random(n) < 0.3, rng.integers(0, 2, n), rng.integers(0, 3, n)
    # The exposed answer the low scale more often afterwards; that alone is no effect.
    scale = np.where(exposed & (window == 1) & (rng.random(n) < 0.5), 0, scale)
    y = 40.0 + 15 * scale + 5 * window - 8 * (exposed & (window == 1)) + 3 * exposed + rng.normal(0, 20, n)
    e = mean_effects(y, np.ones(n), exposed, window, scale, np.arange(n), windows=2)
    assert e.effect[1] == pytest.approx(-8, abs=3 * e.error(1)) and e.error(1) < 1.5


def test_clustered_answers_have_wider_intervals() -> None:
    rng = np.random.default_rng(3)
    people = np.repeat(np.arange(300), 6)
    temper = rng.normal(0, 15, 300)[people]
    exposed, window = people % 3 == 0, (people // 3) % 2
    y = 50 + temper + rng.normal(0, 5, len(people))
    ones, zeros = np.ones(len(people)), np.zeros(len(people), int)
    clustered = mean_effects(y, ones, exposed, window, zeros, people, windows=2)
    naive = mean_effects(y, ones, exposed, window, zeros, np.arange(len(people)), windows=2)
    assert clustered.error(1) > 1.8 * naive.error(1)


def test_answers_missing_from_the_exposed_leave_no_estimate() -> None:
    e = mean_effects(
        np.array([1.0, 2, 3, 4]), np.ones(4), np.array([True, False, False, False]), np.array([0, 0, 1, 1]),
        np.zeros(4, int), np.arange(4), windows=2,
    )  # fmt: skip
    assert np.isnan(e.effect[1])


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_an_interrupted_series_seldom_cries_wolf(rho: float) -> None:
    rng = np.random.default_rng(4)
    days, alarms = np.arange(104), 0
    window = (days >= 90).astype(int)
    for _ in range(300):
        e = np.zeros(104)
        for t in range(1, 104):
            e[t] = rho * e[t - 1] + rng.normal()
        y = 3 + 0.01 * days + 0.5 * np.sin(2 * np.pi * days / 7) + e
        found = interrupted(y, days, window, windows=2)
        alarms += abs(found.effect[1]) > found.quantile(0.975) * found.error(1)
    assert alarms / 300 <= 0.08


def test_an_interrupted_series_finds_a_level_shift() -> None:
    rng = np.random.default_rng(5)
    days = np.arange(120)
    window = (days >= 90).astype(int)
    y = 5 + 0.005 * days + 0.3 * (days % 7 == 0) - 1.0 * window + rng.normal(0, 0.3, 120)
    found = interrupted(y, days, window, windows=2)
    assert found.effect[1] == pytest.approx(-1, abs=3 * found.error(1)) and found.error(1) < 0.3


def test_a_short_series_is_refused() -> None:
    with pytest.raises(NotReady) as no:
        interrupted(np.zeros(70), np.arange(70), np.arange(70) >= 59, windows=2)
    assert no.value.facts == {"got": 59, "needed": 60}


def test_weights_match_strata_and_drop_those_without_peers() -> None:
    w = matching_weights(np.array([0, 0, 0, 2]), np.array([0, 1, 2, 2]))
    assert w[1] == 0 and w[0] == pytest.approx(6 * w[2])


def test_cuped_leaves_the_unexplained_share() -> None:
    rng = np.random.default_rng(6)
    before = rng.normal(0, 1, 5000)
    after = 10 + 0.8 * before + rng.normal(0, 0.6, 5000)
    adjusted, left = cuped(after, before)
    assert left == pytest.approx(1 - 0.64, abs=0.03) and adjusted.mean() == pytest.approx(after.mean())
    assert cuped([1.0, 2.0, 3.0], [5.0, 5.0, 5.0])[1] == 1.0
    with pytest.raises(Refused):
        cuped([1.0], [1.0])
