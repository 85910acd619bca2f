"""Reliability: how well services met customers, against objectives and their error budgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from allears.clock import utc
from allears.measure import periods
from allears.measure.columns import between
from allears.measure.figures import Figure, figures_table, mark
from allears.measure.intervals import Estimate, mean, wilson
from allears.measure.objectives import Objective, bad, met

METHOD = "reliability/1"


def reliability(
    signals: Any, objectives: Sequence[Objective], *, now: datetime, every: str | None = None
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

    Returns
    -------
    pyarrow.Table
        Rows of ``measures``; ``time`` is the start of the window or period.
    """
    figures: list[Figure] = []
    for days in sorted({o.window_days for o in objectives}):
        chosen = [o for o in objectives if o.window_days == days]
        since = utc(now) - timedelta(days=days)
        requests = met(between(signals, since, now))
        for row in _counts(requests, chosen, None):
            figures += _whole(row, chosen, since)
        if every is not None:
            for row in _counts(requests, chosen, every):
                figures += _good(row, chosen, periods.start(row["period"], every))
    return figures_table(figures, utc(now))


def _counts(requests: Any, objectives: Sequence[Objective], every: str | None) -> list[dict[str, Any]]:
    """Count, in one pass, requests and bad ones of every objective."""
    import ibis

    period = ibis.literal(0) if every is None else periods.numbered(requests.occurred_at, every)
    rows = requests.filter(requests.service.isin(sorted({o.service for o in objectives}))).mutate(
        period=period
    )
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
    answer: list[dict[str, Any]] = rows.group_by("service", "period").agg(**columns).to_pyarrow().to_pylist()
    return answer


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
