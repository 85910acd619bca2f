"""Periods of time as whole numbers, the same on every engine: weeks start on Monday, all in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from allears.clock import utc
from allears.errors import Refused

# 1970-01-05 was the first Monday. A month is four weeks here: calendar months hold weekdays unevenly.
MONDAY = 4 * 86_400
LENGTHS = {"hour": 3_600, "day": 86_400, "week": 7 * 86_400, "month": 28 * 86_400}


def length_of(every: str) -> int:
    """Give a period's length in seconds.

    Raises
    ------
    Refused
        ``every`` is not a period known here.

    Examples
    --------
    >>> length_of("week")
    604800
    """
    if every not in LENGTHS:
        raise Refused(f"no such period; there are {', '.join(LENGTHS)}", place="every")
    return LENGTHS[every]


def number(moment: datetime, every: str) -> int:
    """Give the number of the period a moment falls into.

    Examples
    --------
    >>> start(number(datetime(2026, 1, 8, 12, tzinfo=UTC), "week"), "week").date().isoformat()
    '2026-01-05'
    """
    return int((int(utc(moment).timestamp()) - MONDAY) // length_of(every))


def start(period: int, every: str) -> datetime:
    """Give the moment a numbered period starts."""
    return datetime(1970, 1, 5, tzinfo=UTC) + timedelta(seconds=period * length_of(every))


def numbered(time: Any, every: str) -> Any:
    """Give the period's number as an Ibis expression over a column of times.

    Whole numbers rather than calendar functions: those follow the engine's own time zone.
    """
    return ((seconds_of(time) - MONDAY) / length_of(every)).floor().cast("int64")


def seconds_of(time: Any) -> Any:
    """Give whole seconds since 1970 as an Ibis expression: a second ends with its last microsecond, on every engine."""
    # Cut off first: DuckDB would round, and put the last half second of a week into the next one; Spark would not.
    return time.truncate("s").epoch_seconds().cast("int64")
