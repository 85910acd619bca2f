"""Edits and deletes: a later word on something that was said, which may come before what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

from allears.listen.build import Row, build


class Change(NamedTuple):
    """A new version of a signal, or its end: ``row`` is the whole arrival as it reads now, None when it was deleted."""

    signal_id: str
    at: int
    row: Row | None


def newest(changes: Sequence[Change]) -> dict[str, Change]:
    """Keep one change for each signal: a delete, else the latest version (of equally late ones, the last that came).

    Examples
    --------
    >>> said = [Change("a", 2, ("second",)), Change("a", 1, ("first",)), Change("b", 9, ("x",)), Change("b", 3, None)]
    >>> {name: change.row for name, change in newest(said).items()}
    {'a': ('second',), 'b': None}
    """
    found: dict[str, Change] = {}
    for change in changes:
        held = found.get(change.signal_id)
        if held is None or (held.row is not None and (change.row is None or change.at >= held.at)):
            found[change.signal_id] = change
    return found


def versions(changes: Sequence[Change]) -> pa.RecordBatch:
    """Build the arrivals of the changes that are not deletes."""
    return build([change.row for change in changes if change.row is not None])
