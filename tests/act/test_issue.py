from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from allears.act import issue as desk_of
from allears.act.issue import record
from allears.desk.base import Desk
from allears.errors import NotFound, Refused

pytestmark = pytest.mark.both_desks

Found = Callable[..., pa.Table]
DAY = timedelta(days=1)


def test_a_finding_is_new_then_quiet_then_grown(desk: Desk, found: Found, noon: datetime) -> None:
    assert [c.what for c in record(desk, found({}), at=noon)] == ["new"]
    assert [c.what for c in record(desk, found({}), at=noon)] == ["quiet"]
    (change,) = record(desk, found({"signal_ids": ["s1", "s2", "s3"]}), at=noon)
    assert change.what == "grown" and change.issue["signals"] == 3
    assert desk_of.signals_of(desk, "i1") == ["s1", "s2", "s3"]


def test_the_keys_that_scripts_rely_on_are_there(desk: Desk, found: Found, noon: datetime) -> None:
    record(desk, found({}), at=noon)
    (row,) = desk_of.issues(desk)
    promised = {
        "id",
        "title",
        "kind",
        "first_signal_at",
        "detected_at",
        "signals",
        "customers",
        "department",
        "score",
        "state",
        "exemplars",
    }
    assert promised | {
        "topics",
        "facets",
        "terms",
        "expected",
        "growth",
        "factors",
        "fixed_at",
        "method",
    } <= set(row)
    assert row["facets"] == {"service": "checkout"} and row["detected_at"] == noon


def test_what_people_set_is_never_overwritten(desk: Desk, found: Found, noon: datetime) -> None:
    record(desk, found({}), at=noon)
    desk_of.acknowledge(desk, "i1", "ada", noon)
    desk_of.rename(desk, "i1", "cards fail at checkout", "ada", noon)
    desk_of.assign(desk, "i1", "payments", "ada", noon)
    record(desk, found({"title": "another", "signals": 90, "score": 11.0}), at=noon + DAY)
    row = desk_of.issue(desk, "i1")
    assert (row["title"], row["state"], row["department"]) == (
        "cards fail at checkout",
        "acknowledged",
        "payments",
    )
    assert (row["signals"], row["score"]) == (90, 11.0)
    assert [(e["actor"], e["what"]) for e in row["history"]] == [
        ("allears", "found"),
        ("ada", "state"),
        ("ada", "title"),
        ("ada", "department"),
    ]


def test_an_issue_does_not_shrink_when_the_detector_forgets(desk: Desk, found: Found, noon: datetime) -> None:
    record(desk, found({"signals": 40, "customers": 30}), at=noon)
    (change,) = record(desk, found({"signals": 5, "customers": 4}), at=noon)
    assert change.what == "quiet" and (change.issue["signals"], change.issue["customers"]) == (40, 30)


def test_the_first_detection_is_kept(desk: Desk, found: Found, noon: datetime) -> None:
    record(desk, found({}), at=noon)
    record(
        desk, found({"signals": 9, "detected_at": noon + DAY, "first_signal_at": noon - DAY}), at=noon + DAY
    )
    row = desk_of.issue(desk, "i1")
    assert row["detected_at"] == noon and row["first_signal_at"] == noon - DAY


@pytest.mark.parametrize(
    ("later", "growth", "what"),
    [(2.0, 4.0, "reopened"), (0.5, 4.0, "grown"), (2.0, 1.1, "grown")],
    ids=["back", "too soon", "a tail"],
)
def test_a_fixed_issue_opens_again_only_when_it_truly_returns(
    desk: Desk, found: Found, noon: datetime, later: float, growth: float, what: str
) -> None:
    record(desk, found({}), at=noon)
    assert desk_of.mark_fixed(desk, "i1", "ada", noon).what == "fixed"
    (change,) = record(desk, found({"signals": 9, "growth": growth}), at=noon + later * DAY)
    assert change.what == what
    assert change.issue["state"] == ("open" if what == "reopened" else "fixed")
    assert change.issue["fixed_at"] == noon


def test_a_dismissed_issue_stays_dismissed(desk: Desk, found: Found, noon: datetime) -> None:
    record(desk, found({}), at=noon)
    desk_of.dismiss(desk, "i1", "ada", noon)
    (change,) = record(desk, found({"signals": 500, "growth": 50.0}), at=noon + 9 * DAY)
    assert change.what == "grown" and change.issue["state"] == "dismissed"


def test_only_legal_changes_of_state(desk: Desk, found: Found, noon: datetime) -> None:
    record(desk, found({}), at=noon)
    desk_of.close(desk, "i1", "ada", noon)
    with pytest.raises(Refused, match="can become open only"):
        desk_of.acknowledge(desk, "i1", "ada", noon)
    assert desk_of.reopen(desk, "i1", "ada", noon).what == "reopened"
    with pytest.raises(NotFound):
        desk_of.acknowledge(desk, "nothing", "ada", noon)
    with pytest.raises(Refused):
        desk_of.rename(desk, "i1", " ", "ada", noon)


def test_issues_are_listed_by_state_and_score(desk: Desk, found: Found, noon: datetime) -> None:
    record(
        desk,
        found({}, {"issue": "i2", "score": 9.0}, {"issue": "i3", "kind": "opportunity", "score": 1.0}),
        at=noon,
    )
    assert [row["id"] for row in desk_of.issues(desk)] == ["i2", "i1", "i3"]
    desk_of.mark_fixed(desk, "i1", "ada", noon)
    assert [row["id"] for row in desk_of.issues(desk, "open")] == ["i2", "i3"]
    assert [row["id"] for row in desk_of.issues(desk, kind="opportunity")] == ["i3"]


def test_an_issue_knows_the_customers_who_wrote(desk: Desk, found: Found, noon: datetime) -> None:
    record(desk, found({}), at=noon, customers={"s1": "c1", "s2": None})
    assert desk_of.customers_of(desk, "i1") == ["c1"]
    record(desk, found({"signal_ids": ["s1", "s2", "s3"]}), at=noon, customers={"s2": "c2", "s3": "c3"})
    assert desk_of.customers_of(desk, "i1") == ["c1", "c2", "c3"]


def test_one_finding_twice_in_a_table_is_one_issue(desk: Desk, found: Found, noon: datetime) -> None:
    assert [c.what for c in record(desk, found({}, {"signals": 8}), at=noon)] == ["new", "grown"]
    assert len(desk_of.issues(desk)) == 1


def test_no_findings_change_nothing(desk: Desk, found: Found, noon: datetime) -> None:
    assert record(desk, found({}).slice(0, 0), at=noon) == []
