"""Who was hit: the customers who met failures, and how many of them said nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from allears.clock import utc
from allears.errors import Refused
from allears.measure.columns import between, customer_of, inbound, only


def hit(
    signals: Any,
    value: str,
    start: datetime,
    end: datetime,
    *,
    of: str = "service",
    slow_ms: float | None = None,
    hear_for: timedelta = timedelta(days=3),
) -> pa.Table:
    """List the customers whose requests or orders failed, or were slow, in ``[start, end)``.

    Most of them never write: ``silent`` marks those without any feedback from the start until
    ``hear_for`` after the end. They are the exposed group of `verdict`, with the loud ones.

    Parameters
    ----------
    signals
        Ibis table with kind, ok, occurred_at, customer_key and the column ``of``.
    value
        Which service, or which value of ``of``.
    start, end
        When it was broken.
    of
        service, partner, region, release or platform.
    slow_ms
        Count requests that took longer as hit too.
    hear_for
        How long after the end feedback still counts.

    Returns
    -------
    pyarrow.Table
        ``customer``, ``failed``, ``slow``, ``requests``, ``first_at``, ``last_at``, ``silent``; most failures first.

    Raises
    ------
    Refused
        ``of`` is no such column, or the end is not after the start.
    """
    if of not in ("service", "partner", "region", "release", "platform") or of not in signals.columns:
        raise Refused("who was hit is asked of a service, partner, region, release or platform", place="of")
    if utc(end) <= utc(start):
        raise Refused("expected an end after the start", place="end")
    import ibis

    thin = only(signals, of, "ok", "duration_ms")
    met = between(thin, start, end)
    met = met.filter(met[of] == value, met.kind.isin(["telemetry", "event"])).mutate(who=customer_of(met))
    met = met.filter(met.who.notnull())
    failed = ~met.ok.fill_null(True)
    slow = (met.duration_ms > slow_ms).fill_null(False) & ~failed if slow_ms is not None else failed & ~failed
    each = met.group_by("who").agg(
        failed=met.count(where=failed),
        slow=met.count(where=slow),
        requests=met.count(),
        first_at=met.occurred_at.min(where=failed | slow),
        last_at=met.occurred_at.max(where=failed | slow),
    )
    each = each.filter((each.failed + each.slow) > 0)
    said = inbound(between(thin, start, utc(end) + hear_for))
    said = said.filter(said.kind == "feedback").mutate(who=customer_of(said)).select("who").distinct()
    joined = each.left_join(said.mutate(loud=True), "who").select(
        customer=each.who,
        failed=each.failed,
        slow=each.slow,
        requests=each.requests,
        first_at=each.first_at,
        last_at=each.last_at,
        silent=~ibis._.loud.fill_null(False),
    )
    return joined.order_by(ibis.desc("failed"), ibis.desc("slow"), "customer").to_pyarrow()


def struck(
    signals: Any, start: datetime, end: datetime, *, hear_for: timedelta = timedelta(days=3)
) -> dict[str, tuple[int, int]]:
    """Count, for every service at once, whom `hit` lists: customers who met failures, and the silent ones among them."""
    thin = only(signals, "service", "ok")
    met = between(thin, start, end)
    met = met.filter(met.service.notnull(), ~met.ok.fill_null(True), met.kind.isin(["telemetry", "event"]))
    met = met.mutate(who=customer_of(met))
    each = met.filter(met.who.notnull()).select("service", "who").distinct()
    said = inbound(between(thin, start, utc(end) + hear_for))
    said = said.filter(said.kind == "feedback").mutate(who=customer_of(said)).select("who").distinct()
    joined = each.left_join(said.mutate(loud=True), "who")
    joined = joined.select("service", silent=(~joined.loud.fill_null(False)).cast("int64"))
    counted = joined.group_by("service").agg(n=joined.count(), silent=joined.silent.sum()).to_pyarrow()
    return {r["service"]: (r["n"], r["silent"]) for r in counted.to_pylist()}
