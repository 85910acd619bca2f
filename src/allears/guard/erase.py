"""Erase a customer: destroy the keys, remove the look-ups, and sign a receipt for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from allears.clock import utc
from allears.desk import Desk
from allears.errors import Refused
from allears.guard.audit import Audit
from allears.guard.key_ring import secure
from allears.guard.receipt import COMMITTED, Attested, commitment, give, keep
from allears.guard.redaction.redact import redact
from allears.guard.vault import Vault

ACTION = "erase"


class Receipt(Attested, frozen=True, kw_only=True, tag="erasure"):
    """Proof that a customer was erased: it names no value, only counts, fingerprints and the audit's entry.

    Examples
    --------
    ``receipt.json()`` is what is handed out; `allears.guard.receipt.verify_receipt` checks it.
    """

    customer: str
    erased_at: datetime
    why: str
    subjects: int
    keys_destroyed: int
    key_fingerprints: list[str]
    removed: dict[str, int]


def erase(
    desk: Desk,
    vault: Vault,
    audit: Audit,
    *,
    customer: str,
    subjects: Sequence[str],
    remove: Callable[[Session], dict[str, int]],
    actor: str,
    why: str,
    at: datetime,
) -> Receipt:
    """Erase a customer: keys, look-ups and audit entry in one transaction, then the traces in the log.

    Parameters
    ----------
    desk, vault, audit
        Of the space.
    customer
        The pseudonymous id the receipt is about.
    subjects
        Every subject whose key sealed something of this customer, merged identities included.
    remove
        Removes look-ups inside the transaction; returns how many rows went, by table.
    actor
        Who asked.
    why
        The reason given; redacted before it is kept.
    at
        When, with zone.

    Raises
    ------
    Refused
        No subject, or no reason, was given.
    WorldFailed
        The erasure stands and is in the audit, but a long reader kept the desk's log open: call again to clear it.
    """
    if not subjects or not why.strip():
        raise Refused("expected at least one subject and a reason", place="erase")
    with desk.session() as session:
        secure(session)
        removed = remove(session)
        fingerprints = vault.keys.destroy_within(session, subjects)
        receipt = Receipt(
            tenant=vault.tenant,
            customer=customer,
            erased_at=utc(at),
            actor=actor,
            why=redact([why]).texts[0] or "",
            subjects=len(set(subjects)),
            keys_destroyed=len(fingerprints),
            key_fingerprints=sorted(fingerprints),
            removed=dict(sorted(removed.items())),
        )
        detail: dict[str, str | int] = {"keys": len(fingerprints), "subjects": len(set(subjects))}
        detail |= {"rows": sum(removed.values()), COMMITTED: commitment(receipt)}
        entry = audit.write(session, actor, ACTION, [customer], why, detail)[0]
        keep(session, receipt, entry, customer)
    vault.keys.scrub()
    return give(desk, audit, entry.number, Receipt)
