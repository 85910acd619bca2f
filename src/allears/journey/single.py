"""What is held for one purpose alone, and goes when somebody is erased for it.

Whatever serves a customer too is not held for marketing alone: signals stay unless their source was set aside for that
purpose (`sources` in ``purposes.toml``). What a purpose made of them goes: stays in its segments; the names in its
playbooks' plans, proposals and contacts, of which none is carried out any more; its deliveries that wait, and whom its sent
ones concerned. For research that is also invitations and what was answered to them. Words about the use of data stay: they
are the proof, and a no that went with the data would be no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace
from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute, Session

from allears.act.forget import forget_moves
from allears.act.invite import forget_invitations
from allears.act.recipients import Recipients, take_back
from allears.desk.asking import Invitation
from allears.desk.segments import SegmentStay
from allears.desk.work import Delivery, Move
from allears.guard.erasures import Scope
from allears.journey import segments
from allears.journey.ground import Ground
from allears.journey.rules import purposes
from allears.journey.surveys import SOURCE
from allears.know.stays import forget_stays


def settled(ground: Ground, scope: Scope | None) -> Scope | None:
    """Fill in which sources are kept for the purpose now, so that a restore years later takes the same."""
    if scope is None or scope.purpose is None:
        return scope
    own = (SOURCE,) if scope.purpose == "research" else ()
    return replace(scope, sources=tuple(sorted({*purposes(ground)[scope.purpose].sources, *own})))


def forget_use(
    ground: Ground,
    session: Session,
    scope: Scope,
    keys: Mapping[str, str],
    digests: Mapping[str, str],
    recipients: Recipients,
) -> dict[str, Counter[str]]:
    """Take what is held for the purpose of a scope off the desk; returns how much, by customer and table.

    Parameters
    ----------
    keys, digests
        Each key and each identifier's digest, and whose it is.
    recipients
        What was told of them for that purpose.
    """
    counts = {customer: Counter[str]() for customer in keys.values()}
    if scope.channel is not None:
        return counts  # no channel brought what the desk holds
    named = [one.name for one in segments.own(ground) if one.purpose == scope.purpose]
    stays = forget_stays(
        session, keys, SegmentStay.segment.in_(named), *_within(SegmentStay.entered_at, scope)
    )
    moves = forget_moves(session, keys, Move.purpose == scope.purpose, *_within(Move.at, scope))
    deliveries = take_back(
        session, recipients, Delivery.purpose == scope.purpose, *_within(Delivery.put_at, scope)
    )
    invited: Mapping[str, int] = {}
    if scope.purpose == "research":
        invited = forget_invitations(session, digests, *_within(Invitation.made_at, scope))
    for customer, found in counts.items():
        found.update(
            segment_stays=stays.get(customer, 0),
            moves=moves.get(customer, 0),
            deliveries=deliveries.get(customer, 0),
            invitations=invited.get(customer, 0),
        )
    return counts


def _within(when: InstrumentedAttribute[Any], scope: Scope) -> list[ColumnElement[bool]]:
    limits = [when >= scope.since] if scope.since is not None else []
    return limits + ([when < scope.until] if scope.until is not None else [])
