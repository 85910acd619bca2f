"""Promises kept: the share of those that fell due, with its interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from allears.clock import utc
from allears.errors import Refused
from allears.measure import periods
from allears.measure.figures import Figure, figures_table, mark
from allears.measure.intervals import wilson

METHOD = "promises/1 wilson"


def promises_kept(
    due: Sequence[datetime], kept: Sequence[bool], *, every: str = "week", cutoff: datetime
) -> pa.Table:
    """Measure the percentage of promises kept, by the period in which they fell due.

    Parameters
    ----------
    due, kept
        When each promise fell due, and whether it was kept; those not due yet are left out by the caller.
    every
        day, week or month.

    Returns
    -------
    pyarrow.Table
        Rows of ``measures``, name ``promises kept``, percent with a 95 % Wilson interval.

    Raises
    ------
    Refused
        Lengths differ.

    Examples
    --------
    >>> from datetime import UTC
    >>> day = datetime(2026, 5, 6, 12, tzinfo=UTC)
    >>> promises_kept([day] * 40, [True] * 30 + [False] * 10, cutoff=day)["estimate"].to_pylist()
    [75.0]
    """
    if len(due) != len(kept):
        raise Refused("as many answers as promises are needed")
    counted: dict[int, list[bool]] = defaultdict(list)
    for moment, was_kept in zip(due, kept, strict=True):
        counted[periods.number(moment, every)].append(was_kept)
    figures = [
        Figure(
            "promises kept",
            "all",
            "",
            periods.start(period, every),
            wilson(sum(answers), len(answers)).scaled(100),
            mark(len(answers)),
            METHOD,
        )
        for period, answers in counted.items()
    ]
    return figures_table(figures, utc(cutoff))
