"""Moves as they stand: what playbooks proposed and did, and what people said about it.

A move that concerns a customer waits as *proposed*. Somebody approves or dismisses it; whoever sends it says ``sent`` or
``failed``. A move that is dismissed or failed no longer counts as a contact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import func, or_, select, type_coerce
from sqlalchemy.orm import Session

from allears.desk.base import Desk, Moment
from allears.desk.work import Move
from allears.errors import NotFound, Refused
from allears.guard.permit import Gate
from allears.guard.purpose import Purpose

SETTLED = ("approved", "dismissed", "sent", "failed")
"""What may become of a move that was proposed."""
STATES = ("proposed", *SETTLED, "held out", "suppressed")
_LISTED = (
    "id", "decision", "playbook", "customer", "issue", "action", "target", "state", "at", "due_at", "why", "held_by",
)  # fmt: skip


def moves(
    desk: Desk,
    gate: Gate,
    *,
    playbook: str | None = None,
    issue: str | None = None,
    decision: str | None = None,
    state: str | None = None,
    customers: Sequence[str] | None = None,
    limit: int = 1_000,
) -> list[dict[str, Any]]:
    """List moves, newest first; those of customers who said no since are taken back before anybody reads whom to contact."""
    query = select(Move).order_by(Move.at.desc(), Move.id).limit(limit)
    given = {"playbook": playbook, "issue": issue, "decision": decision, "state": state}
    query = query.where(*(getattr(Move, name) == value for name, value in given.items() if value is not None))
    if customers is not None:
        query = query.where(Move.customer.in_(customers))
    with desk.session() as session:
        take_back(session, gate, list(session.scalars(query)))
        return [{n: getattr(row, n) for n in _LISTED} for row in session.scalars(query)]


def take_back(session: Session, gate: Gate, found: Iterable[Move]) -> list[Move]:
    """Take back moves that wait and whose customer said no since, inside the caller's transaction; returns the others."""
    waiting: dict[str, list[Move]] = {}
    for move in found:
        if move.contacts and move.customer is not None and move.state in ("proposed", "approved"):
            waiting.setdefault(move.purpose, []).append(move)
    gone: set[str] = set()
    for purpose, mine in waiting.items():
        rules = gate.held(msgspec.convert(purpose, Purpose), [str(m.customer) for m in mine])
        for move, rule in zip(mine, rules, strict=True):
            if rule:
                move.state, move.held_by, move.contacts = "suppressed", rule, False
                gone.add(move.id)
    session.flush()
    return [move for move in found if move.id not in gone]


def decisions(desk: Desk, *, state: str | None = None, limit: int = 200) -> list[dict[str, Any]]:
    """List what playbooks decided, newest first: one row for each decision, action and state, with how many moves it holds."""
    by = (Move.decision, Move.playbook, Move.issue, Move.action, Move.target, Move.state, Move.held_by)
    query = select(
        *by,
        func.count(Move.id).label("moves"),
        func.count(func.distinct(Move.customer)).label("customers"),
        type_coerce(func.min(Move.at), Moment).label("at"),
        type_coerce(func.min(Move.due_at), Moment).label("due_at"),
        func.min(Move.why).label("why"),
    ).group_by(*by)
    query = query.where(Move.state == state) if state is not None else query
    query = query.order_by(func.min(Move.at).desc(), Move.decision, Move.state).limit(limit)
    with desk.reading() as session:
        return [dict(row._mapping) for row in session.execute(query)]


def settle(desk: Desk, gate: Gate, ids: Iterable[str], state: str) -> int:
    """Say what becomes of proposed moves, by their own ids or by that of their decision; returns how many it were.

    Those of customers who said no since are not approved but taken back.

    Raises
    ------
    Refused
        ``state`` is not one of `SETTLED`, or some of them can no longer change so.
    NotFound
        No move and no decision has one of the ids.
    """
    if state not in SETTLED:
        raise Refused(f"expected one of {', '.join(SETTLED)}", place="state")
    done = 0
    with desk.session() as session:
        for given in ids:
            waiting = _waiting(
                session, given, ("proposed",) if state == "approved" else ("proposed", "approved")
            )
            if state == "approved":
                waiting = take_back(session, gate, waiting)
            for move in waiting:
                move.state, move.contacts = state, move.contacts and state in ("approved", "sent")
            done += len(waiting)
    return done


def _waiting(session: Session, given: str, states: tuple[str, ...]) -> list[Move]:
    named = or_(Move.id == given, Move.decision == given)
    found = list(session.scalars(select(Move).where(named, Move.state.in_(states))))
    if found:
        return found
    known = session.scalar(select(func.count(Move.id)).where(named))
    if not known:
        raise NotFound("no move and no decision has that id", place="move")
    raise Refused(f"expected a move that is {' or '.join(states)}", place="move")
