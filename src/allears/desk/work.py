"""The work in hand: issues, cases, moves, destinations, deliveries, verdicts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.aliases import PersonAlias
from allears.desk.base import Base

ISSUE_STATES = ("open", "acknowledged", "fixed", "closed", "dismissed")
CASE_STATES = ("open", "acknowledged", "fixed", "closed")
DELIVERY_STATES = ("waiting", "sent", "dead")


class Issue(Base):
    """A problem or wish that many signals share. ``renamed`` and ``assigned`` keep what people set."""

    __tablename__ = "issues"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16), default="issue")
    topics: Mapped[list[str]] = mapped_column(JSON, default=list)
    facets: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    terms: Mapped[list[str]] = mapped_column(JSON, default=list)
    exemplars: Mapped[list[str]] = mapped_column(JSON, default=list)
    first_signal_at: Mapped[datetime | None]
    detected_at: Mapped[datetime]
    grown_at: Mapped[datetime | None]
    signals: Mapped[int] = mapped_column(default=0)
    customers: Mapped[int] = mapped_column(default=0)
    expected: Mapped[float | None]
    growth: Mapped[float | None]
    score: Mapped[float] = mapped_column(default=0.0, index=True)
    factors: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    method: Mapped[str | None] = mapped_column(String(64))
    department: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), default="open", index=True)
    renamed: Mapped[bool] = mapped_column(default=False)
    assigned: Mapped[bool] = mapped_column(default=False)
    fixed_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class IssueSignal(Base):
    """One signal that an issue gathered."""

    __tablename__ = "issue_signals"

    issue: Mapped[str] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True)
    signal_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    customer: Mapped[str | None] = mapped_column(String(64), index=True)


class IssueEvent(Base):
    """One thing that somebody did to an issue."""

    __tablename__ = "issue_events"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issue: Mapped[str] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(128))
    what: Mapped[str] = mapped_column(String(32))
    before: Mapped[str | None] = mapped_column(String(64))
    after: Mapped[str | None] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(Text, default="")


class Case(Base):
    """Work for one department, with two clocks. ``customer`` is set when it is about one customer only."""

    __tablename__ = "cases"
    __table_args__ = (Index(None, "state", "department"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    issue: Mapped[str | None] = mapped_column(ForeignKey("issues.id"), index=True)
    customer: Mapped[str | None] = mapped_column(String(64), index=True)
    title: Mapped[str] = mapped_column(Text)
    department: Mapped[str] = mapped_column(String(64))
    priority: Mapped[str] = mapped_column(String(2))
    score: Mapped[float] = mapped_column(default=0.0)
    state: Mapped[str] = mapped_column(String(16), default="open")
    opened_at: Mapped[datetime]
    acknowledge_by: Mapped[datetime | None]
    resolve_by: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    fixed_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    reopened: Mapped[int] = mapped_column(default=0)
    why: Mapped[str] = mapped_column(Text, default="")


class CaseEvent(Base):
    """One thing that somebody did to a case."""

    __tablename__ = "case_events"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    case: Mapped[str] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(128))
    what: Mapped[str] = mapped_column(String(32))
    before: Mapped[str | None] = mapped_column(String(64))
    after: Mapped[str | None] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(Text, default="")


class Move(Base):
    """One action proposed or taken. ``id`` follows from its causes, so deciding twice moves once."""

    __tablename__ = "moves"
    __table_args__ = (Index(None, "customer", "due_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    decision: Mapped[str] = mapped_column(String(64), index=True)
    playbook: Mapped[str] = mapped_column(String(128), index=True)
    customer: Mapped[str | None] = mapped_column(String(64))
    issue: Mapped[str | None] = mapped_column(String(64), index=True)
    step: Mapped[int] = mapped_column(default=0)
    purpose: Mapped[str] = mapped_column(String(16), default="service", server_default="service")
    action: Mapped[str] = mapped_column(String(32))
    target: Mapped[str | None] = mapped_column(String(128))
    contacts: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(16), index=True)
    at: Mapped[datetime]
    due_at: Mapped[datetime]
    why: Mapped[str] = mapped_column(Text, default="")
    held_by: Mapped[str | None] = mapped_column(String(32))


class Destination(Base):
    """Where deliveries go. ``secret`` was sealed by the caller; for apprise it holds the whole address."""

    __tablename__ = "destinations"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16))
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    events: Mapped[list[str]] = mapped_column(JSON, default=list)
    allow_private: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(16), default="on")
    failures: Mapped[int] = mapped_column(default=0)
    rest_until: Mapped[datetime | None]


class Delivery(Base):
    """One event for one destination: the outbox."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("event_id", "destination"),
        Index(None, "state", "destination", "next_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    event_id: Mapped[str] = mapped_column(String(80))
    destination: Mapped[str] = mapped_column(ForeignKey("destinations.name", ondelete="CASCADE"))
    event_type: Mapped[str] = mapped_column(String(64))
    payload: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(String(16), default="service", server_default="service")
    person: Mapped[str | None] = mapped_column(PersonAlias("deliveries"))  # whom it concerns; it never leaves
    state: Mapped[str] = mapped_column(String(16), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    put_at: Mapped[datetime]
    next_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(64))


class Verdict(Base):
    """Whether a fix brought trust back, as measured at one data cut-off."""

    __tablename__ = "verdicts"
    __table_args__ = (UniqueConstraint("issue", "part", "cutoff"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    issue: Mapped[str] = mapped_column(String(64), index=True)
    part: Mapped[str] = mapped_column(String(16))
    said: Mapped[str] = mapped_column(String(16))
    damage: Mapped[float | None]
    damage_low: Mapped[float | None]
    damage_high: Mapped[float | None]
    gap: Mapped[float | None]
    gap_low: Mapped[float | None]
    gap_high: Mapped[float | None]
    n: Mapped[int] = mapped_column(default=0)
    needs: Mapped[int | None]
    method: Mapped[str] = mapped_column(String(64), default="")
    cutoff: Mapped[datetime]
    why: Mapped[str] = mapped_column(Text, default="")
