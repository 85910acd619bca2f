"""The questions behind pages and commands: what was asked, answered from the lake and the desk.

Everything is answered as of the data cut-off: the time of the newest signal, or now if that is earlier, so that an
imported history reads like the day it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from allears.act import issue as issue_desk
from allears.act.case import cases
from allears.desk.work import Issue, IssueSignal
from allears.errors import NotFound
from allears.guard.permit import Permit
from allears.guard.sight import EVERY, Condition
from allears.journey.amend import GONE
from allears.journey.cutoff import cutoff, day_of, earliest_day
from allears.journey.ground import Ground
from allears.journey.heard import fields_table, hours_table
from allears.journey.models import topics_of
from allears.journey.refused import page
from allears.know.graph import Graph
from allears.lake import EVERYTHING, Shown
from allears.tables import TABLES

FEW_KEYS = 50
NOTHING: Mapping[str, Callable[[], pa.Table]] = MappingProxyType({})
KINDS_OF_IDENTIFIER = ("email", "phone", "user_id", "handle", "anonymous_id", "device")


def surprises(ground: Ground, limit: int) -> pa.Table:
    """List where counts left what was expected, newest first."""
    return ground.engine.query(
        "SELECT * FROM surprises ORDER BY detected_at DESC, score DESC LIMIT $n", n=limit
    )


def topics(ground: Ground, permit: Permit) -> pa.Table:
    """List topics with messages of the last week, the week before and the mean sentiment."""
    end = cutoff(ground)
    counted = ground.asked(permit).query(
        """SELECT topic, count(*) FILTER (WHERE occurred_at > $week) AS this_week,
                  count(*) FILTER (WHERE occurred_at <= $week) AS week_before,
                  count(DISTINCT customer_key) FILTER (WHERE occurred_at > $week) AS customers,
                  avg(sentiment) FILTER (WHERE occurred_at > $week) AS sentiment
           FROM (SELECT *, unnest(topics) AS topic FROM signals
                 WHERE day >= $day AND occurred_at > $fortnight AND occurred_at <= $until)
           GROUP BY topic ORDER BY this_week DESC""",
        day=day_of(end - timedelta(days=14)),
        week=end - timedelta(days=7),
        fortnight=end - timedelta(days=14),
        until=end,
    )
    described = topics_of(ground).describe()
    joined = described.select(["topic", "label", "origin", "department"]).join(
        counted, "topic", join_type="left outer"
    )
    return joined.sort_by([("this_week", "descending"), ("topic", "ascending")])


def customers(
    ground: Ground, search: str | None, limit: int, seen: Condition = EVERY
) -> list[dict[str, Any]]:
    """List customers by last contact; with ``search``, the one known by that identifier; told from the signals that may be ``seen``."""
    if search is not None:
        found = find(ground.graph, search)
        if found is None:
            return []
        mine = of_keys(ground.graph.keys_of(found))
    else:
        keys = _heard_last(ground, limit, seen)
        mine = of_keys(keys)
    rows = ground.serving.query(
        f"""SELECT customer_key, arg_max(relationship, occurred_at) AS relationship, count(*) AS signals,
                  count(*) FILTER (WHERE kind = 'feedback') AS messages, count(DISTINCT channel) AS channels,
                  avg(sentiment) AS sentiment, min(occurred_at) AS first_at, max(occurred_at) AS last_at
           FROM signals WHERE {mine.sql} AND {seen.sql} GROUP BY customer_key ORDER BY last_at DESC, customer_key LIMIT $n""",
        **mine.values,
        n=limit,
        **seen.values,
    )
    today = ground.graph.resolve_keys(rows["customer_key"].combine_chunks())
    rows = rows.set_column(0, "customer", today)
    listed = rows.to_pylist()
    return [
        _joined([r for r in listed if r["customer"] == c])
        for c in dict.fromkeys(pc.drop_null(today).to_pylist())
    ]


def of_keys(keys: Sequence[str]) -> Condition:
    """Say as a condition whose signals they are; a few are written out key by key, so that parts of files without any are skipped."""
    if len(keys) > FEW_KEYS:
        return Condition("customer_key IN (SELECT unnest($keys))", {"keys": list(keys)})
    values = {f"key_{place}": key for place, key in enumerate(keys)}
    listed = ", ".join(f"${name}" for name in values)
    return Condition(f"customer_key IN ({listed})" if values else "FALSE", values)


def _heard_last(ground: Ground, limit: int, seen: Condition) -> list[str]:
    """Find who was heard last: from the newest day back, until there are enough. Who was erased is nobody that a list could lead to."""
    days = sorted(ground.serving.made_of("signals"), reverse=True)
    read = 1
    while True:
        rows = ground.serving.query(
            f"""SELECT customer_key, max(occurred_at) AS last_at FROM signals WHERE day >= $day AND customer_key IS NOT NULL AND NOT starts_with(customer_key, '{GONE}') AND {seen.sql}
               GROUP BY customer_key ORDER BY last_at DESC, customer_key LIMIT $n""",
            day=days[min(read, len(days)) - 1] if days else "",
            n=limit,
            **seen.values,
        )
        if rows.num_rows == limit or read >= len(days):
            return list(rows["customer_key"].to_pylist())
        read *= 4


def _joined(rows: list[dict[str, Any]]) -> dict[str, Any]:
    if len(rows) == 1:
        return rows[0]
    whole = dict(rows[0])
    whole["signals"] = sum(r["signals"] for r in rows)
    whole["messages"] = sum(r["messages"] for r in rows)
    whole["channels"] = max(r["channels"] for r in rows)
    whole["first_at"] = min(r["first_at"] for r in rows)
    return whole


def named(ground: Ground, who: str) -> tuple[str, list[str]]:
    """Give the customer somebody named, and by what: the digest of the identifier, or all of them for an id.

    Raises
    ------
    NotFound
        Nobody is known by that.
    """
    customer = find(ground.graph, who)
    if customer is None:
        raise NotFound("nobody is known by that identifier or id")
    for kind in KINDS_OF_IDENTIFIER:
        if customer != who and (digest := ground.graph.digest_of(kind, who)) is not None:
            return customer, [digest]
    return customer, ground.graph.digests_of(customer)


def find(graph: Graph, who: str) -> str | None:
    """Find a customer by id or by any identifier."""
    if who.startswith("c_") and graph.keys_of(who):
        return who
    for kind in KINDS_OF_IDENTIFIER:
        found = graph.customer_of(kind, who)
        if found is not None:
            return found
    return None


def find_each(graph: Graph, who: Sequence[str]) -> list[str | None]:
    """Find many customers, each by id or by any identifier."""
    found: list[str | None] = [None] * len(who)
    ids = [place for place, one in enumerate(who) if one.startswith("c_")]
    for place, (digests, _) in zip(ids, graph.belongings([who[p] for p in ids]), strict=True):
        found[place] = who[place] if digests else None
    for kind in KINDS_OF_IDENTIFIER:
        left = [place for place, customer in enumerate(found) if customer is None]
        for place, customer in zip(
            left, graph.customers_of([kind] * len(left), [who[p] for p in left]), strict=True
        ):
            found[place] = customer
    return found


def issue(ground: Ground, issue_id: str, seen: Condition = EVERY) -> dict[str, Any]:
    """One issue with its history, typical messages, cases and verdicts; told from the signals that may be ``seen``."""
    found = issue_desk.issue(ground.desk, issue_id)
    since = earliest_day(found["first_signal_at"])
    rows = ground.serving.query(
        f"""SELECT signal_id, occurred_at, channel, language, sentiment, region, text FROM signals
           WHERE day >= $day AND text IS NOT NULL AND signal_id IN (SELECT unnest($ids)) AND {seen.sql}""",
        day=since,
        ids=found["exemplars"],
        **seen.values,
    ).to_pylist()
    order = {signal: place for place, signal in enumerate(found["exemplars"])}
    hours = ground.serving.query(
        f"""SELECT date_trunc('hour', occurred_at) AS hour, count(*) AS signals, count(DISTINCT customer_key) AS customers
           FROM signals WHERE day >= $day AND signal_id IN (SELECT unnest($ids)) AND {seen.sql} GROUP BY hour ORDER BY hour""",
        day=since,
        ids=issue_desk.signals_of(ground.desk, issue_id),
        **seen.values,
    )
    found["messages"] = sorted(rows, key=lambda r: order[r["signal_id"]])
    found["hours"] = hours.to_pylist()
    found["cases"] = cases(ground.desk, ground.clock.now(), issue=issue_id)
    return found


def issues_of(ground: Ground, keys: Sequence[str]) -> list[str]:
    """List the open issues that gather signals of somebody."""
    query = (
        select(Issue.id)
        .join(IssueSignal, IssueSignal.issue == Issue.id)
        .where(IssueSignal.customer.in_(keys), Issue.state.in_(("open", "acknowledged")))
        .distinct()
        .order_by(Issue.id)
    )
    with ground.desk.reading() as session:
        return list(session.scalars(query))


def publish(ground: Ground) -> None:
    """Publish who is who to the lake, for joins."""
    ground.store.overwrite("identities", ground.graph.identities())


def sql(
    ground: Ground,
    permit: Permit,
    text: str,
    seconds: float,
    rows: int = 100_000,
    *,
    shown: Shown = EVERYTHING,
    instead: Mapping[str, Callable[[], pa.Table]] = NOTHING,
) -> pa.Table:
    """Answer a user's SQL over lake and desk tables, read-only; of the lake what is ``shown``, of the desk with tables ``instead``."""

    def arrow(rows: list[dict[str, Any]], name: str) -> pa.Table:
        schema = TABLES[name].schema
        return pa.Table.from_pylist(rows) if rows else schema.empty_table()

    tables = {
        "issues": lambda: arrow(issue_desk.issues(ground.desk), "issues"),
        "cases": lambda: _of(permit, arrow(cases(ground.desk, ground.clock.now()), "cases")),
        "refused": lambda: arrow(page(ground, limit=100_000)[0], "refused"),
        "topics": lambda: topics(ground, permit),
        "links": ground.graph.links,
        "source_hours": lambda: hours_table(ground),
        "source_fields": lambda: fields_table(ground),
    }
    return ground.asked(permit).sql(text, {**tables, **instead}, seconds=seconds, rows=rows, shown=shown)


def _of(permit: Permit, rows: pa.Table) -> pa.Table:
    """Leave out rows about people the permit does not reach; rows about nobody stay."""
    return permit.bounds().within(rows, "customer") if "customer" in rows.schema.names else rows
