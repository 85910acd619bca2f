"""What every question asks of ``signals`` first: who, which group, until when, and came it from the customer."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from allears.clock import utc
from allears.errors import Refused
from allears.measure import periods
from allears.measure.tally import Span, Tally, afresh

GROUPS = (
    "channel", "region", "relationship", "service", "release", "platform", "partner", "topic", "account", "source", "language",
)  # fmt: skip


def customer_of(signals: Any) -> Any:
    """Give the column that says who: ``customer`` when the caller joined today's identities, else ``customer_key``."""
    return signals["customer"] if "customer" in signals.columns else signals["customer_key"]


def inbound(signals: Any) -> Any:
    """Keep what came from customers; what the company sent is no opinion of theirs."""
    if "direction" not in signals.columns:
        return signals
    return signals.filter(signals.direction.fill_null("in") != "out")


def between(signals: Any, since: datetime | None, until: datetime) -> Any:
    """Keep signals that occurred in ``[since, until)``, by partition first where there is one."""
    until = utc(until)
    kept = signals.filter(signals.occurred_at < until)
    if since is not None:
        kept = kept.filter(kept.occurred_at >= utc(since))
    if "day" in signals.columns:
        kept = kept.filter(kept.day <= until.date().isoformat())
        if since is not None:
            kept = kept.filter(kept.day >= utc(since).date().isoformat())
    return kept


def during(signals: Any, spans: Sequence[Span], *, before: timedelta = timedelta(0)) -> Any:
    """Keep signals that occurred in any of the spans, or up to ``before`` ahead of one."""
    wider = [(None if since is None else utc(since) - before, utc(until)) for since, until in spans]
    starts = [since for since, _ in wider]
    first = None if None in starts else min(s for s in starts if s is not None)
    kept = between(signals, first, max(until for _, until in wider))
    if len(wider) == 1:
        return kept
    at = kept.occurred_at
    inside = [(at < until) if since is None else (at >= since) & (at < until) for since, until in wider]
    return kept.filter(functools.reduce(operator.or_, inside))


def first_signal(
    signals: Any, since: datetime | None, until: datetime, tally: Tally = afresh
) -> datetime | None:
    """Find when the first signal of ``[since, until)`` occurred; ``None`` when there is none."""

    def ask(spans: Sequence[Span]) -> pa.Table:
        rows = during(only(signals), spans)
        rows = rows.select("occurred_at", period=periods.numbered(rows.occurred_at, "week"))
        return rows.group_by("period").agg(at=rows.occurred_at.min()).to_pyarrow()

    found = tally("first signal", ask, every="week", since=since, until=until)
    first: datetime | None = pc.min(found["at"]).as_py() if found.num_rows else None
    return first


def only(signals: Any, *names: str) -> Any:
    """Keep the columns a question needs, with those that say who, when and which way: a narrow table is planned and read faster."""
    wanted = ("occurred_at", "day", "kind", "direction", "customer", "customer_key", *names)
    return signals.select([n for n in dict.fromkeys(wanted) if n in signals.columns])


def column_of(by: str | None) -> tuple[str, ...]:
    """Name the column that a dimension needs."""
    return () if by is None else ("topics",) if by == "topic" else (by,)


def grouped(signals: Any, by: str | None, keys: Iterable[str] | None = None) -> Any:
    """Add the column ``group``: ``all``, or ``dimension=value``; a signal with three topics counts in three groups.

    Raises
    ------
    Refused
        ``by`` is not a dimension, or the table lacks it.
    """
    import ibis

    if by is None:
        return signals.mutate(group=ibis.literal("all"))
    column = "topics" if by == "topic" else by
    if by not in GROUPS or column not in signals.columns:
        raise Refused(f"cannot group by that; there are {', '.join(GROUPS)}", place="by")
    wide = signals.mutate(group_value=signals.topics.unnest() if by == "topic" else signals[column])
    wide = wide.filter(wide.group_value.notnull())
    if keys is not None:
        wide = wide.filter(wide.group_value.isin(list(keys)))
    return wide.mutate(group=ibis.literal(f"{by}=") + wide.group_value)
