"""Invitations: who is asked, who is left in peace and why, decided and written down in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from allears.act.fatigue import Ledger
from allears.act.playbook import Suppress
from allears.act.recall import CHUNK, recall
from allears.act.scene import Scene
from allears.act.survey import Survey
from allears.desk.aliases import STRANGER
from allears.desk.asking import Invitation
from allears.desk.base import Desk
from allears.desk.identity import Identifier
from allears.desk.work import Move
from allears.guard.permit import Permit

Digests = Callable[[Sequence[str]], Sequence[str]]
ANSWERS_AS = "ask-"
"""Begins the name under which the answers to an invitation come back."""


class Candidate(msgspec.Struct, frozen=True):
    """Somebody who might be asked: a customer, or the digest of an identifier nobody was seen with yet."""

    customer: str | None
    person: str | None = None
    language: str | None = None
    strata: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def key(self) -> str:
        """Under which the ledger knows them."""
        return self.customer or f"{STRANGER}{self.person}"


class Decision(msgspec.Struct, frozen=True):
    """What was decided about one candidate. ``id`` is the invitation's; ``held_by`` names the rule, empty when invited."""

    candidate: Candidate
    id: str
    expires_at: datetime
    held_by: str = ""

    @property
    def invited(self) -> bool:
        """Whether they are asked."""
        return not self.held_by


def invite(
    desk: Desk,
    survey: Survey,
    candidates: Sequence[Candidate],
    scene: Scene,
    *,
    permit: Permit,
    at: datetime,
    asked_by: str,
    new_id: Callable[[], str],
    digests: Digests,
    dry_run: bool = False,
) -> list[Decision]:
    """Decide about each candidate and write it down, those held back as well.

    Parameters
    ----------
    scene
        Recent signals, for contacts others made.
    permit
        To use people's data for research; who objects or did not consent is held back.
    new_id, digests
        Make ids that cannot be guessed, and the digests of the names under which answers come back.
    dry_run
        Decide the same, write nothing.

    Returns
    -------
    list of Decision
        One per candidate, in order.
    """
    ends = at + timedelta(days=survey.link_days)
    with desk.session() as session:

        def remember(ledger: Ledger, customers: list[str]) -> None:
            recall(session, scene, at, ledger, customers)

        ledger = Ledger(load=remember)
        ledger.meet([c.key for c in candidates])
        made = [
            Decision(c, new_id(), ends, held)
            for c, held in zip(candidates, _held(survey, candidates, ledger, at, permit), strict=True)
        ]
        if not dry_run:
            _write(session, survey, made, digests, at, asked_by)
    return made


def invite_for_moves(
    desk: Desk,
    surveys: dict[str, Survey],
    *,
    permit: Permit,
    at: datetime,
    new_id: Callable[[], str],
    digests: Digests,
    strata: Callable[[Sequence[str]], dict[str, dict[str, str]]],
) -> list[tuple[Move, Invitation]]:
    """Make the invitations that approved survey moves still lack; whom to leave in peace was decided with the moves."""
    with desk.session() as session:
        lacking = (
            select(Move)
            .outerjoin(Invitation, Invitation.move == Move.id)
            .where(
                Move.action == "survey",
                Move.state == "approved",
                Move.target.in_(surveys),
                Invitation.id.is_(None),
            )
            .where(Move.customer.is_not(None))
            .order_by(Move.id)
        )
        moves = _still_willing(list(session.scalars(lacking)), permit)
        known = strata([str(m.customer) for m in moves]) if moves else {}
        made = []
        for move in moves:
            survey, told = surveys[str(move.target)], known.get(str(move.customer), {})
            ends = max(move.due_at, at) + timedelta(days=survey.link_days)
            candidate = Candidate(move.customer, language=told.get("language"), strata=told)
            row = _row(survey, Decision(candidate, new_id(), ends), at, f"playbook {move.playbook}")
            row.move, row.why = move.id, move.why
            made.append((move, row))
        for (_, row), digest in zip(made, digests([ANSWERS_AS + row.id for _, row in made]), strict=True):
            row.digest = digest
        session.add_all([row for _, row in made])
    return made


def find_invitation(desk: Desk, id: str) -> tuple[Invitation, str | None] | None:
    """Find an invitation and the state of the move it serves."""
    with desk.reading() as session:
        row = session.get(Invitation, id)
        if row is None:
            return None
        move = session.get(Move, row.move) if row.move is not None else None
        return row, move.state if move is not None else None


def settle_answered(desk: Desk, id: str, at: datetime) -> None:
    """Write down that an invitation was answered; the first answer counts."""
    with desk.session() as session:
        session.execute(
            update(Invitation)
            .where(Invitation.id == id, Invitation.answered_at.is_(None))
            .values(answered_at=at, state="answered")
        )


def hand_out(desk: Desk, ids: Sequence[str], at: datetime) -> None:
    """Write down that links left for those who send them."""
    with desk.session() as session:
        for start in range(0, len(ids), CHUNK):
            some = list(ids[start : start + CHUNK])
            mine = Invitation.id.in_(some)
            session.execute(update(Invitation).where(mine).values(handed_out_at=at))
            served = select(Invitation.move).where(mine, Invitation.move.is_not(None))
            session.execute(
                update(Move).where(Move.id.in_(served), Move.state == "approved").values(state="sent")
            )


def waiting_links(desk: Desk, survey: str, at: datetime, permit: Permit) -> list[Invitation]:
    """List invitations whose links were not handed out yet and are due; those of people who said no meanwhile are withdrawn."""
    query = (
        select(Invitation)
        .outerjoin(Move, Move.id == Invitation.move)
        .where(Invitation.survey == survey, Invitation.state == "invited", Invitation.handed_out_at.is_(None))
        .where(Invitation.expires_at > at, or_(Move.id.is_(None), Move.due_at <= at))
        .where(or_(Move.id.is_(None), Move.state == "approved"))
        .order_by(Invitation.made_at, Invitation.id)
    )
    with desk.session() as session:
        found = list(session.scalars(query))
        names = [row.digest for row in found]
        owners: dict[str, str] = {}
        for start in range(0, len(names), CHUNK):
            some = Identifier.digest.in_(names[start : start + CHUNK])
            owners |= dict(session.execute(select(Identifier.digest, Identifier.customer).where(some)).all())
        people = [owners.get(row.digest) or f"{STRANGER}{row.person or row.digest}" for row in found]
        willing = []
        for row, rule in zip(found, permit.held(people), strict=True):
            if rule:
                row.state, row.why = "withdrawn", rule
            else:
                willing.append(row)
    return willing


def invitations(
    desk: Desk, survey: str | None = None, since: datetime | None = None
) -> list[tuple[str, str, dict[str, str], datetime]]:
    """List survey, state, strata and end of every invitation, held ones too."""
    query = select(Invitation.survey, Invitation.state, Invitation.strata, Invitation.expires_at)
    query = query.where(Invitation.survey == survey) if survey is not None else query
    query = query.where(Invitation.made_at >= since) if since is not None else query
    with desk.reading() as session:
        return [(s, state, strata, ends) for s, state, strata, ends in session.execute(query)]


def left_in_peace(desk: Desk, since: datetime) -> list[dict[str, Any]]:
    """Count those who were not asked, by survey and reason, most first."""
    query = (
        select(Invitation.survey, Invitation.why, func.count().label("people"))
        .where(Invitation.state == "held", Invitation.made_at >= since)
        .group_by(Invitation.survey, Invitation.why)
        .order_by(func.count().desc(), Invitation.survey, Invitation.why)
    )
    with desk.reading() as session:
        return [dict(row) for row in session.execute(query).mappings()]


def invitations_of(session: Session, digests: Sequence[str]) -> list[dict[str, Any]]:
    """List the invitations of one customer, by the digests of their identifiers."""
    names = ("survey", "asked_by", "state", "why", "made_at", "answered_at", "move")
    found: list[dict[str, Any]] = []
    for start in range(0, len(digests), CHUNK):
        some = digests[start : start + CHUNK]
        mine = or_(Invitation.digest.in_(some), Invitation.person.in_(some))
        found += [
            {n: getattr(row, n) for n in names} for row in session.scalars(select(Invitation).where(mine))
        ]
    return found


def forget_invitations(
    session: Session, digests: Mapping[str, str], *narrowed: ColumnElement[bool]
) -> Counter[str]:
    """Delete invitations of which something holds, found by the digests of identifiers; their links lead nowhere then. Returns how many, by what a digest stands for."""
    gone: Counter[str] = Counter()
    given = list(digests)
    for start in range(0, len(given), CHUNK):
        some = given[start : start + CHUNK]
        mine = or_(Invitation.digest.in_(some), Invitation.person.in_(some))
        rows = session.execute(
            delete(Invitation).where(mine, *narrowed).returning(Invitation.digest, Invitation.person)
        )
        gone.update(digests.get(digest) or digests[str(person)] for digest, person in rows)
    return gone


def _still_willing(moves: list[Move], permit: Permit) -> list[Move]:
    """Take back moves of people who said no since they were approved."""
    willing = []
    for move, rule in zip(moves, permit.held([str(m.customer) for m in moves]), strict=True):
        if rule:
            move.state, move.held_by, move.contacts = "suppressed", rule, False
        else:
            willing.append(move)
    return willing


def _held(
    survey: Survey, candidates: Sequence[Candidate], ledger: Ledger, at: datetime, permit: Permit
) -> list[str]:
    rules = Suppress(
        survey_every_days=survey.every_days, no_survey_during_complaint=not survey.during_complaint
    )
    seen: Counter[str] = Counter()
    held = []
    for candidate, rule in zip(candidates, permit.held([c.key for c in candidates]), strict=True):
        seen[candidate.key] += 1
        if seen[candidate.key] > 1:
            held.append("named twice in this list")
            continue
        if rule:
            held.append(rule)
            continue
        limit = ledger.limit(candidate.key, at, rules, survey=True)
        held.append(_said(limit, survey) if limit else "")
        if not limit:
            ledger.note(candidate.key, at, survey=True)
    return held


def _said(limit: str, survey: Survey) -> str:
    return {
        "survey quarantine": f"asked within the last {survey.every_days} days",
        "open complaint": "has an open complaint",
        "per day": "heard from us today already",
        "per week": "heard from us often enough this week",
        "per month": "heard from us often enough this month",
    }.get(limit, limit)


def _write(
    session: Session, survey: Survey, made: Sequence[Decision], digests: Digests, at: datetime, asked_by: str
) -> None:
    rows = [_row(survey, decision, at, asked_by) for decision in made]
    for row, digest in zip(rows, digests([ANSWERS_AS + row.id for row in rows]), strict=True):
        row.digest = digest
    session.add_all(rows)


def _row(survey: Survey, decision: Decision, at: datetime, asked_by: str) -> Invitation:
    who = decision.candidate
    row = Invitation(id=decision.id, survey=survey.name, version=survey.version, asked_by=asked_by[:128])
    row.person, row.language, row.strata = who.person, who.language, dict(who.strata)
    row.state, row.why = ("invited", "") if decision.invited else ("held", decision.held_by)
    row.made_at, row.expires_at = at, decision.expires_at
    return row
