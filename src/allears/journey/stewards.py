"""Joining, parting and keeping apart customers by hand: who did it and why is in the audit, and each act can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

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
        They are one already, a limit forbids it, or somebody keeps them apart; or no reason was given.
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


def apart(ground: Ground, left: str, right: str, *, why: str, actor: str) -> dict[str, Any]:
    """Keep two customers two, each given by id or any identifier: from then on nothing joins them, whatever arrives.

    Raises
    ------
    NotFound
        One of them is not known.
    Refused
        They are one customer, or kept apart already; or no reason was given.
    """
    require_reason(why)
    one, other = _customer(ground, left, "left"), _customer(ground, right, "right")
    why = reason(ground, why, [one, other])
    act = _apart(ground, one, other, why, actor)
    waiting = queue.listed(ground.desk, queue.WAITING)
    for row, both in zip(waiting, both_today(ground, waiting), strict=True):
        # Whoever waits for a decision about the two has it now.
        if both == {one, other}:
            queue.settled(
                ground.desk, row["pair"], queue.REFUSED, at=ground.clock.now(), actor=actor, act=act, note=why
            )
    return {"act": act, "customers": sorted((one, other))}


def unmerge(ground: Ground, act: str, *, actor: str, why: str = "the merge was taken back") -> dict[str, Any]:
    """Take a merge, a parting or a keeping apart back: customers are as if it had never been done.

    A pair of the queue that was joined counts as refused from then on: where it is two, it is kept apart. One that was refused waits again.

    Parameters
    ----------
    why
        Why a pair of the queue is two.

    Raises
    ------
    NotFound
        There is no such act.
    Refused
        It was taken back already.
    """
    ground.graph.unmerge(act, actor)
    _keep(ground, actor, "customer.unmerge", act, "", act)
    kept = None
    for row in queue.of_act(ground.desk, act):
        if row["state"] == queue.JOINED:
            kept = refuse(ground, row, why=why, actor=actor)
        else:
            queue.reopened(ground.desk, row["pair"])
    return {"act": act, "undone": True, "apart": kept}


def refuse(ground: Ground, pair: dict[str, Any], *, why: str, actor: str) -> str | None:
    """Note that a pair of the queue is two, and keep it so; returns the act that does, none where they are one customer today."""
    one, other = ground.graph.resolve_keys(pa.array([pair["left"], pair["right"]], pa.string())).to_pylist()
    why = reason(ground, why, [one, other])
    act = next(iter(ground.graph.kept_apart(one, other)), None)
    if act is None and one != other:
        act = _apart(ground, one, other, why, actor)
    else:
        ground.audit.record(actor, "customer.apart", one, why=why, detail={"pair": pair["pair"]})
    now = ground.clock.now()
    queue.settled(ground.desk, pair["pair"], queue.REFUSED, at=now, actor=actor, act=act, note=why)
    return act


def both_today(ground: Ground, pairs: Sequence[dict[str, Any]]) -> list[frozenset[str]]:
    """Give the customers of today of each pair of the queue: one where they became one."""
    sides = pa.array([row[side] for row in pairs for side in ("left", "right")], pa.string())
    today = iter(ground.graph.resolve_keys(sides).to_pylist())
    return [frozenset(both) for both in zip(today, today, strict=True)]


def acts(ground: Ground, customer: str | None = None) -> list[dict[str, Any]]:
    """List what stewards did, newest first; with a customer, what concerns that one."""
    found = ground.graph.acts()
    return [a for a in found if customer is None or customer in (a["left"], a["right"])]


def aparts(ground: Ground) -> list[dict[str, Any]]:
    """List who is kept apart now, newest first; ``pair`` is the one of the queue that was refused, if any."""
    pairs = {row["act"]: row["pair"] for row in queue.listed(ground.desk, queue.REFUSED)}
    return [
        act | {"pair": pairs.get(act["act"])}
        for act in ground.graph.acts()
        if act["did"] == "apart" and act["undone_at"] is None
    ]


def _apart(ground: Ground, one: str, other: str, why: str, actor: str) -> str:
    act = ground.graph.keep_apart(one, other, why, actor)
    # Two stay two: who is who is what it was, and need not be published anew.
    ground.audit.record(actor, "customer.apart", one, why=why, detail={"act": act})
    return act


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
