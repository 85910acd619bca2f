"""Issues as people work with them: what foresee found is written down, what people set is kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from allears.act.transition import change_case, change_issue, log_issue
from allears.desk.base import Desk
from allears.desk.work import Case, Issue, IssueEvent, IssueSignal
from allears.errors import NotFound, Refused
from allears.guard.redaction.redact import redact

SYSTEM = "allears"
"""The actor written down when nobody but the program acted."""

SHOWN = (
    "id", "title", "kind", "first_signal_at", "detected_at", "signals", "customers", "department", "score", "state", "exemplars",
    "topics", "facets", "terms", "expected", "growth", "factors", "fixed_at", "closed_at", "method",
)  # fmt: skip
_CHUNK = 5_000


class Change(msgspec.Struct, frozen=True):
    """What happened to an issue: ``new``, ``grown``, ``reopened``, ``fixed`` or ``quiet``; and the issue as it is now."""

    what: str
    issue: dict[str, Any]

    @property
    def id(self) -> str:
        """The issue's id."""
        return str(self.issue["id"])


def record(
    desk: Desk,
    issues: pa.Table | pa.RecordBatch,
    *,
    at: datetime,
    customers: Mapping[str, str | None] | None = None,
    reopen_after: timedelta = timedelta(hours=24),
    reopen_growth: float = 2.0,
) -> list[Change]:
    """Write down what was found: new issues are added, known ones brought up to date.

    State, department and a title that people set are never overwritten. An issue that people called fixed or
    closed opens again when it grew ``reopen_after`` later at ``reopen_growth`` times the expected pace, so the
    tail of an old problem does not; a dismissed one stays dismissed.

    Parameters
    ----------
    issues
        Rows of the ``issues`` table, signals gathered so far.
    at
        The time of this look.
    customers
        Customer of each signal id, where known.
    reopen_after
        Time that must pass since the fix.
    reopen_growth
        Last hour's authors over the expected, ratio.

    Returns
    -------
    list of Change
        One per row, in the order given.
    """
    changes = []
    rows = issues.to_pylist()
    with desk.session() as session:
        known = _known(session, [row["issue"] for row in rows])
        for row in rows:
            found = known.get(row["issue"])
            if found is None:
                found = known[row["issue"]] = _add(session, row)
                what = "new"
            else:
                what = _update(session, found, row, at, reopen_after, reopen_growth)
            if what != "quiet" or customers:
                _gather(session, found, row.get("signal_ids") or [], customers or {})
            changes.append(Change(what, _shown(found)))
    return changes


def issues(desk: Desk, state: str | None = None, kind: str | None = None) -> list[dict[str, Any]]:
    """List issues, highest score first."""
    query = select(Issue).order_by(Issue.score.desc(), Issue.detected_at, Issue.id)
    if state is not None:
        query = query.where(Issue.state == state)
    if kind is not None:
        query = query.where(Issue.kind == kind)
    with desk.reading() as session:
        return [_shown(row) for row in session.scalars(query)]


def issue(desk: Desk, issue_id: str) -> dict[str, Any]:
    """Show one issue with its history.

    Raises
    ------
    NotFound
        No issue has that id.
    """
    with desk.reading() as session:
        shown = _shown(get_issue(session, issue_id))
        events = session.scalars(
            select(IssueEvent).where(IssueEvent.issue == issue_id).order_by(IssueEvent.id)
        )
        names = ("at", "actor", "what", "before", "after", "note")
        return shown | {"history": [{name: getattr(e, name) for name in names} for e in events]}


def signals_of(desk: Desk, issue_id: str) -> list[str]:
    """List the ids of the signals an issue gathered."""
    with desk.reading() as session:
        get_issue(session, issue_id)
        query = (
            select(IssueSignal.signal_id).where(IssueSignal.issue == issue_id).order_by(IssueSignal.signal_id)
        )
        return list(session.scalars(query))


def customers_of(desk: Desk, issue_id: str) -> list[str]:
    """List the customers known to have written about an issue."""
    with desk.reading() as session:
        get_issue(session, issue_id)
        query = select(IssueSignal.customer).where(
            IssueSignal.issue == issue_id, IssueSignal.customer.is_not(None)
        )
        return sorted({str(name) for name in session.scalars(query)})


def count_customers(desk: Desk, issues: Sequence[str]) -> int:
    """Count the different customers whose signals these issues gather."""
    counted = select(func.count(func.distinct(IssueSignal.customer))).where(IssueSignal.issue.in_(issues))
    with desk.reading() as session:
        return int(session.scalar(counted) or 0)


def withdraw(desk: Desk, signal_ids: Sequence[str]) -> None:
    """Let issues do without signals that their authors deleted: counts go down, examples go."""
    with desk.session() as session:
        for start in range(0, len(signal_ids), _CHUNK):
            gone = set(signal_ids[start : start + _CHUNK])
            held = list(session.scalars(select(IssueSignal).where(IssueSignal.signal_id.in_(gone))))
            for row in held:
                session.delete(row)
            session.flush()
            for issue_id, lost in Counter(row.issue for row in held).items():
                found = get_issue(session, issue_id)
                left = select(IssueSignal.customer).where(IssueSignal.issue == issue_id).distinct()
                gone_customers = {row.customer for row in held if row.issue == issue_id and row.customer}
                gone_customers -= set(session.scalars(left))
                found.signals = max(0, found.signals - lost)
                found.customers = max(0, found.customers - len(gone_customers))
                found.exemplars = [one for one in found.exemplars if one not in gone]


def acknowledge(desk: Desk, issue_id: str, actor: str, at: datetime, note: str = "") -> Change:
    """Say that somebody is looking at it."""
    return _set_state(desk, issue_id, "acknowledged", actor, at, note)


def mark_fixed(desk: Desk, issue_id: str, actor: str, at: datetime, note: str = "") -> Change:
    """Say that the cause was mended; its cases are fixed with it."""
    return _set_state(desk, issue_id, "fixed", actor, at, note)


def close(desk: Desk, issue_id: str, actor: str, at: datetime, note: str = "") -> Change:
    """Put it away; its cases are closed with it."""
    return _set_state(desk, issue_id, "closed", actor, at, note)


def dismiss(desk: Desk, issue_id: str, actor: str, at: datetime, note: str = "") -> Change:
    """Say that it is no problem; it will not come back by itself."""
    return _set_state(desk, issue_id, "dismissed", actor, at, note)


def reopen(desk: Desk, issue_id: str, actor: str, at: datetime, note: str = "") -> Change:
    """Open it again; its cases open when they are routed next."""
    return _set_state(desk, issue_id, "open", actor, at, note)


def rename(desk: Desk, issue_id: str, title: str, actor: str, at: datetime) -> None:
    """Give it a better title, which later findings keep."""
    if not title.strip():
        raise Refused("expected a title, got an empty text", place="title")
    with desk.session() as session:
        row = get_issue(session, issue_id)
        log_issue(session, row, "title", None, None, actor, at)
        row.title, row.renamed = redact([title.strip()]).texts[0] or "", True


def assign(desk: Desk, issue_id: str, department: str, actor: str, at: datetime) -> None:
    """Say which department answers for it, whatever the rules say."""
    with desk.session() as session:
        row = get_issue(session, issue_id)
        log_issue(session, row, "department", row.department, department, actor, at)
        row.department, row.assigned = department, True


def get_issue(session: Session, issue_id: str) -> Issue:
    """Find an issue's row.

    Raises
    ------
    NotFound
        No issue has that id.
    """
    row = session.get(Issue, issue_id, with_for_update=True)
    if row is None:
        raise NotFound("no issue has that id", place="issue")
    return row


def follow_cases(session: Session, issue_id: str | None, actor: str, at: datetime) -> None:
    """Let an issue follow its cases: looked at when one is, fixed when all are, closed when all are."""
    if issue_id is None:
        return
    row = get_issue(session, issue_id)
    states = {case.state for case in session.scalars(select(Case).where(Case.issue == issue_id))}
    if row.state in ("open", "acknowledged") and states <= {"fixed", "closed"} and "fixed" in states:
        change_issue(session, row, "fixed", actor, at, "all its cases are fixed")
    elif row.state != "dismissed" and states == {"closed"}:
        change_issue(session, row, "closed", actor, at, "all its cases are closed")
    elif row.state == "open" and "acknowledged" in states:
        change_issue(session, row, "acknowledged", actor, at, "one of its cases is looked at")
    elif row.state in ("fixed", "closed") and states & {"open", "acknowledged"}:
        change_issue(session, row, "open", actor, at, "one of its cases was opened again")


def _set_state(desk: Desk, issue_id: str, to: str, actor: str, at: datetime, note: str) -> Change:
    with desk.session() as session:
        row = get_issue(session, issue_id)
        changed = change_issue(session, row, to, actor, at, note)
        case_state = {"dismissed": "closed", "open": None}.get(to, to)
        for case in session.scalars(select(Case).where(Case.issue == issue_id)):
            behind = case.state in {"acknowledged": ("open",), "fixed": ("open", "acknowledged")}.get(
                to, ("open", "acknowledged", "fixed")
            )
            if case_state is not None and behind:
                change_case(session, case, case_state, actor, at, note)
        what = {"fixed": "fixed", "open": "reopened"}.get(to, "quiet") if changed else "quiet"
        return Change(what, _shown(row))


def _known(session: Session, ids: list[str]) -> dict[str, Issue]:
    rows: dict[str, Issue] = {}
    for start in range(0, len(ids), _CHUNK):
        query = select(Issue).where(Issue.id.in_(ids[start : start + _CHUNK])).with_for_update()
        rows.update({row.id: row for row in session.scalars(query)})
    return rows


def _add(session: Session, row: Mapping[str, Any]) -> Issue:
    found = Issue(
        id=row["issue"], title=row["title"] or "untitled", kind=row["kind"] or "issue", state="open"
    )
    found.detected_at, found.grown_at = row["detected_at"], row["detected_at"]
    found.renamed = found.assigned = False
    _copy(found, row)
    session.add(found)
    session.flush()
    log_issue(session, found, "found", None, "open", SYSTEM, row["detected_at"])
    return found


def _update(
    session: Session,
    found: Issue,
    row: Mapping[str, Any],
    at: datetime,
    reopen_after: timedelta,
    reopen_growth: float,
) -> str:
    grown = (row["signals"] or 0) > found.signals or (row["customers"] or 0) > found.customers
    if not found.renamed:
        found.title = row["title"] or found.title
    _copy(found, row)
    if not grown:
        return "quiet"
    found.grown_at = at
    since = found.fixed_at if found.state == "fixed" else found.closed_at
    back = found.state in ("fixed", "closed") and since is not None and at >= since + reopen_after
    if back and (row["growth"] or 0.0) >= reopen_growth:
        change_issue(session, found, "open", SYSTEM, at, "it grew again")
        return "reopened"
    return "grown"


def _copy(found: Issue, row: Mapping[str, Any]) -> None:
    first = row["first_signal_at"]
    if found.first_signal_at is None or (first is not None and first < found.first_signal_at):
        found.first_signal_at = first
    found.topics, found.terms, found.exemplars = (
        list(row[name] or []) for name in ("topics", "terms", "exemplars")
    )
    found.facets, found.factors = _object(row["facets"]), _object(row["factors"])
    # A detector with a moving window forgets old signals; the issue does not.
    found.signals = max(found.signals or 0, row["signals"] or 0)
    found.customers = max(found.customers or 0, row["customers"] or 0)
    found.expected, found.growth, found.method = row["expected"], row["growth"], row["method"]
    found.score = row["score"] or 0.0


def _gather(
    session: Session, found: Issue, signal_ids: Iterable[str], customers: Mapping[str, str | None]
) -> None:
    query = select(IssueSignal.signal_id, IssueSignal.customer).where(IssueSignal.issue == found.id)
    held = dict(session.execute(query).all())
    wanted = {signal_id: customers.get(signal_id) for signal_id in signal_ids}
    fresh = [
        {"issue": found.id, "signal_id": signal_id, "customer": customer}
        for signal_id, customer in wanted.items()
        if signal_id not in held or (held[signal_id] is None and customer is not None)
    ]
    if fresh:
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        insert = dialect.insert(IssueSignal)
        known = {"customer": insert.excluded.customer}
        session.execute(
            insert.on_conflict_do_update(index_elements=["issue", "signal_id"], set_=known), fresh
        )
        total = (
            session.scalar(select(func.count()).select_from(IssueSignal).where(IssueSignal.issue == found.id))
            or 0
        )
        found.signals = max(found.signals, total)


def _object(text: str | None) -> dict[str, Any]:
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}


def _shown(row: Issue) -> dict[str, Any]:
    return {name: getattr(row, name) for name in SHOWN}
