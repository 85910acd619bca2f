"""Whose data is restricted (article 18): kept, and used for nothing but storage, legal claims and warnings of danger."""

from __future__ import annotations

from sqlalchemy import func, select

from allears.desk.base import Desk
from allears.desk.identity import Identifier
from allears.desk.rights import Restriction

RESTRICTED = "restricted (article 18)"
"""The rule that holds somebody back whose data is restricted."""
_CHUNK = 500


def restrictions_mark(desk: Desk) -> tuple[int, int]:
    """Count restrictions that were put on and that were lifted: it moves with each, and nobody is restricted where both are one."""
    with desk.reading() as session:
        put, lifted = session.execute(select(func.count(), func.count(Restriction.lifted_at))).one()
    return int(put), int(lifted)


def restricted_digests(desk: Desk) -> set[str]:
    """Give the identifiers on which restrictions lie."""
    with desk.reading() as session:
        lists = session.scalars(select(Restriction.digests).where(Restriction.lifted_at.is_(None))).all()
    return {digest for digests in lists for digest in digests}


def restricted_people(desk: Desk) -> frozenset[str]:
    """Give the customers of today whose data is restricted, and the digests of all their identifiers."""
    wanted = sorted(restricted_digests(desk))
    customers: set[str] = set()
    digests = set(wanted)
    with desk.reading() as session:
        for start in range(0, len(wanted), _CHUNK):
            some = Identifier.digest.in_(wanted[start : start + _CHUNK])
            customers.update(session.scalars(select(Identifier.customer).where(some)))
        for start in range(0, len(customers), _CHUNK):
            theirs = Identifier.customer.in_(sorted(customers)[start : start + _CHUNK])
            digests.update(session.scalars(select(Identifier.digest).where(theirs)))
    return frozenset(customers | digests)
