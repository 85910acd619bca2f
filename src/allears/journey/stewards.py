"""Joining and parting customers by hand: who did it and why is in the audit, and each act can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from allears.errors import NotFound, Refused
from allears.journey.ground import Ground
from allears.journey.holds import owners
from allears.journey.questions import find, publish
from allears.journey.said import clean
from allears.know.link import queue

KINDS = ("email", "phone", "user_id", "handle", "anonymous_id", "device")
_LONGEST_WHY = 1000


def merge(ground: Ground, left: str, right: str, *, why: str, actor: str) -> dict[str, Any]:
    """Make two customers one, each given by id or any identifier.

    Raises
    ------
    NotFound
        One of them is not known.
    Refused
        They are one already, or a limit forbids it; or no reason was given.
    """
    require_reason(why)
    one, other = _customer(ground, left, "left"), _customer(ground, right, "right")
    why = reason(ground, why, [one, other])
    act = ground.graph.merge(one, other, why, actor)
    customer = str(ground.graph.keys_of(one)[0])
    _keep(ground, actor, "customer.merge", customer, why, act)
    return {"act": act, "customer": customer}


def part(ground: Ground, left: str, right: str, *, why: str, actor: str) -> dict[str, Any]:
    """Take back what events say of two identifiers that were seen together by mistake.

    Raises
    ------
    NotFound
        One is not known, or nothing links the two.
    """
    require_reason(why)
    one, other = _identifier(ground, left, "left"), _identifier(ground, right, "right")
    why = reason(ground, why, owners(ground, [one, other]))
    act = ground.graph.cut(one, other, why, actor)
    customers = {find(ground.graph, left), find(ground.graph, right)}
    _keep(ground, actor, "customer.part", str(find(ground.graph, left)), why, act)
    return {"act": act, "customers": sorted(str(c) for c in customers)}


def unmerge(ground: Ground, act: str, *, actor: str) -> dict[str, Any]:
    """Take a merge or a parting back: customers are as if it had never been done.

    Raises
    ------
    NotFound
        There is no such act.
    Refused
        It was taken back already.
    """
    ground.graph.unmerge(act, actor)
    queue.unjoined(ground.desk, act, actor, ground.clock.now())
    _keep(ground, actor, "customer.unmerge", act, "", act)
    return {"act": act, "undone": True}


def acts(ground: Ground, customer: str | None = None) -> list[dict[str, Any]]:
    """List what stewards did, newest first; with a customer, what concerns that one."""
    found = ground.graph.acts()
    return [a for a in found if customer is None or customer in (a["left"], a["right"])]


def _keep(ground: Ground, actor: str, action: str, target: str, why: str, act: str) -> None:
    ground.audit.record(actor, action, target, why=why, detail={"act": act})
    publish(ground)


def reason(ground: Ground, why: str, customers: Sequence[str], also: Sequence[tuple[str, str]] = ()) -> str:
    """Give a reason that may be kept: of some length, and without what is known of whom it is about in it."""
    require_reason(why)
    return clean(ground, why, customers, also)[:_LONGEST_WHY]


def require_reason(why: str) -> None:
    """Insist on a reason of some length.

    Raises
    ------
    Refused
        There is none, or it is a book.
    """
    if not 3 <= len(why.strip()) <= _LONGEST_WHY:
        raise Refused("expected a reason, 3 to 1,000 characters", place="--why")


def _customer(ground: Ground, who: str, place: str) -> str:
    found = find(ground.graph, who)
    if found is None:
        raise NotFound("nobody is known by that identifier or id", place=place)
    return found


def _identifier(ground: Ground, value: str, place: str) -> str:
    for kind in KINDS:
        digest = ground.graph.digest_of(kind, value)
        if digest is not None:
            return digest
    raise NotFound("no identifier of that value is known", place=place)
