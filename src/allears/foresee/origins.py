"""Origins of messages: which deliver, since when and how, and whether they have been listened to for long enough."""

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
BATCHED = 1.5
FORGET = 0.5 ** (1 / 14)
LONGEST_WAIT = 48
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
        self._grid = Grid(("known", "live", "came"), HISTORY_DAYS + 1)
        self._delivered: dict[int, int] = {}
        self._began: dict[int, int] = {}
        self._handed: dict[int, tuple[float, float]] = {}

    def start_day(self, day: int) -> None:
        """Make room for a day and tell who is judged in it."""
        self._handed = {o: (m * FORGET, times * FORGET) for o, (m, times) in self._handed.items()}
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
            row = self._grid.row(origin)
            self._grid.span("came", first, last)[row, hours - first] = 1.0
            handed, times = self._handed.get(origin, (0.0, 0.0))
            moments = len(np.unique(rows.arrived[rows.origin == origin]))
            self._handed[origin] = (handed + len(hours), times + moments)
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

    def gathered(self, due: Matrix, owner: Ints, first: int, last: int) -> Matrix:
        """Let what is due of an origin that delivers in batches wait for the delivery, as its messages do.

        A review site asked every three hours brings three hours' reviews in one: against one hour's due they look like
        a burst. It is the moments of arrival that tell: of a stream, hardly two messages share one.

        Parameters
        ----------
        due
            Expected counts of the hours from ``first`` to ``last`` (not included), with ``LONGEST_WAIT`` hours before
            them, shape (series, hours).
        owner
            Row of each series' origin.

        Returns
        -------
        numpy.ndarray
            Shape (series, ``last - first``).
        """
        begin = last - due.shape[1]
        came = self._grid.span("came", begin, last) > 0
        batched = np.zeros(len(came), bool)
        for origin, (messages, times) in self._handed.items():
            batched[self._grid.row(origin)] = messages >= BATCHED * times
        came = came | ~batched[:, None]
        place = np.arange(due.shape[1])
        latest = np.maximum.accumulate(np.where(came, place, -1), axis=1)
        before = np.pad(latest[:, :-1], ((0, 0), (1, 0)), constant_values=-1)
        since = np.maximum(before, place - LONGEST_WAIT)[:, first - begin :] + 1
        summed = np.pad(np.cumsum(due, axis=1, dtype=np.float64), ((0, 0), (1, 0)))
        waited = summed[:, first - begin + 1 :] - np.take_along_axis(summed, since[owner], axis=1)
        result: Matrix = np.where(came[owner, first - begin :], waited, 0.0).astype(np.float32)
        return result

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
