"""Cases: the work an issue makes for each department, with clocks and a history."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from allears.act.clocks import PRIORITIES, Clocks, deadlines, shift, urgency
from allears.act.issue import SYSTEM, Change, follow_cases, get_issue
from allears.act.route import Routed, Rules, route
from allears.act.transition import change_case, log_case
from allears.desk.base import Desk
from allears.desk.work import Case, CaseEvent
from allears.errors import NotFound, Refused

SHOWN = (
    "issue", "customer", "title", "department", "priority", "score", "state", "opened_at", "acknowledge_by", "resolve_by",
    "acknowledged_at", "fixed_at", "closed_at", "paused_at", "reopened", "why",
)  # fmt: skip


def open_cases(
    desk: Desk, changes: Iterable[Change], rules: Rules, clocks: Clocks, at: datetime
) -> list[Case]:
    """Open one case per issue and department, as the rules route them.

    Repeating it changes nothing: a case's id follows from its issue and department. A reopened issue reopens
    its cases with new clocks; an issue that grew into a higher priority raises them; nothing is ever lowered.

    Returns
    -------
    list of Case
        The cases that were opened, reopened or raised.
    """
    touched: list[Case] = []
    with desk.session() as session:
        for change in changes:
            issue = get_issue(session, change.id)
            if issue.state not in ("open", "acknowledged"):
                continue
            routed = route(rules, change.issue)
            departments = routed.departments
            if issue.assigned and issue.department:
                departments = tuple(dict.fromkeys((issue.department, *departments[1:])))
            else:
                issue.department = departments[0]
            for department in departments:
                case = _open_or_raise(session, change, department, routed, clocks, at)
                touched += [case] if case is not None else []
    return touched


def open_case(
    session: Session,
    key: str,
    department: str,
    priority: str,
    title: str,
    clocks: Clocks,
    at: datetime,
    *,
    issue: str | None = None,
    customer: str | None = None,
    score: float = 0.0,
    why: str = "",
    actor: str = SYSTEM,
) -> Case | None:
    """Open a case unless the same cause opened one before."""
    case_id = _case_id(key, department)
    if session.get(Case, case_id) is not None:
        return None
    by = deadlines(clocks, priority, at)
    case = Case(
        id=case_id,
        issue=issue,
        customer=customer,
        title=title,
        department=department,
        priority=priority,
        score=score,
    )
    case.state, case.reopened, case.why = "open", 0, why
    case.opened_at, case.acknowledge_by, case.resolve_by = at, *by
    session.add(case)
    session.flush()
    log_case(session, case, "opened", None, "open", actor, at, why)
    return case


def cases(
    desk: Desk,
    at: datetime,
    *,
    state: str | None = None,
    department: str | None = None,
    issue: str | None = None,
    customers: Sequence[str] | None = None,
    overdue: bool | None = None,
) -> list[dict[str, Any]]:
    """List cases, the one to take next first.

    Parameters
    ----------
    at
        The time for which ``overdue`` and ``urgency`` are computed.
    state
        ``open``, ``acknowledged``, ``fixed``, ``closed``; or ``active`` for the first two.
    customers
        Only cases about one customer, by any of these keys.
    overdue
        Only cases that are, or are not, past a clock.
    """
    query = select(Case)
    if state == "active":
        query = query.where(Case.state.in_(("open", "acknowledged")))
    elif state is not None:
        query = query.where(Case.state == state)
    for column, value in ((Case.department, department), (Case.issue, issue)):
        if value is not None:
            query = query.where(column == value)
    if customers is not None:
        query = query.where(Case.customer.in_(customers))
    with desk.reading() as session:
        found = [_shown(row, at) for row in session.scalars(query)]
    kept = [row for row in found if overdue is None or row["overdue"] == overdue]
    return sorted(kept, key=lambda row: (-row["urgency"], row["opened_at"], row["id"]))


def case(desk: Desk, case_id: str, at: datetime) -> dict[str, Any]:
    """Show one case with its history.

    Raises
    ------
    NotFound
        No case has that id.
    """
    with desk.reading() as session:
        shown = _shown(_get(session, case_id), at)
        names = ("at", "actor", "what", "before", "after", "note")
        events = session.scalars(select(CaseEvent).where(CaseEvent.case == case_id).order_by(CaseEvent.id))
        return shown | {"history": [{name: getattr(e, name) for name in names} for e in events]}


def move_case(
    desk: Desk, case_id: str, to_state: str, actor: str, at: datetime, note: str = ""
) -> dict[str, Any]:
    """Put a case into another state; its issue follows (looked at, fixed when all are, open again).

    Raises
    ------
    NotFound
        No case has that id.
    Refused
        That state may not follow the present one.
    """
    with desk.session() as session:
        row = _get(session, case_id)
        if change_case(session, row, to_state, actor, at, note):
            session.flush()
            follow_cases(session, row.issue, actor, at)
        return _shown(row, at)


def hand_over(
    desk: Desk, case_id: str, department: str, actor: str, at: datetime, note: str = ""
) -> dict[str, Any]:
    """Give a case to another department; its clocks go on."""
    with desk.session() as session:
        row = _get(session, case_id)
        if row.issue is not None:
            twin = select(Case.id).where(
                Case.issue == row.issue, Case.department == department, Case.id != row.id
            )
            if session.scalar(twin) is not None:
                raise Refused("that department has a case for this issue already", place="department")
            issue = get_issue(session, row.issue)
            if issue.department in (None, row.department):
                issue.department, issue.assigned = department, True
        log_case(session, row, "department", row.department, department, actor, at, note)
        row.department = department
        return _shown(row, at)


def pause_case(desk: Desk, case_id: str, reason: str, actor: str, at: datetime) -> dict[str, Any]:
    """Stop a case's clocks, such as while waiting for the customer."""
    with desk.session() as session:
        row = _get(session, case_id)
        if row.state not in ("open", "acknowledged") or row.paused_at is not None:
            raise Refused("only a running case can be paused", place="state")
        log_case(session, row, "paused", None, None, actor, at, reason)
        row.paused_at = at
        return _shown(row, at)


def resume_case(desk: Desk, case_id: str, clocks: Clocks, actor: str, at: datetime) -> dict[str, Any]:
    """Let a case's clocks go on where they stopped."""
    with desk.session() as session:
        row = _get(session, case_id)
        if row.paused_at is None:
            raise Refused("only a paused case can be resumed", place="state")
        pace = clocks.pace(row.priority)
        if row.acknowledge_by is not None:
            row.acknowledge_by = shift(
                pace.acknowledge, clocks.calendar, row.acknowledge_by, row.paused_at, at
            )
        if row.resolve_by is not None:
            row.resolve_by = shift(pace.resolve, clocks.calendar, row.resolve_by, row.paused_at, at)
        log_case(session, row, "resumed", None, None, actor, at)
        row.paused_at = None
        return _shown(row, at)


def late(row: Case, at: datetime) -> str:
    """Name the clock a case has passed: ``acknowledge``, ``resolve`` or nothing. A paused case's clocks stand still."""
    now = row.paused_at or at
    if row.state in ("open", "acknowledged") and row.resolve_by is not None and now > row.resolve_by:
        return "resolve"
    if row.state == "open" and row.acknowledge_by is not None and now > row.acknowledge_by:
        return "acknowledge"
    return ""


def _open_or_raise(
    session: Session, change: Change, department: str, routed: Routed, clocks: Clocks, at: datetime
) -> Case | None:
    issue = change.issue
    existing = session.scalar(
        select(Case).where(Case.issue == change.id, Case.department == department).with_for_update()
    )
    if existing is None:
        return open_case(
            session, change.id, department, routed.priority, issue["title"], clocks, at,
            issue=change.id, score=issue["score"] or 0.0, why=routed.why,
        )  # fmt: skip
    existing.score = issue["score"] or 0.0
    if change.what == "reopened" and existing.state in ("fixed", "closed"):
        change_case(session, existing, "open", SYSTEM, at, "its issue grew again")
        existing.acknowledge_by, existing.resolve_by = deadlines(clocks, existing.priority, at)
        return existing
    raised = PRIORITIES.index(routed.priority) < PRIORITIES.index(existing.priority)
    return (
        _raise(session, existing, routed, clocks, at)
        if raised and existing.state in ("open", "acknowledged")
        else None
    )


def _raise(session: Session, row: Case, routed: Routed, clocks: Clocks, at: datetime) -> Case:
    log_case(session, row, "raised", row.priority, routed.priority, SYSTEM, at, routed.why)
    acknowledge_by, resolve_by = deadlines(clocks, routed.priority, at)
    row.acknowledge_by = min(row.acknowledge_by or acknowledge_by, acknowledge_by)
    row.resolve_by = min(row.resolve_by or resolve_by, resolve_by)
    row.priority, row.why = routed.priority, routed.why
    return row


def _get(session: Session, case_id: str) -> Case:
    row = session.get(Case, case_id, with_for_update=True)
    if row is None:
        raise NotFound("no case has that id", place="case")
    return row


def _case_id(key: str, department: str) -> str:
    return "case-" + hashlib.sha256(f"{key}\x00{department}".encode()).hexdigest()[:16]


def _shown(row: Case, at: datetime) -> dict[str, Any]:
    clock = late(row, at)
    soon = urgency(row.priority, row.score, row.opened_at, row.resolve_by, at)
    return (
        {"id": row.id}
        | {name: getattr(row, name) for name in SHOWN}
        | {"overdue": bool(clock), "late": clock, "urgency": soon}
    )
