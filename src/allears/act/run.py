"""Let playbooks act: moves are written down, cases opened, deliveries put into the outbox, all in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from allears.act.case import open_case
from allears.act.clocks import Clocks
from allears.act.decide import decide, happened_before
from allears.act.deliver import Outbox
from allears.act.fatigue import Ledger
from allears.act.happening import Happening, from_changes, from_signals
from allears.act.issue import Change
from allears.act.notice import issue_notice, without_personal
from allears.act.playbook import Notify, OpenCase, Playbook, Propose, Survey
from allears.act.recall import CHUNK, recall
from allears.act.scene import Scene
from allears.desk.base import Desk
from allears.desk.work import Delivery, Issue, Move
from allears.guard.permit import Gate


def run(
    desk: Desk,
    playbooks: Iterable[Playbook],
    scene: Scene,
    *,
    since: datetime,
    at: datetime,
    outbox: Outbox,
    clocks: Clocks,
    gate: Gate,
    changes: Iterable[Change] = (),
    given: Iterable[Happening] = (),
    timezone: str = "UTC",
) -> list[Move]:
    """Decide and do what the playbooks say about what happened since the last run.

    Repeating a run does nothing more: ids follow from causes. Moves that still wait are withdrawn when their issue
    comes back, so nobody is asked whether all is well while it is not.

    Parameters
    ----------
    scene
        Recent signals, at least a month for caps to see the contacts others made.
    gate
        Says who may be contacted for what.
    since, at
        What arrived after ``since`` and up to ``at`` is looked at.
    changes
        What `record`, `mark_fixed` and their like returned.
    given
        Burns, verdicts.

    Returns
    -------
    list of Move
        The moves that are new.
    """
    told = [*from_changes(changes, at), *given]
    fresh: list[Move] = []
    with desk.session() as session:
        for happening in told:
            if happening.what == "issue reopened" and happening.issue is not None:
                withdraw(session, str(happening.issue["id"]), at)

        def remember(ledger: Ledger, customers: list[str]) -> None:
            recall(session, scene, at, ledger, customers)

        ledger = Ledger(load=remember, known=partial(_known, session))
        for playbook in playbooks:
            for happening in sorted([*told, *from_signals(playbook, scene, since, at)], key=happened_before):
                moves = decide(playbook, happening, scene, ledger, ZoneInfo(timezone), gate)
                session.add_all(moves)
                session.flush()
                _act(session, playbook, happening, moves, outbox, clocks, at)
                fresh += moves
    return fresh


def withdraw(session: Session, issue_id: str, at: datetime) -> None:
    """Take back what an issue's playbooks planned for later, and its deliveries that were not sent."""
    waiting = session.scalars(
        select(Move).where(Move.issue == issue_id, Move.state.in_(("proposed", "approved")), Move.due_at > at)
    ).all()
    for move in waiting:
        move.state, move.held_by, move.contacts = "suppressed", "issue reopened", False
    for decision in {move.decision for move in waiting}:
        mine = Delivery.event_id.startswith(f"msg_{decision}", autoescape=True)
        session.execute(delete(Delivery).where(mine, Delivery.state == "waiting", Delivery.next_at > at))


def _act(
    session: Session,
    playbook: Playbook,
    happening: Happening,
    moves: list[Move],
    outbox: Outbox,
    clocks: Clocks,
    at: datetime,
) -> None:
    for step, action in enumerate(playbook.then):
        mine = [move for move in moves if move.step == step and move.state == "proposed"]
        if not mine:
            continue
        if isinstance(action, OpenCase):
            for move in mine:
                _open(session, action, happening, move, clocks, at)
        elif isinstance(action, Notify):
            _tell(session, action, happening, mine[0], outbox, at)
        elif isinstance(action, Propose | Survey) and action.via and not getattr(action, "survey", ""):
            # A survey of ours goes out with its links, once they are made.
            _pass_on(session, action.via, mine, outbox, at)


def _tell(
    session: Session, action: Notify, happening: Happening, move: Move, outbox: Outbox, at: datetime
) -> None:
    told = {"title": without_personal(move.why), "playbook": move.playbook} | _facts(happening)
    outbox.put(
        "playbook.notice", told, action.destinations,
        event_id=f"msg_{move.decision}_{move.step}", at=at, not_before=move.due_at, session=session,
    )  # fmt: skip


def _pass_on(session: Session, via: str, moves: list[Move], outbox: Outbox, at: datetime) -> None:
    # One delivery for all that is due at one moment; whom it concerns is asked for under the decision's id.
    for due, count in sorted(Counter(move.due_at for move in moves).items()):
        first = min((move for move in moves if move.due_at == due), key=lambda move: move.id)
        told = {
            "playbook": first.playbook,
            "action": first.action,
            "what": first.target,
            "decision": first.decision,
            "moves": count,
        }
        event_id = f"msg_{first.decision}_{first.step}_{first.id[:8]}"
        outbox.put("moves.proposed", told, [via], event_id=event_id, at=at, not_before=due, session=session)


def _open(
    session: Session, action: OpenCase, happening: Happening, move: Move, clocks: Clocks, at: datetime
) -> None:
    issue = session.get(Issue, move.issue) if move.issue is not None else None
    title = f"{action.title}: {happening.facts['service']}" if "service" in happening.facts else action.title
    # About an issue there is one case per department; about a customer or a service one per happening.
    key = issue.id if issue is not None and move.customer is None else happening.key
    open_case(
        session, key, action.department, action.priority, title, clocks, at,
        issue=issue.id if issue is not None else None, customer=move.customer,
        score=issue.score if issue is not None else 0.0, why=move.why, actor=f"playbook {move.playbook}",
    )  # fmt: skip
    move.state = "sent"


def _facts(happening: Happening) -> dict[str, object]:
    facts: dict[str, object] = {k: v for k, v in happening.facts.items() if isinstance(v, int | float | str)}
    facts.pop("name", None)
    return facts | ({"about": issue_notice(happening.issue)} if happening.issue is not None else {})


def _known(session: Session, move_ids: list[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(move_ids), CHUNK):
        known.update(session.scalars(select(Move.id).where(Move.id.in_(move_ids[start : start + CHUNK]))))
    return known
