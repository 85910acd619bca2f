"""One customer: who it is, what is known in figures, and the timeline over all channels.

Signals come as an Ibis table from the caller; this file builds the question and never asks which engine answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, select

from allears.desk import Desk
from allears.desk.identity import Identifier, IdentityHistory
from allears.errors import NotFound, Refused
from allears.know.relationship import STANDINGS

if TYPE_CHECKING:
    import ibis

TIMELINE = (
    "signal_id", "occurred_at", "kind", "channel", "source", "name", "direction", "text", "language", "sentiment", "topics",
    "rating", "rating_scale", "service", "ok", "duration_ms", "thread", "platform", "region", "partner", "properties",
    "relationship",
)  # fmt: skip
"""Columns of a timeline."""
FEW_KEYS = 50
FIGURES = ("occurred_at", "channel", "sentiment", "rating", "ok", "account", "topics", "relationship")


class Moved(msgspec.Struct, frozen=True):
    """One change of who is who: an identifier left a customer."""

    type: str
    customer: str
    valid_from: datetime
    valid_to: datetime


class Customer(msgspec.Struct, frozen=True):
    """All that is known of one customer, without a value in clear."""

    id: str
    relationship: str
    identifiers: dict[str, int]
    """How many of each type."""
    shared: int
    """Identifiers that many people use."""
    known_since: datetime
    history: list[Moved]
    account: str | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    signals: int = 0
    by_channel: dict[str, int] = {}
    by_relationship: dict[str, dict[str, Any]] = {}
    """Signals, mean sentiment and last contact as consumer, partner and employee: whoever is several is told apart."""
    sentiment: float | None = None
    """Mean of what the customer said, -1 to 1; null when nothing was read."""
    ratings: int = 0
    rating: float | None = None
    """Mean, 0 to 1."""
    topics: dict[str, int] = {}
    """The ten most frequent."""
    failures: int = 0
    """Requests that did not work."""
    open_issues: list[str] = []


def view(
    desk: Desk,
    customer_id: str,
    figures: Mapping[str, Any] | None = None,
    open_issues: Sequence[str] = (),
) -> Customer:
    """Gather the whole view of one customer.

    Parameters
    ----------
    desk
        Where identifiers are kept.
    customer_id
        Today's id.
    figures
        What `overview` or `figures_of` counted.
    open_issues
        Issues that hold signals of this customer, found by the caller.

    Raises
    ------
    NotFound
        Nobody has that id today.
    """
    held = select(
        Identifier.type,
        Identifier.relationship,
        Identifier.shared,
        Identifier.first_seen_at,
        Identifier.digest,
    )
    with desk.reading() as session:
        rows = session.execute(held.where(Identifier.customer == customer_id)).all()
        if not rows:
            raise NotFound("no customer of that id")
        before = select(IdentityHistory).where(IdentityHistory.digest.in_([r.digest for r in rows]))
        history = list(session.scalars(before.order_by(IdentityHistory.valid_to, IdentityHistory.id)))
    return Customer(
        id=customer_id,
        relationship=max((r.relationship for r in rows), key=STANDINGS.index),
        identifiers=dict(Counter(r.type for r in rows).most_common()),
        shared=sum(r.shared for r in rows),
        known_since=min(r.first_seen_at for r in rows),
        history=[Moved(h.type, h.customer, h.valid_from, h.valid_to) for h in history],
        open_issues=list(open_issues),
        **(figures or {}),
    )


def count_customers(desk: Desk) -> dict[str, int]:
    """Count customers by relationship."""
    counted = select(Identifier.relationship, func.count(func.distinct(Identifier.customer))).group_by(
        Identifier.relationship
    )
    with desk.reading() as session:
        return {row[0]: row[1] for row in session.execute(counted)}


def timeline(
    signals: ibis.Table,
    keys: Sequence[str],
    limit: int = 100,
    before: datetime | None = None,
    relationship: str | None = None,
) -> pa.Table:
    """Give what happened with a customer over all channels, newest first.

    Parameters
    ----------
    signals
        The table ``signals``.
    keys
        Every key the customer's signals were written under.
    limit
        Most rows, at least 1.
    before
        Only what happened earlier than this: the last row's time continues a page.
    relationship
        Only what they did as one of consumer, partner, employee.
    """
    if limit < 1:
        raise Refused("expected a limit of at least 1")
    mine = _mine(signals, keys)
    if before is not None:
        mine = mine.filter(mine.occurred_at < before)
    if relationship is not None:
        mine = mine.filter(mine.relationship == relationship)
    columns = [c for c in TIMELINE if c in mine.columns]
    rows = mine.order_by([mine.occurred_at.desc(), mine.signal_id]).limit(limit).select(columns)
    return rows.to_pyarrow()


def overview(signals: ibis.Table, keys: Sequence[str]) -> dict[str, Any]:
    """Give a customer's figures: the fields of `Customer` that come from signals."""
    # One read of one customer's few rows; asking for each figure apart would read the lake as often.
    return figures_of(_mine(signals, keys).select(*FIGURES).to_pyarrow())


def figures_of(mine: pa.Table) -> dict[str, Any]:
    """Count one customer's signals; columns `FIGURES`."""
    said, ratings = pc.mean(mine["sentiment"]), pc.drop_null(mine["rating"])
    return {
        "signals": mine.num_rows,
        "first_seen": pc.min(mine["occurred_at"]).as_py(),
        "last_seen": pc.max(mine["occurred_at"]).as_py(),
        "sentiment": said.as_py(),
        "ratings": len(ratings),
        "rating": pc.mean(ratings).as_py(),
        "failures": pc.sum(pc.invert(mine["ok"])).as_py() or 0,
        "account": pc.max(mine["account"]).as_py(),
        "by_channel": _counts(mine["channel"]),
        "by_relationship": _apart(mine),
        "topics": _counts(pc.list_flatten(mine["topics"]), most=10),
    }


def _mine(signals: ibis.Table, keys: Sequence[str]) -> ibis.Table:
    if len(keys) <= FEW_KEYS:
        return signals.filter(signals.customer_key.isin(list(keys) or [""]))
    import ibis

    # Ten thousand keys, written out one by one, take longer to read than the lake.
    return signals.filter(signals.customer_key.isin(ibis.memtable({"key": list(keys)}).key))


def newest(
    mine: pa.Table, limit: int = 100, before: datetime | None = None, relationship: str | None = None
) -> pa.Table:
    """Give what `timeline` gives, of a customer's signals that were read already, newest first."""
    if limit < 1:
        raise Refused("expected a limit of at least 1")
    if relationship is not None:
        mine = mine.filter(pc.equal(mine["relationship"], relationship))
    if before is not None:
        mine = mine.filter(pc.less(mine["occurred_at"], pa.scalar(before, mine["occurred_at"].type)))
    return mine.slice(0, limit).select([c for c in TIMELINE if c in mine.column_names])


def _apart(mine: pa.Table) -> dict[str, dict[str, Any]]:
    by = mine.select(["relationship", "sentiment", "occurred_at"]).group_by("relationship")
    rows = by.aggregate([([], "count_all"), ("sentiment", "mean"), ("occurred_at", "max")]).to_pylist()
    return {
        row["relationship"]: {
            "signals": row["count_all"],
            "sentiment": row["sentiment_mean"],
            "last_seen": row["occurred_at_max"],
        }
        for row in sorted(rows, key=lambda r: -r["count_all"])
        if row["relationship"] is not None
    }


def _counts(values: pa.ChunkedArray, most: int = 1000) -> dict[str, int]:
    counted = Counter(v for v in values.to_pylist() if v is not None)
    return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:most])
