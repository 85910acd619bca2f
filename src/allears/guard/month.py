"""The clock of the law: one month by the calendar, two more where it says so (GDPR, article 12)."""

from __future__ import annotations

import calendar
from datetime import datetime


def months_later(moment: datetime, months: int) -> datetime:
    """Give the same day some months later, or that month's last day where there is none.

    Examples
    --------
    >>> months_later(datetime(2026, 1, 31), 1).date().isoformat()
    '2026-02-28'
    >>> months_later(datetime(2026, 11, 30), 3).date().isoformat()
    '2027-02-28'
    """
    whole = moment.month - 1 + months
    year, month = moment.year + whole // 12, whole % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
