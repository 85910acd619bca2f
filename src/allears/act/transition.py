"""Which state may follow which, and who changed it: shared by issues and cases."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from allears.desk.work import Case, CaseEvent, Issue, IssueEvent
from allears.errors import Refused
from allears.guard.redaction.redact import redact

AFTER: dict[str, tuple[str, ...]] = {
    "open": ("acknowledged", "fixed", "closed", "dismissed"),
    "acknowledged": ("open", "fixed", "closed", "dismissed"),
    "fixed": ("open", "closed"),
    "closed": ("open",),
    "dismissed": ("open",),
}


def change_issue(session: Session, issue: Issue, to: str, actor: str, at: datetime, note: str = "") -> bool:
    """Put an issue into a state and write down who did it; False when it is there already.

    Raises
    ------
    Refused
        The state may not follow the present one.
    """
    if issue.state == to:
        return False
    _check(issue.state, to, tuple(AFTER), "issue")
    log_issue(session, issue, "state", issue.state, to, actor, at, note)
    issue.state = to
    if to == "fixed":
        issue.fixed_at = at
    issue.closed_at = at if to in ("closed", "dismissed") else None
    return True


def change_case(session: Session, case: Case, to: str, actor: str, at: datetime, note: str = "") -> bool:
    """Put a case into a state and write down who did it; False when it is there already.

    Raises
    ------
    Refused
        The state may not follow the present one.
    """
    if case.state == to:
        return False
    _check(case.state, to, ("open", "acknowledged", "fixed", "closed"), "case")
    log_case(session, case, "state", case.state, to, actor, at, note)
    if to == "open" and case.state in ("fixed", "closed"):
        case.reopened += 1
    case.state = to
    case.paused_at = None if to in ("fixed", "closed") else case.paused_at
    case.acknowledged_at = None if to == "open" else (case.acknowledged_at or at)
    case.fixed_at = at if to == "fixed" else (case.fixed_at if to == "closed" else None)
    case.closed_at = at if to == "closed" else None
    return True


def log_issue(
    session: Session,
    issue: Issue,
    what: str,
    before: str | None,
    after: str | None,
    actor: str,
    at: datetime,
    note: str = "",
) -> None:
    """Write one line of an issue's history."""
    session.add(
        IssueEvent(
            issue=issue.id, at=at, actor=actor, what=what, before=before, after=after, note=_without(note)
        )
    )


def log_case(
    session: Session,
    case: Case,
    what: str,
    before: str | None,
    after: str | None,
    actor: str,
    at: datetime,
    note: str = "",
) -> None:
    """Write one line of a case's history."""
    session.add(
        CaseEvent(
            case=case.id, at=at, actor=actor, what=what, before=before, after=after, note=_without(note)
        )
    )


def _without(note: str) -> str:
    # Notes are written by hand, about customers, and kept in clear.
    return redact([note]).texts[0] or "" if note else note


def _check(now: str, to: str, known: tuple[str, ...], thing: str) -> None:
    allowed = [state for state in AFTER.get(now, ()) if state in known]
    if to not in allowed:
        raise Refused(f"a {now} {thing} can become {', '.join(allowed)} only", place="state", now=now)
