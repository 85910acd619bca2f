"""Times as people and machines write them, turned into microseconds since 1970 in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from allears.errors import Refused

OLDEST = 631_152_000_000_000  # 1990-01-01
DAY = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)

_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_DIGITS = re.compile(r"[+-]?\d+(\.\d+)?$")
_SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d{2})(?:,?[ T]+(.*))?$")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp][Mm])?$")
_TWITTER = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{1,2}) (\d{2}):(\d{2}):(\d{2}) ([+-]\d{4}) (\d{4})$")
_SCRIPT = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{1,2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT([+-]\d{4})"
)
_SPACED_ZONE = re.compile(r"^(.*[\dMm]) ?(UTC|GMT|Z|[+-]\d{2}:?\d{2})$")
_FRACTION = re.compile(r"(\.\d{6})\d+")


def micros(moment: datetime) -> int:
    """Count microseconds since 1970.

    Examples
    --------
    >>> micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - EPOCH) // _TICK


def zone(name: str | None) -> ZoneInfo | None:
    """Find a time zone by its IANA name.

    Raises
    ------
    Refused
        There is no such zone.
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError):
        raise Refused("no such time zone", place="zone") from None


def read_time(value: object, order: str = "auto", naive: ZoneInfo | None = None) -> tuple[int, bool] | None:
    """Read one time.

    Parameters
    ----------
    value
        ISO 8601, epoch in seconds, milliseconds, microseconds or nanoseconds, RFC 2822, the forms of Twitter
        and JavaScript, or a slashed date; number, text, date or datetime.
    order
        ``mdy`` or ``dmy`` for slashed dates; ``auto`` is month first unless that is impossible.
    naive
        The zone of times written without one; UTC when None.

    Returns
    -------
    (int, bool) or None
        Microseconds since 1970 and whether the zone had to be assumed; None when it is no time.

    Examples
    --------
    >>> read_time("2015-02-22 11:35:52 -0800") == read_time("Sun Feb 22 19:35:52 +0000 2015")
    True
    >>> read_time("13/2/2026") == read_time("2026-02-13")
    True
    >>> read_time("soon") is None
    True
    """
    moment: datetime | None
    if isinstance(value, str):
        text = value.strip()
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            if _DIGITS.match(text):
                return _epoch(float(text))
            moment = _written(text, order)
        else:
            if text.isdigit():  # "1604000000" is also a week date to ISO 8601; nobody means that
                return _epoch(float(text))
    elif isinstance(value, bool) or value is None:
        return None
    elif isinstance(value, int | float):
        return _epoch(value)
    elif isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day)
    else:
        return None
    return None if moment is None else _in_utc(moment, naive)


def settle(moment: int | None, received: int, max_skew_days: int) -> tuple[int, bool]:
    """Replace an impossible time by the time of arrival; says whether the clock was off.

    Examples
    --------
    >>> settle(0, 1_700_000_000_000_000, 2)
    (1700000000000000, True)
    """
    if moment is None:
        return received, False
    if moment < OLDEST or moment > received + max_skew_days * DAY:
        return received, True
    return moment, False


def _in_utc(moment: datetime, naive: ZoneInfo | None) -> tuple[int, bool] | None:
    assumed = moment.tzinfo is None
    if assumed:
        moment = moment.replace(tzinfo=naive or UTC)
    try:
        return (moment - EPOCH) // _TICK, assumed and naive is None
    except OverflowError:
        return None


def _epoch(number: float) -> tuple[int, bool] | None:
    size = abs(number)
    if size < 1e11:
        return round(number * 1_000_000), False
    if size < 1e14:
        return round(number * 1_000), False
    if size < 1e17:
        return round(number), False
    return (round(number / 1_000), False) if size < 9e18 else None


def _written(text: str, order: str) -> datetime | None:
    if len(text) > 80 or not text:
        return None
    if found := _TWITTER.match(text):
        month, day, hour, minute, second, offset, year = found.groups()
        return _build(year, month, day, hour, minute, second, offset)
    if found := _SCRIPT.match(text):
        month, day, year, hour, minute, second, offset = found.groups()
        return _build(year, month, day, hour, minute, second, offset)
    if found := _SLASHED.match(text):
        return _slashed(found, order)
    tidy = _FRACTION.sub(r"\1", text)
    if found := _SPACED_ZONE.match(tidy):
        stamp, offset = found.groups()
        tidy = stamp + ("+00:00" if offset in ("UTC", "GMT", "Z") else offset)
    try:
        return datetime.fromisoformat(tidy)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _build(
    year: str, month: str, day: str, hour: str, minute: str, second: str, offset: str
) -> datetime | None:
    number = _MONTHS.get(month.lower())
    if number is None:
        return None
    try:
        return datetime.fromisoformat(f"{year}-{number:02d}-{int(day):02d}T{hour}:{minute}:{second}{offset}")
    except ValueError:
        return None


def _slashed(found: re.Match[str], order: str) -> datetime | None:
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    # Dots are written day first everywhere.
    day_first = order == "dmy" or (order == "auto" and (first > 12 or "." in found[0][:3]))
    month, day = (second, first) if day_first else (first, second)
    hour = minute = seconds = 0
    zoned = None
    if found[4]:
        clock = found[4].strip()
        if spaced := _SPACED_ZONE.match(clock):
            clock, offset = spaced.groups()
            zoned = "+0000" if offset in ("UTC", "GMT", "Z") else offset
        part = _CLOCK.match(clock)
        if part is None:
            return None
        hour, minute, seconds = int(part[1]), int(part[2]), int(part[3] or 0)
        if part[4]:
            hour = hour % 12 + (12 if part[4].lower() == "pm" else 0)
    try:
        moment = datetime(year + 2000 if year < 100 else year, month, day, hour, minute, seconds)
        return moment if zoned is None else datetime.fromisoformat(moment.isoformat() + zoned)
    except ValueError:
        return None
