"""Restriction carried out (article 18): a person's data stays where it is, and nothing but storage and legal claims uses it.

A restriction lies on identifiers, as a hold does: it follows them through merges and partings. The gate reads it at each
question, so it counts from the moment it is put on, in every process and at every door, and so does its lifting.
"""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import select

from allears.desk.rights import Restriction
from allears.errors import NotFound, Refused
from allears.guard.deeds import Lifted, Restricted
from allears.journey.deeds import note_deed
from allears.journey.ground import Ground
from allears.journey.holds import owners
from allears.journey.questions import named
from allears.journey.requests import asker_of, close
from allears.journey.said import clean


def restrict(ground: Ground, who: str, *, why: str, actor: str, request: str | None = None) -> str:
    """Restrict the use of a customer's data until `lift`; returns the restriction's id.

    Raises
    ------
    NotFound
        Nobody is known by that.
    Refused
        No reason was given.
    """
    _require(why, "--why", "expected a reason for the restriction")
    customer = named(ground, who)[0]
    why = clean(ground, why, [customer])
    made = Restriction(id="x" + secrets.token_hex(6), digests=ground.graph.digests_of(customer), actor=actor)
    made.why, made.since, made.request = why, ground.clock.now(), request
    with ground.desk.session() as session:
        [entry] = ground.audit.write(
            session, actor, "restrict", [customer], why, {"restriction": made.id, "request": request or ""}
        )
        session.add(made)
        deed = Restricted(made.id, made.digests, why, request)
        note_deed(ground, session, deed, actor, entry=entry.number)
    return made.id


def restrict_asker(ground: Ground, request: str, *, actor: str, why: str = "") -> str:
    """Do what a request for restriction asks, and close it; returns the restriction's id.

    Raises
    ------
    NotAllowed
        Nobody checked who asks.
    Refused
        It asks for something else.
    """
    customer = asker_of(ground, request, "restriction")
    made = restrict(ground, customer, why=why or f"request {request}", actor=actor, request=request)
    close(ground, request, f"restricted: {made}", actor=actor)
    return made


def lift(ground: Ground, restriction: str, *, told: str, actor: str) -> None:
    """Lift a restriction; from this moment the data is used again.

    Parameters
    ----------
    told
        How the person was told before (article 18(3)); redacted before it is kept.

    Raises
    ------
    NotFound
        No restriction with that id lasts.
    Refused
        Nothing was said about how the person was told.
    """
    _require(told, "--told", "expected how the person was told before it is lifted")
    with ground.desk.reading() as session:
        lasts = session.get(Restriction, restriction)
    told = clean(ground, told, owners(ground, lasts.digests) if lasts is not None else [])
    with ground.desk.session() as session:
        found = session.get(Restriction, restriction)
        if found is None or found.lifted_at is not None:
            raise NotFound("no restriction with that id lasts")
        found.lifted_at, found.lifted_by, found.told = ground.clock.now(), actor, told
        [entry] = ground.audit.write(session, actor, "restrict.lift", [restriction], told, {})
        note_deed(ground, session, Lifted(restriction, told), actor, entry=entry.number)


def restrictions(ground: Ground, *, lifted: bool = False) -> list[dict[str, Any]]:
    """List restrictions that last, newest first, with the customers they concern today; lifted ones too if asked."""
    query = select(Restriction).order_by(Restriction.since.desc(), Restriction.id)
    with ground.desk.reading() as session:
        found = list(session.scalars(query if lifted else query.where(Restriction.lifted_at.is_(None))))
    return [
        {
            "restriction": one.id,
            "customers": owners(ground, one.digests),
            "why": one.why,
            "request": one.request,
            "by": one.actor,
            "since": one.since,
            "lifted_at": one.lifted_at,
            "told": one.told,
        }
        for one in found
    ]


def _require(text: str, place: str, expected: str) -> None:
    if not text.strip():
        raise Refused(expected, place=place)
