"""Who was told about somebody: found when they are erased, told of it (article 19), and what still waited is taken back."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from allears.act.deliver import Outbox
from allears.desk.aliases import STRANGER
from allears.desk.asking import Invitation
from allears.desk.work import Delivery, Move

ERASED, CORRECTED = "customer.erased", "customer.corrected"
NOTICES = (ERASED, CORRECTED)
_CHUNK = 5_000
_PAGE = 2_000
_MOST = 50
_CUSTOMER = re.compile(r"\bc_[0-9a-f]{16}\b")
T = TypeVar("T")
Told = dict[str, dict[str, list[str]]]
"""By customer and destination: the events it got."""


class Recipients:
    """What was told about customers, as the outbox still knows it.

    Parameters
    ----------
    session
        Of the desk; read only.
    outbox
        Opens what is written down.
    keys, digests
        Each key and each identifier's digest, and whose it is.
    purpose
        Only what was told for it.
    """

    def __init__(
        self,
        session: Session,
        outbox: Outbox,
        keys: Mapping[str, str],
        digests: Mapping[str, str],
        purpose: str | None = None,
    ) -> None:
        self.told: Told = {}
        self.waiting: dict[str, list[int]] = {}
        # Whom a delivery concerns: a customer, or somebody known by a digest only.
        self.names = {**keys, **{f"{STRANGER}{digest}": customer for digest, customer in digests.items()}}
        self._decisions = _decisions(session, keys)
        self._invitations = _invitations(session, digests)
        last, wanted = 0, [Delivery.purpose == purpose] if purpose is not None else []
        columns = (
            Delivery.id,
            Delivery.event_id,
            Delivery.event_type,
            Delivery.destination,
            Delivery.state,
            Delivery.payload,
            Delivery.person,
        )
        while page := session.execute(
            select(*columns)
            .where(Delivery.id > last, Delivery.event_type.not_in(NOTICES), *wanted)
            .order_by(Delivery.id)
            .limit(_PAGE)
        ).all():
            last = page[-1].id
            for row in page:
                self._note(row, outbox.body(row.event_id, row.destination, row.payload))

    def _note(self, row: Any, body: str) -> None:
        named = {*_CUSTOMER.findall(body), row.person or ""}
        whose = {self.names[name] for name in named if name in self.names}
        # An event's id says what it was made for: an invitation, or a decision about customers.
        parts = row.event_id.split("_")
        if parts[-1] in self._invitations:
            whose.add(self._invitations[parts[-1]])
        elif len(parts) > 1:
            whose |= self._decisions.get(parts[1], set())
        for customer in whose:
            if row.state == "sent":
                self.told.setdefault(customer, {}).setdefault(row.destination, []).append(row.event_id)
            elif len(whose) == 1 and row.event_type != "playbook.notice":
                self.waiting.setdefault(customer, []).append(row.id)


def tell_recipients(
    session: Session,
    outbox: Outbox,
    found: Recipients,
    customers: Mapping[str, tuple[str, str]],
    at: datetime,
) -> dict[str, dict[str, int]]:
    """Take back what waits about customers alone, where all of them goes, and put a notice to everybody who got something about them, inside the caller's transaction.

    Parameters
    ----------
    customers
        Who is erased: the id of the erasure, and in words what of them; empty for all.

    Returns
    -------
    dict
        By customer: ``deliveries`` taken back, ``recipients`` told.
    """
    counts: dict[str, dict[str, int]] = {}
    for customer, (erasure, what) in customers.items():
        waiting, told = found.waiting.get(customer, []) if not what else [], found.told.get(customer, {})
        for start in range(0, len(waiting), _CHUNK):
            some = Delivery.id.in_(waiting[start : start + _CHUNK])
            session.execute(delete(Delivery).where(some, Delivery.state != "sent"))
        for destination, events in told.items():
            notice = {
                "title": "Erase what you hold of this customer",
                "id": customer,
                "what": what or "all",
                "erased_at": at.isoformat(timespec="seconds"),
                "events": events[-_MOST:],
                "events_in_all": len(events),
            }
            outbox.put(
                ERASED, notice, [destination], event_id=f"msg_erased_{erasure}", at=at, session=session
            )
        counts[customer] = {"deliveries": len(waiting), "recipients": len(told)}
    gone = [name for name, customer in found.names.items() if not customers.get(customer, ("", "part"))[1]]
    for names in _chunks(gone):
        session.execute(update(Delivery).where(Delivery.person.in_(names)).values(person=None))
    return counts


def take_back(session: Session, found: Recipients, *narrowed: ColumnElement[bool]) -> Counter[str]:
    """Delete deliveries about customers that wait, and forget whom others concerned, of those of which something holds; returns how many, by customer."""
    gone: Counter[str] = Counter()
    for customer, waiting in found.waiting.items():
        for some in _chunks(waiting):
            mine = delete(Delivery).where(Delivery.id.in_(some), Delivery.state != "sent", *narrowed)
            gone[customer] += len(session.scalars(mine.returning(Delivery.id)).all())
    for names in _chunks(list(found.names)):
        session.execute(update(Delivery).where(Delivery.person.in_(names), *narrowed).values(person=None))
    return gone


def tell_corrected(
    session: Session, outbox: Outbox, found: Recipients, customer: str, kind: str, at: datetime
) -> int:
    """Put a notice to everybody who got something about a customer: what kind of thing was corrected, no value; returns how many."""
    told = found.told.get(customer, {})
    for destination, events in told.items():
        notice = {
            "title": "Something about this customer was corrected: ask again for what you hold",
            "id": customer,
            "what": kind,
            "corrected_at": at.isoformat(timespec="seconds"),
            "events": events[-_MOST:],
            "events_in_all": len(events),
        }
        name = f"msg_corrected_{secrets.token_hex(8)}"
        outbox.put(CORRECTED, notice, [destination], event_id=name, at=at, session=session)
    return len(told)


def told_recipients(session: Session, limit: int) -> list[dict[str, object]]:
    """List whom notices of erasures and corrections went to, newest first, and whether they arrived."""
    columns = (Delivery.destination, Delivery.state, Delivery.put_at, Delivery.sent_at, Delivery.event_id, Delivery.event_type)  # fmt: skip
    query = select(*columns).where(Delivery.event_type.in_(NOTICES)).order_by(Delivery.id.desc()).limit(limit)
    return [dict(row._mapping) for row in session.execute(query)]


def _decisions(session: Session, keys: Mapping[str, str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for some in _chunks(list(keys)):
        query = select(Move.decision, Move.customer).where(Move.customer.in_(some))
        for decision, key in session.execute(query):
            found.setdefault(decision, set()).add(keys[str(key)])
    return found


def _invitations(session: Session, digests: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in _chunks(list(digests)):
        mine = or_(Invitation.digest.in_(some), Invitation.person.in_(some))
        for id, digest, person in session.execute(
            select(Invitation.id, Invitation.digest, Invitation.person).where(mine)
        ):
            found[id] = digests.get(digest) or digests[str(person)]
    return found


def _chunks(values: Sequence[T]) -> list[list[T]]:
    return [list(values[start : start + _CHUNK]) for start in range(0, len(values), _CHUNK)]
