"""What a playbook does about a happening. Explaining, rehearsing and running share this one decision."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from allears.act.fatigue import Ledger, after_quiet
from allears.act.happening import Happening
from allears.act.playbook import (
    Action,
    Burn,
    CustomerHit,
    DetractorAnswered,
    Event,
    IssueFixed,
    IssueOpened,
    IssueReopened,
    Notify,
    OpenCase,
    Playbook,
    Propose,
    SegmentEntered,
    SegmentLeft,
    Survey,
    Trigger,
    VerdictSaid,
    Wait,
)
from allears.act.route import matches
from allears.act.scene import Scene
from allears.desk.work import Move
from allears.guard.permit import Gate
from allears.guard.purpose import Purpose

TOLD: dict[type, str] = {
    IssueOpened: "issue opened",
    IssueFixed: "issue fixed",
    IssueReopened: "issue reopened",
    Burn: "burn",
    VerdictSaid: "verdict",
    CustomerHit: "customer hit",
    DetractorAnswered: "detractor answered",
    Event: "event",
    SegmentEntered: "segment entered",
    SegmentLeft: "segment left",
}
"""What a happening is called that a trigger listens for."""


def decide(
    playbook: Playbook, happening: Happening, scene: Scene, ledger: Ledger, zone: ZoneInfo, gate: Gate
) -> list[Move]:
    """Decide all moves of a playbook about one happening.

    The same happening decided again gives only what is new, such as customers concerned since. Contacts are noted in the ledger, so that one
    decision counts for the next.

    Parameters
    ----------
    scene
        Recent signals; nothing that came after the happening is looked at.
    ledger
        Contacts and complaints; it is changed.
    zone
        Where quiet hours are meant.
    gate
        Says who may be contacted for what.

    Returns
    -------
    list of Move
        Not yet written down; ``proposed``, ``held out`` or ``suppressed``. None that was decided before.
    """
    reasons = concerns(playbook.when, happening)
    if reasons is None:
        return []
    why = f"{playbook.name}: {' and '.join([happening.what, *reasons])}"
    decision = _digest(playbook.name, happening.key)
    planned = _plan(playbook, decision, concerned(playbook, happening, scene))
    fresh = ledger.first_time([move_id for move_id, *_ in planned])
    ledger.meet(
        {customer for move_id, _, _, customer in planned if customer is not None and move_id in fresh}
    )
    refusals = _refusals(playbook, [p for p in planned if p[0] in fresh], gate)
    moves: list[Move] = []
    for move_id, step, waited, customer in planned:
        if move_id not in fresh:
            continue
        action = playbook.then[step]
        move = Move(id=move_id, decision=decision, playbook=playbook.name, step=step, customer=customer)
        move.issue = happening.issue["id"] if happening.issue else None
        move.at, move.due_at, move.why = happening.at, happening.at + waited, why
        move.action, move.target = what(action)
        move.purpose = purpose_of(action)
        move.state, move.contacts, move.held_by = "proposed", False, None
        if customer is not None:
            _hold_back(move, playbook, action, ledger, zone, refusals)
        moves.append(move)
    return moves


def purpose_of(action: Action) -> Purpose:
    """Name what an action uses a customer's data for."""
    if isinstance(action, Propose):
        return action.purpose
    return "research" if isinstance(action, Survey) else "service"


def contacts(action: Action) -> bool:
    """Whether an action reaches out to a customer."""
    return isinstance(action, Survey | Propose) or (isinstance(action, OpenCase) and action.contacts)


def _refusals(
    playbook: Playbook, planned: list[tuple[str, int, timedelta, str | None]], gate: Gate
) -> dict[tuple[Purpose, str], str]:
    """Ask the gate about everybody something would be done about, once for each purpose."""
    people: dict[Purpose, set[str]] = {}
    for _, step, _, customer in planned:
        if customer is not None:
            people.setdefault(purpose_of(playbook.then[step]), set()).add(customer)
    return {
        (purpose, customer): rule
        for purpose, found in people.items()
        for customer, rule in zip(sorted(found), gate.held(purpose, sorted(found)), strict=True)
        if rule
    }


def _plan(
    playbook: Playbook, decision: str, people: list[str]
) -> list[tuple[str, int, timedelta, str | None]]:
    planned: list[tuple[str, int, timedelta, str | None]] = []
    waited = timedelta()
    for step, action in enumerate(playbook.then):
        if isinstance(action, Wait):
            waited += timedelta(hours=action.hours)
            continue
        receivers = _receivers(playbook, action, people)
        planned += [
            (_digest(decision, str(step), customer or ""), step, waited, customer) for customer in receivers
        ]
    return planned


def concerns(when: Trigger, happening: Happening) -> list[str] | None:
    """Return why a trigger is concerned by a happening, or None when it is not."""
    if TOLD[type(when)] != happening.what:
        return None
    facts = happening.facts
    if isinstance(when, IssueOpened | IssueFixed | IssueReopened):
        return matches(when.issue, happening.issue or {})
    if isinstance(when, Burn):
        concerned = facts["rate"] >= when.min_rate and (not when.service or facts["service"] in when.service)
        return [f"{facts['service']} burns {facts['rate']:.1f} times too fast"] if concerned else None
    if isinstance(when, VerdictSaid):
        return [f"it says {facts['said']}"] if facts["said"] in when.said else None
    if isinstance(when, DetractorAnswered):
        return [f"a rating of {facts['rating']:.2g}"] if facts["rating"] <= when.at_most + 1e-9 else None
    if isinstance(when, Event):
        return [f"it was {facts['name']}"] if facts["name"] in when.names else None
    if isinstance(when, SegmentEntered | SegmentLeft):
        return [f"it was {facts['segment']}"] if facts["segment"] in when.segment else None
    return [f"{facts['failures']} failures within {when.within_hours:g} hours"]


def concerned(playbook: Playbook, happening: Happening, scene: Scene) -> list[str]:
    """Find the customers a happening concerns, in an order that does not depend on the data's."""
    who, issue, at = playbook.who, happening.issue, happening.at
    people: set[str] = set()
    if who.are == "customer" and happening.customer is not None:
        people = {happening.customer}
    elif who.are == "wrote" and issue is not None:
        people = scene.wrote(str(issue["id"]), at)
    elif who.are == "exposed" and issue is not None:
        people = scene.exposed(issue, at)
    if who.silent:
        people -= scene.who_wrote(people, issue.get("first_signal_at") if issue else None, at)
    if who.relationship:
        people = {c for c in people if scene.relationship.get(c, "consumer") in who.relationship}
    ordered = sorted(people, key=lambda c: _digest(playbook.name, "order", c))
    return ordered[: who.at_most] if who.at_most is not None else ordered


def held_out(playbook: Playbook, customer: str) -> bool:
    """Whether a customer belongs to the share that is left out; the same answer every time."""
    return int(_digest(playbook.name, "holdout", customer)[:13], 16) < playbook.holdout * 16**13


def _receivers(playbook: Playbook, action: Action, people: list[str]) -> Iterator[str | None]:
    if isinstance(action, Propose | Survey) or (
        isinstance(action, OpenCase) and playbook.who.are == "customer"
    ):
        yield from people
    elif playbook.who.are != "customer" or people:
        yield None


def _hold_back(
    move: Move,
    playbook: Playbook,
    action: Action,
    ledger: Ledger,
    zone: ZoneInfo,
    refusals: dict[tuple[Purpose, str], str],
) -> None:
    customer = str(move.customer)
    if held_out(playbook, customer):
        move.state = "held out"
        return
    survey = isinstance(action, Survey)
    if not contacts(action):
        return
    if rule := refusals.get((purpose_of(action), customer)):
        move.state, move.held_by = "suppressed", rule
        return
    rules = playbook.suppress
    move.contacts = True
    safety = isinstance(action, Propose) and action.purpose == "safety"
    if not safety:
        # A case may be opened at any hour: a person chooses when to call.
        due = move.due_at if isinstance(action, OpenCase) else after_quiet(move.due_at, rules, zone)
        move.held_by = "quiet hours" if due > move.due_at else None
        move.due_at = due
        marketing = isinstance(action, Propose) and action.purpose == "marketing"
        limit = ledger.limit(customer, due, rules, survey=survey, marketing=marketing)
        if limit:
            move.state, move.held_by, move.contacts = "suppressed", limit, False
            return
    ledger.note(customer, move.due_at, survey=survey)


def what(action: Action) -> tuple[str, str]:
    """Name an action and what it aims at, as a move writes them down."""
    if isinstance(action, OpenCase):
        return "open case", action.department
    if isinstance(action, Notify):
        return "notify", ", ".join(action.destinations)[:128]
    if isinstance(action, Propose):
        return "message", action.message
    return ("survey", action.survey or action.question) if isinstance(action, Survey) else ("wait", "")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def happened_before(happening: Happening) -> tuple[datetime, str]:
    """Order happenings as they were known."""
    return happening.at, happening.key
