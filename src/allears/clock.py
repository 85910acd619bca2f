"""What time it is: the real time, or a time that a simulation sets.

Everything that asks for the time asks a clock that was handed to it, so that a back-test or a
simulated company can live through ninety days in a minute.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Anything that knows the time."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)


class SetClock:
    """A time that is set by hand and moves only when told.

    Parameters
    ----------
    start
        First answer of `now`; must carry a zone.

    Examples
    --------
    >>> clock = SetClock(datetime(2026, 1, 1, tzinfo=UTC))
    >>> clock.advance(timedelta(hours=1))
    >>> clock.now().isoformat()
    '2026-01-01T01:00:00+00:00'
    """

    def __init__(self, start: datetime) -> None:
        self._now = utc(start)

    def now(self) -> datetime:
        """Return the time that was set."""
        return self._now

    def set(self, moment: datetime) -> None:
        """Move to a moment."""
        self._now = utc(moment)

    def advance(self, by: timedelta) -> None:
        """Move on by a while."""
        self._now += by


def utc(moment: datetime) -> datetime:
    """Turn an aware time into UTC.

    Raises
    ------
    ValueError
        The time carries no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)
