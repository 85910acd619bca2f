"""Legal holds: while one lasts, nothing of that person is erased or retired.

A hold keeps the identifiers it was put on. It follows them through merges and partings: if they belong to two
customers one day, both are held, since a hold too many loses nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from allears.desk.identity import Identifier
from allears.desk.rights import Hold
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.deeds import Held, Released
from allears.guard.restrict import restricted_digests
from allears.journey.deeds import note_deed
from allears.journey.ground import Ground
from allears.journey.said import clean

_CHUNK = 500


def put_hold(ground: Ground, customer: str, *, why: str, actor: str) -> str:
    """Hold everything of a customer until `end_hold`; returns the hold's id.

    Raises
    ------
    Refused
        No reason was given.
    """
    if not why.strip():
        raise Refused("expected a reason for the hold", place="--why")
    hold = Hold(id="h" + secrets.token_hex(6), digests=ground.graph.digests_of(customer), actor=actor)
    hold.why, hold.since = clean(ground, why, [customer]), ground.clock.now()
    with ground.desk.session() as session:
        [entry] = ground.audit.write(session, actor, "hold", [customer], hold.why, {"hold": hold.id})
        session.add(hold)
        note_deed(ground, session, Held(hold.id, hold.digests, hold.why), actor, entry=entry.number)
    return hold.id


def end_hold(ground: Ground, hold: str, *, actor: str, why: str = "") -> None:
    """End a hold: what is due goes with the next run.

    Raises
    ------
    NotFound
        No hold with that id lasts.
    """
    with ground.desk.reading() as session:
        lasts = session.get(Hold, hold)
    why = clean(ground, why, owners(ground, lasts.digests) if lasts is not None else [])
    with ground.desk.session() as session:
        found = session.get(Hold, hold)
        if found is None or found.ended_at is not None:
            raise NotFound("no hold with that id lasts")
        found.ended_at, found.ended_by = ground.clock.now(), actor
        [entry] = ground.audit.write(session, actor, "hold.end", [hold], why, {})
        note_deed(ground, session, Released(hold), actor, entry=entry.number)


def holds(ground: Ground, *, ended: bool = False) -> list[dict[str, Any]]:
    """List holds that last, newest first, with the customers they concern today; ``ended`` ones too if asked."""
    query = select(Hold).order_by(Hold.since.desc(), Hold.id)
    with ground.desk.reading() as session:
        found = list(session.scalars(query if ended else query.where(Hold.ended_at.is_(None))))
    return [
        {
            "hold": one.id,
            "customers": owners(ground, one.digests),
            "why": one.why,
            "by": one.actor,
            "since": one.since,
            "ended_at": one.ended_at,
        }
        for one in found
    ]


def owners(ground: Ground, digests: Iterable[str]) -> list[str]:
    """Give the customers of today to whom identifiers belong, by digest; those of a forgotten one belong to nobody."""
    return sorted(set(owner_of(ground, digests).values()))


def owner_of(ground: Ground, digests: Iterable[str]) -> dict[str, str]:
    """Give today's customer of each identifier that belongs to somebody, by digest."""
    wanted = sorted(set(digests))
    found: dict[str, str] = {}
    with ground.desk.reading() as session:
        for start in range(0, len(wanted), _CHUNK):
            asked = Identifier.digest.in_(wanted[start : start + _CHUNK])
            found.update(session.execute(select(Identifier.digest, Identifier.customer).where(asked)).all())
    return found


def held_customers(ground: Ground) -> set[str]:
    """Give the customers of today who are under a hold."""
    return set(owners(ground, held_digests(ground)))


def held_digests(ground: Ground) -> set[str]:
    """Give the digests of the identifiers that holds were put on, or a restriction: whoever asked for one wants the data kept."""
    with ground.desk.reading() as session:
        lists = session.scalars(select(Hold.digests).where(Hold.ended_at.is_(None))).all()
    return {digest for digests in lists for digest in digests} | restricted_digests(ground.desk)


def require_free(ground: Ground, customer: str) -> None:
    """Insist that nobody holds a customer's data.

    Raises
    ------
    NotAllowed
        A hold or a restriction lasts; the message names it.
    """
    for hold in holds(ground):
        if customer in hold["customers"]:
            since: datetime = hold["since"]
            raise NotAllowed(f"hold {hold['hold']} of {since.date()} keeps this customer's data")
    if customer in ground.gate.restricted("service"):
        raise NotAllowed("this customer's data is restricted: it is kept until that is lifted")
