from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allears.act.calendar import Calendar
from allears.errors import Refused

BERLIN = Calendar(timezone="Europe/Berlin", country="DE")
starts = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))
spans = st.timedeltas(timedelta(minutes=1), timedelta(hours=60))


@settings(deadline=None)
@given(starts, spans)
def test_adding_working_time_passes_exactly_that_much(start: datetime, span: timedelta) -> None:
    end = BERLIN.add(start, span)
    assert end > start and BERLIN.between(start, end) == span


@settings(deadline=None)
@given(starts, spans, spans)
def test_adding_twice_is_adding_the_sum(start: datetime, first: timedelta, second: timedelta) -> None:
    assert BERLIN.add(BERLIN.add(start, first), second) == BERLIN.add(start, first + second)


@settings(deadline=None)
@given(starts)
def test_a_minute_of_working_time_agrees_with_counting_minutes(start: datetime) -> None:
    start = start.replace(second=0, microsecond=0)
    slow = sum(BERLIN.is_open(start + timedelta(minutes=m)) for m in range(0, 3 * 1440, 5)) * 5
    start_grid = BERLIN.between(start, start + timedelta(days=3)) / timedelta(minutes=1)
    assert abs(slow - start_grid) <= 30


def test_holidays_weekends_and_own_days_are_free() -> None:
    labour_day = datetime(2026, 5, 1, 10, tzinfo=UTC)  # a Friday, public holiday in Germany
    assert not BERLIN.is_open(labour_day)
    assert Calendar(timezone="Europe/Berlin").is_open(labour_day)
    assert not Calendar(closed=(date(2026, 5, 6),)).is_open(datetime(2026, 5, 6, 12, tzinfo=UTC))
    assert BERLIN.add(labour_day, timedelta(hours=1)) == datetime(2026, 5, 4, 8, tzinfo=UTC)


def test_the_hour_that_the_clocks_skip_is_not_worked() -> None:
    night = Calendar(timezone="Europe/Berlin", opens=time(0), closes=time(6), weekdays=(0, 1, 2, 3, 4, 5, 6))
    day = datetime(2026, 3, 28, 23, tzinfo=UTC)  # midnight in Berlin; at 2 it becomes 3
    assert night.between(day, day + timedelta(hours=12)) == timedelta(hours=5)


def test_a_calendar_without_an_open_hour_is_refused() -> None:
    with pytest.raises(ValueError):
        Calendar(opens=time(17), closes=time(9))
    with pytest.raises(Refused, match="zone"):
        Calendar(timezone="Nowhere/Town").is_open(datetime(2026, 5, 6, tzinfo=UTC))
    with pytest.raises(Refused, match="holidays"):
        Calendar(country="ZZ").is_open(datetime(2026, 5, 6, tzinfo=UTC))
