"""When a customer has heard enough from us: caps in rolling windows, quiet hours, surveys, complaints."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from allears.act.playbook import Suppress

_WINDOWS = (
    ("per day", timedelta(days=1)),
    ("per week", timedelta(days=7)),
    ("per month", timedelta(days=30)),
)


class Ledger:
    """Who was contacted when, and who is complaining.

    Parameters
    ----------
    load
        Called once per customer with those about to be asked for, to fill in what is known of them.
    known
        Says which of some move ids were decided before this ledger began.

    Examples
    --------
    >>> ledger, at = Ledger(), datetime(2026, 5, 6, 12, tzinfo=UTC)
    >>> ledger.note("ada", at)
    >>> ledger.limit("ada", at + timedelta(hours=3), Suppress(per_day=1))
    'per day'
    >>> ledger.limit("ada", at + timedelta(hours=25), Suppress(per_day=1))
    ''
    """

    def __init__(
        self,
        load: Callable[[Ledger, list[str]], None] | None = None,
        known: Callable[[list[str]], set[str]] | None = None,
    ) -> None:
        self._load = load
        self._known = known
        self._decided: set[str] = set()
        self._met: set[str] = set()
        self._contacts: dict[str, list[datetime]] = {}
        self._surveys: dict[str, list[datetime]] = {}
        self._complaints: dict[str, list[tuple[datetime, datetime | None]]] = {}

    def meet(self, customers: Iterable[str]) -> None:
        """Fill in what is known of customers."""
        fresh = [c for c in customers if c not in self._met]
        self._met.update(fresh)
        if fresh and self._load is not None:
            self._load(self, fresh)

    def first_time(self, move_ids: list[str]) -> set[str]:
        """Keep the ids of moves never decided before, and remember that they are now."""
        fresh = set(move_ids) - self._decided
        if fresh and self._known is not None:
            fresh -= self._known(sorted(fresh))
        self._decided.update(move_ids)
        return fresh

    def note(self, customer: str, at: datetime, *, survey: bool = False) -> None:
        """Remember a contact, made or planned."""
        insort(self._contacts.setdefault(customer, []), at)
        if survey:
            insort(self._surveys.setdefault(customer, []), at)

    def note_seen(self, customer: str, at: datetime, *, survey: bool = False) -> None:
        """Remember a contact seen in the signals, unless it is the echo of one that was noted in the two days before."""
        known = self._contacts.get(customer, [])
        if bisect_left(known, at - timedelta(hours=48)) == bisect_right(known, at):
            self.note(customer, at, survey=survey)

    def complain(self, customer: str, since: datetime, until: datetime | None) -> None:
        """Remember a complaint; ``until`` None: still open."""
        self._complaints.setdefault(customer, []).append((since, until))

    def limit(
        self, customer: str, at: datetime, rules: Suppress, *, survey: bool = False, marketing: bool = False
    ) -> str:
        """Name the rule that keeps a customer from being contacted at a moment, or nothing."""
        if survey:
            quarantine = timedelta(days=rules.survey_every_days)
            if any(abs(at - asked) < quarantine for asked in self._surveys.get(customer, [])):
                return "survey quarantine"
            if rules.no_survey_during_complaint and self._complaining(customer, at, timedelta()):
                return "open complaint"
        contacts = self._contacts.get(customer, [])
        for (name, span), cap in zip(_WINDOWS, (rules.per_day, rules.per_week, rules.per_month), strict=True):
            if _densest(contacts, at, span) > cap:
                return name
        if marketing and self._complaining(
            customer, at, timedelta(days=rules.no_marketing_after_complaint_days)
        ):
            return "after complaint"
        return ""

    def _complaining(self, customer: str, at: datetime, after: timedelta) -> bool:
        return any(a <= at and (b is None or at < b + after) for a, b in self._complaints.get(customer, []))


def after_quiet(at: datetime, rules: Suppress, zone: ZoneInfo) -> datetime:
    """Find the first moment from ``at`` on that is not in the quiet hours.

    Examples
    --------
    >>> after_quiet(datetime(2026, 5, 6, 22, tzinfo=UTC), Suppress(), ZoneInfo("UTC")).isoformat()
    '2026-05-07T08:00:00+00:00'
    """
    begin, end = rules.quiet_from, rules.quiet_to
    if begin is None or end is None or begin == end:
        return at
    local = at.astimezone(zone)
    clock = local.time()
    quiet = begin <= clock < end if begin < end else clock >= begin or clock < end
    if not quiet:
        return at
    day = local.date() + timedelta(days=clock >= end)
    return datetime.combine(day, time(end.hour, end.minute), zone).astimezone(UTC)


def _densest(contacts: list[datetime], at: datetime, span: timedelta) -> int:
    """Count the contacts, one at ``at`` included, in the fullest window of that length around it.

    Contacts may be planned ahead, so the windows after ``at`` count as well as the one before.
    """
    near = contacts[bisect_right(contacts, at - span) : bisect_left(contacts, at + span)]
    here = bisect_right(near, at)
    near = [*near[:here], at, *near[here:]]
    return max(bisect_left(near, begin + span) - i for i, begin in enumerate(near[: here + 1]))
