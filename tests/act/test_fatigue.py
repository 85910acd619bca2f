from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from allears.act.fatigue import Ledger, after_quiet
from allears.act.playbook import Suppress

START = datetime(2026, 5, 6, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 60 * 24), max_size=80), st.integers(0, 3), st.integers(0, 6), st.integers(0, 12)
)
def test_no_rolling_window_ever_holds_more_than_its_cap(
    hours: list[int], day: int, week: int, month: int
) -> None:
    """Contacts may be planned in any order, also before ones that are planned already."""
    ledger, rules, made = Ledger(), Suppress(per_day=day, per_week=week, per_month=month), []
    for hour in hours:
        at = START + timedelta(hours=hour)
        if not ledger.limit("c", at, rules):
            ledger.note("c", at)
            made.append(at)
    for span, cap in ((DAY, day), (7 * DAY, week), (30 * DAY, month)):
        assert all(sum(begin <= at < begin + span for at in made) <= cap for begin in made)


@settings(deadline=None)
@given(st.lists(st.integers(0, 60 * 24), max_size=40), st.integers(1, 3), st.integers(1, 6))
def test_a_contact_is_only_refused_when_a_cap_would_break(hours: list[int], day: int, week: int) -> None:
    ledger, rules, made = Ledger(), Suppress(per_day=day, per_week=week, per_month=1000), []
    for hour in hours:
        at = START + timedelta(hours=hour)
        tried = [*made, at]
        breaks = any(
            sum(b <= t < b + span for t in tried) > cap
            for span, cap in ((DAY, day), (7 * DAY, week))
            for b in tried
        )
        assert bool(ledger.limit("c", at, rules)) is breaks
        if not breaks:
            ledger.note("c", at)
            made.append(at)


def test_calendar_months_do_not_leak() -> None:
    ledger, rules = Ledger(), Suppress(per_day=9, per_week=9, per_month=2)
    for day in (30, 31):
        ledger.note("c", datetime(2026, 5, day, tzinfo=UTC))
    assert ledger.limit("c", datetime(2026, 6, 1, tzinfo=UTC), rules) == "per month"


def test_surveys_are_rare_and_never_during_a_complaint() -> None:
    ledger, rules = Ledger(), Suppress(survey_every_days=30)
    ledger.note("c", START, survey=True)
    assert ledger.limit("c", START + 29 * DAY, rules, survey=True) == "survey quarantine"
    assert ledger.limit("c", START + 29 * DAY, rules) == ""
    assert ledger.limit("c", START + 31 * DAY, rules, survey=True) == ""
    ledger.complain("d", START, START + DAY)
    ledger.complain("e", START, None)
    assert ledger.limit("d", START, rules, survey=True) == "open complaint"
    assert ledger.limit("d", START + 2 * DAY, rules, survey=True) == ""
    assert ledger.limit("e", START + 99 * DAY, rules, survey=True) == "open complaint"
    assert ledger.limit("e", START, Suppress(no_survey_during_complaint=False), survey=True) == ""


def test_no_marketing_after_a_complaint() -> None:
    ledger = Ledger()
    ledger.complain("c", START, START + DAY)
    assert ledger.limit("c", START + 14 * DAY, Suppress(), marketing=True) == "after complaint"
    assert ledger.limit("c", START + 15 * DAY, Suppress(), marketing=True) == ""
    assert ledger.limit("c", START + 14 * DAY, Suppress()) == ""


@settings(deadline=None)
@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)), st.booleans())
def test_a_contact_waits_for_the_end_of_the_quiet_hours(at: datetime, overnight: bool) -> None:
    rules = (
        Suppress(quiet_from=time(21), quiet_to=time(8))
        if overnight
        else Suppress(quiet_from=time(12), quiet_to=time(14))
    )
    zone = ZoneInfo("America/New_York")
    due = after_quiet(at, rules, zone)
    hour = due.astimezone(zone).hour
    assert (8 <= hour < 21) if overnight else not 12 <= hour < 14
    assert timedelta() <= due - at <= timedelta(hours=12)
    assert after_quiet(due, rules, zone) == due
    assert after_quiet(at, Suppress(quiet_from=None, quiet_to=None), zone) == at


def test_what_is_known_is_loaded_once_for_each_customer() -> None:
    asked: list[list[str]] = []
    ledger = Ledger(load=lambda _, customers: asked.append(customers))
    ledger.meet(["a", "b"])
    ledger.meet(["b", "c"])
    assert asked == [["a", "b"], ["c"]]


def test_the_echo_of_an_own_contact_is_not_counted_twice() -> None:
    ledger, rules = Ledger(), Suppress(per_day=9, per_week=2, per_month=9)
    ledger.note("c", START)
    ledger.note_seen("c", START + timedelta(hours=1))
    assert ledger.limit("c", START + DAY, rules) == ""
    ledger.note_seen("c", START + 4 * DAY)
    assert ledger.limit("c", START + 5 * DAY, rules) == "per week"
