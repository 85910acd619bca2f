"""Likeness of texts: TF-IDF vectors of the last days, and which earlier texts a new one resembles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allears.foresee.rows import Names
from allears.foresee.wording import words_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
COMMON_SHARE = 0.1
# Word beginnings stand in for stems: declined, declines, declining.
STEM = 7


class Likeness:
    """Remembers texts in order and compares new ones with them by the cosine of their TF-IDF vectors.

    Words that more than a tenth of the remembered texts hold say nothing and are left out.

    Parameters
    ----------
    least
        Least cosine of texts that are called alike.

    Examples
    --------
    >>> memory = Likeness(0.5)
    >>> memory.add(["the zipper broke again", "great shop", "zipper broke on day one"])
    >>> memory.alike(2)[:2]
    (array([2]), array([0]))
    """

    def __init__(self, least: float) -> None:
        self.least = least
        self._column = Names()
        self._lengths: Ints = np.empty(0, np.int64)
        self._words: Ints = np.empty(0, np.int64)
        self._weight: Floats = np.empty(0)
        self._unseen = 1.0

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, texts: Sequence[str]) -> None:
        """Remember texts."""
        found = [sorted({self._column.of(w[:STEM]) for w in words_of(text)}) for text in texts]
        self._lengths = np.append(self._lengths, np.array([len(f) for f in found], np.int64))
        self._words = np.append(self._words, np.array([w for f in found for w in f], np.int64))

    def forget(self, count: int) -> None:
        """Drop the oldest texts and weigh the words by those that are left."""
        self._words = self._words[int(self._lengths[:count].sum()) :]
        self._lengths = self._lengths[count:]
        used = np.bincount(self._words, minlength=len(self._column.name)).astype(float)
        rare = used <= max(2.0, COMMON_SHARE * len(self))
        self._weight = np.where(rare, np.log1p(len(self) / (used + 1)), 0.0)
        self._unseen = float(np.log1p(len(self)))

    def alike(self, first: int) -> tuple[Ints, Ints, Floats]:
        """Pair every text from number ``first`` on with the earlier texts it resembles: numbers and cosine, by text."""
        vectors = self._vectors()
        pairs = (vectors[first:] @ vectors.T).tocoo()
        row, column = pairs.row.astype(np.int64) + first, pairs.col.astype(np.int64)
        kept = (pairs.data >= self.least) & (column < row)
        order = np.lexsort((column[kept], row[kept]))
        return row[kept][order], column[kept][order], pairs.data[kept][order]

    def _vectors(self) -> Any:
        from scipy.sparse import csr_array

        width = len(self._column.name)
        weight = np.append(self._weight, np.full(width - len(self._weight), self._unseen))[self._words]
        starts = np.append(0, np.cumsum(self._lengths))
        square = np.append(0.0, np.cumsum(weight**2))
        length = np.sqrt(square[starts[1:]] - square[starts[:-1]])
        weight = weight / np.repeat(np.where(length > 0, length, 1.0), self._lengths)
        return csr_array((weight, self._words, starts), shape=(len(self), width))
