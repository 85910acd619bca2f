"""Erase a customer: destroy the keys, remove the look-ups, and sign a receipt for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy.orm import Session

from allears.clock import utc
from allears.desk import Desk
from allears.errors import Refused
from allears.guard.audit import Audit
from allears.guard.key_ring import secure
from allears.guard.receipt import sign, signed_here
from allears.guard.redaction.redact import redact
from allears.guard.vault import Vault

ACTION = "erase"


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Proof that a customer was erased: it names no value, only counts, fingerprints and the audit's head.

    Examples
    --------
    ``receipt.json()`` prints it; `verify_receipt` checks it.
    """

    version: int = 1
    tenant: str
    customer: str
    erased_at: datetime
    actor: str
    why: str
    subjects: int
    keys_destroyed: int
    key_fingerprints: list[str]
    removed: dict[str, int]
    audit_number: int
    audit_head: str
    signature: str = ""

    def json(self) -> str:
        """Return the receipt as JSON, indented."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()


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
        detail = {"keys": len(fingerprints), "subjects": len(set(subjects)), "rows": sum(removed.values())}
        entry = audit.write(session, actor, ACTION, [customer], why, detail)[0]
    vault.keys.scrub()
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
        audit_number=entry.number,
        audit_head=entry.hash,
    )
    return msgspec.structs.replace(receipt, signature=sign(vault, receipt))


def verify_receipt(vault: Vault, receipt: Receipt | str | bytes) -> bool:
    """Tell whether a receipt was signed by this space and not changed since.

    Raises
    ------
    Refused
        It is not a receipt at all.
    """
    if not isinstance(receipt, Receipt):
        try:
            receipt = msgspec.json.decode(receipt, type=Receipt)
        except msgspec.MsgspecError:
            raise Refused("not a receipt", place="receipt") from None
    return signed_here(vault, receipt)
