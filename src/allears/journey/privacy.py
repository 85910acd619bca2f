"""What the Privacy desk shows: requests and their clocks, consent, what is due, what is held, keys and their age, the audit, erasures."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import func, select

from allears.act.recipients import told_recipients
from allears.desk.access import ApiKey
from allears.desk.audit import AuditEntry, AuditHead, KeptReceipt
from allears.desk.keys import DestroyedKey, SubjectKey
from allears.errors import AllearsError
from allears.guard.erase import Receipt
from allears.journey import retention
from allears.journey.breaches import breaches
from allears.journey.consent import covered
from allears.journey.ends import cuts
from allears.journey.ground import Ground
from allears.journey.holds import holds
from allears.journey.judging import quality
from allears.journey.redo import lost
from allears.journey.renewing import ages
from allears.journey.requests import requests
from allears.journey.restricting import restrictions

NEWEST = 20


def privacy(ground: Ground) -> dict[str, Any]:
    """Gather all of it; no value of anybody is in it."""
    every = requests(ground, closed=True)
    return {
        "requests": [r for r in every if r["state"] == "open"],
        "closed": sorted(
            (r for r in every if r["closed_at"] is not None), key=lambda r: r["closed_at"], reverse=True
        )[:NEWEST],
        "breaches": breaches(ground),
        "holds": holds(ground),
        "restrictions": restrictions(ground),
        "lost": lost(ground, NEWEST),
        "cuts": cuts(ground, NEWEST),
        "consent": _consent(ground),
        "retention": _retention(ground),
        "redaction": quality(ground)[0],
        "keys": _keys(ground),
        "audit": _audit(ground),
        "erasures": _erasures(ground),
    }


def _consent(ground: Ground) -> dict[str, Any]:
    try:
        return {"wrong": "", "purposes": covered(ground)}
    except AllearsError as error:
        return {"wrong": str(error), "purposes": []}


def _retention(ground: Ground) -> dict[str, Any]:
    try:
        if not retention.in_force(ground):
            return {"in_force": False, "due": [], "wrong": ""}
        return {"in_force": True, "due": retention.due(ground), "wrong": ""}
    except AllearsError as error:
        # A wrong file must not hide the clocks beside it.
        return {"in_force": False, "due": [], "wrong": str(error)}


def _keys(ground: Ground) -> dict[str, Any]:
    destroyed = select(DestroyedKey.key_id)
    alive = select(func.count(), func.min(SubjectKey.made_at)).where(SubjectKey.id.not_in(destroyed))
    named = select(func.count(), func.min(ApiKey.made_at)).where(ApiKey.revoked_at.is_(None))
    with ground.desk.reading() as session:
        customers, oldest = session.execute(alive).one()
        gone = session.scalar(select(func.count()).select_from(DestroyedKey)) or 0
        api, oldest_api = session.execute(named).one()
    return {
        "customers": customers, "oldest": oldest, "destroyed": gone, "api": api, "oldest_api": oldest_api,
        "layers": {one["layer"]: one for one in ages(ground)},
    }  # fmt: skip


def _audit(ground: Ground) -> dict[str, Any]:
    with ground.desk.reading() as session:
        entries = session.scalar(select(func.count()).select_from(AuditEntry)) or 0
        head = session.scalars(select(AuditHead).order_by(AuditHead.size.desc()).limit(1)).first()
    found = {
        "entries": entries,
        "key": ground.audit.signer.public,
        "outside": ground.settings.guard.heads_file,
    }
    if head is None:
        return found | {"head": None}
    return found | {"head": {"size": head.size, "root": head.root.hex(), "at": head.at}}


def _erasures(ground: Ground) -> dict[str, Any]:
    about_somebody = KeptReceipt.subject != ""
    query = select(KeptReceipt).where(about_somebody).order_by(KeptReceipt.number.desc()).limit(NEWEST)
    with ground.desk.reading() as session:
        n = session.scalar(select(func.count()).select_from(KeptReceipt).where(about_somebody)) or 0
        newest = [_erased(row) for row in session.scalars(query)]
        told = told_recipients(session, NEWEST)
    return {"n": n, "newest": newest, "told": told}


def _erased(row: KeptReceipt) -> dict[str, Any]:
    receipt = msgspec.convert(msgspec.json.decode(row.words), Receipt)
    return {
        "number": row.number,
        "at": row.at,
        "customer": row.subject,
        "what": receipt.scope.said() if receipt.scope else "everything",
        "keys": receipt.keys_destroyed,
        "signals": receipt.removed.get("signals", 0),
        "recipients": receipt.removed.get("recipients", 0),
    }
