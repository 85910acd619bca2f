"""Follow the audit: what somebody did in a time, and to whom. Entries hold salted hashes, so who it was is found by trying those who are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from allears.desk import Desk
from allears.desk.audit import AuditEntry
from allears.guard.audit_entry import salted


class Step(NamedTuple):
    """One act of somebody."""

    number: int
    at: datetime
    actor: str
    action: str
    salt: bytes
    target_hash: str


def steps_of(desk: Desk, actors: Sequence[str], since: datetime, until: datetime) -> list[Step]:
    """List what some keys and accounts did in a time, oldest first."""
    columns = [getattr(AuditEntry, name) for name in Step._fields]
    query = select(*columns).where(
        AuditEntry.actor.in_(actors), AuditEntry.at >= since, AuditEntry.at <= until
    )
    with desk.reading() as session:
        return [Step(*row) for row in session.execute(query.order_by(AuditEntry.number))]


def targets_of(steps: Iterable[Step], known: Sequence[str]) -> dict[int, str]:
    """Find to whom or what steps were done, among names that are known; by the entry's number.

    Notes
    -----
    Each entry has a salt of its own, so this takes as many hashes as there are steps times names: about a million a second.
    """
    found: dict[int, str] = {}
    for step in steps:
        for name in known:
            if salted(step.salt, name) == step.target_hash:
                found[step.number] = name
                break
    return found
