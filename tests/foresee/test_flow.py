"""A source is missed when it should have spoken, and not while it usually rests."""

from __future__ import annotations

import numpy as np
import pytest

from allears.foresee.flow import WEEK, flow

BUDGET = 0.01


def office(hours: int, rate: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Give Poisson counts of a source that speaks from 8 to 18 h on weekdays, and their rate; hour 0 is a Monday."""
    place = np.arange(hours) % WEEK
    mean = np.where((place % 24 >= 8) & (place % 24 < 18) & (place < 120), rate, 0.0)
    return np.random.default_rng(seed).poisson(mean).astype(float), mean


def first_alarm(counts: np.ndarray, start: int, *, every: bool = False) -> int | None:
    place = np.arange(len(counts)) % WEEK
    # A gap only grows until the next arrival: just before it is when it would alarm.
    ends = range(start, len(counts) + 1) if every else np.flatnonzero(counts[start:]) + start
    for end in ends:
        listening = np.ones(end, bool)
        if flow(counts[:end], place[:end], listening, alarms_per_week=BUDGET).silent:
            return end
    return None


@pytest.mark.parametrize("rate", [1.0, 8.0])
def test_nights_and_eight_quiet_weekends_raise_nothing(rate: float) -> None:
    for seed in range(3):
        counts, _ = office(8 * WEEK, rate, seed)
        assert first_alarm(counts, 24) is None


@pytest.mark.parametrize("rate", [1.0, 8.0])
def test_a_source_that_stops_is_missed_within_a_few_expected_signals(rate: float) -> None:
    for seed in range(3):
        counts, mean = office(5 * WEEK, rate, seed)
        stop = 4 * WEEK + 24 + 10
        counts[stop:] = 0
        found = first_alarm(counts, stop, every=True)
        assert found is not None
        # Of the slow source sixteen signals; of the busy one three hours: two hundred that were never empty do not say
        # that none will be.
        assert mean[stop:found].sum() <= max(16, 3 * rate)


def test_a_source_heard_for_a_week_is_not_judged_yet() -> None:
    counts, _ = office(WEEK, 8.0, 1)
    assert first_alarm(np.r_[counts, np.zeros(WEEK - 1)], WEEK, every=True) is None


def test_nothing_is_missed_in_hours_in_which_nobody_listened() -> None:
    counts, _ = office(5 * WEEK, 8.0, 1)
    stop = 4 * WEEK + 34
    counts[stop:] = 0
    listening = np.arange(5 * WEEK) < stop
    found = flow(counts, np.arange(5 * WEEK) % WEEK, listening, alarms_per_week=BUDGET)
    assert found.missed == 0 and not found.silent


def test_the_count_of_a_week_lies_in_its_interval_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(60):
        counts, _ = office(6 * WEEK, 4.0, seed)
        place = np.arange(5 * WEEK) % WEEK
        # Learned from five weeks, asked about the same weeks' pattern: the sixth is new.
        learned = flow(counts[: 5 * WEEK], place, np.ones(5 * WEEK, bool), alarms_per_week=BUDGET)
        low, _, high = learned.last(WEEK)
        inside += low <= counts[5 * WEEK :].sum() <= high
    assert inside >= 52


@pytest.mark.parametrize("size", [0.5, 2.0])
def test_bursts_of_a_busy_source_are_no_silence(size: float) -> None:
    raised = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        counts = rng.poisson(40.0 * rng.gamma(size, 1 / size, 12 * WEEK)).astype(float)
        raised += first_alarm(counts, 3 * WEEK) is not None
    # A hundredth of a false silence a week over 54 source-weeks: half a one.
    assert raised <= 2


def test_the_less_even_a_source_the_less_an_empty_hour_tells() -> None:
    place = np.arange(6 * WEEK)
    surprises = []
    for size in (0.5, 2.0, 1e6):
        rng = np.random.default_rng(3)
        counts = rng.poisson(20.0 * rng.gamma(size, 1 / size, len(place))).astype(float)
        counts[-2:] = 0
        surprises.append(flow(counts, place % WEEK, place >= 0, alarms_per_week=BUDGET).surprise)
    assert surprises == sorted(surprises)
    # Two hours of twenty at size 2: twice 2 log 11.
    assert surprises[1] == pytest.approx(4 * np.log(11), rel=0.35)
