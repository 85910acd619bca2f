"""Tallies: what whole periods added up to. Whoever keeps them hands them over; else all is asked anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import pyarrow as pa

Span = tuple[datetime | None, datetime]
"""From (``None``: from the first signal) until, without the end."""
Ask = Callable[[Sequence[Span]], pa.Table]
"""Adds up the periods that lie in the spans: rows with a whole number ``period``, and nothing of any person."""


class Tally(Protocol):
    """Answers what periods added up to, from what was kept or by asking."""

    def __call__(
        self,
        question: str,
        ask: Ask,
        *,
        every: str,
        since: datetime | None,
        until: datetime,
        before: timedelta = timedelta(0),
        after: timedelta = timedelta(0),
    ) -> pa.Table:
        """Give the rows of every period in ``[since, until)``.

        Parameters
        ----------
        question
            Names what is asked: the same name, the same rows from the same signals.
        ask
            Adds up periods from signals.
        every
            The period.
        since, until
            The time asked about; a period that is not wholly inside is asked anew each time.
        before, after
            How far around a period ``ask`` reads.
        """
        ...


def afresh(
    question: str,
    ask: Ask,
    *,
    every: str,
    since: datetime | None,
    until: datetime,
    before: timedelta = timedelta(0),
    after: timedelta = timedelta(0),
) -> pa.Table:
    """Ask for everything: nothing is kept."""
    return ask([(since, until)])
