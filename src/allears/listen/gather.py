"""Arrivals collected row by row, then built into one Arrow batch."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa

from allears.listen.build import Row, build
from allears.listen.changes import Change
from allears.listen.facets import Facets
from allears.listen.reading import Context
from allears.listen.times import micros, settle

Pairs = Sequence[tuple[str, str]]

_LARGEST = 2**63 - 1
SIGNAL_ID = 2
"""Place of the id in a row."""
_REMEMBERED = 1_000_000
_TELLING = re.compile(r"@|%40|^\+\d{7,15}$")
_NO_FACETS = Facets()


class Gather:
    """Collects arrivals of one payload.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> gather = Gather(Context("shop", None, datetime(2026, 1, 1, tzinfo=UTC)))
    >>> gather.add("1", gather.received, "feedback", "web", text="hello")
    >>> gather.batch().column("text").to_pylist()
    ['hello']
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.received = micros(context.received_at)
        self._rows: list[Row] = []
        self._changes: list[Change] = []
        self._seen: dict[bytes, int] | None = None

    def count_repeats(self) -> None:
        """Keep equal rows of one file apart by how often they came; up to a million of them."""
        self._seen = {}

    def __len__(self) -> int:
        return len(self._rows) + len(self._changes)

    def signal_id(self, given: object, content: bytes) -> str:
        """Name a signal by the sender's id, else by what it holds."""
        if given is not None and given != "":
            return f"{self.context.source}:{self._own(str(given))}"
        digest = hashlib.sha256(self.context.source.encode() + b"\0" + content).digest()[:16]
        times = self._times(digest)
        return f"{self.context.source}:{digest.hex()}" + (f"-{times}" if times else "")

    def _own(self, given: str) -> str:
        # Ids stand in clear, and some senders make them of the person's address or number.
        hide = self.context.pseudonym
        return hide(given) if hide is not None and _TELLING.search(given) else given

    def _times(self, digest: bytes) -> int:
        seen = self._seen
        if seen is None:
            return 0
        if digest not in seen and len(seen) >= _REMEMBERED:
            return 0
        seen[digest] = seen.get(digest, -1) + 1
        return seen[digest]

    def settle(self, moment: tuple[int, bool] | None, rest: dict[str, Any]) -> int:
        """Decide when it happened; what had to be assumed is noted in ``rest``."""
        if moment is None:
            return self.received
        at, off = settle(moment[0], self.received, self.context.max_skew_days)
        if off:
            rest["clock_off"] = True
        elif moment[1]:
            rest["zone_assumed"] = "UTC"
        return at

    def add(
        self,
        signal_id: str,
        occurred_at: int,
        kind: str,
        channel: str,
        *,
        name: str | None = None,
        direction: str = "in",
        identifiers: Pairs = (),
        personal: Pairs = (),
        relationship: str | None = None,
        account: str | None = None,
        thread: str | None = None,
        text: str | None = None,
        rating: float | None = None,
        rating_scale: str | None = None,
        reach: int | None = None,
        facets: Facets = _NO_FACETS,
        rest: dict[str, Any] | None = None,
    ) -> None:
        """Add one arrival; times are microseconds since 1970, ``rest`` becomes ``properties``."""
        properties = msgspec.json.encode(rest).decode() if rest else None
        if text is not None and "\0" in text:
            text = text.replace("\0", "")
        self._rows.append(
            (
                self.received, self.context.source, signal_id, occurred_at, kind, channel, name, direction, identifiers, personal, relationship,
                account, thread, text, rating, rating_scale, _whole(reach), *facets, properties,
            )
        )  # fmt: skip

    def edited(self, at: int) -> None:
        """Take the arrival added last as a new version, of that time, of a signal that came before or will come."""
        row = self._rows.pop()
        self._changes.append(Change(str(row[SIGNAL_ID]), at, row))

    def delete(self, signal_id: str, at: int) -> None:
        """Add the end of a signal."""
        self._changes.append(Change(signal_id, at, None))

    def changes(self) -> list[Change]:
        """Hand over edits and deletes and start over."""
        changes, self._changes = self._changes, []
        return changes

    def add_row(self, row: Row) -> None:
        """Add a row that another gather made."""
        self._rows.append(row)

    def rows(self) -> list[Row]:
        """Hand over the rows and start over."""
        rows, self._rows = self._rows, []
        return rows

    def batch(self) -> pa.RecordBatch:
        """Build the batch and start over."""
        return build(self.rows())


def _whole(number: int | None) -> int | None:
    return number if number is None or number <= _LARGEST else _LARGEST
