"""Erase customers: destroy the keys, remove the look-ups, and write down what a receipt is made of, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from allears.clock import utc
from allears.desk import Desk
from allears.errors import Refused
from allears.guard.audit import Audit
from allears.guard.erasures import Erasure, Scope
from allears.guard.key_ring import secure
from allears.guard.receipt import COMMITTED, Attested, commitment, keep
from allears.guard.redaction.redact import redact
from allears.guard.vault import Vault

ACTION, IN_PART = "erase", "erase.part"


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
    scope: Scope | None = None


def erase(
    desk: Desk,
    vault: Vault,
    audit: Audit,
    erasures: Sequence[Erasure],
    remove: Callable[[Session], Mapping[str, Mapping[str, int]]],
    *,
    at: datetime,
    done: Callable[[Session, Sequence[tuple[Erasure, int]]], None] = lambda session, entries: None,
) -> list[int]:
    """Erase customers for one reason: keys, look-ups and audit entries in one transaction, then the traces in the log.

    Parameters
    ----------
    desk, vault, audit
        Of the space.
    erasures
        Who, by whom and why: actor and reason of the first are those of all. The keys of those with a scope stay.
    remove
        Removes look-ups inside the transaction; returns how many rows went, by customer and table.
    at
        When, with zone.
    done
        Told each erasure with the number of its entry, inside the transaction.

    Returns
    -------
    list of int
        Numbers of the audit entries, in order, under which the receipts are kept.

    Raises
    ------
    Refused
        No subject, or no reason, was given.
    WorldFailed
        The erasure stands and is in the audit, but a long reader kept the desk's log open: call again to clear it.
    """
    if not erasures or not all(e.subjects and e.why.strip() for e in erasures):
        raise Refused("expected at least one subject and a reason", place="erase")
    actor, why = erasures[0].actor, erasures[0].why
    said = redact([why]).texts[0] or ""
    with desk.session() as session:
        secure(session)
        removed = remove(session)
        going = sorted({subject for e in erasures if e.scope is None for subject in e.subjects})
        destroyed = vault.keys.destroy_within(session, going)
        receipts, details = [], []
        for one in erasures:
            counts = removed.get(one.customer, {})
            subjects = set(one.subjects) if one.scope is None else set()
            prints = sorted(destroyed[s] for s in subjects if s in destroyed)
            receipts.append(
                Receipt(
                    tenant=vault.tenant,
                    customer=one.customer,
                    erased_at=utc(at),
                    actor=actor,
                    why=said,
                    subjects=len(subjects),
                    keys_destroyed=len(prints),
                    key_fingerprints=prints,
                    removed=dict(sorted(counts.items())),
                    scope=one.scope,
                )
            )
            detail: dict[str, str | int] = {"keys": len(prints), "subjects": len(subjects)}
            details.append(detail | {"rows": sum(counts.values()), COMMITTED: commitment(receipts[-1])})
        action = ACTION if erasures[0].scope is None else IN_PART
        entries = audit.write(session, actor, action, [e.customer for e in erasures], why, details)
        for receipt, entry in zip(receipts, entries, strict=True):
            keep(session, receipt, entry, receipt.customer)
        done(session, [(e, entry.number) for e, entry in zip(erasures, entries, strict=True)])
    vault.keys.scrub()
    return [entry.number for entry in entries]
