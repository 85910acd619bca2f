"""Signals as plain arrays: what the watch needs of each, by the hour it arrived."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

HOUR = 3_600_000_000
DAY = 24 * HOUR
BACKFILL = 7 * DAY
FACETS = ("channel", "service", "release", "platform", "region", "partner")
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Objects = NDArray[np.object_]
Bools = NDArray[np.bool_]


def arrived_at(signals: pa.Table | pa.RecordBatch) -> pa.Array | pa.ChunkedArray:
    """Say when each signal could first be known.

    That is when we stored it. A signal stored more than seven days after it happened was imported
    later (a backfill): it counts from when it happened, else a history read in one afternoon
    would look like a burst. A signal without either time counts from the one it has.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from allears.tables import table
    >>> first, next_day, later = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 20))
    >>> rows = [{"occurred_at": first, "received_at": next_day}, {"occurred_at": first, "received_at": later}]
    >>> [moment.day for moment in arrived_at(table("signals").rows(rows)).to_pylist()]
    [2, 1]
    """
    occurred, received = (_micros(signals[name]) for name in ("occurred_at", "received_at"))
    stored = pc.coalesce(received, occurred)
    happened = pc.coalesce(occurred, received)
    late = pc.greater(pc.subtract(stored, happened), BACKFILL)
    return pc.fill_null(pc.if_else(late, happened, stored), 0).cast(pa.timestamp("us", tz="UTC"))


@dataclass
class Rows:
    """Signals as columns; one row each."""

    hour: Ints
    arrived: Ints
    occurred: Ints
    author: Ints
    origin: Ints
    facets: Ints
    sentiment: Floats
    rating: Floats
    ok: Ints
    name: Ints
    spoken: Bools
    topics: Objects
    text: Objects
    signal: Objects

    def __len__(self) -> int:
        return len(self.hour)

    def take(self, which: NDArray[np.generic]) -> Rows:
        """Choose rows by mask or position."""
        return Rows(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    def without(self, signals: Collection[str]) -> Rows:
        """Leave signals out."""
        return self.take(~np.isin(self.signal, list(signals))) if len(self) and signals else self

    def renewed(self, rows: Rows) -> Rows:
        """Let signals say what their new versions say; when they came stays."""
        place = {signal: at for at, signal in enumerate(self.signal)}
        pairs = [(place[signal], at) for at, signal in enumerate(rows.signal) if signal in place]
        if not pairs:
            return self
        mine, theirs = (list(side) for side in zip(*pairs, strict=True))
        changed = {
            name: getattr(self, name).copy() for name in ("text", "topics", "sentiment", "rating", "spoken")
        }
        for name, column in changed.items():
            column[mine] = getattr(rows, name)[theirs]
        return replace(self, **changed)

    @staticmethod
    def join(parts: Iterable[Rows]) -> Rows:
        """Put rows under one another."""
        kept = list(parts)
        return Rows(**{f.name: np.concatenate([getattr(p, f.name) for p in kept]) for f in fields(Rows)})


class Names:
    """Small numbers for names, given in order of appearance."""

    def __init__(self) -> None:
        self.code: dict[str, int] = {}
        self.name: list[str] = []

    def of(self, name: str) -> int:
        """Return the number of a name, a new one if needed."""
        if name not in self.code:
            self.code[name] = len(self.name)
            self.name.append(name)
        return self.code[name]


def read_rows(signals: pa.Table, names: Names) -> Rows:
    """Read inbound signals into arrays, ordered by arrival (ties by id, so that batches cannot differ)."""
    direction = pc.fill_null(signals["direction"], "in")
    signals = signals.filter(pc.equal(direction, "in")).combine_chunks()
    arrived = _numpy(arrived_at(signals).cast(pa.int64())).astype(np.int64)
    ids = _numpy(pc.fill_null(signals["signal_id"], ""))
    order = np.lexsort((ids.astype(str), arrived)) if len(ids) else np.empty(0, np.int64)
    said = pc.equal(signals["kind"], "feedback")
    origin = _origins(signals, said, names)
    rows = Rows(
        hour=arrived // HOUR,
        arrived=arrived,
        occurred=_numpy(
            pc.fill_null(pc.coalesce(_micros(signals["occurred_at"]), _micros(signals["received_at"])), 0)
        ),
        author=_hashes(pc.coalesce(signals["customer_key"], signals["signal_id"])),
        origin=origin,
        facets=np.stack([_codes(signals[f], names) for f in FACETS], axis=1),
        sentiment=_floats(signals["sentiment"]),
        rating=_floats(signals["rating"]),
        ok=_numpy(pc.fill_null(signals["ok"].cast(pa.int64()), -1)),
        name=_codes(signals["name"], names),
        spoken=_numpy(pc.fill_null(said, False)).astype(bool),
        topics=_tuples(signals["topics"], names),
        text=_numpy(pc.fill_null(signals["text"], "")),
        signal=ids,
    )
    return rows.take(order)


def author_hash(key: str) -> int:
    """Turn a key into 63 bits, the same on every machine."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") >> 1


def _origins(signals: pa.Table, said: pa.ChunkedArray, names: Names) -> Ints:
    """Where a signal comes from: source and channel; for messages also the service they are about.

    A stream that has just begun at any of these levels must not be taken for a burst.
    """
    service = pc.if_else(pc.fill_null(said, False), pc.fill_null(signals["service"], ""), "")
    joined = pc.binary_join_element_wise(
        pc.fill_null(signals["source"], ""), pc.fill_null(signals["channel"], ""), service, "|"
    )
    return _codes(joined, names)


def _micros(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())


def _numpy(column: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    array: NDArray[Any] = (
        column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    )
    return array


def _floats(column: pa.ChunkedArray) -> Floats:
    return _numpy(pc.fill_null(column.cast(pa.float64()), float("nan"))).astype(np.float64)


def _encoded(column: pa.ChunkedArray) -> tuple[list[str], Ints]:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = array.cast(pa.string()).dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = (
            pa.concat_arrays(encoded.unify_dictionaries().chunks)
            if encoded.num_chunks
            else pa.array([], pa.string()).dictionary_encode()
        )
    return encoded.dictionary.to_pylist(), _numpy(pc.fill_null(encoded.indices.cast(pa.int64()), -1)).astype(
        np.int64
    )


def _codes(column: pa.ChunkedArray, names: Names) -> Ints:
    values, indices = _encoded(column)
    lookup = np.array([names.of(v) if v else -1 for v in values] + [-1], np.int64)
    return lookup[indices]


def _hashes(column: pa.ChunkedArray) -> Ints:
    values, indices = _encoded(column)
    return np.array([author_hash(v) for v in values] + [0], np.int64)[indices]


def _tuples(column: pa.ChunkedArray, names: Names) -> Objects:
    lists = column.to_pylist()
    result = np.empty(len(lists), object)
    result[:] = [tuple(names.of(t) for t in sorted(set(given))) if given else () for given in lists]
    return result
