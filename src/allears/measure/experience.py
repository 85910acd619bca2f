"""Experience: NPS, CSAT, CES, stars and sentiment, per group and period, each with its interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from allears.clock import utc
from allears.errors import Refused
from allears.measure import periods
from allears.measure.columns import column_of, customer_of, during, grouped, inbound, only
from allears.measure.figures import Figure, figures_table, mark
from allears.measure.intervals import Estimate, difference, effective, mean, nps, wilson
from allears.measure.shrink import means
from allears.measure.tally import Span, Tally, afresh

METHOD = "experience/1"
# What counts as a move worth telling, in the measure's own unit.
WORTH_TELLING = {
    "nps": 5.0,
    "csat": 3.0,
    "ces": 0.2,
    "ces_easy": 3.0,
    "stars": 0.1,
    "trustid": 0.2,
    "sentiment": 0.05,
}
_UNITS = {
    "nps": "points",
    "csat": "points",
    "ces": "points of 1-7",
    "ces_easy": "points",
    "stars": "stars",
    "trustid": "points of 1-7",
    "sentiment": "points of -1..1",
}


class Change(msgspec.Struct, frozen=True):
    """How far a measure moved, and whether that is more than noise."""

    estimate: float
    low: float
    high: float
    moved: bool
    sentence: str


class _Sums(NamedTuple):
    n: float
    total: float
    squares: float
    clusters: float  # sum over customers of their total squared
    crossed: float  # sum over customers of total x answers
    answers: float  # sum over customers of answers squared


def experience(
    signals: Any,
    *,
    by: str | None = None,
    every: str = "week",
    since: datetime | None = None,
    cutoff: datetime,
    keys: Iterable[str] | None = None,
    tally: Tally = afresh,
) -> pa.Table:
    """Measure what customers say of us, per group and period.

    Names: ``nps`` (-100..100), ``csat`` (percent of 4-5), ``ces`` (mean, 1-7), ``ces_easy`` (percent of 5-7),
    ``stars`` (mean, 1-5), ``trustid`` (mean, 1-7), ``sentiment`` (mean of texts, -1..1). Who answers often does not count as many:
    intervals are widened by the design effect of answers of one customer. Fewer than 10 answers are
    suppressed; 10-29 are marked ``low data`` and, among at least three groups, shrunk towards the others.

    Parameters
    ----------
    signals
        Ibis table of ``signals``, or a projection holding what is used here.
    by
        A dimension of signals: channel, region, relationship, service, release, platform, partner, topic, account.
    every
        hour, day, week (from Monday, UTC) or month (four weeks).
    since, cutoff
        Signals that occurred in ``[since, cutoff)``.
    keys
        Only these values of ``by``.
    tally
        Answers what whole periods added up to.

    Returns
    -------
    pyarrow.Table
        Rows of ``measures``, ordered by name, group and time.

    Raises
    ------
    Refused
        ``by`` or ``every`` is unknown.
    """
    thin = only(signals, "rating", "rating_scale", "sentiment", *column_of(by))
    listed = None if keys is None else list(keys)

    def ask(spans: Sequence[Span]) -> pa.Table:
        return _sums(_answers(grouped(inbound(during(thin, spans)), by, listed), every))

    keeper = tally if listed is None else afresh
    sums = _read(keeper(f"{METHOD} by {by} every {every}", ask, every=every, since=since, until=cutoff))
    figures = [
        Figure(name, group, "", periods.start(period, every), _estimate(name, s), mark(s.n), METHOD)
        for (name, group, period), s in sums.items()
    ]
    return figures_table(_shrink_low(figures), utc(cutoff))


def change(before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    """Say how far one measure moved from one row of ``measures`` to another.

    It *moved* when the 95 % interval of the difference leaves out 0 and the difference is worth telling
    (3 points of CSAT, 5 of NPS ...).

    Raises
    ------
    Refused
        The rows measure different things, or one is suppressed.

    Examples
    --------
    >>> one = {"name": "csat", "estimate": 80.0, "low": 75.0, "high": 85.0, "n": 250}
    >>> two = {"name": "csat", "estimate": 70.0, "low": 64.0, "high": 76.0, "n": 220}
    >>> change(one, two).sentence
    'CSAT fell by 10.0 points (95 % interval -17.8 to -2.2; 250 and 220 answers).'
    """
    if before["name"] != after["name"]:
        raise Refused("two rows of one measure are compared, not of two")
    if before["estimate"] is None or after["estimate"] is None:
        raise Refused("a suppressed figure cannot be compared")
    name = str(before["name"])
    d = difference(_as_estimate(before), _as_estimate(after))
    moved = (d.low > 0 or d.high < 0) and abs(d.estimate) >= WORTH_TELLING.get(name, 0.0)
    digits = 1 if _UNITS.get(name, "points") == "points" else 2
    shown = name.upper() if name in ("nps", "csat", "ces") else name.replace("_", " ").capitalize()
    interval = (
        f"95 % interval {d.low:.{digits}f} to {d.high:.{digits}f}; {before['n']} and {after['n']} answers"
    )
    if moved:
        way = "rose" if d.estimate > 0 else "fell"
        sentence = f"{shown} {way} by {abs(d.estimate):.{digits}f} {_UNITS.get(name, 'points')} ({interval})."
    else:
        sentence = f"{shown} did not move beyond noise: {d.estimate:+.{digits}f} ({interval})."
    return Change(d.estimate, d.low, d.high, moved, sentence)


def _as_estimate(row: Mapping[str, Any]) -> Estimate:
    return Estimate(row["estimate"], row["low"], row["high"], row["n"])


def _answers(signals: Any, every: str) -> Any:
    """Give one row per answer and measure: name, group, period, customer and the value to average."""
    import ibis

    said = signals.filter(signals.kind == "feedback")
    said = said.mutate(period=periods.numbered(said.occurred_at, every), who=customer_of(said))
    r, scale = said.rating, said.rating_scale

    def rows(keep: Any, name: Any, x: Any) -> Any:
        return said.filter(keep).select("group", "period", "who", name=name, x=x.cast("float64"))

    # Borders lie midway between two answers, so that 1-of-4 and its float cousins fall on the right side.
    points = {
        "nps-0-10": ("nps", (r > 0.85).cast("int8") - (r < 0.65).cast("int8")),
        "csat-1-5": ("csat", (r > 0.625).cast("int8")),
        "ces-1-7": ("ces", 1 + 6 * r),
        "stars-1-5": ("stars", 1 + 4 * r),
        "trustid-1-7": ("trustid", 1 + 6 * r),
    }
    name = scale.cases(*((s, ibis.literal(n)) for s, (n, _) in points.items()))
    x = scale.cases(*((s, x.cast("float64")) for s, (_, x) in points.items()))
    rated = r.notnull()
    parts = [
        rows(rated & scale.isin(list(points)), name, x),
        rows(rated & (scale == "ces-1-7"), ibis.literal("ces_easy"), (r > 0.58).cast("int8")),
    ]
    if "sentiment" in said.columns:
        parts.append(rows(said.sentiment.notnull(), ibis.literal("sentiment"), said.sentiment))
    return ibis.union(*parts)


def _sums(answers: Any) -> pa.Table:
    """Add up per customer first, then per group: what a mean and its cluster-robust variance need."""
    x = answers.x
    each = answers.group_by("name", "group", "period", "who").agg(
        n=answers.count(), s=x.sum(), q=(x * x).sum()
    )
    known = each.who.notnull()
    rows = each.group_by("name", "group", "period").agg(
        n=each.n.sum(),
        total=each.s.sum(),
        squares=each.q.sum(),
        # Answers of nobody known stand for themselves.
        clusters=known.ifelse(each.s * each.s, each.q).sum(),
        crossed=known.ifelse(each.s * each.n, each.s).sum(),
        answers=known.ifelse(each.n * each.n, each.n).sum(),
    )
    return rows.to_pyarrow()


def _read(sums: pa.Table) -> dict[tuple[str, str, int], _Sums]:
    table = sums.to_pydict()
    keys = zip(table["name"], table["group"], table["period"], strict=True)
    values = zip(*(map(float, table[f]) for f in _Sums._fields), strict=True)
    return {key: _Sums(*value) for key, value in zip(keys, values, strict=True)}


def _estimate(name: str, s: _Sums) -> Estimate:
    if s.n < 2:
        return Estimate(float("nan"), float("nan"), float("nan"), s.n)
    m = s.total / s.n
    within = s.squares - s.n * m * m
    worth = effective(s.n, within, s.clusters - 2 * m * s.crossed + m * m * s.answers)
    if name == "nps":
        return nps((s.squares + s.total) / 2, (s.squares - s.total) / 2, s.n, n_effective=worth)
    if name in ("csat", "ces_easy"):
        return wilson(m * worth, worth)._replace(n=s.n).scaled(100)
    return mean(s.total, s.squares, s.n, n_effective=worth)


def _shrink_low(figures: list[Figure]) -> list[Figure]:
    """Pull figures of little data towards the other groups of the same measure and period."""
    peers: dict[tuple[str, datetime], list[int]] = defaultdict(list)
    for i, f in enumerate(figures):
        if f.mark != "suppressed":
            peers[f.name, f.time].append(i)
    answer = list(figures)
    for places in peers.values():
        low = [p for p, i in enumerate(places) if figures[i].mark == "low data"]
        if len(places) < 3 or not low:
            continue
        shrunk = means(
            [figures[i].value.estimate for i in places], [max(figures[i].value.error, 1e-9) for i in places]
        )
        for p in low:
            f = figures[places[p]]
            middle, half = float(shrunk.estimate[p]), 1.96 * float(shrunk.error[p])
            if np.isfinite(middle):
                value = Estimate(middle, middle - half, middle + half, f.value.n)
                answer[places[p]] = f._replace(value=value, method=f"{METHOD} shrunk")
    return answer
