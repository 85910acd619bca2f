"""Drivers: which topics, failures and waits go with better or worse answers. Association, never cause."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from allears.clock import utc
from allears.errors import NotReady, Refused
from allears.measure.columns import between, customer_of, inbound, only
from allears.measure.figures import Figure, figures_table, mark
from allears.measure.intervals import Z95, Estimate
from allears.measure.objectives import Objective
from allears.measure.periods import seconds_of
from allears.measure.some import DIGITS, below

Floats = npt.NDArray[np.float64]

METHOD = "drivers/2"
MOST = 12
FEWEST_WITH = 20
FEWEST_ANSWERS = 200
ENOUGH_ANSWERS = 200_000
ENOUGH_CUSTOMERS = 1_000
# Multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4): times that are alike get numbers that are not.
_KNUTH, _LOTS = 2_654_435_761, 2**32
# With fewer groups than this, clustered errors come out too small (Cameron and Miller 2015).
FEWEST_CUSTOMERS = 50


def drivers(
    signals: Any,
    *,
    cutoff: datetime,
    since: datetime | None = None,
    objectives: Sequence[Objective] = (),
    look_back_days: int = 14,
    long_wait: timedelta = timedelta(hours=24),
) -> pa.Table:
    """Find what went with better or worse answers.

    For each answer: what its customer wrote about, which services failed them or were slow, whether they waited long for
    a reply, within the days before. A ridge regression within scales gives the points each goes with,
    the others held; errors clustered by customer its interval. Only those whose interval leaves out 0 are given.
    Of more than 200,000 answers those of a part of the customers are read, of at least about 1,000 where there are so many,
    chosen by the digits of their names; and of each of these at most 200, more where there are fewer than 1,000 customers.

    Parameters
    ----------
    signals
        Ibis table of ``signals``.
    cutoff, since
        Answers given in ``[since, cutoff)``.
    objectives
        Latency objectives say what slow means; none: slowness is not looked at.
    look_back_days
        How long something met or said may go with an answer.
    long_wait
        A first reply later than this is a long wait.

    Returns
    -------
    pyarrow.Table
        Rows of ``measures`` named ``driver``: group ``topic=...``, ``failure=...``, ``slow=...`` or ``wait=long``; estimate in points
        of 0-100; n the answers with it. ``method`` holds its Shapley share of what all explain.

    Raises
    ------
    NotReady
        Fewer than 200 answers, or of fewer than 50 customers.
    """
    answers, pairs = _met_before(signals, since, cutoff, objectives, look_back_days, long_wait)
    if answers.num_rows < FEWEST_ANSWERS:
        raise NotReady("drivers need 200 answers", got=answers.num_rows, needed=FEWEST_ANSWERS)
    names, x = _design(answers, pairs)
    if not names:
        return figures_table([], utc(cutoff))
    y = _within_scales(answers)
    customer = (
        answers["who"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(int)
    )
    if (people := int(customer.max()) + 1) < FEWEST_CUSTOMERS:
        raise NotReady("drivers need answers of 50 customers", got=people, needed=FEWEST_CUSTOMERS)
    beta, error = _fit(x, y, customer)
    share, explained = shapley_shares(x, y)
    start = utc(since) if since is not None else datetime.fromtimestamp(min(answers["at"].to_pylist()), UTC)
    figures = []
    for j, name in enumerate(names):
        value = Estimate(
            float(beta[j]),
            float(beta[j] - Z95 * error[j]),
            float(beta[j] + Z95 * error[j]),
            float(x[:, j].sum()),
        )
        if value.low > 0 or value.high < 0:
            method = f"{METHOD} association; {100 * share[j]:.0f} % of R2 {explained:.3f}"
            figures.append(Figure("driver", name, "stated", start, value, mark(value.n), method))
    return figures_table(figures, utc(cutoff))


def tell_driver(row: Mapping[str, Any]) -> str:
    """Say a driver in a sentence.

    Examples
    --------
    >>> tell_driver({"group": "failure=checkout", "estimate": -12.3, "low": -15.4, "high": -9.2, "n": 230})
    'Answers after failure of checkout are 12.3 points lower (95 % interval 9.2 to 15.4; n = 230): an association, not a cause.'
    """
    kind, _, what = str(row["group"]).partition("=")
    after = {"failure": f"failure of {what}", "slow": f"slowness of {what}", "wait": "a long wait"}.get(
        kind, f"mention of {what}"
    )
    way = "lower" if row["estimate"] < 0 else "higher"
    low, high = sorted((abs(row["low"]), abs(row["high"])))
    return (
        f"Answers after {after} are {abs(row['estimate']):.1f} points {way} "
        f"(95 % interval {low:.1f} to {high:.1f}; n = {row['n']}): an association, not a cause."
    )


def shapley_shares(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, float]:
    """Share out R2 among correlated drivers: the average gain over all orders of entry (LMG).

    Parameters
    ----------
    x
        Shape ``(answers, drivers)``, at most 12 drivers: it takes ``2 ** drivers`` small fits.
    y
        Outcome, shape ``(answers,)``.

    Returns
    -------
    tuple
        Shares that add up to 1, and R2.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(2000, 2))
    >>> share, r2 = shapley_shares(x, 2 * x[:, 0] + x[:, 1])
    >>> share.round(1).tolist(), round(r2, 2)
    ([0.8, 0.2], 1.0)
    """
    design, outcome = np.asarray(x, float), np.asarray(y, float)
    p = design.shape[1]
    if not 1 <= p <= MOST:
        raise Refused(f"expected 1 to {MOST} drivers", place="x")
    whole = np.cov(np.column_stack([design, outcome]).T)
    gram, cross, total = whole[:p, :p], whole[:p, p], max(float(whole[p, p]), 1e-12)
    explained = np.zeros(2**p)
    for members in range(1, 2**p):
        s = [j for j in range(p) if members >> j & 1]
        explained[members] = cross[s] @ np.linalg.lstsq(gram[np.ix_(s, s)], cross[s], rcond=None)[0] / total
    size = np.array([members.bit_count() for members in range(2**p)])
    orders = np.array([1 / (p * math.comb(p - 1, k)) for k in range(p)])
    phi = np.zeros(p)
    for j in range(p):
        without = np.flatnonzero(~(np.arange(2**p) >> j & 1).astype(bool))
        phi[j] = np.sum(orders[size[without]] * (explained[without | 1 << j] - explained[without]))
    r2 = float(explained[-1])
    return phi / r2 if r2 > 0 else phi, r2


def _met_before(
    signals: Any,
    since: datetime | None,
    cutoff: datetime,
    objectives: Sequence[Objective],
    look_back_days: int,
    long_wait: timedelta,
) -> tuple[pa.Table, pa.Table]:
    """Give answers (who, at, scale, rating, place), and by place which feature each had before it."""
    import ibis

    start = None if since is None else utc(since) - timedelta(days=look_back_days)
    thin = only(signals, "rating", "rating_scale", "topics", "service", "ok", "duration_ms", "thread")
    every = between(thin, start, cutoff)
    every = every.mutate(who=customer_of(every), at=seconds_of(every.occurred_at))
    rows = inbound(every)
    rows = rows.filter(rows.who.notnull())
    rated = _rated(rows, since)
    size = rated.aggregate(answers=rated.count(), people=rated.who.nunique()).to_pyarrow().to_pylist()[0]
    if size["answers"] > ENOUGH_ANSWERS:
        wanted = max(ENOUGH_CUSTOMERS, size["people"] * ENOUGH_ANSWERS // size["answers"])
        end = below(size["people"], wanted)
        rows = rows if end is None else rows.filter(rows.who.right(DIGITS) < end)
        rated = _at_most(_rated(rows, since), max(1, ENOUGH_ANSWERS // min(ENOUGH_CUSTOMERS, size["people"])))
    answers = (
        rated.group_by("who", "at")
        .agg(scale=rated.rating_scale.min(), rating=rated.rating.mean())
        .to_pyarrow()
    )
    answers = answers.sort_by([("who", "ascending"), ("at", "ascending")])
    answers = answers.append_column("place", pa.array(np.arange(answers.num_rows)))
    about = rows.filter(rows.kind == "feedback").select("who", "at", feature=rows.topics.unnest())
    failed = rows.filter(rows.ok.notnull(), ~rows.ok.fill_null(True), rows.service.notnull())
    found = [
        about.filter(about.feature.notnull()).select(
            "who", "at", feature=ibis.literal("topic=") + about.feature
        ),
        failed.select("who", "at", feature=ibis.literal("failure=") + failed.service),
    ]
    for o in objectives:
        if o.below_ms is not None:
            slow = rows.filter(rows.service == o.service, rows.ok, rows.duration_ms > o.below_ms)
            found.append(slow.select("who", "at", feature=ibis.literal(f"slow={o.service}")))
    if {"thread", "direction"} <= set(signals.columns):
        found.append(_waits(every, int(long_wait.total_seconds())))
    features = ibis.union(*found)
    asked = ibis.memtable(answers.select(["who", "at", "place"]))
    near = asked.join(features.rename(met="at"), "who")
    near = near.filter(near.at >= near.met, near.at - look_back_days * 86_400 <= near.met)
    return answers, near.select("place", "feature").distinct().to_pyarrow()


def _rated(rows: Any, since: datetime | None) -> Any:
    rated = rows.filter(rows.kind == "feedback", rows.rating.notnull(), rows.rating_scale.notnull())
    return rated if since is None else rated.filter(rated.at >= int(utc(since).timestamp()))


def _at_most(rated: Any, each: int) -> Any:
    """Give so many answers of each customer, chosen by a number that their times make: few customers may have very many."""
    import ibis

    order = rated.mutate(lot=(rated.at * _KNUTH) % _LOTS)
    drawn = order.mutate(turn=ibis.row_number().over(group_by="who", order_by=["lot", "at"]))
    return drawn.filter(drawn.turn < each).drop("lot", "turn")


def _waits(rows: Any, seconds: int) -> Any:
    import ibis

    talk = rows.filter(rows.thread.notnull(), rows.kind == "feedback")
    out = talk.direction.fill_null("in") == "out"
    each = talk.group_by("thread").agg(
        who=talk.who.min(where=~out), asked=talk.at.min(where=~out), at=talk.at.min(where=out)
    )
    each = each.filter(each.who.notnull(), each.at - each.asked > seconds)
    return each.select("who", "at", feature=ibis.literal("wait=long"))


def _design(answers: pa.Table, pairs: pa.Table) -> tuple[list[str], Floats]:
    features = pairs["feature"].combine_chunks().dictionary_encode()
    code = features.indices.to_numpy(zero_copy_only=False).astype(int)
    row = pairs["place"].to_numpy()
    names = features.dictionary.to_pylist()
    n = np.bincount(code, minlength=len(names))
    size = answers.num_rows
    enough = [j for j in range(len(names)) if FEWEST_WITH <= n[j] <= size - FEWEST_WITH]
    kept = sorted(sorted(enough, key=lambda j: (-n[j], names[j]))[:MOST], key=lambda j: names[j])
    x = np.zeros((size, len(kept)))
    for column, j in enumerate(kept):
        x[row[code == j], column] = 1.0
    return [names[j] for j in kept], x


def _within_scales(answers: pa.Table) -> Floats:
    scale = answers["scale"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    y = 100 * answers["rating"].to_numpy()
    level = np.bincount(scale, y) / np.bincount(scale)
    centred: Floats = y - level[scale]
    return centred


def _fit(x: Floats, y: Floats, customer: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Fit, with errors that allow one customer's answers to resemble each other (Liang and Zeger 1986, with CR1)."""
    n, people = len(y), int(customer.max()) + 1
    design = np.column_stack([np.ones(n), x])
    # One answer's worth of scepticism per driver; the level is not pulled.
    ridge = np.diag([0.0, *np.ones(x.shape[1])])
    inverse = np.linalg.pinv(design.T @ design + ridge)
    beta = inverse @ (design.T @ y)
    scores = design * (y - design @ beta)[:, None]
    each = np.column_stack([np.bincount(customer, column, people) for column in scores.T])
    few = people / (people - 1) * (n - 1) / (n - design.shape[1])
    spread = few * inverse @ (each.T @ each) @ inverse
    return beta[1:], np.sqrt(np.diag(spread)[1:])
