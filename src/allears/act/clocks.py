"""How fast each priority must be acknowledged and resolved, and which case to take next."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from allears.act.calendar import Calendar
from allears.errors import Refused

PRIORITIES = ("P1", "P2", "P3", "P4")


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A span of time: around the clock, or in working time, where a day is one working day."""

    amount: Annotated[float, Meta(gt=0)]
    unit: Literal["minutes", "hours", "days"]
    working: bool = False

    def after(self, start: datetime, calendar: Calendar) -> datetime:
        """Find when the limit is reached."""
        span = self.span(calendar)
        return calendar.add(start, span) if self.working else start + span

    def span(self, calendar: Calendar) -> timedelta:
        """How long the limit is, in working time when it counts that."""
        if self.unit == "days" and self.working:
            return self.amount * calendar.day
        return timedelta(**{self.unit: self.amount})


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The two clocks of a priority."""

    acknowledge: Limit
    resolve: Limit


class Clocks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The clocks of every priority and the calendar they run by.

    P1 runs around the clock; the others in working time, except P3's first answer, due within a day for everybody.

    Examples
    --------
    >>> from datetime import UTC
    >>> deadlines(Clocks(), "P1", datetime(2026, 5, 9, tzinfo=UTC))[0].isoformat()
    '2026-05-09T00:15:00+00:00'
    """

    calendar: Calendar = Calendar()
    P1: Pace = Pace(Limit(15, "minutes"), Limit(8, "hours"))
    P2: Pace = Pace(Limit(4, "hours", working=True), Limit(2, "days", working=True))
    P3: Pace = Pace(Limit(24, "hours"), Limit(5, "days", working=True))
    P4: Pace = Pace(Limit(5, "days", working=True), Limit(20, "days", working=True))

    @classmethod
    def default(cls, zone: str = "UTC", country: str = "") -> Clocks:
        """Make the clocks that come with Allears for a company's zone and public holidays."""
        return cls(calendar=Calendar(timezone=zone, country=country))

    def pace(self, priority: str) -> Pace:
        """Find the two clocks of a priority."""
        if priority not in PRIORITIES:
            raise Refused(f"expected one of {', '.join(PRIORITIES)}", place="priority")
        found: Pace = getattr(self, priority)
        return found


def read_clocks(text: str, place: str = "clocks.toml", *, zone: str = "UTC", country: str = "") -> Clocks:
    """Read clocks from TOML; what is not given keeps its default.

    Parameters
    ----------
    zone, country
        The company's, for a calendar that names none.

    Raises
    ------
    Refused
        A field is wrong; the message names it.
    """
    try:
        told = msgspec.toml.decode(text)
        calendar = told.setdefault("calendar", {})
        if isinstance(calendar, dict):
            told["calendar"] = {"timezone": zone, "country": country} | calendar
        clocks = msgspec.convert(told, type=Clocks)
    except msgspec.ValidationError as error:
        raise Refused(str(error), place=place) from None
    except msgspec.DecodeError as error:
        raise Refused(f"not TOML: {error}", place=place) from None
    _ = clocks.calendar.zone  # an unknown zone is found here, not at the first case
    return clocks


def deadlines(clocks: Clocks, priority: str, opened_at: datetime) -> tuple[datetime, datetime]:
    """Find when a case must be acknowledged and when it must be resolved."""
    pace = clocks.pace(priority)
    return pace.acknowledge.after(opened_at, clocks.calendar), pace.resolve.after(opened_at, clocks.calendar)


def shift(
    limit: Limit, calendar: Calendar, deadline: datetime, paused_at: datetime, resumed_at: datetime
) -> datetime:
    """Move a deadline so that a pause cost nothing; one that had passed before the pause stays."""
    if deadline <= paused_at:
        return deadline
    if limit.working:
        return calendar.add(resumed_at, calendar.between(paused_at, deadline))
    return deadline + (resumed_at - paused_at)


def urgency(
    priority: str, score: float, opened_at: datetime, resolve_by: datetime | None, at: datetime
) -> float:
    """Say how soon a case should be taken; higher is sooner.

    A priority is worth one step and the score less than one. Age adds a step each time the case's own time to
    resolve has passed, so the least important case is taken some day: nobody waits for ever.

    Examples
    --------
    >>> from datetime import UTC
    >>> day, week = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=7)
    >>> urgency("P4", 3.0, day, day + week, day + 4 * week) > urgency("P2", 3.0, day, day + week, day)
    True
    """
    allowed = (resolve_by - opened_at) if resolve_by is not None else timedelta(days=5)
    age = max(timedelta(), at - opened_at) / max(allowed, timedelta(minutes=1))
    step = float(len(PRIORITIES) - 1 - PRIORITIES.index(priority))
    return step + math.tanh(max(0.0, score) / 10.0) * 0.9 + age
