from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allears.act.clocks import Clocks, deadlines, read_clocks, shift, urgency
from allears.errors import Refused

FRIDAY = datetime(2026, 5, 8, 16, tzinfo=UTC)


def test_the_clocks_that_come_along() -> None:
    clocks = Clocks.default()
    assert deadlines(clocks, "P1", FRIDAY) == (FRIDAY + timedelta(minutes=15), FRIDAY + timedelta(hours=8))
    assert deadlines(clocks, "P2", FRIDAY) == (
        datetime(2026, 5, 11, 12, tzinfo=UTC),
        datetime(2026, 5, 12, 16, tzinfo=UTC),
    )
    assert deadlines(clocks, "P3", FRIDAY) == (
        FRIDAY + timedelta(hours=24),
        datetime(2026, 5, 15, 16, tzinfo=UTC),
    )
    assert deadlines(clocks, "P4", FRIDAY)[0] == datetime(2026, 5, 15, 16, tzinfo=UTC)


def test_clocks_can_be_set_and_wrong_ones_are_refused() -> None:
    clocks = read_clocks(
        """
        P1 = { acknowledge = { amount = 5, unit = "minutes" }, resolve = { amount = 1, unit = "hours" } }
        calendar = { timezone = "Asia/Tokyo", opens = 08:30:00, weekdays = [0, 1, 2, 3, 4, 5] }
        """
    )
    assert deadlines(clocks, "P1", FRIDAY)[0] == FRIDAY + timedelta(minutes=5)
    for text, said in (
        ("P9 = 1", "P9"), ("P1 = 3", r"\$\.P1"), ('calendar = { timezone = "X/Y" }', "zone"), ("[", "not TOML"),
        ("calendar = { opens = 18:00:00 }", "closes"),
    ):  # fmt: skip
        with pytest.raises(Refused, match=said):
            read_clocks(text)
    with pytest.raises(Refused):
        clocks.pace("P7")


@settings(deadline=None)
@given(st.sampled_from(["P1", "P2", "P3", "P4"]), st.integers(1, 200), st.integers(0, 300))
def test_a_pause_costs_no_time(priority: str, worked: int, paused: int) -> None:
    clocks = Clocks.default()
    deadline = deadlines(clocks, priority, FRIDAY)[1]
    pause_at, resume_at = FRIDAY + timedelta(hours=worked), FRIDAY + timedelta(hours=worked + paused)
    limit = clocks.pace(priority).resolve
    later = shift(limit, clocks.calendar, deadline, pause_at, resume_at)
    if deadline <= pause_at:
        assert later == deadline
    elif limit.working:
        assert clocks.calendar.between(resume_at, later) == clocks.calendar.between(pause_at, deadline)
    else:
        assert later - resume_at == deadline - pause_at


def test_priority_then_score_then_age_and_nobody_waits_for_ever() -> None:
    allowed = FRIDAY + timedelta(days=5)
    assert urgency("P1", 0, FRIDAY, allowed, FRIDAY) > urgency("P2", 1e9, FRIDAY, allowed, FRIDAY)
    assert urgency("P2", 9, FRIDAY, allowed, FRIDAY) > urgency("P2", 3, FRIDAY, allowed, FRIDAY)
    assert urgency("P4", 0, FRIDAY, allowed, FRIDAY + timedelta(days=21)) > urgency(
        "P1", 9, FRIDAY, None, FRIDAY
    )
