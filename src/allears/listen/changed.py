"""Edits and deletes that were mapped already: how those of files and pulls reach the inbox."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from allears.listen.changes import Change
from allears.listen.reading import Checked, Context, Reading, Refusal

_CHANGES = msgspec.msgpack.Decoder(list[Change])
_BROKEN = (msgspec.DecodeError, RecursionError)


class Changed:
    """The format ``changes``: a list of `Change` as MessagePack."""

    def check(self, body: bytes, context: Context) -> Checked:
        """Count changes; what is none is refused whole."""
        found = self.read(body, context)
        return Checked(len(found.changes), found.refused, body if found.changes else b"")

    def read(self, body: bytes, context: Context) -> Reading:
        """Take the changes as they are."""
        try:
            return Reading([], [], len(body), _CHANGES.decode(body))
        except _BROKEN:
            return Reading([], [Refusal("$", "expected a list of changes", body[:4096], "raw")], len(body))


def write_changes(changes: Sequence[Change]) -> bytes:
    """Write changes.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> context = Context("x", None, datetime(2026, 1, 1, tzinfo=UTC))
    >>> Changed().read(write_changes([Change("x:1", 5, None)]), context).changes
    [Change(signal_id='x:1', at=5, row=None)]
    """
    return msgspec.msgpack.encode(list(changes))
