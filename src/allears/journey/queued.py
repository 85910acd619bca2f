"""Pairs of customers that wait for a steward: who they are, what would follow, what they told, and the decision."""

from __future__ import annotations

from typing import Any

from allears.errors import NotAllowed, Refused
from allears.guard.access import Principal
from allears.guard.look import look_profiles
from allears.guard.mask import MASK, Field
from allears.journey import rules, stewards
from allears.journey.ground import Ground
from allears.journey.person import Person
from allears.journey.probable import record_of, today_of
from allears.know.link import queue
from allears.know.profile import Profiles
from allears.show import words

OF = {
    "name": Field.NAME, "birth": Field.BIRTHDAY, "address": Field.ADDRESS, "email": Field.EMAIL, "phone": Field.PHONE,
}  # fmt: skip
"""Which field of a profile is compared as what."""


def listed(ground: Ground, state: str = queue.WAITING, limit: int = 100) -> list[dict[str, Any]]:
    """List pairs of a state, surest first, with the customers they concern today; those that wait and became one otherwise are left out."""
    rows = queue.listed(ground.desk, state, limit)
    for row in rows:
        row["left"], row["right"] = today_of(ground, (row["left"], row["right"]))
    return [row for row in rows if row["left"] != row["right"] or state in (queue.JOINED, queue.REFUSED)]


def shown(ground: Ground, pair: int) -> dict[str, Any]:
    """Give one pair with who they are today, and what joining them would do, before anybody decides.

    Returns
    -------
    dict
        What `listed` gives, ``customers`` (one or two), ``consequences`` and the same in a sentence, ``outcome``.

    Raises
    ------
    NotFound
        There is no such pair.
    """
    row = queue.one(ground.desk, pair)
    sides = list(dict.fromkeys(today_of(ground, (row["left"], row["right"]))))
    people = [Person(ground, customer).overview() for customer in sides]
    row["customers"] = [
        {
            "customer": one["id"], "relationship": one["relationship"], "signals": one["signals"], "known_since": one["known_since"],
            "last_seen": one["last_seen"], "channels": sorted(one["by_channel"]), "open_issues": len(one["open_issues"]),
            "identifiers": ", ".join(f"{count} {kind}" for kind, count in one["identifiers"].items()),
        }
        for one in people
    ]  # fmt: skip
    stays, forbidden = ground.graph.foresee(*sides) if len(sides) == 2 else (sides[0], "")
    signals = sum(one["signals"] for one in people)
    row["consequences"] = {
        "signals": signals,
        "identifiers": _summed([one["identifiers"] for one in people]),
        "relationships": sorted({one["relationship"] for one in people}),
        "stays": stays,
        "forbidden": forbidden,
    }
    row["outcome"] = _outcome(len(people), signals, forbidden)
    return row


def told(ground: Ground, pair: int, principal: Principal, why: str) -> dict[str, list[str | None]]:
    """Open what both sides of a pair told, for somebody who may look; the look is in the audit.

    Returns
    -------
    dict
        Field -> what the left told and what the right told, ``None`` where nothing.

    Raises
    ------
    NotFound
        There is no such pair.
    NotAllowed
        The role may not look, or the data of one of the two is restricted.
    Refused
        No reason was given, or the two are one today.
    """
    row = queue.one(ground.desk, pair)
    sides = today_of(ground, (row["left"], row["right"]))
    if sides[0] == sides[1]:
        raise Refused("these are one customer today: what they told is read together")
    if rule := next(filter(None, ground.gate.held("service", sides)), ""):
        raise NotAllowed(f"the data of one of the two is kept and not used: {rule}")
    hidden = rules.sight(ground, principal).hidden
    look_profiles(
        ground.desk,
        ground.audit,
        principal,
        why=stewards.reason(ground, why, sides),
        subjects=sides,
        hidden=hidden,
    )
    profiles = Profiles(ground.desk, ground.vault.seal, ground.vault.open, remembered=2)
    known = [profiles.of(side) for side in sides]
    records = [record_of([(kind, v) for kind, values in one.items() for v in values]) for one in known]
    return {
        field: [MASK if one[field] is not None and OF[field] in hidden else one[field] for one in records]
        for field in records[0]
    }


def settle(ground: Ground, pair: int, *, same: bool, why: str, actor: str) -> dict[str, Any]:
    """Decide a pair: one person, or two that nothing joins from then on. A pair that was joined parts when it is refused.

    Raises
    ------
    NotFound
        There is no such pair.
    Refused
        It was decided that way already, a limit or a person keeps them apart, other links make them one, or no reason was given.
    """
    # Before anything is done: a decision that is refused for want of a reason must not have parted anybody.
    stewards.require_reason(why)
    row = queue.one(ground.desk, pair)
    if same:
        if row["state"] == queue.JOINED:
            raise Refused("these are one customer already")
        done = stewards.merge(ground, row["left"], row["right"], why=why, actor=actor)
        queue.settled(ground.desk, pair, queue.JOINED, at=ground.clock.now(), actor=actor, act=done["act"])
        return {"pair": pair, "state": queue.JOINED, **done}
    if row["state"] == queue.JOINED:
        act = stewards.unmerge(ground, row["act"], actor=actor, why=why)["apart"]
    else:
        one, other = today_of(ground, (row["left"], row["right"]))
        if one == other:
            raise Refused(
                "they are one customer by other links: part an identifier with `allears part` first"
            )
        if row["state"] == queue.REFUSED and ground.graph.kept_apart(one, other):
            raise Refused("this pair was refused already")
        act = stewards.refuse(ground, row, why=why, actor=actor)
    return {"pair": pair, "state": queue.REFUSED, "act": act}


def _outcome(people: int, signals: int, forbidden: str) -> str:
    if people == 1:
        return "these are one customer today"
    if forbidden:
        return f"they are kept apart: {forbidden}"
    return f"accepted, they are one customer with {words.count(signals, 'signal')}"


def _summed(counts: list[dict[str, int]]) -> dict[str, int]:
    whole: dict[str, int] = {}
    for one in counts:
        for kind, count in one.items():
            whole[kind] = whole.get(kind, 0) + count
    return whole
