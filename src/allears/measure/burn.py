"""Burn alerts: an error budget is being spent so fast that somebody must look now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from allears.clock import utc
from allears.measure.columns import between, only
from allears.measure.objectives import Objective, bad, met
from allears.measure.periods import seconds_of

BUCKET_MINUTES = 5
# One failure among ten requests is a rate of 10 % and means nothing.
FEWEST_BAD = 5
CERTAINTY = 0.95


class BurnRow(NamedTuple):
    """Alert when the budget burns ``rate`` times too fast over both windows."""

    severity: str
    long_minutes: int
    short_minutes: int
    rate: float


# SRE Workbook, chapter 5: 2 %, 5 % and 10 % of a month's budget.
BURN_ROWS = (BurnRow("page", 60, 5, 14.4), BurnRow("page", 360, 30, 6.0), BurnRow("ticket", 4320, 360, 1.0))


class Burn(msgspec.Struct, frozen=True, kw_only=True):
    """One alert: which objective, how fast, on what evidence."""

    service: str
    objective: str
    severity: str
    at: datetime
    began_at: datetime
    long_minutes: int
    short_minutes: int
    rate: float
    threshold: float
    bad: int
    total: int
    certainty: float
    budget_spent: float
    why: str


def burn_rows(objective: Objective) -> tuple[list[BurnRow], list[str]]:
    """Give the rows that can fire for an objective, and a note for each that cannot.

    Examples
    --------
    >>> rows, notes = burn_rows(Objective(service="search", name="availability", target=0.9))
    >>> [row.rate for row in rows], notes
    ([6.0, 1.0], ['search availability: the 1 h row needs 144 % bad requests at a target of 90 %; dropped'])
    """
    rows, notes = [], []
    for row in BURN_ROWS:
        needed = row.rate * objective.budget
        if needed < 1:
            rows.append(row)
        else:
            notes.append(
                f"{objective.service} {objective.name}: the {_span(row.long_minutes)} row needs {100 * needed:.0f} % bad "
                f"requests at a target of {100 * objective.target:g} %; dropped"
            )
    return rows, notes


def burns(
    starts: npt.ArrayLike, total: npt.ArrayLike, bad: npt.ArrayLike, objective: Objective, now: datetime
) -> list[Burn]:
    """Find what alerts at ``now``, worst first.

    A row fires when both its windows burn above its rate, at least 5 requests were bad in the long window, and the
    chance is above 95 % that the true share of bad ones passes the row's limit (Beta posterior, Jeffreys prior):
    at low traffic one failure pages nobody.

    Parameters
    ----------
    starts
        Start of each 5-minute bucket, seconds since 1970 UTC, shape ``(buckets,)``; empty buckets may be left out.
    total, bad
        Requests, and bad ones, per bucket.
    objective
        What is promised.
    now
        When to decide.

    Examples
    --------
    >>> at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    >>> times = at.timestamp() - 300 * np.arange(12, 0, -1)
    >>> [b.severity for b in burns(times, [100] * 12, [30] * 12, Objective(service="s", name="availability"), at)]
    ['page', 'page', 'ticket']
    """
    from scipy import special

    now = utc(now)
    times, n, failed = (np.asarray(x, dtype=float) for x in (starts, total, bad))
    found: list[Burn] = []
    for row in burn_rows(objective)[0]:
        limit = row.rate * objective.budget
        long, short = (_inside(times, now, m) for m in (row.long_minutes, row.short_minutes))
        k, m = failed[long].sum(), n[long].sum()
        if k < FEWEST_BAD or k <= limit * m or failed[short].sum() <= limit * n[short].sum():
            continue
        certainty = float(special.betaincc(k + 0.5, m - k + 0.5, limit))
        if certainty > CERTAINTY:
            began = datetime.fromtimestamp(float(times[long & (failed > 0)].min()), UTC)
            found.append(_burn(row, objective, now, began, int(k), int(m), certainty))
    return found


def burning(signals: Any, objectives: Sequence[Objective], *, now: datetime) -> list[Burn]:
    """Find what alerts at ``now`` among all objectives, in one pass over three days of signals.

    Parameters
    ----------
    signals
        Ibis table with kind, service, ok, duration_ms and occurred_at.
    """
    if not objectives:
        return []
    thin = only(signals, "service", "ok", "duration_ms")
    requests = met(between(thin, utc(now) - timedelta(days=3, minutes=BUCKET_MINUTES), now))
    seconds = BUCKET_MINUTES * 60
    requests = requests.mutate(
        start=(seconds_of(requests.occurred_at) / seconds).floor().cast("int64") * seconds
    )
    columns = {"n": requests.count()}
    for i, o in enumerate(objectives):
        columns[f"bad{i}"] = requests.count(where=(requests.service == o.service) & bad(requests, o))
    table = requests.group_by("service", "start").agg(**columns).order_by("start").to_pyarrow()
    services = np.array(table["service"].to_pylist(), dtype=object)
    starts, n = (table[c].to_numpy().astype(float) for c in ("start", "n"))
    found: list[Burn] = []
    for i, o in enumerate(objectives):
        mine = services == o.service
        found += burns(starts[mine], n[mine], table[f"bad{i}"].to_numpy().astype(float)[mine], o, now)
    return sorted(found, key=lambda b: (b.severity, b.long_minutes, b.service, b.objective))


def _inside(times: npt.NDArray[np.float64], now: datetime, minutes: int) -> npt.NDArray[np.bool_]:
    # The bucket of this moment may hold seconds only: a window reaches back over one whole bucket more.
    inside: npt.NDArray[np.bool_] = (times > now.timestamp() - 60 * (minutes + BUCKET_MINUTES)) & (
        times <= now.timestamp()
    )
    return inside


def _burn(
    row: BurnRow, o: Objective, now: datetime, began: datetime, k: int, m: int, certainty: float
) -> Burn:
    rate = k / m / o.budget
    spent = rate * row.long_minutes / (o.window_days * 1440)
    why = (
        f"{k} of {m} {o.service} requests were bad in the last {_span(row.long_minutes)} ({100 * k / m:.1f} %); the budget of "
        f"{100 * o.budget:g} % burns {rate:.1f} times too fast, {100 * spent:.0f} % of {o.window_days} days' budget is gone."
    )
    return Burn(
        service=o.service,
        objective=o.name,
        severity=row.severity,
        at=now,
        began_at=began,
        long_minutes=row.long_minutes,
        short_minutes=row.short_minutes,
        rate=rate,
        threshold=row.rate,
        bad=k,
        total=m,
        certainty=certainty,
        budget_spent=spent,
        why=why,
    )


def _span(minutes: int) -> str:
    return (
        f"{minutes // 1440} d"
        if minutes % 1440 == 0
        else f"{minutes // 60} h"
        if minutes % 60 == 0
        else f"{minutes} min"
    )
