"""Back-test: the past lived again by order of arrival."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from allears.errors import NotReady
from allears.foresee.forecast import Checked, check_forecast
from allears.foresee.rows import HOUR, arrived_at
from allears.foresee.watch import Watch, WatchRules

WEEK_HOURS = 168


@dataclass(frozen=True)
class Backtest:
    """A past lived again.

    ``judged`` of the ``sources`` delivered for longer than the settling time. If it is 0, nothing was raised because
    nothing could be.
    """

    issues: pa.Table
    surprises: pa.Table
    weeks: float
    alarms_per_week: float
    forecast: Checked | None
    sources: int = 0
    judged: int = 0


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
    sources, judged = _judged(signals, moments, rules.settle_days)
    return Backtest(
        issues,
        watched.surprises,
        weeks,
        issues.num_rows / weeks,
        _forecast_check(signals, moments),
        sources,
        judged,
    )


def _judged(signals: pa.Table, moments: pa.Array | pa.ChunkedArray, settle_days: int) -> tuple[int, int]:
    """Count the sources, and those that delivered on some day after their settling time."""
    days = pc.floor_temporal(moments, unit="day")
    spans = pa.table({"source": signals["source"], "day": days}).group_by("source")
    spans = spans.aggregate([("day", "min"), ("day", "max")])
    settled = pc.add(spans["day_min"], pa.scalar(timedelta(days=settle_days)))
    long_enough = pc.sum(pc.greater(spans["day_max"], settled)).as_py()
    return spans.num_rows, long_enough or 0


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
