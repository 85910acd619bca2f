"""The last fortnight's rows, by lane: what issues gather from and are compared with."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from allears.foresee.issue import Holds
from allears.foresee.rows import Rows

REMEMBER_HOURS = 14 * 24
BACKGROUND = 1500
# Words and clusters of texts are found among the same messages as topics.
_STORE = {"words": "said", "text": "said"}


class Memory:
    """Remembers messages (said) and failures (met)."""

    def __init__(self) -> None:
        self._rows: dict[str, Rows] = {}

    def remember(self, lane: str, rows: Rows) -> None:
        """Keep rows."""
        self._rows[lane] = Rows.join([self._rows[lane], rows]) if lane in self._rows else rows

    def forget(self, hour: int) -> None:
        """Drop rows older than a fortnight."""
        for lane, rows in self._rows.items():
            self._rows[lane] = rows.take(rows.hour >= hour - REMEMBER_HOURS)

    def revise(self, renewed: Rows | None, gone: Collection[str]) -> None:
        """Let remembered messages read as they read now, and forget those that were deleted."""
        for lane, rows in self._rows.items():
            kept = rows.without(gone)
            self._rows[lane] = kept if renewed is None else kept.renewed(renewed)

    def members(self, lane: str, cell: Holds, first: int, last: int) -> Rows:
        """Rows of the hours ``first`` to ``last`` (included) that a cell holds."""
        rows = self._rows[_STORE.get(lane, lane)]
        begin, end = np.searchsorted(rows.hour, [first, last + 1])
        span = rows.take(np.arange(begin, end))
        return span.take(cell.holds(span))

    def authors(self) -> int:
        """Count the different authors remembered."""
        return len(np.unique(np.concatenate([rows.author for rows in self._rows.values()])))

    def usual_facet(self, lane: str, facet: int, value: int) -> float:
        """Share of a facet's value among the remembered rows that tell it."""
        values = self._rows[_STORE.get(lane, lane)].facets[:, facet]
        return float((values == value).sum() + 1) / float((values >= 0).sum() + 1)

    def background(self, without: dict[str, int]) -> list[str]:
        """Recent texts that an issue does not hold."""
        said = self._rows.get("said")
        if said is None:
            return []
        recent = zip(said.text[-BACKGROUND:], said.signal[-BACKGROUND:], strict=True)
        return [text for text, signal in recent if signal not in without]

    def before(self, hour: int) -> list[str]:
        """Texts that came before an hour, the latest of them."""
        said = self._rows["said"]
        until = int(np.searchsorted(said.hour, hour))
        texts: list[str] = said.text[max(0, until - BACKGROUND) : until].tolist()
        return texts
