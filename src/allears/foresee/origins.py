"""Origins of messages: which deliver, since when, and whether they have been listened to for long enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from allears.foresee.expected import HISTORY_DAYS
from allears.foresee.grid import Grid, Matrix
from allears.foresee.rows import Rows

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
BEGINS_WITH = 20
NEVER = np.iinfo(np.int64).max // 2


class Origins:
    """Notes when each origin began in earnest: a trickle of tests is not a beginning.

    Parameters
    ----------
    settle_days
        Days an origin is listened to before it is judged.
    """

    def __init__(self, settle_days: int) -> None:
        self._settle = settle_days * 24
        self._grid = Grid(("known", "live"), HISTORY_DAYS + 1)
        self._delivered: dict[int, int] = {}
        self._began: dict[int, int] = {}

    def start_day(self, day: int) -> None:
        """Make room for a day and tell who is judged in it."""
        self._grid.start_day(day)
        self._mark(day * 24, day * 24 + 24, "live")

    def row(self, origin: int) -> int:
        """Row of an origin in `known` and `live`."""
        return self._grid.row(origin)

    def listen(self, rows: Rows, first: int, last: int) -> None:
        """Take note of the messages of the hours ``first`` to ``last`` (not included)."""
        for origin in np.unique(rows.origin).tolist():
            hours = np.sort(rows.hour[rows.origin == origin])
            before = self._delivered.get(origin, 0)
            self._delivered[origin] = before + len(hours)
            if origin not in self._began and before + len(hours) >= BEGINS_WITH:
                self._began[origin] = int(hours[BEGINS_WITH - before - 1])
            self._grid.row(origin)
        self._mark(first, last, "known")
        self._mark(first, last, "live")

    def settled(self, rows: Rows) -> Bools:
        """Mark the messages whose origin had been listened to for long enough when they came."""
        return self.judged_at(rows.hour, rows.origin.tolist())

    def judged_at(self, hours: Ints | np.int64, origins: Sequence[int]) -> Bools:
        """Tell which of the origins are judged, each in its hour."""
        return self._judged(hours, np.array([self._began.get(o, NEVER) for o in origins], np.int64))

    def known(self) -> Bools:
        """Mark, for origins by hours kept before the running day, whether it had begun."""
        return self._grid.layer("known")[:, : self._grid.width - 24] > 0

    def live(self, first: int, last: int) -> Matrix:
        """Origins by hours: 1 where it is judged."""
        return self._grid.span("live", first, last)

    def _mark(self, first: int, last: int, layer: str) -> None:
        marked, hours = self._grid.span(layer, first, last), np.arange(first, last)
        for origin, began in self._began.items():
            marked[self._grid.row(origin)] = (
                hours >= began if layer == "known" else self._judged(hours, np.int64(began))
            )

    def _judged(self, hours: Ints | np.int64, began: Ints | np.int64) -> Bools:
        # From a midnight on, so that a day is wholly in or out.
        judged: Bools = (hours // 24) * 24 >= began + self._settle
        return judged
