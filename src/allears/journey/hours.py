"""Hours: what every source brought in each of the last eight weeks, and what was to be expected of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from allears.desk.listening import SourceHour
from allears.foresee.expected import Calendar
from allears.foresee.flow import Flow, flow
from allears.journey.ground import Ground
from allears.journey.heard import COUNTS, LOOKED

Floats = NDArray[np.float64]

DAYS = 56
SHARE_OF_BUDGET = 0.02
"""Part of the watch's budget of false alarms that silences may spend, all sources together."""


@dataclass(frozen=True)
class Heard:
    """Counts of every source by hour: those that have ended, and who was heard in the running one."""

    begin: int
    counts: Mapping[str, Mapping[str, Floats]]
    listening: NDArray[np.bool_]
    flows: Mapping[str, Flow]
    running: frozenset[str]

    def silent(self, source: str) -> bool:
        """Whether a source has gone silent."""
        return source not in self.running and source in self.flows and self.flows[source].silent

    def since(self, source: str) -> datetime:
        """Tell the end of the last hour in which a source was heard."""
        ended = len(self.listening)
        if source in self.running:
            return moment_of(self.begin + ended + 1)
        return moment_of(self.begin + ended - self.flows[source].silent_hours if source in self.flows else 0)


def heard_hours(ground: Ground, now: datetime) -> Heard:
    """Read what was counted up to now, and learn what each source usually brings."""
    end = int(now.timestamp() // 3600)
    begin = end - 24 * DAYS
    names = ("source", "hour", *COUNTS)
    query = select(*(getattr(SourceHour, n) for n in names)).where(SourceHour.hour >= moment_of(begin))
    size = end - begin
    counts: dict[str, dict[str, Floats]] = defaultdict(lambda: {c: np.zeros(size) for c in COUNTS})
    listening = np.zeros(size, bool)
    running = set()
    with ground.desk.reading() as session:
        for source, hour, *values in session.execute(query):
            place = int(hour.timestamp() // 3600) - begin
            if source == LOOKED:
                listening[min(place, size - 1)] |= place < size
            elif place < size:
                for column, value in zip(COUNTS, values, strict=True):
                    counts[source][column][place] = value
            elif values[COUNTS.index("live")]:
                running.add(source)
    for columns in counts.values():
        listening |= columns["live"] > 0
    settings = ground.settings
    live = {name: columns["live"] for name, columns in counts.items() if columns["live"].any()}
    places = Calendar(settings.space.country, settings.space.timezone).hours_of_week(np.arange(begin, end))
    budget = SHARE_OF_BUDGET * settings.watch.false_alarms_per_week / max(len(live), 1)
    flows = {name: flow(values, places, listening, alarms_per_week=budget) for name, values in live.items()}
    return Heard(begin, counts, listening, flows, frozenset(running))


def around(ground: Ground, source: str, since: datetime, until: datetime) -> list[tuple[datetime, int]]:
    """Give the live signals of one source hour by hour, quiet hours included."""
    query = select(SourceHour.hour, SourceHour.live).where(
        SourceHour.source == source, SourceHour.hour >= since, SourceHour.hour < until
    )
    with ground.desk.reading() as session:
        counted = {int(hour.timestamp() // 3600): live for hour, live in session.execute(query)}
    span = range(int(since.timestamp() // 3600), int(until.timestamp() // 3600) + 1)
    return [(moment_of(hour), counted.get(hour, 0)) for hour in span]


def moment_of(hour: int) -> datetime:
    """Give the moment at which an hour begins that is counted from 1970 on."""
    return datetime.fromtimestamp(hour * 3600, UTC)
