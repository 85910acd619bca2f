from __future__ import annotations

import numpy as np
import pytest

from allears.errors import Refused
from allears.foresee.expected import Calendar
from allears.foresee.volume import surprises

HOURS = np.arange("2026-01-05", "2026-03-02", dtype="datetime64[h]")
FIRST = int(HOURS[0].astype(int))


def usual(seed: int, level: float = 20.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    day = 1 + 0.6 * np.sin(np.arange(len(HOURS)) / 24 * 2 * np.pi)
    return random.poisson(level * day).astype(float)


@pytest.mark.parametrize("seed", range(5))
def test_a_spike_is_the_greatest_surprise(seed):
    counts = usual(seed)
    counts[900] = 150
    assert int(np.argmax(surprises(HOURS, counts))) == 900


def test_a_score_does_not_change_when_time_goes_on():
    counts = usual(1)
    assert np.array_equal(surprises(HOURS, counts)[:700], surprises(HOURS[:700], counts[:700]))


def test_scale_does_not_matter():
    counts = usual(2) + 1
    counts[1000:1010] *= 4
    assert np.allclose(surprises(HOURS, counts), surprises(HOURS, counts * 1000), atol=0.15)


def test_flat_short_and_unequal_series():
    assert not surprises(HOURS, np.full(len(HOURS), 3.0)).any()
    assert surprises(HOURS[:2], [1, 2]).tolist() == [0, 0]
    with pytest.raises(Refused):
        surprises(HOURS, [1.0])


def test_a_holiday_counts_as_a_sunday():
    new_year = np.array([FIRST - 4 * 24 + 10])  # Thursday, 1 January 2026
    assert Calendar("US").hours_of_week(new_year)[0] == 6 * 24 + 10
    assert Calendar("US").hours_of_week(new_year + 24)[0] == 4 * 24 + 10
    assert Calendar("US", "Europe/Rome").hours_of_week(new_year + 24)[0] == 4 * 24 + 11
