"""Back-test: the past lived again by order of arrival, and compared with what is known to have happened."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from allears.errors import NotReady
from allears.foresee.forecast import Checked, check_forecast
from allears.foresee.rows import HOUR, arrived_at
from allears.foresee.watch import Watch, WatchRules

WEEK_HOURS = 168
OVERLAP = 0.25
AUTHORS_OVERLAP = 0.25


@dataclass(frozen=True)
class Truth:
    """One thing known to have happened.

    ``signals`` or ``customers`` say what it touched; ``peak_at`` when its volume was highest.
    """

    name: str
    began_at: datetime
    ended_at: datetime
    signals: Collection[str] = ()
    customers: Collection[str] = ()
    peak_at: datetime | None = None


@dataclass(frozen=True)
class Found:
    """What became of one truth: the first issue that matches it, if any."""

    truth: str
    issue: str | None
    detected_at: datetime | None
    lead_hours: float | None


@dataclass(frozen=True)
class Matched:
    """Issues held against truths."""

    found: tuple[Found, ...]
    unmatched: tuple[str, ...]
    recall: float
    false_alarms_per_week: float


@dataclass(frozen=True)
class Backtest:
    """A past lived again."""

    issues: pa.Table
    surprises: pa.Table
    weeks: float
    alarms_per_week: float
    forecast: Checked | None


def backtest(signals: pa.Table, rules: WatchRules, start: datetime | None = None) -> Backtest:
    """Replay signals as if they were arriving now, and collect what would have been raised.

    Parameters
    ----------
    signals
        In the ``signals`` schema.
    rules
        As the live watch has them.
    start
        Issues detected before are left out; what came earlier only taught. Default: the first arrival.
    """
    if not signals.num_rows:
        raise NotReady("nothing has arrived yet", got=0, needed=1)
    moments = arrived_at(signals)
    begin = max(start, pc.min(moments).as_py()) if start else pc.min(moments).as_py()
    end = pc.max(moments).as_py() + timedelta(hours=1)
    watched = Watch(rules).advance(signals, end)
    issues = watched.issues.filter(
        pc.greater_equal(watched.issues["detected_at"], pa.scalar(begin, pa.timestamp("us", tz="UTC")))
    )
    weeks = max((end - begin) / timedelta(hours=WEEK_HOURS), 1e-9)
    return Backtest(
        issues, watched.surprises, weeks, issues.num_rows / weeks, _forecast_check(signals, moments)
    )


def match(
    issues: pa.Table, truths: Sequence[Truth], weeks: float, signals: pa.Table | None = None
) -> Matched:
    """Hold issues against what is known to have happened.

    An issue matches a truth when it was detected between the beginning and a day after the end, and
    at least a quarter of its signals or authors, or of the truth's, are shared. An issue that matches nothing is a
    false alarm.

    Parameters
    ----------
    issues
        In the ``issues`` schema.
    truths
        What happened.
    weeks
        How long was watched.
    signals
        Needed to compare by customers: ``signal_id`` and ``customer_key``.
    """
    authors = _authors(signals) if signals is not None else {}
    rows = sorted(issues.to_pylist(), key=lambda i: i["detected_at"])
    hits: dict[str, list[str]] = {
        row["issue"]: [t.name for t in truths if _matches(row, t, authors)] for row in rows
    }
    found = tuple(_first(t, rows, hits) for t in truths)
    unmatched = tuple(i for i, names in hits.items() if not names)
    recall = sum(f.issue is not None for f in found) / max(1, len(truths))
    return Matched(found, unmatched, recall, len(unmatched) / max(weeks, 1e-9))


def _first(truth: Truth, rows: Iterable[dict[str, Any]], hits: dict[str, list[str]]) -> Found:
    for row in rows:
        if truth.name in hits[row["issue"]]:
            peak = truth.peak_at or truth.ended_at
            return Found(
                truth.name, row["issue"], row["detected_at"], (peak - row["detected_at"]) / timedelta(hours=1)
            )
    return Found(truth.name, None, None, None)


def _matches(issue: dict[str, Any], truth: Truth, authors: dict[str, str]) -> bool:
    if not truth.began_at <= issue["detected_at"] <= truth.ended_at + timedelta(days=1):
        return False
    held, known = set(issue["signal_ids"]), set(truth.signals)
    if known and len(held & known) >= OVERLAP * min(len(held), len(known)):
        return True
    people, hit = {authors[s] for s in held if s in authors}, set(truth.customers)
    return bool(hit and people) and len(people & hit) >= AUTHORS_OVERLAP * len(people)


def _authors(signals: pa.Table) -> dict[str, str]:
    pairs = zip(signals["signal_id"].to_pylist(), signals["customer_key"].to_pylist(), strict=True)
    return {signal: author for signal, author in pairs if author is not None}


def _forecast_check(signals: pa.Table, moments: pa.Array | pa.ChunkedArray) -> Checked | None:
    said = pc.equal(signals["kind"], "feedback")
    hours = moments.filter(said).cast(pa.int64()).to_numpy() // HOUR
    if not len(hours):
        return None
    first = int(hours.min())
    counts = np.bincount(hours - first).astype(float)
    try:
        return check_forecast(counts[: len(counts) // 24 * 24], first)
    except NotReady:
        return None
