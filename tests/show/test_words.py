"""Sentences claim no more than the intervals carry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from allears.show import words

PERCENT = st.floats(0, 100, allow_nan=False)
HALF = st.floats(0.01, 30, allow_nan=False)


def measure(estimate: float, half: float) -> dict[str, float]:
    return {"estimate": estimate, "low": estimate - half, "high": estimate + half}


@given(PERCENT, HALF, PERCENT, HALF)
def test_intervals_that_hold_one_anothers_estimate_never_tell_a_change(
    a: float, ha: float, b: float, hb: float
) -> None:
    if abs(a - b) <= max(ha, hb):
        assert words.moved(measure(a, ha), measure(b, hb)) == "same"


@given(PERCENT, HALF, PERCENT, HALF)
def test_intervals_apart_always_tell_a_change(a: float, ha: float, b: float, hb: float) -> None:
    if abs(a - b) > ha + hb:
        assert words.moved(measure(a, ha), measure(b, hb)) == ("up" if a > b else "down")


@given(PERCENT, HALF, PERCENT, HALF)
def test_a_change_told_backwards_is_the_opposite(a: float, ha: float, b: float, hb: float) -> None:
    turned = {"up": "down", "down": "up", "same": "same"}
    assert words.moved(measure(a, ha), measure(b, hb)) == turned[words.moved(measure(b, hb), measure(a, ha))]


def test_what_is_not_known_is_not_told() -> None:
    none = {"estimate": None, "low": None, "high": None, "n": 2}
    assert words.moved(none, measure(5, 1)) == "unknown"
    assert words.change(measure(5, 1), None) == "nothing to compare with last week"
    assert words.spread(none) == "too little data (n 2)"


def test_a_service_too_close_to_tell_is_told_so() -> None:
    row = {"estimate": 99.4, "low": 98.9, "high": 99.8, "n": 400, "target": 99.5}
    assert words.service(row).startswith("may or may not meet")


def test_a_week_that_hardly_began_is_no_news() -> None:
    cutoff = datetime(2026, 9, 1, tzinfo=UTC)
    rows = [{"time": cutoff - timedelta(days=d), "cutoff": cutoff} for d in (15, 8, 1)]
    assert words.whole_weeks(rows) == rows[:2]
    assert words.whole_weeks(rows[2:]) == rows[2:]


def test_a_late_case_says_how_late() -> None:
    now = datetime(2026, 9, 1, tzinfo=UTC)
    assert words.due(now - timedelta(days=3), now) == "3 days late"
    assert words.due(None, now) == "no clock"
