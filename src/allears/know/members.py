"""Who belongs to a segment at a moment: one question for each condition, then sets of customers put together.

Signals come as an Ibis table from the caller, already without whom the segment's purpose leaves out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from allears.know.segment import (
    FACETS,
    AccountOf,
    Condition,
    Consent,
    Experience,
    Known,
    KnownBy,
    OpenIssue,
    Segment,
    Signals,
    Trait,
    fewest,
)

if TYPE_CHECKING:
    import ibis

WORDS = pa.string()


class World(NamedTuple):
    """What conditions are asked of.

    Parameters
    ----------
    signals
        The table ``signals``, as far as the segment's purpose allows.
    until
        The moment: nothing later counts, so that a date in the future makes nobody a member.
    today
        Gives today's customer for keys that signals bear; null for nobody.
    known_by
        Gives the customers who have an identifier of any of these types.
    in_issue
        Gives the keys of those hit by open issues whose topics begin so.
    agreed
        Gives for a purpose the customers of whom each state holds; who never said anything is in none.
    account
        Gives the pseudonym of an account.
    """

    signals: ibis.Table
    until: datetime
    today: Callable[[pa.Array], pa.Array]
    known_by: Callable[[Sequence[str]], Sequence[str]]
    in_issue: Callable[[Sequence[str]], Sequence[str]]
    agreed: Callable[[str], Mapping[str, pa.Array]]
    account: Callable[[str], str]


def members(segment: Segment, world: World) -> pa.Array:
    """Find today's customers in a segment, in no order that means something."""
    signals = world.signals
    mine = signals.filter(
        signals.customer_key.notnull(),
        signals.relationship == segment.relationship,
        signals.occurred_at <= world.until,
    )
    found = _first_heard(mine, world)
    everybody = found["customer"]
    chosen = everybody
    for condition in segment.where:
        chosen = chosen.filter(pc.is_in(chosen, value_set=_holds(condition, mine, world, found)))
    for condition in segment.unless:
        chosen = chosen.filter(pc.invert(pc.is_in(chosen, value_set=_holds(condition, mine, world, found))))
    return chosen.combine_chunks() if isinstance(chosen, pa.ChunkedArray) else chosen


def _holds(condition: Condition, mine: ibis.Table, world: World, found: pa.Table) -> pa.Array:
    if isinstance(condition, Signals):
        return _counted(condition, mine, world, found["customer"])
    if isinstance(condition, Experience):
        return _experienced(condition, mine, world)
    if isinstance(condition, Trait):
        return _told(condition, mine, world)
    if isinstance(condition, KnownBy):
        return pa.array(world.known_by(condition.types), WORDS)
    if isinstance(condition, Known):
        return _known(condition, world, found)
    if isinstance(condition, OpenIssue):
        return pc.drop_null(world.today(pa.array(world.in_issue(condition.topics), WORDS)))
    if isinstance(condition, Consent):
        return _agreed(condition, world, found["customer"])
    return _belongs(condition, mine, world)


def _first_heard(mine: ibis.Table, world: World) -> pa.Table:
    """Give everybody of this relationship, and when they were first heard."""
    rows = mine.group_by("customer_key").agg(first_at=mine.occurred_at.min()).to_pyarrow()
    return _by_customer(rows, world, [("first_at", "min")])


def _counted(condition: Signals, mine: ibis.Table, world: World, everybody: pa.ChunkedArray) -> pa.Array:
    rows = _lately(mine, world, condition.within_days)
    for name in FACETS:
        if values := getattr(condition, name):
            rows = rows.filter(rows[name].isin(list(values)))
    if condition.failed is not None:
        rows = rows.filter(rows.ok == (not condition.failed))
    if condition.topics:
        rows = rows.filter(_begins(rows.topics, condition.topics))
    counted = rows.group_by("customer_key").agg(n=rows.count()).to_pyarrow()
    table = _by_customer(counted, world, [("n", "sum")])
    least = fewest(condition)
    enough = pc.greater_equal(table["n"], max(least, 1))
    if condition.at_most is not None:
        enough = pc.and_(enough, pc.less_equal(table["n"], condition.at_most))
    holding = table["customer"].filter(enough)
    if least > 0:
        return _flat(holding)
    # None at all is fewer than any limit, and has no row.
    without = everybody.filter(pc.invert(pc.is_in(everybody, value_set=table["customer"])))
    return pa.concat_arrays([_flat(holding), _flat(without)])


def _experienced(condition: Experience, mine: ibis.Table, world: World) -> pa.Array:
    column = "sentiment" if condition.of == "mood" else "rating"
    rows = _lately(mine, world, condition.within_days)
    rows = rows.filter(rows[column].notnull(), rows.direction == "in")
    if condition.scale:
        rows = rows.filter(rows.rating_scale.isin(list(condition.scale)))
    summed = rows.group_by("customer_key").agg(n=rows.count(), total=rows[column].sum()).to_pyarrow()
    table = _by_customer(summed, world, [("n", "sum"), ("total", "sum")])
    mean = pc.divide(table["total"], pc.cast(table["n"], pa.float64()))
    holds = pc.greater_equal(table["n"], condition.signals)
    if condition.at_least is not None:
        holds = pc.and_(holds, pc.greater_equal(mean, condition.at_least))
    if condition.at_most is not None:
        holds = pc.and_(holds, pc.less_equal(mean, condition.at_most))
    return _flat(table["customer"].filter(holds))


def _told(condition: Trait, mine: ibis.Table, world: World) -> pa.Array:
    rows = mine.filter(
        mine.kind == "profile",
        mine.properties.contains(json.dumps(condition.trait, ensure_ascii=False) + ":"),
    )
    told = rows.select("customer_key", "occurred_at", "properties").to_pyarrow()
    today = world.today(told["customer_key"].combine_chunks())
    last: dict[str, tuple[datetime, object]] = {}
    columns = (today.to_pylist(), told["occurred_at"].to_pylist(), told["properties"].to_pylist())
    for customer, at, text in zip(*columns, strict=True):
        value = trait_of(text, condition.trait)
        if customer is not None and value is not None and (customer not in last or at >= last[customer][0]):
            last[customer] = (at, value)
    wanted = {(type(v) is bool, v) for v in condition.is_in}
    # True == 1 in Python, not in what was told.
    return pa.array(
        [c for c, (_, v) in last.items() if _hashable(v) and (type(v) is bool, v) in wanted], WORDS
    )


def trait_of(text: str | None, trait: str) -> Any:
    """Read one trait out of a signal's properties, at the top level or under ``traits``; None where it is not."""
    told = json.loads(text) if text else None
    if not isinstance(told, dict):
        return None
    inner = told.get("traits")
    return told.get(trait, inner.get(trait) if isinstance(inner, dict) else None)


def _known(condition: Known, world: World, found: pa.Table) -> pa.Array:
    holds = pa.chunked_array([pa.array([True] * found.num_rows, pa.bool_())])
    for days, compare in (
        (condition.at_least_days, pc.less_equal),
        (condition.at_most_days, pc.greater_equal),
    ):
        if days is not None:
            limit = pa.scalar(world.until - timedelta(days=days), pa.timestamp("us", tz="UTC"))
            holds = pc.and_(holds, compare(found["first_at"], limit))
    return _flat(found["customer"].filter(holds))


def _agreed(condition: Consent, world: World, everybody: pa.ChunkedArray) -> pa.Array:
    states = world.agreed(condition.purpose)
    holding = pa.concat_arrays([pa.array([], WORDS), *(states[s] for s in condition.state if s in states)])
    if "never said" not in condition.state:
        return holding
    spoke = pa.concat_arrays([pa.array([], WORDS), *states.values()])
    silent = everybody.filter(pc.invert(pc.is_in(everybody, value_set=spoke)))
    return pa.concat_arrays([holding, _flat(silent)])


def _belongs(condition: AccountOf, mine: ibis.Table, world: World) -> pa.Array:
    rows = mine.filter(mine.account.isin([world.account(one) for one in condition.accounts]))
    return pc.drop_null(
        world.today(_flat(rows.select("customer_key").distinct().to_pyarrow()["customer_key"]))
    )


def _lately(mine: ibis.Table, world: World, days: float) -> ibis.Table:
    since = world.until - timedelta(days=days)
    # The day says which files to leave closed.
    return mine.filter(mine.day >= f"{since:%Y-%m-%d}", mine.occurred_at > since)


def _begins(topics: Any, beginnings: Sequence[str]) -> Any:
    def begins(topic: Any) -> Any:
        one, *others = (topic.startswith(b) for b in beginnings)
        for other in others:
            one = one | other
        return one

    return topics.filter(begins).length() > 0


def _by_customer(rows: pa.Table, world: World, added: list[tuple[str, str]]) -> pa.Table:
    """Add up what lies under several keys of one customer."""
    named = rows.set_column(0, "customer", world.today(_flat(rows["customer_key"])))
    named = named.filter(pc.is_valid(named["customer"]))
    grouped = named.group_by("customer").aggregate(added)
    return grouped.rename_columns(["customer", *(name for name, _ in added)])


def _flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _hashable(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)
