"""People as somebody may see them: customers, one of them, what concerns them, and SQL; each row and field as far as a sight goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from allears.errors import NotAllowed, NotFound
from allears.guard.access import Principal
from allears.guard.glass import Broken
from allears.guard.mask import Field, mask_rows, mask_sql
from allears.guard.permit import Permit
from allears.guard.sight import EVERY, Sight
from allears.journey import belonging, questions, queued, seen
from allears.journey.ground import Ground
from allears.journey.person import Person
from allears.journey.said import clean
from allears.lake import Shown
from allears.tables import TABLES

Row = dict[str, Any]
OF_EVERYBODY = ("surprises", "expectations", "measures")
"""Tables of the lake that tell of all rows together."""
LAID_OUT = ("signals", "identities")
OF_THE_DESK = ("issues", "cases", "refused", "links", "topics", "source_hours", "source_fields")


def customers(ground: Ground, principal: Principal, search: str | None = None, limit: int = 100) -> list[Row]:
    """List the customers of whom somebody may see a signal, by last contact; or find one by any identifier."""
    mine = seen.sight(ground, principal)
    found = questions.customers(ground, search, limit, seen.condition(ground, mine))
    if not found and search is not None and (glass := _found_through(ground, principal, search)):
        found = questions.customers(ground, glass.customer, limit)
    return found


def _found_through(ground: Ground, principal: Principal, who: str) -> Broken | None:
    customer = questions.find(ground.graph, who)
    return None if customer is None else ground.glass.through(principal, customer)


def person(ground: Ground, principal: Principal, who: str) -> Person:
    """One customer, by id or any identifier; all of them through a broken glass.

    Raises
    ------
    NotFound
        Nobody is known by it, or nobody of whom this reader may see a signal: nothing tells which.
    """
    mine = seen.sight(ground, principal)
    glass = _found_through(ground, principal, who)
    if glass is not None:
        return Person(ground, who, glass=glass)
    return Person(ground, who, mine, seen.condition(ground, mine))


def break_glass(
    ground: Ground, principal: Principal, who: str, *, why: str, minutes: int | None = None
) -> Broken:
    """Let a person see all of one customer for some minutes.

    Raises
    ------
    NotAllowed
        A key asks, or no rule lets the role: told before it is told whether there is such a customer.
    NotFound
        Nobody is known by that.
    """
    customer = questions.find(ground.graph, who)
    why = clean(ground, why, [customer] if customer is not None else [])
    if customer is None:
        # The attempt is written down all the same, and refused for the same reasons first.
        ground.glass.require(principal, "nobody", why)
        raise NotFound("nobody is known by that identifier or id")
    return ground.glass.shatter(principal, customer, why, minutes=minutes)


def concerned(ground: Ground, principal: Principal, found: Sequence[Row], *columns: str) -> list[Row]:
    """Leave out rows that name a customer of whom somebody may see no signal, and mask the rest."""
    mine = seen.sight(ground, principal)
    if not mine.whole:
        named = {row[column] for row in found for column in columns if row[column]}
        theirs = seen.visible(ground, mine, named)
        found = [row for row in found if all(row[column] in theirs for column in columns)]
    return mask_rows(found, mine.hidden)


def require_seen(ground: Ground, principal: Principal, *customers: str) -> None:
    """Insist that somebody may see a signal of each of these customers.

    Raises
    ------
    NotFound
        Of one of them they may not; nothing tells whether there is such a customer.
    """
    mine = seen.sight(ground, principal)
    if len(seen.visible(ground, mine, customers)) < len(set(customers)):
        raise NotFound("nobody is known by that identifier or id")


def segment(ground: Ground, principal: Principal, found: Row) -> Row:
    """Tell of a segment whoever sees figures; of who entered and left, those whom they may see."""
    require_figures(ground, principal)
    return found | {"moments": concerned(ground, principal, found["moments"], "customer")}


def members(ground: Ground, principal: Principal, found: Sequence[str]) -> list[Row]:
    """List who is in a segment: those whom somebody may see."""
    require_figures(ground, principal)
    return concerned(ground, principal, [{"customer": one} for one in found], "customer")


def accounts(ground: Ground, principal: Principal) -> list[Row]:
    """List organisations, with how many customers of everybody's belong to each, to whoever sees figures.

    Raises
    ------
    NotAllowed
        Their sight does not go so far, or organisations are hidden from them.
    """
    require_figures(ground, principal)
    _require_accounts(seen.sight(ground, principal))
    return belonging.listed(ground)


def account(ground: Ground, principal: Principal, given: str) -> Row:
    """Show one organisation, with those of its people whom somebody may see.

    Raises
    ------
    NotAllowed
        Organisations are hidden from them.
    NotFound
        None is known by that, or none of whose people one may be seen: nothing tells which.
    """
    mine = seen.sight(ground, principal)
    _require_accounts(mine)
    found = belonging.shown(ground, given)
    if mine.whole:
        return found
    told = [person | {"account": found["account"]} for person in found["people"]]
    theirs = seen.visible(ground, mine, {person["customer"] for person in told})
    shown = [person for person in seen.of_sight(ground, mine, told) if person["customer"] in theirs]
    if not mine.figures and not shown:
        raise NotFound("no account is known by that", place="account")
    found["people"] = [{n: v for n, v in person.items() if n != "account"} for person in shown]
    found["customers"] = len({p["customer"] for p in shown if p["valid_to"] is None})
    return found if mine.figures else found | {"above": [], "below": []}


def _require_accounts(mine: Sight) -> None:
    if Field.ACCOUNT in mine.hidden:
        raise NotAllowed("organisations are hidden from your role", place="sight")


def require_figures(ground: Ground, principal: Principal) -> None:
    """Insist that somebody may see what is told of all sources and rows together.

    Raises
    ------
    NotAllowed
        Their sight does not go so far.
    """
    if not seen.sight(ground, principal).figures:
        raise NotAllowed("this tells of rows outside your sight", place="sight")


def pair(ground: Ground, principal: Principal, number: int) -> Row:
    """Show one pair of the queue to somebody who may see both customers.

    Raises
    ------
    NotFound
        There is no such pair, or not for this reader.
    """
    found = queued.shown(ground, number)
    if not concerned(ground, principal, [found], "left", "right"):
        raise NotFound("no pair of that number in the queue")
    return found


def require_whole(ground: Ground, principal: Principal) -> None:
    """Insist that somebody may see every row.

    Raises
    ------
    NotAllowed
        Their sight does not go so far.
    """
    if not seen.sight(ground, principal).whole:
        raise NotAllowed("this tells of rows outside your sight", place="sight")


def sql(ground: Ground, permit: Permit, principal: Principal, text: str, seconds: float = 30.0) -> pa.Table:
    """Answer somebody's SQL over the rows and fields they may see; tables about all rows together are empty to whoever does not."""
    mine = seen.sight(ground, principal)
    limit = seen.condition(ground, mine)
    where: dict[str, str] = {}
    instead: Mapping[str, Callable[[], pa.Table]] = {}
    if limit is not EVERY or not mine.whole:
        where = {"signals": limit.sql, "identities": "customer IN (SELECT customer_key FROM signals)"}
        where |= dict.fromkeys(OF_EVERYBODY, "FALSE")
        instead = {name: TABLES[name].schema.empty_table for name in OF_THE_DESK}
        own = {"issues": seen.issues, "cases": seen.cases}
        instead |= {name: _told(name, ask, ground, principal) for name, ask in own.items()}
    elif mine.hidden:
        instead = {
            "issues": _told("issues", seen.issues, ground, principal),
            "links": TABLES["links"].schema.empty_table
            if Field.IDENTIFIERS in mine.hidden
            else ground.graph.links,
        }
    columns = {
        name: mask_sql({f.name: f.type for f in TABLES[name].schema if f.name != "sealed"}, mine.hidden)
        for name in LAID_OUT
    }
    shown = Shown(where, limit.values, {name: found for name, found in columns.items() if found})
    return questions.sql(ground, permit, text, seconds, shown=shown, instead=instead)


def _told(
    name: str, ask: Callable[[Ground, Principal], list[Row]], ground: Ground, principal: Principal
) -> Callable[[], pa.Table]:
    schema = TABLES[name].schema

    def table() -> pa.Table:
        rows = ask(ground, principal)
        return pa.Table.from_pylist(rows) if rows else schema.empty_table()

    return table
