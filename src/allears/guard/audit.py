"""The audit: who did what, in a hash chain sealed under the space's key, and in a Merkle tree that others can check."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from allears.clock import Clock, SystemClock
from allears.desk import Desk
from allears.desk.audit import AuditEntry, AuditHead
from allears.errors import NotReady
from allears.guard import merkle
from allears.guard.audit_check import Head, Verified, checked
from allears.guard.audit_entry import RENEWED, START, Entry, chained, entry, fields_of, handover, salted
from allears.guard.audit_tree import grow, near, nodes, stored_nodes
from allears.guard.handover import Handover, hand_over
from allears.guard.heads import Signed, Signer
from allears.guard.proof import Proof
from allears.guard.redaction.redact import redact
from allears.guard.vault import Vault

_PAGE = 5_000
_AT_ONCE = 500
Detail = Mapping[str, str | int | float | bool | None]


class Audit:
    """The audit of a space.

    Each entry holds the hash of the one before it, h_t = SHA256(h_{t-1} || canonical JSON), and a seal
    (HMAC under a sub-key), so a chain rewritten by somebody with the database but without the key is found out.
    The entries' hashes are the leaves of a Merkle tree (RFC 6962); its signed heads, noted elsewhere, let others check that
    an entry is in and that nothing before it was rewritten, not even by who holds the key. Targets are pseudonymous ids, hashed with a salt of their own: erasing a customer does not break the chain.

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
        self._vault = vault
        self._signers: dict[int, Signer] = {}
        self._clock = clock or SystemClock()

    @property
    def signer(self) -> Signer:
        """What signs now."""
        return self._signer(self._vault.layers.newest("sign"))

    def _signer(self, version: int) -> Signer:
        if version not in self._signers:
            seed = self._vault.layers.secret("sign", version).sub_key(f"{self._vault.tenant}/audit/heads")
            self._signers[version] = Signer(seed, self._vault.tenant)
        return self._signers[version]

    def renew_signing(self, actor: str) -> Handover:
        """Sign with a new key from now on; old and new vouch for each other, in an entry of the audit."""
        layers, now = self._vault.layers, self._clock.now()
        with self._desk.session() as session:
            layers.refresh(session)
            old = self.signer
            version = layers.add(session, "sign", now)
            layers.refresh(session)
            new = self._signer(version)
            number = (session.scalar(select(func.max(AuditEntry.number))) or 0) + 1
            made = hand_over(old, new, number)
            self.write(session, actor, RENEWED, [new.public], detail=msgspec.to_builtins(made))
        return made

    def handovers(self) -> list[Handover]:
        """List how the signing key changed hands, oldest first."""
        query = select(AuditEntry).where(AuditEntry.action == RENEWED).order_by(AuditEntry.number)
        with self._desk.reading() as session:
            return [handover(row) for row in session.scalars(query)]

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
        detail: Detail | Sequence[Detail] | None = None,
    ) -> list[Entry]:
        """Write down one act for each target inside an open transaction, so that act and entry stand or fall together.

        With several details, each target has its own.
        """
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.number.desc()).limit(1)).first()
        number, previous = (last.number, last.hash) if last else (0, START)
        reason = (redact([why[:400]]).texts[0] or "")[:400]
        each = [detail] * len(targets) if detail is None or isinstance(detail, Mapping) else detail
        now, rows = self._clock.now(), []
        for target, one in zip(targets, each, strict=True):
            number += 1
            told = msgspec.json.encode(dict(one or {}), order="sorted").decode()
            row = AuditEntry(
                number=number,
                at=now,
                actor=actor[:80],
                action=action[:64],
                salt=(salt := os.urandom(16)),
                target_hash=salted(salt, target),
                why=reason,
                detail=told,
                previous=previous,
            )
            row.hash = previous = chained(row)
            row.seal = self._sealed(row.hash)
            rows.append(row)
        session.add_all(rows)
        grow(session, rows)
        session.flush()
        return [entry(row) for row in rows]

    def entries(self, limit: int = 100, *, before: int | None = None) -> list[Entry]:
        """Return the newest entries, newest first; ``before`` is the number to go on from."""
        query = select(AuditEntry).order_by(AuditEntry.number.desc()).limit(limit)
        if before is not None:
            query = query.where(AuditEntry.number < before)
        with self._desk.reading() as session:
            return [entry(row) for row in session.scalars(query)]

    def about(self, target: str) -> list[Entry]:
        """Return every entry about a target, oldest first; reads the whole chain."""
        return [
            entry(row)
            for row in self._rows()
            if hmac.compare_digest(salted(row.salt, target), row.target_hash)
        ]

    def head(self) -> Head:
        """Return number and hash of the newest entry."""
        newest = self.entries(1)
        return Head(newest[0].number, newest[0].hash) if newest else Head(0, START)

    def sign(self) -> Signed | None:
        """Sign the newest head, once for each size; ``None`` while nothing was ever done."""
        with self._desk.session() as session:
            size = session.scalar(select(func.max(AuditEntry.number)))
            if not size:
                return None
            kept = session.get(AuditHead, size)
            if kept is None:
                # Another process may have renewed the key a moment ago.
                self._vault.layers.refresh(session)
                made = self.signer.sign(size, merkle.root(size, nodes(session)), self._clock.now())
                session.add(
                    AuditHead(
                        size=size,
                        root=bytes.fromhex(made.root),
                        at=made.at,
                        signature=bytes.fromhex(made.signature),
                    )
                )
                return made
            return self._signed(kept)

    def heads(self) -> list[Signed]:
        """Return every head that was signed, oldest first."""
        with self._desk.reading() as session:
            return [self._signed(row) for row in session.scalars(select(AuditHead).order_by(AuditHead.size))]

    def prove(self, number: int) -> Proof:
        """Prove that an entry is in the log, against a head signed now.

        Raises
        ------
        Refused
            There is no such entry.
        NotReady
            Nothing was written down yet.
        """
        return next(self.prove_each([number]))

    def prove_each(self, numbers: Iterable[int]) -> Iterator[Proof]:
        """Prove many entries against one head, by number; what their proofs need is looked up together."""
        head, handovers = self._head_now(), self.handovers()
        wanted = sorted(set(numbers))
        with self._desk.reading() as session:
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                known = near(session, some)
                look = nodes(session)

                def node(
                    level: int,
                    position: int,
                    known: dict[tuple[int, int], bytes] = known,
                    look: merkle.Nodes = look,
                ) -> bytes:
                    if (level, position) not in known:
                        known[level, position] = look(level, position)
                    return known[level, position]

                query = select(AuditEntry).where(AuditEntry.number.in_(some)).order_by(AuditEntry.number)
                rows = {row.number: row for row in session.scalars(query)}
                for number in some:
                    path = merkle.inclusion(number - 1, head.size, node)
                    yield Proof(
                        path=[h.hex() for h in path],
                        head=head,
                        key=self.signer.public,
                        handovers=handovers,
                        number=number,
                        fields=fields_of(rows[number]),
                        previous=rows[number].previous,
                    )

    def prove_growth(self, old: Signed) -> Proof:
        """Prove that the log only grew since an earlier head.

        Raises
        ------
        Refused
            The earlier head is larger than the log.
        """
        head = self._head_now()
        with self._desk.reading() as session:
            path = merkle.consistency(old.size, head.size, nodes(session))
        return Proof(
            path=[h.hex() for h in path],
            head=head,
            key=self.signer.public,
            handovers=self.handovers(),
            old=old,
        )

    def verify(self, known: Head | None = None, heads: Sequence[Signed] = ()) -> Verified:
        """Check the whole log: each entry, the chain, the tree, and every head that was ever signed.

        Parameters
        ----------
        known
            A head noted earlier: the chain must still contain it.
        heads
            Signed heads kept outside the space: the tree must have passed through each of them.

        Returns
        -------
        Verified
            ``first_bad`` is the first number that is missing, changed or not sealed by this space's key, or up to which a
            head does not fit.
        """
        signed = (*self.heads(), *heads)
        with self._desk.reading() as session:
            return checked(
                self._rows(),
                stored_nodes(session),
                signed,
                key=self._signer(0).public,
                sealed=self._sealed,
                known=known,
            )

    def _rows(self) -> Iterator[AuditEntry]:
        last = 0
        while True:
            query = (
                select(AuditEntry).where(AuditEntry.number > last).order_by(AuditEntry.number).limit(_PAGE)
            )
            with self._desk.reading() as session:
                page = list(session.scalars(query))
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1].number

    def _head_now(self) -> Signed:
        head = self.sign()
        if head is None:
            raise NotReady("no entry yet", got=0, needed=1)
        return head

    def _signed(self, row: AuditHead) -> Signed:
        return Signed(row.size, row.root.hex(), row.at, row.signature.hex(), self.signer.tenant)

    def _sealed(self, value: str) -> str:
        return hmac.digest(self._seal_key, value.encode(), "sha256").hex()
