"""The data cut-off: as of when everything is answered, so that an imported history reads like the day it ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from allears.clock import utc
from allears.journey.ground import Ground
from allears.journey.heard import ARRIVED


def cutoff(ground: Ground) -> datetime:
    """Give the data cut-off: time of the newest signal, at most now."""
    version = ground.engine.version("signals")
    if ground.newest is None or ground.newest[0] != version:
        ground.newest = (version, _newest(ground))
    newest, now = ground.newest[1], ground.clock.now()
    return min(newest, now) if newest is not None else now


def _newest(ground: Ground) -> datetime | None:
    days = ground.engine.made_of("signals")
    if not days:
        return None
    # Nothing counts as arrived later than it was received, nor over a week after it occurred: the last days tell, and of
    # the days before only files that hold something received later still.
    newest = f"SELECT max({ARRIVED}) AS m FROM signals WHERE day >= $day"
    at: datetime | None = ground.engine.near.query(newest, day=max(days))["m"][0].as_py()
    if at is None:
        return None
    earliest = day_of(at - timedelta(days=8))
    later: datetime = ground.engine.near.query(f"{newest} AND received_at >= $at", day=earliest, at=at)["m"][
        0
    ].as_py()
    return later


def day_of(moment: datetime) -> str:
    """Give the day a signal of that moment lies under: a question that says so opens no other day's files."""
    return utc(moment).date().isoformat()


def earliest_day(arrived: datetime | None) -> str:
    """Give the first day under which signals may lie that arrived from a moment on: they occurred up to a week before."""
    return day_of(arrived - timedelta(days=8)) if arrived is not None else ""
