import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allears.errors import Refused
from allears.measure.intervals import Estimate, difference, effective, mean, nps, wilson


@pytest.mark.parametrize(
    ("n", "margin"), [(30, 27.9), (50, 21.6), (100, 15.3), (200, 10.8), (400, 7.7), (1000, 4.8)]
)
def test_the_margin_of_nps_is_close_to_the_plain_formula(n: int, margin: float) -> None:
    score = nps(0.5 * n, 0.2 * n, n)
    assert (score.high - score.low) / 2 == pytest.approx(margin, rel=0.05)


@given(st.integers(1, 5000), st.data())
def test_an_interval_always_holds_its_estimate(n: int, data: st.DataObject) -> None:
    promoters = data.draw(st.integers(0, n))
    detractors = data.draw(st.integers(0, n - promoters))
    for value, least, most in ((wilson(promoters, n), 0, 1), (nps(promoters, detractors, n), -100, 100)):
        assert least <= value.low <= value.estimate <= value.high <= most


def test_wilson_agrees_with_statsmodels() -> None:
    from statsmodels.stats.proportion import proportion_confint

    assert wilson(17, 60)[1:3] == pytest.approx(proportion_confint(17, 60, method="wilson"))


@pytest.mark.parametrize("n", [12, 50, 300])
def test_intervals_cover_the_truth_as_often_as_they_say(n: int) -> None:
    rng = np.random.default_rng(n)
    wave = rng.choice([-1, 0, 1], 4000, p=[0.2, 0.3, 0.5])
    truth, held = 100 * wave.mean(), {"nps": 0, "share": 0, "mean": 0}
    runs = 1500
    for _ in range(runs):
        x = rng.choice(wave, n)
        a = nps((x > 0).sum(), (x < 0).sum(), n)
        b = wilson((x > 0).sum(), n)
        c = mean(float(x.sum()), float((x * x).sum()), n)
        held["nps"] += a.low <= truth <= a.high
        held["share"] += b.low <= (wave > 0).mean() <= b.high
        held["mean"] += c.low <= truth / 100 <= c.high
    assert all(0.92 <= k / runs <= 0.98 for k in held.values()), held


def test_repeated_answers_of_one_customer_are_worth_less() -> None:
    # 50 customers who always answer alike, four times each: worth 50.
    x = np.repeat(np.random.default_rng(0).choice([0, 1], 50), 4)
    e = x - x.mean()
    clusters = e.reshape(50, 4).sum(1)
    assert effective(200, float((e**2).sum()), float((clusters**2).sum())) == pytest.approx(50)


def test_a_difference_is_as_wide_as_both_together() -> None:
    d = difference(Estimate(10, 7, 13, 100), Estimate(20, 16, 24, 100))
    assert (d.estimate, d.low, d.high) == pytest.approx((10, 5, 15))


def test_nonsense_is_refused() -> None:
    for call in (lambda: wilson(5, 4), lambda: wilson(0, 0), lambda: nps(3, 3, 5), lambda: mean(1, 1, 1)):
        with pytest.raises(Refused):
            call()
