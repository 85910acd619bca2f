from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from allears.act import issue as desk_of
from allears.act.case import case, cases, hand_over, move_case, open_cases, pause_case, resume_case
from allears.act.clocks import Clocks
from allears.act.issue import record
from allears.act.route import default_rules
from allears.desk.base import Desk
from allears.errors import NotFound, Refused

pytestmark = pytest.mark.both_desks

Found = Callable[..., pa.Table]
HOUR = timedelta(hours=1)
RULES, CLOCKS = default_rules(), Clocks.default()


def _work(desk: Desk, rows: pa.Table, at: datetime) -> list[Any]:
    return open_cases(desk, record(desk, rows, at=at), RULES, CLOCKS, at)


def test_one_case_for_each_issue_and_department_however_often_it_is_told(
    desk: Desk, found: Found, noon: datetime
) -> None:
    (opened,) = _work(desk, found({}), noon)
    assert (opened.department, opened.priority, opened.state) == ("payments", "P2", "open")
    assert _work(desk, found({}), noon) == [] and _work(desk, found({"signals": 5}), noon + HOUR) == []
    (row,) = cases(desk, noon)
    assert (
        row["issue"] == "i1"
        and row["acknowledge_by"] == noon + 4 * HOUR
        and "the topic is payment/declined" in row["why"]
    )
    assert desk_of.issue(desk, "i1")["department"] == "payments"


def test_an_issue_that_grows_large_raises_its_case_and_brings_in_others(
    desk: Desk, found: Found, noon: datetime
) -> None:
    _work(desk, found({}), noon)
    touched = _work(desk, found({"signals": 90, "customers": 80}), noon + HOUR)
    assert {(c.department, c.priority) for c in touched} == {("payments", "P1"), ("engineering", "P1")}
    mine = next(row for row in cases(desk, noon) if row["department"] == "payments")
    assert mine["acknowledge_by"] == noon + HOUR + timedelta(minutes=15)
    assert [e["what"] for e in case(desk, mine["id"], noon)["history"]] == ["opened", "raised"]
    assert _work(desk, found({"signals": 95, "customers": 20}), noon + 2 * HOUR) == [], "nothing is lowered"


def test_a_case_that_should_have_been_opened_is_opened_at_the_next_look(
    desk: Desk, found: Found, noon: datetime
) -> None:
    record(desk, found({}), at=noon)  # and then the process died
    assert len(_work(desk, found({}), noon + HOUR)) == 1


def test_what_people_assigned_goes_before_the_rules(desk: Desk, found: Found, noon: datetime) -> None:
    changes = record(desk, found({}), at=noon)
    desk_of.assign(desk, "i1", "fraud desk", "ada", noon)
    assert [c.department for c in open_cases(desk, changes, RULES, CLOCKS, noon)] == ["fraud desk"]


def test_a_fixed_issue_resolves_its_cases_and_a_returning_one_reopens_them(
    desk: Desk, found: Found, noon: datetime
) -> None:
    _work(desk, found({}), noon)
    desk_of.mark_fixed(desk, "i1", "ada", noon + HOUR)
    assert [row["state"] for row in cases(desk, noon)] == ["fixed"]
    back = noon + 48 * HOUR
    (again,) = _work(desk, found({"signals": 30, "growth": 5.0}), back)
    assert again.state == "open" and again.reopened == 1 and again.acknowledge_by == back + 4 * HOUR
    assert again.fixed_at is None and again.acknowledged_at is None


def test_dismissed_and_closed_issues_make_no_work(desk: Desk, found: Found, noon: datetime) -> None:
    changes = record(desk, found({}), at=noon)
    desk_of.dismiss(desk, "i1", "ada", noon)
    assert open_cases(desk, changes, RULES, CLOCKS, noon) == []
    _work(desk, found({"issue": "i2"}), noon)
    desk_of.close(desk, "i2", "ada", noon)
    assert [row["state"] for row in cases(desk, noon)] == ["closed"]


def test_an_issue_follows_its_cases(desk: Desk, found: Found, noon: datetime) -> None:
    first, second = _work(desk, found({"signals": 90, "customers": 80}), noon)
    move_case(desk, first.id, "acknowledged", "ada", noon)
    assert desk_of.issue(desk, "i1")["state"] == "acknowledged"
    move_case(desk, first.id, "fixed", "ada", noon + HOUR)
    assert desk_of.issue(desk, "i1")["state"] == "acknowledged"
    move_case(desk, second.id, "fixed", "bo", noon + 2 * HOUR)
    row = desk_of.issue(desk, "i1")
    assert row["state"] == "fixed" and row["fixed_at"] == noon + 2 * HOUR
    move_case(desk, first.id, "open", "ada", noon + 3 * HOUR, "it was not")
    assert desk_of.issue(desk, "i1")["state"] == "open"
    for one in (first, second):
        move_case(desk, one.id, "closed", "ada", noon + 4 * HOUR)
    assert desk_of.issue(desk, "i1")["state"] == "closed"


def test_only_legal_transitions(desk: Desk, found: Found, noon: datetime) -> None:
    (one,) = _work(desk, found({}), noon)
    move_case(desk, one.id, "fixed", "ada", noon, "patched")
    with pytest.raises(Refused, match="a fixed case can become open, closed only"):
        move_case(desk, one.id, "acknowledged", "ada", noon)
    with pytest.raises(Refused):
        move_case(desk, one.id, "dismissed", "ada", noon)
    with pytest.raises(NotFound):
        move_case(desk, "case-0", "fixed", "ada", noon)
    history = case(desk, one.id, noon)["history"]
    assert [(e["actor"], e["before"], e["after"], e["note"]) for e in history][1] == (
        "ada",
        "open",
        "fixed",
        "patched",
    )


def test_overdue_is_told_from_the_clocks(desk: Desk, found: Found, noon: datetime) -> None:
    (one,) = _work(desk, found({}), noon)
    assert cases(desk, noon + 4 * HOUR, overdue=True) == []
    assert [row["late"] for row in cases(desk, noon + 5 * HOUR, overdue=True)] == ["acknowledge"]
    move_case(desk, one.id, "acknowledged", "ada", noon + 5 * HOUR)
    assert cases(desk, noon + 5 * HOUR, overdue=True) == []
    assert [row["late"] for row in cases(desk, noon + 49 * HOUR)] == ["resolve"]
    move_case(desk, one.id, "fixed", "ada", noon + 49 * HOUR)
    assert cases(desk, noon + 99 * HOUR, overdue=True) == []


def test_a_paused_case_is_not_late_and_gets_its_time_back(desk: Desk, found: Found, noon: datetime) -> None:
    (one,) = _work(desk, found({}), noon)
    pause_case(desk, one.id, "waits for the bank", "ada", noon + HOUR)
    assert not case(desk, one.id, noon + 40 * HOUR)["overdue"]
    row = resume_case(desk, one.id, CLOCKS, "ada", noon + 24 * HOUR)
    assert row["acknowledge_by"] == noon + 27 * HOUR
    with pytest.raises(Refused):
        resume_case(desk, one.id, CLOCKS, "ada", noon)
    move_case(desk, one.id, "fixed", "ada", noon)
    with pytest.raises(Refused):
        pause_case(desk, one.id, "why not", "ada", noon)


def test_a_case_handed_over_stays_one_case(desk: Desk, found: Found, noon: datetime) -> None:
    (one,) = _work(desk, found({}), noon)
    assert hand_over(desk, one.id, "engineering", "ada", noon)["department"] == "engineering"
    assert desk_of.issue(desk, "i1")["department"] == "engineering"
    touched = _work(desk, found({"signals": 5}), noon)
    assert touched == [] and len(cases(desk, noon)) == 1


def test_a_department_has_one_case_for_an_issue(desk: Desk, found: Found, noon: datetime) -> None:
    one, two = _work(desk, found({"signals": 90, "customers": 80}), noon)
    with pytest.raises(Refused):
        hand_over(desk, one.id, two.department, "ada", noon)


def test_cases_are_listed_most_urgent_first(desk: Desk, found: Found, noon: datetime) -> None:
    wish = {"issue": "i3", "kind": "opportunity", "topics": ["product/size"]}
    _work(desk, found(wish, {}, {"issue": "i2", "terms": ["burned"]}), noon)
    rows = cases(desk, noon, state="active")
    assert [row["priority"] for row in rows] == ["P1", "P1", "P2", "P4", "P4"]
    assert [row["issue"] for row in cases(desk, noon, department="product")] == ["i3"]
    assert len(cases(desk, noon, issue="i2", state="open")) == 2
