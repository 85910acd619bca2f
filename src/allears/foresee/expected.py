"""What each hourly series should show: level, hour of the week, holidays; learned from its own past."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

WEEK = 168
HALF_LIFE_DAYS = 14.0
HISTORY_DAYS = 35
GUARD_HOURS = 24
SHAPE_PRIOR = 12.0
LEVEL_PRIOR = 0.1


class Calendar:
    """Hour of the week where the customers live; a public holiday counts as a Sunday.

    Parameters
    ----------
    country
        ISO 3166 country whose holidays count.
    timezone
        IANA zone.
    """

    def __init__(self, country: str = "US", timezone: str = "UTC") -> None:
        import holidays

        self._zone = ZoneInfo(timezone)
        supported = holidays.list_supported_countries()
        self._holidays = holidays.country_holidays(country) if country in supported else {}
        self._days: dict[int, tuple[int, int]] = {}

    def hours_of_week(self, hours: Ints) -> Ints:
        """Turn hours since 1970 (UTC) into 0 (Monday, midnight) to 167 (Sunday, 23 h), local."""
        days = hours // 24
        result = np.empty(len(hours), np.int64)
        for day in np.unique(days):
            offset, first = self._day(int(day))
            inside = days == day
            local = hours[inside] + offset
            weekday = (local // 24 + 3) % 7
            if first >= 0:
                weekday[local // 24 == first] = 6
            result[inside] = weekday * 24 + local % 24
        return result

    def _day(self, day: int) -> tuple[int, int]:
        """Offset in hours at noon, and the local day number if it is a holiday (else -1)."""
        if day not in self._days:
            from datetime import UTC, datetime

            noon = datetime(1970, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
            offset = noon.astimezone(self._zone).utcoffset() or timedelta()
            here = date(1970, 1, 1) + timedelta(days=day)
            self._days[day] = (round(offset.total_seconds() / 3600), day if here in self._holidays else -1)
        return self._days[day]


def week_shape(counts: Floats, weights: Floats, hours_of_week: Ints) -> Floats:
    """Learn the shape of a week, mean 1, from one pooled series.

    Each hour of the week is shrunk to hour-of-day times weekday, these to flat, so a shape can be
    learned from two days or from two years.
    """
    rate = float(counts @ weights) / max(float(weights.sum()), 1e-9)
    if rate <= 0:
        return np.ones(WEEK)
    got = np.bincount(hours_of_week, counts * weights, WEEK).reshape(7, 24)
    due = np.bincount(hours_of_week, weights, WEEK).reshape(7, 24) * rate
    prior = SHAPE_PRIOR * max(1.0, rate / 4)
    by_hour = (got.sum(0) + prior) / (due.sum(0) + prior)
    by_day = (got.sum(1) + prior) / ((due * by_hour).sum(1) + prior)
    base = by_day[:, None] * by_hour[None, :]
    shape = base * (got + prior) / (due * base + prior)
    result: Floats = (shape / shape.mean()).ravel()
    return result


def expect_day(
    clean: Matrix,
    known: Bools,
    owner: Ints,
    hours_of_week: Ints,
    day_hours_of_week: Ints,
    shape: Floats,
    guard_hours: int = GUARD_HOURS,
    level_prior: float = LEVEL_PRIOR,
) -> tuple[Matrix, Floats]:
    """Expect the hours of the coming day, for many series at once.

    Level: weighted mean over the history (half-life 14 days), divided by the shape's own exposure.
    Shape: the pooled week, bent towards each series' own daypart where it has counts enough.

    Parameters
    ----------
    clean
        Past counts with bursts clipped, shape (series, past hours), the last column one hour ago.
    known
        Hours in which each owner was listened to, shape (owners, past hours).
    owner
        Which owner each series belongs to.
    hours_of_week, day_hours_of_week
        Of the past hours, and of the hours to expect.
    shape
        The pooled week, mean 1.
    guard_hours
        Last hours left out, so that what is under way does not explain itself.

    Returns
    -------
    tuple
        Expected counts (series, hours), and the weighted count each rests on (series,).
    """
    past = clean.shape[1]
    age = np.arange(past, 0, -1)
    weights = np.where(age > guard_hours, 0.5 ** (age / (24 * HALF_LIFE_DAYS)), 0.0).astype(np.float32)
    exposure = (weights * shape[hours_of_week]).astype(np.float32)
    bins = np.zeros((past, 16), np.float32)
    bins[np.arange(past), _daypart(hours_of_week)] = 1.0
    weighted = np.where(known[owner], clean, np.float32(0)) * weights
    got = weighted @ bins
    due_owner = (known * exposure) @ bins
    due = due_owner[owner]
    total, opportunity = got.sum(1), due.sum(1)
    level = np.where(opportunity > 1.0, (total + level_prior) / np.maximum(opportunity, 1.0), 0.0)
    bend = (got + SHAPE_PRIOR) / (due * level[:, None] + SHAPE_PRIOR)
    expected = level[:, None] * shape[day_hours_of_week][None, :] * bend[:, _daypart(day_hours_of_week)]
    return expected.astype(np.float32), total.astype(np.float64)


def _daypart(hours_of_week: Ints) -> Ints:
    """Eight three-hour parts of a working day, eight of a weekend day."""
    part: Ints = (hours_of_week % 24) // 3 + 8 * (hours_of_week >= 120)
    return part
