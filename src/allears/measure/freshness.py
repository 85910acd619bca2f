"""Freshness: how long after it happened a signal arrived, by source; what came as history is not counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from statistics import median
from typing import Any, NamedTuple

import pyarrow as pa

from allears.measure import periods
from allears.measure.columns import during
from allears.measure.tally import Span, Tally, afresh

ROUND = tuple(
    timedelta(seconds=s) for s in (10, 60, 300, 900, 3_600, 3 * 3_600, 6 * 3_600, 86_400, 259_200, 604_800)
)
FEWEST = 200
"""Signals from which a limit is worked out."""


class Delays(NamedTuple):
    """Of one source: limits, and for each day the signals and how many of them came within each limit."""

    limits: tuple[timedelta, ...]
    days: list[tuple[int, tuple[int, ...]]]

    @property
    def n(self) -> int:
        """How many signals."""
        return sum(n for n, _ in self.days)

    def within(self, limit: timedelta) -> int:
        """Count signals that arrived within a limit asked about."""
        place = self.limits.index(limit)
        return sum(counts[place] for _, counts in self.days)

    def usual(self, share: float) -> timedelta | None:
        """Give the smallest round limit within which that share arrives on the median day; None when there is too little to tell.

        The median, so that a day on which all came late loosens nothing.

        Examples
        --------
        >>> minute, hour = timedelta(minutes=1), timedelta(hours=1)
        >>> Delays((minute, hour), [(100, (97, 100))] * 4 + [(100, (0, 20))]).usual(0.95) == minute
        True
        """
        if self.n < FEWEST:
            return None
        for place, limit in enumerate(self.limits):
            if limit in ROUND and median(counts[place] / n for n, counts in self.days) >= share:
                return limit
        return None


def delays(
    signals: Any,
    limits: Iterable[timedelta],
    *,
    since: datetime,
    until: datetime,
    live: timedelta,
    tally: Tally = afresh,
) -> dict[str, Delays]:
    """Count how many signals of each source and day arrived within each limit.

    Parameters
    ----------
    signals
        Ibis table with source, occurred_at and received_at.
    limits
        Limits asked about besides the round ones.
    since, until
        Signals that occurred in ``[since, until)``.
    live
        What arrived later than this came as history.
    tally
        Answers what whole days added up to.
    """
    import ibis

    asked = tuple(sorted({*ROUND, *limits}))
    thin = signals.select(
        [n for n in ("source", "occurred_at", "received_at", "day") if n in signals.columns]
    )

    def ask(spans: Sequence[Span]) -> pa.Table:
        rows = during(thin, spans)
        late = periods.seconds_of(rows.received_at) - periods.seconds_of(rows.occurred_at)
        rows = rows.mutate(late=late, period=periods.numbered(rows.occurred_at, "day"))
        rows = rows.filter(rows.late <= ibis.literal(int(live.total_seconds())))
        within = {
            f"within{place}": (rows.late <= int(limit.total_seconds())).sum().cast("int64")
            for place, limit in enumerate(asked)
        }
        return rows.group_by("source", "period").agg(n=rows.count(), **within).to_pyarrow()

    names = blake2b(
        ",".join(str(limit.total_seconds()) for limit in asked).encode(), digest_size=8
    ).hexdigest()
    found = tally(f"freshness/1 {names}", ask, every="day", since=since, until=until)
    by_source: dict[str, list[tuple[int, tuple[int, ...]]]] = {}
    for row in found.to_pylist():
        counts = tuple(row[f"within{place}"] for place in range(len(asked)))
        by_source.setdefault(row["source"], []).append((row["n"], counts))
    return {source: Delays(asked, days) for source, days in by_source.items()}
