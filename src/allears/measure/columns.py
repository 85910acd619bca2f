"""What every question asks of ``signals`` first: who, which group, until when, and came it from the customer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from allears.clock import utc
from allears.errors import Refused

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
