"""Forecast a volume with an interval that keeps its promise, beside the plain seasonal repeat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from allears.errors import NotReady, Refused
from allears.foresee.tail import count_quantile
from allears.tables import TABLES

Floats = NDArray[np.float64]
METHOD = "seasonal window 24x7 + conformal 1"
WINDOW_DAYS = 28
HALF_LIFE_DAYS = 10.0
LOW_COUNT = 10.0
MOST_ORIGINS = 28


def forecast(
    times: ArrayLike,
    counts: ArrayLike,
    horizon_hours: int = 24,
    level: float = 0.9,
    series: str = "volume",
) -> pa.Table:
    """Forecast the coming hours of one hourly count.

    Middle: the mean of the same weekday and hour over the last four weeks, pulled towards the same
    hour of all days and scaled to the current level. Interval: the quantiles that held in the
    series' own past forecasts (split conformal on relative errors), never narrower than counting
    noise for volumes below ten.

    Parameters
    ----------
    times
        Start of each hour, aware datetimes or ``datetime64`` in UTC, oldest first, one hour apart.
    counts
        As many counts, at least 0.
    horizon_hours
        How far ahead.
    level
        Share of hours the interval should hold, 0-1.
    series
        Name written into the table.

    Returns
    -------
    pyarrow.Table
        In the ``expectations`` schema.

    Raises
    ------
    NotReady
        Fewer than 48 hours; ``facts`` holds ``got`` and ``needed``.

    Examples
    --------
    >>> hours = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=h) for h in range(240)]
    >>> ahead = forecast(hours, [5 if h % 24 < 12 else 20 for h in range(240)], 24)
    >>> ahead["mid"].to_pylist()[0] < 8 < 15 < ahead["mid"].to_pylist()[12]
    True
    """
    values = np.asarray(counts, float)
    moments = _moments(times)
    if len(values) != len(moments):
        raise Refused("expected as many times as counts", place="counts")
    if len(values) < 48:
        raise NotReady("a forecast needs two days", got=len(values), needed=48)
    first = int(moments[0].timestamp() // 3600)
    low, mid, high = forecast_counts(values, first, horizon_hours, level)
    begin = moments[-1] + timedelta(hours=1)
    size = len(mid)
    batch = TABLES["expectations"].arrays(
        {
            "series": pa.array([series] * size),
            "time": pa.array([begin + timedelta(hours=h) for h in range(size)]),
            "low": low, "mid": mid, "high": high,
            "method": pa.array([METHOD] * size),
            "made_at": pa.array([begin] * size),
        },
        size,
    )  # fmt: skip
    return pa.Table.from_batches([batch])


def forecast_counts(
    counts: Floats, first_hour: int, horizon_hours: int, level: float = 0.9
) -> tuple[Floats, Floats, Floats]:
    """Forecast plain counts: low, mid and high of each coming hour; ``first_hour`` is hours since 1970 of the first count."""
    mid = _point(counts, first_hour, horizon_hours)
    ratios = _past_errors(counts, first_hour, horizon_hours)
    low, high = _conformal(mid, ratios, level)
    # Counting noise is a matter of counts: a price or a rate below ten has none.
    small = (mid < LOW_COUNT) & bool(np.all(counts == np.round(counts)))
    if small.any():
        spread = _spread(ratios)
        low = np.where(small, np.minimum(low, count_quantile((1 - level) / 2, mid, spread)), low)
        high = np.where(small, np.maximum(high, count_quantile((1 + level) / 2, mid, spread)), high)
    return np.floor(np.maximum(low, 0.0)), mid, np.ceil(high)


def seasonal_naive(counts: Floats, horizon_hours: int) -> Floats:
    """Repeat last week, or yesterday while there is no week: what any forecast must beat."""
    season = 168 if len(counts) >= 168 else 24
    repeats = -(-horizon_hours // season)
    result: Floats = np.tile(counts[-season:], repeats)[:horizon_hours]
    return result


@dataclass(frozen=True)
class Checked:
    """How forecasts did in the past: rolling origins, each 24 hours ahead."""

    origins: int
    mase: float
    mase_seasonal_naive: float
    coverage: float
    level: float


def check_forecast(counts: Floats, first_hour: int, origins: int = 14, level: float = 0.9) -> Checked:
    """Replay the last days: forecast each from what came before it, then compare.

    MASE divides the mean absolute error by that of repeating the same hour of the previous week
    within the history.
    """
    starts = [len(counts) - 24 * k for k in range(origins, 0, -1) if len(counts) - 24 * k >= 14 * 24]
    if not starts:
        raise NotReady("a check needs fifteen days", got=len(counts), needed=360)
    ours, naive, scale, inside = [], [], [], []
    for start in starts:
        past, truth = counts[:start], counts[start : start + 24]
        low, mid, high = forecast_counts(past, first_hour, 24, level)
        ours.append(np.abs(truth - mid).mean())
        naive.append(np.abs(truth - seasonal_naive(past, 24)).mean())
        scale.append(np.abs(past[168:] - past[:-168]).mean())
        inside.append(((truth >= low) & (truth <= high)).mean())
    unit = max(float(np.mean(scale)), 1e-9)
    return Checked(
        len(starts), float(np.mean(ours)) / unit, float(np.mean(naive)) / unit, float(np.mean(inside)), level
    )


def _point(counts: Floats, first_hour: int, horizon: int) -> Floats:
    recent = counts[-WINDOW_DAYS * 24 :]
    hours = first_hour + np.arange(len(counts) - len(recent), len(counts) + horizon)
    past, ahead = hours[: len(recent)], hours[len(recent) :]
    age = np.arange(len(recent), 0, -1) / 24
    weights = 0.5 ** (age / HALF_LIFE_DAYS)
    # Weight 2 of the same hour on all days of the same sort, so three weeks of history outweigh it.
    by_hour = _mean_by(recent, weights, past % 24 + 24 * _weekend(past), 48)
    slot, slots = (past + 72) % 168, (ahead + 72) % 168
    total = np.bincount(slot, weights * recent, 168)
    mass = np.bincount(slot, weights, 168)
    weekly = np.arange(168)
    base = by_hour[weekly % 24 + 24 * (weekly >= 120)]
    week = (total + 2.0 * base) / (mass + 2.0)
    fitted = week[slot]
    latest = slice(-7 * 24, None)
    # The level of the last week, damped: half of a change persists.
    level = ((recent[latest].sum() + 24) / (fitted[latest].sum() + 24)) ** 0.5
    result: Floats = week[slots] * level
    return result


def _weekend(hours: NDArray[np.int64]) -> NDArray[np.int64]:
    result: NDArray[np.int64] = (((hours + 72) % 168) >= 120).astype(np.int64)
    return result


def _mean_by(values: Floats, weights: Floats, groups: NDArray[np.int64], count: int) -> Floats:
    overall = float(values @ weights) / float(weights.sum())
    result: Floats = (np.bincount(groups, values * weights, count) + 0.5 * overall) / (
        np.bincount(groups, weights, count) + 0.5
    )
    return result


def _past_errors(counts: Floats, first_hour: int, horizon: int) -> Floats:
    """Errors of forecasts that could have been made, over the square root of what they said."""
    errors = []
    for back in range(1, MOST_ORIGINS + 1):
        cut = len(counts) - 24 * back
        if cut < 48:
            break
        said = _point(counts[:cut], first_hour, min(horizon, 24))
        truth = counts[cut : cut + len(said)]
        errors.append((truth - said) / np.sqrt(said + 1.0))
    return np.concatenate(errors) if errors else np.array([-1.65, 0.0, 1.65])


def _conformal(mid: Floats, errors: Floats, level: float) -> tuple[Floats, Floats]:
    n = len(errors)
    low = np.quantile(errors, max(0.0, (1 - level) / 2 - 1 / (n + 1)))
    high = np.quantile(errors, min(1.0, (1 + level) / 2 + 1 / (n + 1)))
    root = np.sqrt(mid + 1.0)
    return mid + min(low, 0.0) * root, mid + max(high, 0.0) * root


def _spread(errors: Floats) -> float:
    inner = np.quantile(np.abs(errors), 0.68)
    return float(np.clip((inner**2 - 1.0) / LOW_COUNT, 0.01, 1.0))


def _moments(times: ArrayLike) -> list[datetime]:
    given = np.asarray(times)
    if given.dtype.kind == "M":
        return [datetime.fromtimestamp(int(s), UTC) for s in given.astype("datetime64[s]").astype(np.int64)]
    if not all(isinstance(t, datetime) and t.tzinfo is not None for t in given):
        raise Refused("expected times with a zone", place="times")
    return [t.astimezone(UTC) for t in given]
