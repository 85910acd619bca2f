"""One entry of the audit: what its row says, what its hash covers, how it hangs on the one before it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from allears.desk.audit import AuditEntry
from allears.guard.handover import Handover

START = "0" * 64
RENEWED = "signing_key.renew"


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


def salted(salt: bytes, target: str) -> str:
    """Hash a target as its entry keeps it."""
    return hashlib.sha256(salt + target.encode("utf-8", "surrogatepass")).hexdigest()


def chained(row: AuditEntry) -> str:
    """Hash an entry together with the one before it."""
    return hashlib.sha256(
        row.previous.encode() + msgspec.json.encode(fields_of(row), order="sorted")
    ).hexdigest()


def fields_of(row: AuditEntry) -> dict[str, Any]:
    """Give the fields that an entry's hash covers."""
    return {
        "number": row.number,
        "at": row.at.isoformat(),
        "actor": row.actor,
        "action": row.action,
        "salt": row.salt.hex(),
        "target": row.target_hash,
        "why": row.why,
        "detail": row.detail,
    }


def entry(row: AuditEntry) -> Entry:
    """Read an entry."""
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


def handover(row: AuditEntry) -> Handover:
    """Read how the signing key changed hands."""
    return msgspec.json.decode(row.detail, type=Handover)
