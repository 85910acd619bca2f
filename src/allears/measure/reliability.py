"""Reliability: how well services met customers, against objectives and their error budgets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from allears.clock import utc
from allears.measure import periods
from allears.measure.columns import during, only
from allears.measure.figures import Figure, figures_table, mark
from allears.measure.intervals import Estimate, mean, wilson
from allears.measure.objectives import Objective, bad, met
from allears.measure.tally import Span, Tally, afresh

METHOD = "reliability/1"


def reliability(
    signals: Any,
    objectives: Sequence[Objective],
    *,
    now: datetime,
    every: str | None = None,
    tally: Tally = afresh,
) -> pa.Table:
    """Measure each objective over its window up to ``now``.

    Names: the objective's own (``availability``, ``latency``: percent of good requests), ``error budget left``
    (percent; below 0 when overspent) and, where there is a threshold T, ``apdex`` (0-1: good within T counts 1, within 4 T
    a half, failures none). The group is ``service=<name>``.

    Parameters
    ----------
    signals
        Ibis table with kind, service, ok, duration_ms and occurred_at.
    objectives
        From `objectives_from`, or set by hand.
    now
        End of the window.
    every
        Split the window into periods (day, week ...) besides; the budget is always that of the whole window.
    tally
        Answers what whole periods added up to.

    Returns
    -------
    pyarrow.Table
        Rows of ``measures``; ``time`` is the start of the window or period.
    """
    figures: list[Figure] = []
    for days in sorted({o.window_days for o in objectives}):
        chosen = [o for o in objectives if o.window_days == days]
        since = utc(now) - timedelta(days=days)
        for row in _whole_window(_counts(signals, chosen, "day", since, utc(now), tally)):
            figures += _whole(row, chosen, since)
        if every is not None:
            for row in _counts(signals, chosen, every, since, utc(now), tally):
                figures += _good(row, chosen, periods.start(row["period"], every))
    return figures_table(figures, utc(now))


def _counts(
    signals: Any,
    objectives: Sequence[Objective],
    every: str,
    since: datetime,
    now: datetime,
    tally: Tally,
) -> list[dict[str, Any]]:
    """Count, in one pass, requests and bad ones of every objective by service and period."""
    thin = only(signals, "service", "ok", "duration_ms")

    def ask(spans: Sequence[Span]) -> pa.Table:
        rows = met(during(thin, spans)).filter(thin.service.isin(sorted({o.service for o in objectives})))
        rows = rows.mutate(period=periods.numbered(rows.occurred_at, every))
        columns = {"n": rows.count()}
        for i, o in enumerate(objectives):
            mine = rows.service == o.service
            columns[f"bad{i}"] = rows.count(where=mine & bad(rows, o))
            if o.below_ms is not None:
                took = rows.duration_ms.fill_null(0.0)
                columns[f"full{i}"] = rows.count(where=mine & rows.ok & (took <= o.below_ms))
                columns[f"half{i}"] = rows.count(
                    where=mine & rows.ok & (took > o.below_ms) & (took <= 4 * o.below_ms)
                )
        return rows.group_by("service", "period").agg(**columns).to_pyarrow()

    terms = hashlib.sha256("\n".join(f"{o.service} {o.below_ms}" for o in objectives).encode()).hexdigest()[
        :16
    ]
    question = f"{METHOD} {terms} every {every}"
    answer: list[dict[str, Any]] = tally(question, ask, every=every, since=since, until=now).to_pylist()
    return answer


def _whole_window(days: list[dict[str, Any]]) -> list[dict[str, Any]]:
    summed: dict[str, dict[str, Any]] = {}
    for day in days:
        whole = summed.setdefault(day["service"], {"service": day["service"]})
        for name, count in day.items():
            if name not in ("service", "period"):
                whole[name] = whole.get(name, 0) + count
    return list(summed.values())


def _good(row: dict[str, Any], objectives: Sequence[Objective], time: datetime) -> Iterator[Figure]:
    for i, o in enumerate(objectives):
        if o.service != row["service"]:
            continue
        n, failed = row["n"], row[f"bad{i}"]
        group = f"service={o.service}"
        yield Figure(
            o.name, group, "", time, wilson(n - failed, n).scaled(100), mark(n), f"{METHOD} {_terms(o)}"
        )
        if o.below_ms is not None and n > 1:
            score = row[f"full{i}"] + 0.5 * row[f"half{i}"]
            value = mean(score, row[f"full{i}"] + 0.25 * row[f"half{i}"], n)
            value = value._replace(low=max(value.low, 0.0), high=min(value.high, 1.0))
            yield Figure("apdex", group, "", time, value, mark(n), f"{METHOD} T={o.below_ms:g} ms")


def _whole(row: dict[str, Any], objectives: Sequence[Objective], since: datetime) -> Iterator[Figure]:
    yield from _good(row, objectives, since)
    for i, o in enumerate(objectives):
        if o.service == row["service"]:
            spent = wilson(row[f"bad{i}"], row["n"])
            left = [100 * (1 - x / o.budget) for x in (spent.estimate, spent.high, spent.low)]
            value = Estimate(left[0], left[1], left[2], row["n"])
            group, method = f"service={o.service}", f"{METHOD} {_terms(o)}"
            yield Figure("error budget left", group, "", since, value, mark(row["n"]), method)


def _terms(o: Objective) -> str:
    limit = "" if o.below_ms is None else f" within {o.below_ms:g} ms"
    return f"{o.name} {100 * o.target:g} %{limit} in {o.window_days} d"
