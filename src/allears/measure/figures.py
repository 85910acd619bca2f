"""Rows of ``measures``: one figure each, marked when there is too little behind it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa

from allears.measure.intervals import Estimate
from allears.tables.outcomes import MEASURES

SUPPRESSED_BELOW = 10
LOW_BELOW = 30


class Figure(NamedTuple):
    """One figure on its way into ``measures``."""

    name: str
    group: str
    part: str
    time: datetime
    value: Estimate
    mark: str
    method: str


def mark(n: float) -> str:
    """Say whether ``n`` answers may be shown.

    Below 10 nothing is shown: it says little, and it could say who. Below 30 it is shown but never ranked.

    Examples
    --------
    >>> mark(9), mark(10), mark(30)
    ('suppressed', 'low data', 'ok')
    """
    return "suppressed" if n < SUPPRESSED_BELOW else "low data" if n < LOW_BELOW else "ok"


def figures_table(figures: Iterable[Figure], cutoff: datetime) -> pa.Table:
    """Build ``measures`` rows, ordered by name, group, part and time; suppressed ones keep their n only."""
    rows = sorted(figures, key=lambda f: (f.name, f.group, f.part, f.time))
    shown = [f.mark != "suppressed" for f in rows]

    def values(which: int) -> list[float | None]:
        return [f.value[which] if show else None for f, show in zip(rows, shown, strict=True)]

    return pa.Table.from_batches(
        [
            MEASURES.arrays(
                {
                    "name": [f.name for f in rows],
                    "group": [f.group for f in rows],
                    "part": [f.part for f in rows],
                    "time": [f.time for f in rows],
                    "estimate": values(0),
                    "low": values(1),
                    "high": values(2),
                    "n": [round(f.value.n) for f in rows],
                    "mark": [f.mark for f in rows],
                    "method": [f.method for f in rows],
                    "cutoff": [cutoff] * len(rows),
                },
                len(rows),
            )
        ]
    )
