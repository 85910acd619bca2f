"""Promises followed up: kept when we wrote again in time, broken when not, work once when they broke lately."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from allears.clock import SetClock
from allears.measure.promises import promises_kept
from allears.space import Space

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def said(thread: str, at: datetime, text: str, direction: str = "out") -> dict[str, Any]:
    return {
        "text": text,
        "occurred_at": at.isoformat(),
        "direction": direction,
        "thread": thread,
        "channel": "ticket",
        "identifiers": {"user_id": f"u-{thread}"},
    }


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    rows = [
        said("kept", NOON - 3 * DAY, "We will call you back within 24 hours."),
        said("kept", NOON - 3 * DAY + timedelta(hours=5), "We called: it is on its way"),
        said("broken", NOON - 3 * DAY, "We will call you back within 24 hours."),
        said("broken", NOON - 3 * DAY + timedelta(minutes=1), "(2/2) And sorry again"),
        said("broken", NOON - 1 * DAY, "Nobody called me", "in"),
        said("late", NOON - 3 * DAY, "We will call you back within 24 hours."),
        said("late", NOON - 1 * DAY, "Sorry for the wait"),
        said("open", NOON - timedelta(hours=1), "You will receive your refund within 3 days"),
        said("customer", NOON - 3 * DAY, "I will call you back within 24 hours.", "in"),
        said("end", NOON, "Thank you", "in"),
    ]
    with Space.open(tmp_path / "acme", clock=SetClock(NOON)) as opened:
        opened.hear(rows, source="tickets")
        opened.digest(look=False)
        yield opened


def test_what_became_of_each_promise(space: Space) -> None:
    found = space.promises()
    assert sorted(p["state"] for p in found) == ["broken", "broken", "kept", "open"]
    late = [p for p in found if p["state"] == "broken"]
    assert sorted(p["wrote_again_at"] is not None for p in late) == [False, True]


def test_a_promise_that_broke_makes_work_once(space: Space) -> None:
    assert space.follow_promises_up() == 1
    assert space.follow_promises_up() == 0
    case = space.cases()[0]
    assert case["department"] == "service" and "within 24 hours" in case["why"]
    assert case["customer"] == space.customer("u-broken").id


def test_history_that_is_taken_in_makes_no_work(space: Space) -> None:
    space.ground.clock = SetClock(NOON + 30 * DAY)
    assert space.follow_promises_up() == 0


def test_too_few_promises_give_no_share_and_enough_give_one_with_its_interval(space: Space) -> None:
    few = space.promises_kept().to_pylist()
    assert {(r["n"], r["estimate"], r["mark"]) for r in few} == {(3, None, "suppressed")}
    row = promises_kept([NOON] * 50, [True] * 45 + [False] * 5, cutoff=NOON).to_pylist()[0]
    assert row["estimate"] == 90.0 and row["low"] < 90 < row["high"] and row["method"].startswith("promises/")
