"""Cells: which signals one watched series counts, as numbers and as words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from allears.foresee.rows import FACETS, Names, Rows

Ints = NDArray[np.int64]
# A key packs: which combination of facets, the topic, and up to three facet values (0 = none).
_WIDTH = 15
MOST_NAMES = 1 << _WIDTH


@dataclass(frozen=True)
class Cell:
    """One series: messages on a topic, or failures met, where the facets have these values."""

    topic: int
    facets: tuple[tuple[int, int], ...]

    def holds(self, rows: Rows) -> NDArray[np.bool_]:
        """Mark the rows this cell counts."""
        mask = np.ones(len(rows), bool)
        for facet, value in self.facets:
            mask &= rows.facets[:, facet] == value
        if self.topic >= 0:
            mask[mask] = [self.topic in topics for topics in rows.topics[mask]]
        return mask

    def words(self, names: Names) -> str:
        """Canonical name, such as ``topic=payment/declined|channel=chat``."""
        parts = [f"topic={names.name[self.topic]}"] if self.topic >= 0 else []
        return "|".join(parts + [f"{FACETS[f]}={names.name[v]}" for f, v in self.facets]) or "all"


def pack(topics: Ints, combination: int, values: tuple[Ints, ...]) -> Ints:
    """Pack cells into one number each; a missing topic or value is -1."""
    key = np.full(len(topics), combination, np.int64)
    key = (key << _WIDTH) | (topics + 1)
    for value in (*values, *[np.full(len(topics), -1, np.int64)] * (3 - len(values))):
        key = (key << _WIDTH) | (value + 1)
    return key


def unpack(key: int, combinations: tuple[tuple[int, ...], ...]) -> Cell:
    """Read a packed cell."""
    mask = MOST_NAMES - 1
    values = [((key >> (_WIDTH * place)) & mask) - 1 for place in (2, 1, 0)]
    topic = ((key >> (_WIDTH * 3)) & mask) - 1
    facets = combinations[key >> (_WIDTH * 4)]
    return Cell(topic, tuple(zip(facets, values[: len(facets)], strict=True)))
