from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from allears.act.happening import from_changes, from_issues, from_signals
from allears.act.issue import Change
from allears.act.playbook import Playbook, read_playbook
from allears.act.scene import Scene
from allears.errors import Refused

Build = Callable[..., Scene]
HOUR = timedelta(hours=1)


def _playbook(when: str) -> Playbook:
    return read_playbook(
        f'name = "x"\nsays = "x"\ngoal = {{ measure = "x" }}\nwhen = {when}\nthen = [ {{ do = "notify", destinations = ["x"] }} ]'
    )


def _issue(at: datetime, **more: Any) -> dict[str, Any]:
    base = {
        "id": "i1",
        "kind": "issue",
        "first_signal_at": at,
        "detected_at": at + HOUR,
        "facets": {"service": "pay"},
    }
    return base | {"state": "open", "fixed_at": None, "signals": 9, "customers": 9} | more


def test_exposed_are_those_who_met_it_or_wrote_until_then(scene: Build, noon: datetime) -> None:
    failed = {"kind": "telemetry", "service": "pay", "ok": False}
    seen = scene(
        [
            failed | {"customer_key": "met"},
            failed | {"customer_key": "before", "occurred_at": noon - HOUR},
            failed | {"customer_key": "later", "received_at": noon + 9 * HOUR},
            failed | {"customer_key": "well", "ok": True},
            failed | {"customer_key": "other", "service": "search"},
            failed | {"customer_key": None},
            {"signal_id": "s9", "customer_key": "wrote"},
            {"signal_id": "s8", "customer_key": "wrote-later", "received_at": noon + 9 * HOUR},
        ],
        {"i1": ["s9", "s8"]},
    )
    assert seen.exposed(_issue(noon), noon + HOUR) == {"met", "wrote"}
    assert seen.exposed(_issue(noon, facets={"channel": "chat"}), noon + HOUR) == {"wrote"}
    assert seen.exposed(_issue(noon, id="i2", first_signal_at=None), noon + HOUR) == set()


def test_events_with_a_partner_count_as_met(scene: Build, noon: datetime) -> None:
    shipped = {"kind": "event", "name": "Order Shipped", "partner": "Swift Parcels"}
    seen = scene([shipped | {"customer_key": "a"}, shipped | {"customer_key": "b", "partner": "Other"}])
    assert seen.exposed(_issue(noon, facets={"partner": ["Swift Parcels"]}), noon + HOUR) == {"a"}


def test_who_wrote_counts_what_came_in_not_what_we_sent(scene: Build, noon: datetime) -> None:
    seen = scene(
        [
            {"customer_key": "a"},
            {"customer_key": "b", "direction": "out"},
            {"customer_key": "c", "direction": None},
        ]
    )
    assert seen.who_wrote({"a", "b", "c"}, noon - HOUR, noon) == {"a", "c"}
    assert seen.who_wrote({"a"}, noon + HOUR, noon + 2 * HOUR) == set()


def test_contacts_of_the_company_are_those_outside_a_conversation(scene: Build, noon: datetime) -> None:
    out = {"direction": "out", "customer_key": "a"}
    seen = scene([out, out | {"thread": "t1"}, out | {"channel": "survey"}])
    assert seen.reached_out == {"a": [(noon, False), (noon, True)]}


def test_the_relationship_last_seen_counts(scene: Build, noon: datetime) -> None:
    rows = [
        {"customer_key": "a", "relationship": "partner", "occurred_at": noon + HOUR},
        {"customer_key": "a"},
    ]
    assert scene(rows).relationship == {"a": "partner"}


def test_a_scene_without_its_columns_is_refused() -> None:
    with pytest.raises(Refused, match="customer_key"):
        Scene(pa.table({"signal_id": ["s"]}))


def test_low_ratings_are_found_by_arrival(scene: Build, noon: datetime) -> None:
    nps = {"rating_scale": "nps-0-10"}
    seen = scene(
        [
            nps | {"rating": 0.6, "customer_key": "low"},
            nps | {"rating": 0.7, "customer_key": "fine"},
            nps | {"rating": 0.0, "customer_key": "early", "received_at": noon - 9 * HOUR},
            {"rating": 0.1, "rating_scale": "stars-1-5", "customer_key": "stars"},
            nps | {"rating": 0.1, "customer_key": None},
        ]
    )
    when = _playbook('{ on = "detractor answered", scale = ["nps-0-10"] }')
    assert [h.customer for h in from_signals(when, seen, noon - HOUR, noon)] == ["low"]
    both = _playbook('{ on = "detractor answered" }')
    assert [h.customer for h in from_signals(both, seen, noon - HOUR, noon)] == ["low", "stars"]


def test_a_customer_is_hit_by_several_failures_within_the_while(scene: Build, noon: datetime) -> None:
    def failure(customer: str, hours: float, **more: Any) -> dict[str, Any]:
        return {
            "kind": "telemetry",
            "ok": False,
            "service": "pay",
            "customer_key": customer,
            "occurred_at": noon + hours * HOUR,
        } | more

    rows = [
        failure("a", 0),
        failure("a", 1),
        failure("a", 2),
        failure("b", 0),
        failure("b", 30),
        failure("c", 3),
        failure("d", 0, ok=True),
    ]
    rows += [failure("d", 1, ok=True), failure("e", 0, service="x"), failure("e", 1, service="x")]
    when = _playbook('{ on = "customer hit", service = ["pay"], failures = 2, within_hours = 4 }')
    (hit,) = from_signals(when, scene(rows), noon - HOUR, noon + 40 * HOUR)
    assert (hit.customer, hit.at) == ("a", noon + HOUR)
    assert from_signals(when, scene(rows), noon + 3 * HOUR, noon + 40 * HOUR) == []
    assert from_signals(when, scene(rows[:1]), noon - HOUR, noon) == []
    one = _playbook('{ on = "customer hit", failures = 1 }')
    assert [h.customer for h in from_signals(one, scene(rows), noon - HOUR, noon)] == ["a", "b", "e"]


def test_named_events_are_found(scene: Build, noon: datetime) -> None:
    rows = [
        {"kind": "event", "name": "Plan Cancelled"},
        {"kind": "event", "name": "Page Viewed"},
        {"name": "Plan Cancelled"},
    ]
    when = _playbook('{ on = "event", names = ["Plan Cancelled"] }')
    assert [h.customer for h in from_signals(when, scene(rows), noon - HOUR, noon)] == ["c0"]
    assert from_signals(_playbook('{ on = "burn" }'), scene(rows), noon - HOUR, noon) == []


def test_changes_become_happenings_and_growth_keeps_the_key(noon: datetime) -> None:
    issue = _issue(noon)
    told = [Change(what, issue) for what in ("new", "grown", "quiet", "fixed", "reopened")] + [
        Change("grown", issue | {"state": "fixed"})
    ]
    happenings = from_changes(told, noon)
    assert [h.what for h in happenings] == ["issue opened", "issue opened", "issue fixed", "issue reopened"]
    assert happenings[0].key == happenings[1].key


def test_history_shows_an_issue_as_it_was_known_step_by_step(scene: Build, noon: datetime) -> None:
    rows = [
        {"signal_id": f"m{n}", "customer_key": f"c{n // 2}", "occurred_at": noon + n * 3 * HOUR}
        for n in range(8)
    ]
    seen = scene(rows, {"i1": [f"m{n}" for n in range(8)]})
    record = [_issue(noon, fixed_at=noon + 40 * HOUR, signals=8, customers=4)]
    steps = from_issues(record, seen, noon, noon + 99 * HOUR)
    assert [h.what for h in steps] == ["issue opened"] * 5 + ["issue fixed"]
    assert [h.issue["signals"] for h in steps if h.issue] == [1, 3, 5, 7, 8, 8]
    assert [h.issue["customers"] for h in steps if h.issue] == [1, 2, 3, 4, 4, 4]
    unknown = from_issues([_issue(noon, id="i7", signals=8)], seen, noon, noon + 99 * HOUR)
    assert [(h.what, h.at) for h in unknown] == [("issue opened", noon + HOUR)]
