"""Hourly numbers of many series: the last weeks of them, in a few matrices that roll."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Ints = NDArray[np.int64]


class Grid:
    """Named layers of (series, hours); series are added as they appear, old days fall off.

    Parameters
    ----------
    layers
        What is kept of each series and hour.
    days
        How many days are kept, besides the running one.
    """

    def __init__(self, layers: tuple[str, ...], days: int) -> None:
        self.width = (days + 1) * 24
        self.begin = 0
        self.rows: dict[int, int] = {}
        self.keys: list[int] = []
        self._layers = {name: np.zeros((256, self.width), np.float32) for name in layers}

    def __len__(self) -> int:
        return len(self.keys)

    def start_day(self, day: int) -> None:
        """Make the day (days since 1970) the last 24 columns."""
        begin = (day + 1) * 24 - self.width
        by = min(begin - self.begin, self.width)
        if by > 0:
            for layer in self._layers.values():
                layer[:, : self.width - by] = layer[:, by:]
                layer[:, self.width - by :] = 0
        self.begin = begin

    def row(self, key: int) -> int:
        """Row of a key, new if needed."""
        if key not in self.rows:
            self.rows[key] = len(self.keys)
            self.keys.append(key)
            if len(self.keys) > next(iter(self._layers.values())).shape[0]:
                self._layers = {n: np.concatenate([a, np.zeros_like(a)]) for n, a in self._layers.items()}
        return self.rows[key]

    def rows_of(self, keys: Ints) -> Ints:
        """Rows of many keys, new ones added in ascending order."""
        unique, inverse = np.unique(keys, return_inverse=True)
        return np.array([self.row(int(k)) for k in unique], np.int64)[inverse]

    def layer(self, name: str) -> Matrix:
        """All rows in use of one layer, a view."""
        return self._layers[name][: len(self.keys)]

    def add(self, name: str, rows: Ints, hours: Ints, amounts: NDArray[np.generic] | float = 1.0) -> None:
        """Add amounts at rows and hours; hours no longer kept are passed over."""
        columns = hours - self.begin
        kept = (columns >= 0) & (columns < self.width)
        given = amounts if isinstance(amounts, float) else np.asarray(amounts)[kept]
        np.add.at(self._layers[name], (rows[kept], columns[kept]), given)

    def span(self, name: str, first: int, last: int) -> Matrix:
        """Columns of the hours ``first`` to ``last`` (not included), a view."""
        return self.layer(name)[:, first - self.begin : last - self.begin]


def trailing(values: Matrix, window: int, hours: int) -> NDArray[np.float64]:
    """Sum over the ``window`` hours ending with each of the last ``hours`` columns."""
    summed = np.cumsum(
        np.pad(values.astype(np.float64), ((0, 0), (max(0, window + hours - values.shape[1]) + 1, 0))), axis=1
    )
    result: NDArray[np.float64] = summed[:, -hours:] - summed[:, -hours - window : summed.shape[1] - window]
    return result


class SeenBefore:
    """Tells what was seen within the last hours: one author, or one text, is one voice.

    Parameters
    ----------
    hours
        How long something counts as seen.
    """

    def __init__(self, hours: int) -> None:
        self.hours = hours
        self._kept = np.empty((3, 0), np.int64)

    def first_only(self, series: Ints, who: Ints, hour: Ints) -> NDArray[np.bool_]:
        """Mark entries whose (series, who) was not seen within the last hours."""
        old = self._kept.shape[1]
        joined = np.concatenate([self._kept, np.stack([series, who, hour])], axis=1)
        order = np.lexsort((np.arange(joined.shape[1]), joined[2], joined[1], joined[0]))
        ordered = joined[:, order]
        same = (ordered[0, 1:] == ordered[0, :-1]) & (ordered[1, 1:] == ordered[1, :-1])
        repeated = np.zeros(joined.shape[1], bool)
        repeated[order[1:]] = same & (ordered[2, 1:] - ordered[2, :-1] <= self.hours)
        if joined.shape[1]:
            last = np.append(~same, True)
            kept = ordered[:, last]
            self._kept = kept[:, kept[2] >= ordered[2].max() - self.hours]
        return ~repeated[old:]
