"""One customer's signals, read from the lake once for all that a page asks of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pyarrow as pa

from allears.guard.sight import EVERY, Condition
from allears.journey.ground import Ground
from allears.journey.questions import of_keys
from allears.know.customer import FIGURES, TIMELINE

MOST_HELD = 20_000
"""Signals; of whoever has more, each question is put to the engine."""
COLUMNS = tuple(dict.fromkeys((*TIMELINE, *FIGURES, "customer_key")))


class SignalsOf:
    """One customer's signals that may be ``seen``, newest first; held as long as the lake stays as it is."""

    def __init__(self, ground: Ground, keys: Sequence[str], seen: Condition = EVERY) -> None:
        self._ground, self._mine, self._seen = ground, of_keys(keys), seen
        self._turn, self._version = threading.Lock(), -2
        self._held: pa.Table | None = None

    def held(self) -> pa.Table | None:
        """Give them, or nothing where they are too many to hold."""
        near = self._ground.engine.near
        with self._turn:
            version = near.version("signals")
            if version != self._version:
                columns = ", ".join(f'"{c}"' for c in COLUMNS)
                rows = near.query(
                    f"SELECT {columns} FROM signals WHERE {self._mine.sql} AND {self._seen.sql} LIMIT $most",
                    most=MOST_HELD + 1,
                    **self._mine.values,
                    **self._seen.values,
                )
                order = [("occurred_at", "descending"), ("signal_id", "ascending")]
                self._held = rows.sort_by(order) if rows.num_rows <= MOST_HELD else None
                self._version = version
            return self._held
