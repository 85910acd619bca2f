"""What the desk knows of customers before they are contacted again: moves, invitations, complaints, own cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Executable, case, func, select, type_coerce
from sqlalchemy.orm import Session

from allears.act.fatigue import Ledger
from allears.act.scene import Scene
from allears.desk.aliases import STRANGER
from allears.desk.asking import Invitation
from allears.desk.base import Moment
from allears.desk.identity import Identifier
from allears.desk.work import Case, Issue, IssueSignal, Move

CHUNK = 5_000
REMEMBER = timedelta(days=400)


def recall(session: Session, scene: Scene, at: datetime, ledger: Ledger, customers: Sequence[str]) -> None:
    """Fill a ledger with what is known of some customers."""
    for start in range(0, len(customers), CHUNK):
        some = list(customers[start : start + CHUNK])
        for customer, due, action in session.execute(_contacts(some, at - REMEMBER)):
            ledger.note(customer, due, survey=action == "survey")
        for customer, asked in _asked(session, some, at):
            ledger.note(customer, asked, survey=True)
        for query in (_complaints(some), _own_cases(some)):
            for customer, since, until in session.execute(query):
                ledger.complain(customer, since, until)
    for customer in customers:
        for moment, survey in scene.reached_out.get(customer, []):
            ledger.note_seen(customer, moment, survey=survey)


def _contacts(customers: list[str], since: datetime) -> Executable:
    made = Move.state.in_(("proposed", "approved", "sent"))
    return select(Move.customer, Move.due_at, Move.action).where(
        Move.customer.in_(customers), Move.contacts, made, Move.due_at > since
    )


def _asked(session: Session, customers: list[str], at: datetime) -> set[tuple[str, datetime]]:
    """Tell who was asked when. Invitations that serve a move count as that move; a merge may lead to one over two identifiers."""
    theirs = select(Identifier.digest, Identifier.customer).where(Identifier.customer.in_(customers))
    whose: dict[str | None, str] = dict(session.execute(theirs).all())
    whose |= {name.removeprefix(STRANGER): name for name in customers if name.startswith(STRANGER)}
    made = (
        Invitation.state.in_(("invited", "answered")),
        Invitation.move.is_(None),
        Invitation.made_at > at - REMEMBER,
    )
    digests = list(whose)
    return {
        (whose[digest], asked)
        for start in range(0, len(digests), CHUNK)
        for column in (Invitation.digest, Invitation.person)
        for digest, asked in session.execute(
            select(column, Invitation.made_at).where(column.in_(digests[start : start + CHUNK]), *made)
        )
    }


def _complaints(customers: list[str]) -> Executable:
    until = case(
        (Issue.state.in_(("open", "acknowledged")), None),
        else_=func.coalesce(Issue.fixed_at, Issue.closed_at),
    )
    since = func.coalesce(Issue.first_signal_at, Issue.detected_at)
    about = select(IssueSignal.customer, type_coerce(since, Moment), type_coerce(until, Moment)).join(Issue)
    return about.where(IssueSignal.customer.in_(customers), Issue.kind == "issue").distinct()


def _own_cases(customers: list[str]) -> Executable:
    until = func.coalesce(Case.fixed_at, Case.closed_at)
    return select(Case.customer, Case.opened_at, type_coerce(until, Moment)).where(
        Case.customer.in_(customers)
    )
