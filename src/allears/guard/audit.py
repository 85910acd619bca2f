"""The audit: who did what, in a hash chain sealed under the space's key."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from allears.clock import Clock, SystemClock
from allears.desk import Desk
from allears.desk.audit import AuditEntry
from allears.guard.redact import redact
from allears.guard.vault import Vault

START = "0" * 64
_PAGE = 5_000
Detail = Mapping[str, str | int | float | bool | None]


class Entry(msgspec.Struct, frozen=True):
    """One act, as the chain keeps it."""

    number: int
    at: datetime
    actor: str
    action: str
    target_hash: str
    why: str
    detail: dict[str, str | int | float | bool | None]
    hash: str


class Head(NamedTuple):
    """The newest entry: note it somewhere else, and nobody can cut the end off unseen."""

    number: int
    hash: str


class Verified(NamedTuple):
    """What a check of the whole chain found."""

    ok: bool
    entries: int
    head: str
    first_bad: int | None


class Audit:
    """The audit of a space.

    Each entry holds the hash of the one before it, h_t = SHA256(h_{t-1} || canonical JSON), and a seal
    (HMAC under a sub-key), so a chain rewritten by somebody with the database but without the key is found out.
    Targets are pseudonymous ids, hashed with a salt of their own: erasing a customer does not break the chain.

    Parameters
    ----------
    desk
        Where entries are kept.
    vault
        Whose sub-key seals them.
    clock
        What time it is.
    """

    def __init__(self, desk: Desk, vault: Vault, clock: Clock | None = None) -> None:
        self._desk = desk
        self._seal_key = vault.sub_key("audit")
        self._clock = clock or SystemClock()

    def record(
        self, actor: str, action: str, target: str, why: str = "", detail: Detail | None = None
    ) -> Entry:
        """Write down one act.

        Parameters
        ----------
        actor
            A principal's name.
        action
            What was done, such as ``open_sealed``.
        target
            To what: a pseudonymous id, kept only as a salted hash.
        why
            The reason given; redacted before it is kept.
        detail
            Counts and names of things, never a person's value.
        """
        with self._desk.session() as session:
            return self.write(session, actor, action, [target], why, detail)[0]

    def write(
        self,
        session: Session,
        actor: str,
        action: str,
        targets: Sequence[str],
        why: str = "",
        detail: Detail | None = None,
    ) -> list[Entry]:
        """Write down one act for each target inside an open transaction, so that act and entry stand or fall together."""
        if session.get_bind().dialect.name == "postgresql":
            # SQLite's transactions queue by themselves; elsewhere the next number must be waited for.
            session.execute(text("LOCK TABLE audit_entries IN EXCLUSIVE MODE"))
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.number.desc()).limit(1)).first()
        number, previous = (last.number, last.hash) if last else (0, START)
        reason = (redact([why[:400]]).texts[0] or "")[:400]
        told = msgspec.json.encode(dict(detail or {}), order="sorted").decode()
        now, rows = self._clock.now(), []
        for target in targets:
            number += 1
            row = AuditEntry(
                number=number,
                at=now,
                actor=actor[:80],
                action=action[:64],
                salt=(salt := os.urandom(16)),
                target_hash=_salted(salt, target),
                why=reason,
                detail=told,
                previous=previous,
            )
            row.hash = previous = _chained(row)
            row.seal = self._sealed(row.hash)
            rows.append(row)
        session.add_all(rows)
        session.flush()
        return [_entry(row) for row in rows]

    def entries(self, limit: int = 100, *, before: int | None = None) -> list[Entry]:
        """Return the newest entries, newest first; ``before`` is the number to go on from."""
        query = select(AuditEntry).order_by(AuditEntry.number.desc()).limit(limit)
        if before is not None:
            query = query.where(AuditEntry.number < before)
        with self._desk.session() as session:
            return [_entry(row) for row in session.scalars(query)]

    def about(self, target: str) -> list[Entry]:
        """Return every entry about a target, oldest first; reads the whole chain."""
        return [
            _entry(row)
            for row in self._rows()
            if hmac.compare_digest(_salted(row.salt, target), row.target_hash)
        ]

    def head(self) -> Head:
        """Return number and hash of the newest entry."""
        newest = self.entries(1)
        return Head(newest[0].number, newest[0].hash) if newest else Head(0, START)

    def verify(self, known: Head | None = None) -> Verified:
        """Check the whole chain.

        Parameters
        ----------
        known
            A head noted earlier: the chain must still contain it.

        Returns
        -------
        Verified
            ``first_bad`` is the first number that is missing, changed or not sealed by this space's key.
        """
        previous, count = START, 0
        for row in self._rows():
            sound = row.number == count + 1 and row.previous == previous and row.hash == _chained(row)
            if known and row.number == known.number:
                sound = sound and row.hash == known.hash
            if not sound or not hmac.compare_digest(row.seal, self._sealed(row.hash)):
                return Verified(False, count, previous, count + 1)
            previous, count = row.hash, count + 1
        if known and known.number > count:
            return Verified(False, count, previous, count + 1)
        return Verified(True, count, previous, None)

    def _rows(self) -> Iterator[AuditEntry]:
        last = 0
        while True:
            query = (
                select(AuditEntry).where(AuditEntry.number > last).order_by(AuditEntry.number).limit(_PAGE)
            )
            with self._desk.session() as session:
                page = list(session.scalars(query))
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1].number

    def _sealed(self, value: str) -> str:
        return hmac.digest(self._seal_key, value.encode(), "sha256").hex()


def _salted(salt: bytes, target: str) -> str:
    return hashlib.sha256(salt + target.encode("utf-8", "surrogatepass")).hexdigest()


def _chained(row: AuditEntry) -> str:
    told = {
        "number": row.number,
        "at": row.at.isoformat(),
        "actor": row.actor,
        "action": row.action,
        "salt": row.salt.hex(),
        "target": row.target_hash,
        "why": row.why,
        "detail": row.detail,
    }
    return hashlib.sha256(row.previous.encode() + msgspec.json.encode(told, order="sorted")).hexdigest()


def _entry(row: AuditEntry) -> Entry:
    return Entry(
        row.number,
        row.at,
        row.actor,
        row.action,
        row.target_hash,
        row.why,
        msgspec.json.decode(row.detail),
        row.hash,
    )
