"""Working time: which hours count, and how far away a moment is when only those are counted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from allears.errors import Refused

_LONGEST_CLOSED_DAYS = 400


class Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """When people work.

    Examples
    --------
    >>> week = Calendar(timezone="Europe/Berlin", country="DE")
    >>> friday = datetime(2026, 5, 8, 14, 0, tzinfo=UTC)
    >>> week.add(friday, timedelta(hours=4)).isoformat()  # one hour is left on Friday, three follow on Monday
    '2026-05-11T10:00:00+00:00'
    """

    timezone: Annotated[str, Meta(description="IANA zone")] = "UTC"
    country: Annotated[
        str, Meta(description="ISO 3166 country whose public holidays are free; empty: none")
    ] = ""
    opens: Annotated[time, Meta(description="local time work begins")] = time(9)
    closes: Annotated[time, Meta(description="local time work ends")] = time(17)
    weekdays: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=6)], ...], Meta(description="working days, Monday is 0")
    ] = (0, 1, 2, 3, 4)
    closed: Annotated[tuple[date, ...], Meta(description="further free days")] = ()

    def __post_init__(self) -> None:
        """Refuse hours in which nobody ever works."""
        if self.closes <= self.opens or not self.weekdays:
            raise ValueError("expected `closes` after `opens` and at least one weekday")

    @property
    def day(self) -> timedelta:
        """How long a working day is."""
        return datetime.combine(date.min, self.closes) - datetime.combine(date.min, self.opens)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone's rules.

        Raises
        ------
        Refused
            There is no such zone.
        """
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise Refused("no time zone of that name", place="calendar.timezone") from None

    def is_open(self, moment: datetime) -> bool:
        """Whether a moment is working time."""
        hours = self._hours(moment.astimezone(self.zone).date())
        return hours is not None and hours[0] <= moment < hours[1]

    def add(self, start: datetime, span: timedelta) -> datetime:
        """Find the moment at which ``span`` of working time has passed since ``start``."""
        day, left, idle = start.astimezone(self.zone).date(), span, 0
        while idle < _LONGEST_CLOSED_DAYS:
            hours = self._hours(day)
            if hours is not None and hours[1] > start:
                begin = max(start, hours[0])
                if begin + left <= hours[1]:
                    return (begin + left).astimezone(UTC)
                left -= hours[1] - begin
                idle = 0
            else:
                idle += 1
            day += timedelta(days=1)
        raise Refused("no working day within a year", place="calendar.closed")

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Add up the working time from one moment to a later one; zero when it is not later."""
        total, day = timedelta(), start.astimezone(self.zone).date()
        last = end.astimezone(self.zone).date()
        while day <= last:
            hours = self._hours(day)
            if hours is not None:
                total += max(timedelta(), min(end, hours[1]) - max(start, hours[0]))
            day += timedelta(days=1)
        return total

    def _hours(self, day: date) -> tuple[datetime, datetime] | None:
        if day.weekday() not in self.weekdays or day in self.closed or day in self._holidays:
            return None
        # Through UTC, so that a day on which the clocks change has its true length.
        opens, closes = (
            datetime.combine(day, t, self.zone).astimezone(UTC) for t in (self.opens, self.closes)
        )
        return opens, closes

    @cached_property
    def _holidays(self) -> Mapping[date, Any]:
        if not self.country:
            return {}
        import holidays

        try:
            days: Mapping[date, Any] = holidays.country_holidays(self.country)
        except NotImplementedError:
            raise Refused("no public holidays known for that country", place="calendar.country") from None
        return days
