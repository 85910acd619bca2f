"""Which signal ids have been counted already.

Sorted arrays of 64-bit hashes, one per merge level: 8 bytes an id, a look-up is a binary search over a whole batch at
once. Two different ids sharing a hash would lose the second: at 10 million ids the odds that this happens to any pair
are about 1 in 370,000.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]


class Seen:
    """A set of 64-bit hashes that takes and tests whole batches.

    Examples
    --------
    >>> seen = Seen()
    >>> seen.add(np.array([3, 5, 3], dtype=np.uint64)).tolist()
    [True, True, False]
    >>> seen.add(np.array([5, 9], dtype=np.uint64)).tolist()
    [False, True]
    """

    def __init__(self, known: Hashes | None = None) -> None:
        self._levels: list[Hashes] = []
        if known is not None and len(known):
            self._levels.append(np.unique(known))

    def __len__(self) -> int:
        return sum(len(level) for level in self._levels)

    def copy(self) -> Seen:
        """Give a set that keeps what is known now, whatever is added here; nothing is copied but a few references."""
        made = Seen()
        made._levels = list(self._levels)
        return made

    def has(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Which of these are known."""
        found = np.zeros(len(hashes), dtype=bool)
        for level in self._levels:
            place = np.searchsorted(level, hashes)
            place[place == len(level)] = 0
            found |= level[place] == hashes
        return found

    def add(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Add a batch; returns which rows are new (the first of equal rows counts)."""
        first = np.zeros(len(hashes), dtype=bool)
        first[np.unique(hashes, return_index=True)[1]] = True
        new = first & ~self.has(hashes)
        if new.any():
            self._levels.append(np.sort(hashes[new]))
            self._merge()
        return new

    def _merge(self) -> None:
        # As in a log-structured merge: a level is joined to its neighbour once it is no longer much smaller.
        while len(self._levels) > 1 and len(self._levels[-2]) < 4 * len(self._levels[-1]):
            last = self._levels.pop()
            self._levels[-1] = np.sort(np.concatenate([self._levels[-1], last]))
