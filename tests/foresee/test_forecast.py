from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from allears.errors import NotReady, Refused
from allears.foresee.forecast import check_forecast, forecast, forecast_counts

START = datetime(2026, 1, 5, tzinfo=UTC)
FIRST = int(START.timestamp() // 3600)


def weekly(days: int, level: float, seed: int) -> np.ndarray:
    hours = np.arange(days * 24)
    shape = (1 + 0.7 * np.sin(hours / 24 * 2 * np.pi)) * np.where(hours // 24 % 7 >= 5, 0.5, 1.2)
    return np.random.default_rng(seed).poisson(level * shape).astype(float)


@pytest.mark.parametrize("level", [0.4, 3.0, 40.0])
def test_intervals_hold_about_what_they_promise_and_beat_the_seasonal_repeat(level):
    checked = [check_forecast(weekly(70, level, seed), FIRST) for seed in range(3)]
    assert 0.85 <= np.mean([c.coverage for c in checked]) <= 0.999
    assert np.mean([c.mase for c in checked]) < np.mean([c.mase_seasonal_naive for c in checked])


def test_the_shape_of_the_week_is_given_back():
    truth = weekly(56, 1000.0, 1)
    _, mid, _ = forecast_counts(truth[: 49 * 24], FIRST, 168)
    assert np.abs(mid - truth[49 * 24 :]).mean() / truth.mean() < 0.06


def test_low_mid_and_high_are_ordered_and_never_below_zero():
    low, mid, high = forecast_counts(weekly(20, 0.3, 2), FIRST, 48)
    assert (low >= 0).all() and (low <= mid).all() and (mid <= high).all()


def test_the_table_begins_one_hour_after_the_last():
    times = [START + timedelta(hours=h) for h in range(240)]
    ahead = forecast(times, weekly(10, 5, 0), 12, series="topic=x").to_pylist()
    assert len(ahead) == 12
    assert ahead[0]["time"] == ahead[0]["made_at"] == START + timedelta(hours=240)
    assert ahead[0]["series"] == "topic=x"
    clock = np.arange("2026-01-05", "2026-01-15", dtype="datetime64[h]")
    assert forecast(clock, weekly(10, 5, 0), 12, series="topic=x").to_pylist() == ahead


def test_too_little_or_unfit_data_is_said():
    times = [START + timedelta(hours=h) for h in range(10)]
    with pytest.raises(NotReady):
        forecast(times, np.ones(10))
    with pytest.raises(Refused):
        forecast([t.replace(tzinfo=None) for t in times] * 5, np.ones(50))
    with pytest.raises(NotReady):
        check_forecast(np.ones(100), FIRST)
