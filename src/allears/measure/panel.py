"""The panel behind a verdict: what each customer did and said on each day, before and after an incident."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from allears.clock import utc
from allears.errors import Refused
from allears.measure.columns import between, customer_of, inbound, only
from allears.measure.periods import seconds_of
from allears.measure.some import DIGITS, below
from allears.measure.vocabulary import Names, among, names_of

LOOK_BACK_DAYS = 70
ENOUGH = 20_000
"""Customers that are read on either side: with more, intervals are narrow already, and memory would grow with everybody."""
ASKED = ("nps-0-10", "csat-1-5", "ces-1-7", "trustid-1-7")
STATED = ("nps-0-10", "csat-1-5", "ces-1-7", "trustid-1-7", "stars-1-5", "sentiment")
WHAT = ("seen", "met", "activity", "visits", "leaving", *STATED)

PANEL = pa.schema(
    [
        pa.field("customer", pa.string()),  # null: everyone together, for when all were hit
        pa.field("exposed", pa.bool_()),
        pa.field("day", pa.date32()),
        pa.field("what", pa.string()),  # one of WHAT
        pa.field("n", pa.int64()),
        pa.field("total", pa.float64()),  # stated: sum of points 0-100; else as n
    ]
)


def panel_from(
    signals: Any,
    exposed: Iterable[str] | Mapping[str, datetime],
    began_at: datetime,
    fixed_at: datetime | None,
    cutoff: datetime,
    *,
    others: Iterable[str] = (),
    look_back_days: int = LOOK_BACK_DAYS,
) -> pa.Table:
    """Build the panel of exposed customers and of all others, as far as they were known before the start.

    Of more than 20,000 exposed ones, and of more than 20,000 others, a part is read, chosen by the digits of their names.

    Parameters
    ----------
    signals
        Ibis or Arrow table of ``signals``: occurred_at, kind, name, customer_key, ok, rating, rating_scale,
        sentiment, direction.
    exposed
        Customers who met the incident; better, with the last time each met it (``last_at`` of `hit`): damage is then
        measured from their next day on. Choose them by what they met, never by what they said: those
        chosen for complaining look damaged whatever happened.
    began_at, fixed_at, cutoff
        Start, fix (``None``: not yet) and end of the data.
    others
        Customers who met another incident in the time read. They are left out: heavy users meet most of
        what breaks, and one incident's damage would be booked to another.
    look_back_days
        Days before the start that are read.

    Returns
    -------
    pyarrow.Table
        One row per customer, day and what (see `PANEL`); days without anything have no row.

    Raises
    ------
    Refused
        The times are out of order.
    """
    import ibis

    began_at, cutoff = utc(began_at), utc(cutoff)
    broken_until = cutoff if fixed_at is None else utc(fixed_at)
    if not began_at < cutoff or broken_until < began_at:
        raise Refused("expected start, fix and cut-off in this order")
    table = ibis.memtable(signals) if isinstance(signals, pa.Table) else signals
    since = _midnight(began_at) - timedelta(days=look_back_days)
    thin = only(table, "name", "ok", "rating", "rating_scale", "sentiment")
    rows = inbound(between(thin, since, cutoff))
    rows = rows.mutate(who=customer_of(rows), on=seconds_of(rows.occurred_at))
    rows = rows.mutate(on=(rows.on / 86_400).floor().cast("int64")).filter(rows.who.notnull())
    left_out = sorted(set(others))
    if left_out:
        rows = rows.anti_join(ibis.memtable(pa.table({"who": left_out})), "who")
    known = rows.filter(rows.on < _day(began_at)).select("who").distinct()
    chosen = rows.semi_join(_some(known, set(exposed)), "who")
    names = names_of(rows)
    parts = [_done(chosen, "who", names), _said(chosen, "who"), _done(rows, None, names), _said(rows, None)]
    panel = _tidy(ibis.union(*parts).to_pyarrow(), set(exposed))
    return pa.concat_tables([panel, _meetings(exposed, panel)]) if isinstance(exposed, Mapping) else panel


def _some(known: Any, exposed: set[str]) -> Any:
    """Keep about so many exposed customers, and so many others, as are enough."""
    import ibis

    met = ibis.memtable(pa.table({"who": pa.array(sorted(exposed), pa.string())}))
    parts = [known.semi_join(met, "who"), known.anti_join(met, "who")]
    # Counted as they are read: many who met it were never seen before, and have no part in the panel.
    of_exposed, of_others = (below(part.count().to_pyarrow().as_py(), ENOUGH) for part in parts)
    if of_exposed is None and of_others is None:
        return known
    ends = (of_exposed, of_others)
    some = (
        p if end is None else p.filter(p.who.right(DIGITS) < end) for p, end in zip(parts, ends, strict=True)
    )
    return ibis.union(*some)


def _meetings(exposed: Mapping[str, datetime], panel: pa.Table) -> pa.Table:
    """Give one row for each exposed customer of the panel, on the day they last met it."""
    there = set(panel["customer"].unique().to_pylist())
    met = [(who, utc(at).date()) for who, at in sorted(exposed.items()) if who in there]
    n = len(met)
    columns = [[w for w, _ in met], [True] * n, [d for _, d in met], ["met"] * n, [1] * n, [1.0] * n]
    return pa.Table.from_arrays(
        [pa.array(c, f.type) for c, f in zip(columns, PANEL, strict=True)], schema=PANEL
    )


def _done(rows: Any, who: str | None, names: Names) -> Any:
    """Count what customers did: a day's different events, so that fifty page views weigh as one visit."""
    import ibis

    name = rows["name"].fill_null("event")
    left = (rows.kind == "event") & among(rows["name"], names.leaving)
    did = (rows.kind == "event") & ~among(rows["name"], names.no_use) & rows.ok.fill_null(True)
    keys = ["on"] if who is None else [who, "on"]
    if who is None:
        # For everyone together, count customers' names of a day too, not the day's names.
        name = name + ibis.literal("\x1f") + rows.who
    counts = rows.group_by(keys).agg(
        seen=rows.count() if who is not None else rows.who.nunique(),
        activity=name.nunique(where=did),
        visits=rows.who.nunique(where=rows.kind == "telemetry"),
        leaving=rows.who.nunique(where=left),
    )
    if who is None:
        counts = counts.mutate(who=ibis.null("string"))
    long = ibis.union(
        *(
            counts.filter(counts[what] > 0).select(
                "who",
                "on",
                what=ibis.literal(what),
                n=counts[what].cast("int64"),
                total=counts[what].cast("float64"),
            )
            for what in ("seen", "activity", "visits", "leaving")
        )
    )
    return long.select("who", "on", "what", "n", "total")


def _said(rows: Any, who: str | None) -> Any:
    """Add up stated points, 0-100: an answer's rating, else a message's sentiment."""
    import ibis

    said = rows.filter(rows.kind == "feedback", rows.rating.notnull() | rows.sentiment.notnull())
    rated = said.rating.notnull()
    said = said.mutate(
        what=rated.ifelse(said.rating_scale.fill_null("stars-1-5"), "sentiment"),
        points=rated.ifelse(100 * said.rating, 50 * (said.sentiment + 1)),
    )
    said = said.filter(said.what.isin(STATED))
    keys = ["on", "what"] if who is None else [who, "on", "what"]
    sums = said.group_by(keys).agg(n=said.count(), total=said.points.sum())
    if who is None:
        sums = sums.mutate(who=ibis.null("string"))
    return sums.select("who", "on", "what", n=sums.n.cast("int64"), total=sums.total)


def _tidy(table: pa.Table, exposed: set[str]) -> pa.Table:
    hit = pc.is_in(table["who"], value_set=pa.array(sorted(exposed), pa.string()))
    columns = [
        table["who"],
        hit,
        table["on"].cast(pa.int32()).cast(pa.date32()),
        table["what"],
        table["n"],
        table["total"],
    ]
    return pa.Table.from_arrays([c.combine_chunks() for c in columns], schema=PANEL)


def _day(moment: datetime) -> int:
    return int(utc(moment).timestamp() // 86_400)


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(utc(moment).date(), datetime.min.time(), UTC)
