from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from allears.act import issue as desk_of
from allears.act.case import cases, open_cases
from allears.act.clocks import Clocks
from allears.act.decide import decide, held_out
from allears.act.deliver import Outbox, new_secret
from allears.act.fatigue import Ledger
from allears.act.forget import forget_customers
from allears.act.happening import burn, from_issues, verdict
from allears.act.issue import record
from allears.act.moves import moves, settle
from allears.act.playbook import Playbook, example, read_playbook
from allears.act.rehearse import rehearse
from allears.act.route import default_rules
from allears.act.run import run
from allears.act.scene import Scene
from allears.clock import SetClock
from allears.desk.base import Desk
from allears.errors import Refused
from allears.guard.permit import Gate

Build = Callable[..., Scene]
Found = Callable[..., pa.Table]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def outbox(desk: Desk, noon: datetime) -> Outbox:
    made = Outbox(desk, lambda sealed, _: sealed, clock=SetClock(noon))
    for name in ("crm", "team"):
        made.add_destination(name, "http://10.0.0.1/", secret=new_secret().encode(), allow_private=True)
    return made


@pytest.fixture
def do(desk: Desk, outbox: Outbox, noon: datetime) -> Callable[..., list[Any]]:
    def act(playbook: Playbook, scene: Scene, at: datetime = noon, **more: Any) -> list[Any]:
        given = {
            "since": at - DAY,
            "at": at,
            "outbox": outbox,
            "clocks": Clocks.default(),
            "gate": Gate(desk),
        }
        return run(desk, [playbook], scene, **given | more)

    return act


def _playbook(text: str) -> Playbook:
    return read_playbook(f'name = "test"\nsays = "x"\ngoal = {{ measure = "x" }}\nholdout = 0.0\n{text}')


TELL = """
when = { on = "issue opened", issue = { min_customers = 3 } }
who = { are = "exposed", silent = true }
then = [ { do = "propose message", message = "we-know", via = "crm" }, { do = "notify", destinations = ["team"] } ]
"""
ASK = """
when = { on = "issue fixed" }
who = { are = "wrote" }
then = [ { do = "wait", hours = 72 }, { do = "survey", question = "better-now", via = "crm" } ]
"""


def _failures(customers: int, at: datetime) -> list[dict[str, Any]]:
    base = {"kind": "telemetry", "service": "checkout", "ok": False, "occurred_at": at}
    return [base | {"signal_id": f"t{n}", "customer_key": f"silent{n}"} for n in range(customers)]


def test_those_who_met_it_silently_are_told_once_there_are_enough(
    desk: Desk, found: Found, scene: Build, noon: datetime, do: Callable[..., list[Any]]
) -> None:
    playbook = _playbook(TELL)
    seen = scene(_failures(5, noon - HOUR))
    assert do(playbook, seen, changes=record(desk, found({}), at=noon)) == []
    grown = record(desk, found({"customers": 9, "signals": 9}), at=noon)
    made = do(playbook, seen, changes=grown)
    assert sorted(m.customer for m in made if m.action == "message") == [f"silent{n}" for n in range(5)]
    assert [m.action for m in made if m.customer is None] == ["notify"]
    assert do(playbook, seen, changes=grown) == [], "told twice, done once"
    later = scene(_failures(7, noon - HOUR))
    more = do(playbook, later, changes=record(desk, found({"customers": 12, "signals": 12}), at=noon + HOUR))
    assert sorted(m.customer for m in more) == ["silent5", "silent6"], "only those who met it since"


def test_what_goes_out_counts_people_and_names_none(
    desk: Desk, found: Found, scene: Build, noon: datetime, do: Callable[..., list[Any]], outbox: Outbox
) -> None:
    made = do(
        _playbook(TELL),
        scene(_failures(5, noon - HOUR)),
        changes=record(desk, found({"customers": 9}), at=noon),
    )
    assert len(made) == 6
    rows = outbox.deliveries()
    assert [(r["destination"], r["event_type"]) for r in rows] == [
        ("crm", "moves.proposed"),
        ("team", "playbook.notice"),
    ]
    from allears.desk.work import Delivery

    with desk.session() as session:
        bodies = [json.loads(row.payload)["data"] for row in session.query(Delivery).order_by(Delivery.id)]
    assert bodies[0] == {
        "playbook": "test",
        "action": "message",
        "what": "we-know",
        "decision": made[0].decision,
        "moves": 5,
    }
    assert bodies[1]["about"]["title"] == "card declined" and "silent" not in json.dumps(bodies)


def test_a_held_out_share_is_left_alone_always_the_same(
    scene: Build, found: Found, desk: Desk, noon: datetime
) -> None:
    playbook = read_playbook('name = "test"\nsays = "x"\ngoal = { measure = "x" }\nholdout = 0.25\n' + TELL)
    (change,) = record(desk, found({"customers": 9}), at=noon)
    happening = from_issues([change.issue], scene([]), noon - DAY, noon)[0]
    made = decide(playbook, happening, scene(_failures(2000, noon - HOUR)), Ledger(), noon.tzinfo, Gate(desk))  # type: ignore[arg-type]
    left = {m.customer for m in made if m.state == "held out"}
    assert 420 < len(left) < 580
    assert left == {f"silent{n}" for n in range(2000) if held_out(playbook, f"silent{n}")}


def test_the_order_of_the_data_does_not_matter(
    scene: Build, found: Found, desk: Desk, noon: datetime
) -> None:
    playbook = _playbook(TELL.replace("silent = true", "silent = true, at_most = 7"))
    (change,) = record(desk, found({"customers": 9}), at=noon)
    happening = from_issues([change.issue], scene([]), noon - DAY, noon)[0]
    rows = _failures(40, noon - HOUR)
    one, two = (
        decide(playbook, happening, scene(r), Ledger(), noon.tzinfo, Gate(desk)) for r in (rows, rows[::-1])
    )  # type: ignore[arg-type]
    assert [m.id for m in one] == [m.id for m in two] and len(one) == 8


def test_quiet_hours_postpone_and_caps_suppress(
    desk: Desk, found: Found, scene: Build, noon: datetime, do: Callable[..., list[Any]]
) -> None:
    night = noon + 10 * HOUR
    seen = scene(
        [
            *_failures(2, noon),
            {"customer_key": "silent0", "direction": "out", "kind": "event", "occurred_at": noon + HOUR},
        ]
    )
    made = do(
        _playbook(TELL),
        seen,
        night,
        changes=record(desk, found({"customers": 9, "detected_at": night}), at=night),
    )
    by_customer = {m.customer: m for m in made}
    # Contacted at 13:00 already, and the message would wait until 8:00: still the same day's cap.
    assert (by_customer["silent0"].state, by_customer["silent0"].held_by) == ("suppressed", "per day")
    assert (by_customer["silent1"].state, by_customer["silent1"].held_by) == ("proposed", "quiet hours")
    assert by_customer["silent1"].due_at == datetime(2026, 5, 7, 8, tzinfo=UTC)


def test_caps_hold_across_playbooks_and_runs(
    desk: Desk, found: Found, scene: Build, noon: datetime, do: Callable[..., list[Any]]
) -> None:
    seen = scene(_failures(1, noon - HOUR))
    rows = [{"issue": f"i{n}", "customers": 9} for n in range(3)]
    made = do(_playbook(TELL), seen, changes=record(desk, found(*rows), at=noon))
    states = sorted(m.state for m in made if m.customer)
    assert states == ["proposed", "suppressed", "suppressed"]
    again = do(
        _playbook(TELL),
        seen,
        noon + HOUR,
        changes=record(desk, found({"issue": "i9", "customers": 9}), at=noon + HOUR),
    )
    assert [m.held_by for m in again if m.customer] == ["per day"]


def test_safety_is_never_held_back_but_counted(
    desk: Desk, found: Found, scene: Build, noon: datetime, do: Callable[..., list[Any]]
) -> None:
    playbook = _playbook(TELL.replace('message = "we-know"', 'message = "stop-using-it", purpose = "safety"'))
    night, seen = noon + 10 * HOUR, scene(_failures(1, noon))
    rows = [{"issue": f"i{n}", "customers": 9} for n in range(2)]
    made = do(playbook, seen, night, changes=record(desk, found(*rows), at=night))
    assert [(m.state, m.due_at) for m in made if m.customer] == [("proposed", night)] * 2
    after = do(
        _playbook(TELL), seen, night, changes=record(desk, found({"issue": "i5", "customers": 9}), at=night)
    )
    assert [m.held_by for m in after if m.customer] == ["per day"]


def test_those_who_wrote_are_asked_after_the_fix_unless_it_comes_back(
    desk: Desk, found: Found, scene: Build, noon: datetime, do: Callable[..., list[Any]], outbox: Outbox
) -> None:
    seen = scene(
        [{"signal_id": "s1", "customer_key": "a"}, {"signal_id": "s2", "customer_key": "b"}],
        {"i1": ["s1", "s2"]},
    )
    record(desk, found({}), at=noon, customers={"s1": "a", "s2": "b"})
    fixed_at = noon + HOUR
    made = do(_playbook(ASK), seen, fixed_at, changes=[desk_of.mark_fixed(desk, "i1", "ada", fixed_at)])
    assert {m.customer for m in made} == {"a", "b"} and {m.state for m in made} == {"proposed"}
    assert {m.due_at for m in made} == {fixed_at + 72 * HOUR}
    assert [d["next_at"] for d in outbox.deliveries()] == [fixed_at + 72 * HOUR]
    back = fixed_at + 30 * HOUR
    (change,) = record(desk, found({"signals": 30, "growth": 6.0}), at=back)
    do(_playbook(ASK), seen, back, changes=[change])
    assert {(m["state"], m["held_by"]) for m in moves(desk, Gate(desk), issue="i1")} == {
        ("suppressed", "issue reopened")
    }
    assert outbox.deliveries() == []


def test_nobody_is_asked_while_another_complaint_is_open(
    desk: Desk, found: Found, scene: Build, noon: datetime, do: Callable[..., list[Any]]
) -> None:
    seen = scene(
        [{"signal_id": "s1", "customer_key": "a"}, {"signal_id": "s2", "customer_key": "b"}],
        {"i1": ["s1", "s2"]},
    )
    record(desk, found({}, {"issue": "i2", "signal_ids": ["s1"]}), at=noon, customers={"s1": "a", "s2": "b"})
    made = do(_playbook(ASK), seen, noon + HOUR, changes=[desk_of.mark_fixed(desk, "i1", "ada", noon + HOUR)])
    assert {m.customer: m.held_by for m in made} == {"a": "open complaint", "b": None}


def test_a_detractor_is_called_by_a_person(
    desk: Desk, scene: Build, noon: datetime, do: Callable[..., list[Any]]
) -> None:
    rows = [
        {"signal_id": f"n{n}", "customer_key": f"d{n}", "rating": 0.2, "rating_scale": "nps-0-10"}
        for n in range(40)
    ]
    playbook = example("detractor-callback")
    made = do(playbook, scene(rows), noon)
    left = sum(held_out(playbook, f"d{n}") for n in range(40))
    assert len(made) == 40 and sum(m.state == "held out" for m in made) == left
    opened = cases(desk, noon)
    assert (
        len(opened) == 40 - left
        and {c["department"] for c in opened} == {"service"}
        and all(c["customer"] for c in opened)
    )
    assert do(playbook, scene(rows), noon) == []
    with desk.session() as session:
        gone = forget_customers(session, {c["customer"]: c["customer"] for c in opened})
    assert all((each["cases"], each["moves"]) == (1, 1) for each in gone.values()) and len(gone) == 40 - left
    assert not any(c["customer"] for c in cases(desk, noon))


def test_a_burn_makes_one_case_a_day(
    desk: Desk, scene: Build, noon: datetime, do: Callable[..., list[Any]]
) -> None:
    playbook = example("burn-to-engineering")
    assert do(playbook, scene([]), given=[burn("checkout", 3.0, noon)]) == []
    for hours in (0, 1, 2):
        do(playbook, scene([]), noon + hours * HOUR, given=[burn("checkout", 14.4, noon + hours * HOUR)])
    (opened,) = cases(desk, noon)
    assert opened["title"] == "error budget burns: checkout" and opened["priority"] == "P1"
    assert [m["state"] for m in moves(desk, Gate(desk), playbook="burn-to-engineering")] == ["sent"]


def test_a_playbook_adds_no_second_case_to_an_issue_that_was_routed(
    desk: Desk, found: Found, scene: Build, noon: datetime, do: Callable[..., list[Any]]
) -> None:
    changes = record(desk, found({}), at=noon)
    open_cases(desk, changes, default_rules(), Clocks.default(), noon)
    text = 'when = { on = "issue opened" }\nthen = [ { do = "open case", department = "payments", priority = "P1", title = "look" } ]'
    do(_playbook(text), scene([]), changes=changes)
    assert len(cases(desk, noon)) == 1


def test_a_verdict_is_answered(
    desk: Desk, found: Found, scene: Build, noon: datetime, do: Callable[..., list[Any]], outbox: Outbox
) -> None:
    (change,) = record(desk, found({}), at=noon)
    playbook = _playbook('when = { on = "verdict" }\nthen = [ { do = "notify", destinations = ["team"] } ]')
    made = do(
        playbook,
        scene([]),
        given=[verdict(change.issue, "not regained", noon), verdict(change.issue, "regained", noon)],
    )
    assert [m.why for m in made] == ["test: verdict and it says not regained"]
    assert len(outbox.deliveries()) == 1


def test_a_rehearsal_counts_what_running_does(
    desk: Desk, found: Found, scene: Build, noon: datetime, do: Callable[..., list[Any]]
) -> None:
    rows = [
        {
            "signal_id": f"n{n}",
            "customer_key": f"d{n % 25}",
            "rating": 0.1,
            "rating_scale": "nps-0-10",
            "occurred_at": noon - (n % 20) * DAY,
        }
        for n in range(60)
    ]
    seen, playbook = scene(rows), example("detractor-callback")
    rehearsed = rehearse(playbook, seen.signals, [], gate=Gate(desk), until=noon)
    made = do(playbook, seen, noon, since=noon - 30 * DAY)
    assert rehearsed.held_out == sum(m.state == "held out" for m in made)
    assert sum(rehearsed.suppressed.values()) == sum(m.state == "suppressed" for m in made)
    assert (
        sum(rehearsed.per_day.values())
        == sum(m.state == "sent" for m in made)
        == sum(rehearsed.actions.values())
    )
    assert rehearsed.people == len({m.customer for m in made if m.state == "sent"})
    assert cases(desk, noon), "the rehearsal itself wrote nothing, the run did"


def test_a_rehearsal_of_an_issue_reaches_people_as_they_meet_it(
    scene: Build, desk: Desk, noon: datetime
) -> None:
    wrote = [
        {"signal_id": f"w{n}", "customer_key": f"w{n}", "occurred_at": noon + n * HOUR} for n in range(12)
    ]
    met = [
        {
            "kind": "telemetry",
            "service": "checkout",
            "ok": False,
            "customer_key": f"m{n}",
            "signal_id": f"m{n}",
            "occurred_at": noon + n * HOUR,
        }
        for n in range(12)
    ]
    seen = scene(wrote + met, {})
    issue = {
        "id": "i1", "title": "card declined", "kind": "issue", "facets": {"service": "checkout"}, "first_signal_at": noon, "score": 5.0,
        "detected_at": noon + HOUR, "fixed_at": noon + 40 * HOUR, "signals": 12, "customers": 12, "growth": 3.0, "topics": [], "terms": [],
    }  # fmt: skip
    members = {"i1": [f"w{n}" for n in range(12)]}
    told = rehearse(
        _playbook(TELL),
        seen.signals,
        [issue],
        gate=Gate(desk),
        members=members,
        until=noon + 10 * DAY,
        days=20,
    )
    # At detection two had written, six hours later eight: only then is it large enough; the last look is at 13:00 the next day.
    assert told.people == 12 and told.most_to_one == 1 and told.answered == 1
    assert told.actions == {"message (we-know)": 12, "notify (team)": 1}
    assert told.postponed > 0, "the second look is at night"
    asked = rehearse(
        _playbook(ASK),
        seen.signals,
        [issue],
        gate=Gate(desk),
        members=members,
        until=noon + 10 * DAY,
        days=20,
    )
    assert asked.people == 12 and asked.suppressed == {}
    lines = told.text().splitlines()
    assert lines[0] == "test: in 20 days it would have answered 1 of 1 happenings"
    assert "12 customers contacted, none more than 1 times; 0 contacts held out" in lines


def test_a_rehearsal_without_history_is_empty(scene: Build, desk: Desk) -> None:
    nothing = rehearse(example("tell-the-exposed"), scene([]).signals, [], gate=Gate(desk))
    assert nothing.people == 0 and nothing.answered == 0 and "0 customers" in nothing.text()


def test_senders_say_what_became_of_moves(
    desk: Desk, found: Found, scene: Build, noon: datetime, do: Callable[..., list[Any]]
) -> None:
    made = do(
        _playbook(TELL),
        scene(_failures(2, noon - HOUR)),
        changes=record(desk, found({"customers": 9}), at=noon),
    )
    one, two = (m.id for m in made if m.customer)
    settle(desk, Gate(desk), [one], "sent")
    settle(desk, Gate(desk), [two], "failed")
    with pytest.raises(Refused):
        settle(desk, Gate(desk), [one], "sent")
    with pytest.raises(Refused):
        settle(desk, Gate(desk), [one], "lost")


def test_the_outbox_delivers_what_a_playbook_put(
    desk: Desk,
    found: Found,
    scene: Build,
    noon: datetime,
    do: Callable[..., list[Any]],
    receiver: Callable[..., Any],
    outbox: Outbox,
) -> None:
    server = receiver(200)
    outbox.add_destination("team", server.url, secret=new_secret().encode(), allow_private=True)
    outbox.switch("crm", on=False)
    do(
        _playbook(TELL),
        scene(_failures(2, noon - HOUR)),
        changes=record(desk, found({"customers": 9}), at=noon),
    )
    assert asyncio.run(outbox.run_once())["sent"] == 1
    assert json.loads(server.got[0][1])["data"]["title"].startswith("test: issue opened")
