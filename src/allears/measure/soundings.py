"""Soundings: the separate signals under the trust index, each a share of good, per group and period."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa

from allears.measure import periods
from allears.measure.columns import column_of, customer_of, during, grouped, inbound, only
from allears.measure.intervals import effective
from allears.measure.tally import Span, Tally, afresh
from allears.measure.vocabulary import Names, among, names_of

METHOD = "soundings/1"

STATED = ("nps", "csat", "ces", "stars", "trustid", "expressed")
BEHAVIOURAL = ("repeat", "staying", "settled", "kept")
ABILITY = ("unfailed",)
RECONTACT_DAYS = 7

MEANINGS = {
    "nps": "mean of 0-10 answers, as a share of the scale",
    "csat": "mean of 1-5 satisfaction, as a share of the scale",
    "ces": "mean of 1-7 ease, as a share of the scale",
    "stars": "mean of 1-5 stars, as a share of the scale",
    "trustid": "mean of 1-7 agreement with TrustID's items, as a share of the scale",
    "expressed": "mean sentiment of messages without a rating, as a share of the scale",
    "repeat": "customers active again, of those active in the two periods before, as often as such customers were",
    "staying": "active customers who did not unsubscribe, opt out, cancel or downgrade",
    "settled": "days of contact that were not followed by another contact within 7 days",
    "kept": "purchases for which nothing was sent back or refunded",
    "unfailed": "customers met by telemetry or events with an outcome who met no failure",
}


class Sounding(NamedTuple):
    """A share of good, and how many independent looks it is worth."""

    good: float  # how many were good, of n
    n: float
    worth: float  # n, less what repeated answers of one customer repeat
    expected: float | None = None  # for repeat: how many were to be expected


Key = tuple[str, str, int]  # sounding, group, period


def soundings(
    signals: Any,
    *,
    by: str | None,
    every: str,
    cutoff: datetime,
    since: datetime | None = None,
    keys: Iterable[str] | None = None,
    tally: Tally = afresh,
) -> dict[Key, Sounding]:
    """Take all soundings; what a period cannot tell yet is left out.

    A period still running has no repeat, and recontact waits until 7 days have passed.
    """
    listed = None if keys is None else list(keys)
    thin = only(signals, "name", "ok", "text", "sentiment", "rating", "rating_scale", *column_of(by))

    def rows(spans: Sequence[Span], inside: Any = None) -> Any:
        found = grouped(inbound(during(thin, spans) if inside is None else inside), by, listed)
        return found.mutate(who=customer_of(found), period=periods.numbered(found.occurred_at, every))

    def done(spans: Sequence[Span]) -> pa.Table:
        found = rows(spans)
        return _done_and_met(found.filter(found.who.notnull()), names_of(during(thin, spans)))

    def settled(spans: Sequence[Span]) -> pa.Table:
        later = [(start, end + timedelta(days=RECONTACT_DAYS)) for start, end in spans]
        found = rows(spans, during(thin, later))
        return _settled(found.filter(found.who.notnull()), every)

    asked = f"{METHOD} by {by} every {every}" if listed is None else None
    if asked is None:
        tally = afresh
    told = tally(
        f"stated {asked}", lambda spans: _stated(rows(spans)), every=every, since=since, until=cutoff
    )
    found = _weighed(told)
    found |= _shares(tally(f"done {asked}", done, every=every, since=since, until=cutoff))
    # Whole periods only, and each of their days with the week after it.
    seen = datetime.fromtimestamp(cutoff.timestamp() // 86_400 * 86_400, UTC) - timedelta(days=RECONTACT_DAYS)
    whole = periods.start(periods.number(seen, every), every)
    if since is None or whole > since:
        after = timedelta(days=RECONTACT_DAYS)
        sums = tally(f"settled {asked}", settled, every=every, since=since, until=whole, after=after)
        for r in sums.to_pylist():
            if r["period"] < periods.number(seen, every):
                key = ("settled", r["group"], r["period"])
                found[key] = Sounding(r["n"] - r["again"], r["n"], r["n"])
    return found


def repeats(
    signals: Any,
    *,
    by: str | None,
    every: str,
    cutoff: datetime,
    since: datetime | None = None,
    keys: Iterable[str] | None = None,
    tally: Tally = afresh,
) -> dict[tuple[str, int, int], tuple[float, float]]:
    """Count customers active in a period by when they were active before; the period still running is left out.

    Returns
    -------
    dict
        (group, period, pattern) to (customers, those active again); pattern 1 is the period before, 2 the one
        before that, 3 both.
    """
    import ibis

    listed = None if keys is None else list(keys)
    thin = only(signals, "name", "ok", *column_of(by))
    two = timedelta(seconds=2 * periods.length_of(every))

    def ask(spans: Sequence[Span]) -> pa.Table:
        read = during(thin, spans, before=two)
        names = names_of(read)
        rows = grouped(inbound(read), by, listed)
        rows = rows.filter(rows.kind == "event", rows.ok.fill_null(True), ~among(rows["name"], names.no_use))
        rows = rows.mutate(who=customer_of(rows), period=periods.numbered(rows.occurred_at, every))
        active = rows.filter(rows.who.notnull()).select("group", "who", "period").distinct()
        # Each active period speaks for itself and for the two after it: no self-join.
        spoken = ibis.union(
            *(
                active.mutate(period=active.period + ahead, bit=ibis.literal(bit))
                for ahead, bit in ((0, 4), (1, 1), (2, 2))
            )
        )
        each = spoken.group_by("group", "who", "period").agg(bits=spoken.bit.sum())
        each = each.filter(each.bits % 4 > 0)
        each = each.mutate(pattern=each.bits % 4, again=(each.bits >= 4).cast("int64"))
        counts = each.group_by("group", "period", "pattern").agg(n=each.count(), again=each.again.sum())
        return counts.to_pyarrow()

    last = periods.number(cutoff, every)
    until = periods.start(last, every)
    if since is not None and until <= since:
        return {}
    counts = (tally if listed is None else afresh)(
        f"repeats {METHOD} by {by} every {every}", ask, every=every, since=since, until=until, before=two
    )
    first = None if since is None else periods.number(since, every)
    return {
        (r["group"], r["period"], r["pattern"]): (float(r["n"]), float(r["again"]))
        for r in counts.to_pylist()
        if r["period"] < last and (first is None or r["period"] >= first)
    }


def _stated(rows: Any) -> pa.Table:
    """Add up answers per customer first, then per group: what a mean and its cluster-robust variance need."""
    said = rows.filter(rows.kind == "feedback", rows.rating.notnull() | rows.sentiment.notnull())
    rated = said.rating.notnull()
    said = said.mutate(
        what=rated.ifelse(said.rating_scale.fill_null("stars"), "expressed").re_extract("^[a-z]+", 0),
        x=rated.ifelse(said.rating, (said.sentiment + 1) / 2).clip(0, 1),
    )
    said = said.filter(said.what.isin(STATED))
    each = said.group_by("what", "group", "period", "who").agg(
        n=said.count(), s=said.x.sum(), q=(said.x * said.x).sum()
    )
    known = each.who.notnull()
    sums = each.group_by("what", "group", "period").agg(
        n=each.n.sum(),
        s=each.s.sum(),
        q=each.q.sum(),
        c=known.ifelse(each.s * each.s, each.q).sum(),
        x=known.ifelse(each.s * each.n, each.s).sum(),
        a=known.ifelse(each.n * each.n, each.n).sum(),
    )
    return sums.to_pyarrow()


def _weighed(sums: pa.Table) -> dict[Key, Sounding]:
    found: dict[Key, Sounding] = {}
    for r in sums.to_pylist():
        n, m = r["n"], r["s"] / r["n"]
        within = max(r["q"] - n * m * m, 0.0)
        worth = effective(n, within, r["c"] - 2 * m * r["x"] + m * m * r["a"])
        # As many yes-or-no looks as give the same variance: answers on a scale tell more than those.
        binomial = m * (1 - m)
        spread = within / n if n >= 5 and within > 0 else binomial
        found[r["what"], r["group"], r["period"]] = Sounding(
            r["s"], n, worth * max(binomial, 1e-9) / max(spread, 1e-9)
        )
    return found


def _done_and_met(rows: Any, names: Names) -> pa.Table:
    """Take what each customer did and met in a period, in one pass: left, bought, sent back, met a failure."""
    event = rows.kind == "event"
    outcome = rows.kind.isin(["telemetry", "event"]) & rows.ok.notnull()
    each = rows.group_by("group", "period", "who").agg(
        active=(event | (rows.kind == "feedback")).any(),
        left=(event & among(rows["name"], names.leaving)).any(),
        bought=rows.count(where=event & among(rows["name"], names.buying)),
        back=rows.count(where=event & among(rows["name"], names.back)),
        met=outcome.any(),
        failed=(outcome & ~rows.ok).any().fill_null(False),
    )
    sums = each.group_by("group", "period").agg(
        active=each.count(where=each.active),
        left=each.count(where=each.left),
        bought=each.bought.sum(),
        back=each.back.sum(),
        met=each.count(where=each.met),
        failed=each.count(where=each.failed),
    )
    return sums.to_pyarrow()


def _shares(sums: pa.Table) -> dict[Key, Sounding]:
    listed = sums.to_pylist()
    # A company whose systems never speak of leaving or of returns has no such sounding, rather than a perfect one.
    leaves, returns = any(r["left"] for r in listed), any(r["back"] for r in listed)
    found: dict[Key, Sounding] = {}
    for r in listed:
        key = (r["group"], r["period"])
        if leaves and r["active"]:
            found["staying", *key] = Sounding(r["active"] - r["left"], r["active"], r["active"])
        if returns and r["bought"]:
            found["kept", *key] = Sounding(max(r["bought"] - r["back"], 0), r["bought"], r["bought"])
        if r["met"]:
            found["unfailed", *key] = Sounding(r["met"] - r["failed"], r["met"], r["met"])
    return found


def _settled(rows: Any, every: str) -> pa.Table:
    """Take days on which customers wrote, and see whether another followed within a week."""
    import ibis

    wrote = rows.filter(rows.kind == "feedback", rows.text.notnull())
    days = wrote.mutate(on=(periods.seconds_of(wrote.occurred_at) / 86_400).floor().cast("int64"))
    days = days.select("group", "who", "on").distinct()
    following = days.on.lead().over(ibis.window(group_by=["group", "who"], order_by="on"))
    days = days.mutate(again=(following - days.on <= RECONTACT_DAYS).fill_null(False))
    days = days.mutate(
        period=((days.on * 86_400 - periods.MONDAY) / periods.length_of(every)).floor().cast("int64")
    )
    return (
        days.group_by("group", "period")
        .agg(n=days.count(), again=days.again.cast("int64").sum())
        .to_pyarrow()
    )
