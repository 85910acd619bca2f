"""Payloads: the bytes that reach a door, in the order they arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from allears.testing.draw import HOUR, Ints, scatter, scatter_one
from allears.testing.sources import Source


@dataclass(frozen=True)
class Payload:
    """What one sender delivers at one moment.

    Attributes
    ----------
    door
        The listen format: ``segment``, ``otlp-traces``, ``mail`` or ``rows``.
    source
        The configured source.
    channel
        The source's channel; None where each record tells its own.
    received_at
        When it arrives.
    body
        The bytes, as that sender writes them.
    """

    door: str
    source: str
    channel: str | None
    received_at: datetime
    body: bytes


@dataclass(frozen=True)
class Parcel:
    """A payload before it is written: which records it holds."""

    received: int
    source: Source
    places: Ints
    write: Callable[[Ints], bytes]


MOST = 500


def pack(
    source: Source, at: Ints, places: Ints, write: Callable[[Ints], bytes], seed: int
) -> Iterator[Parcel]:
    """Group records of one source into parcels: those of one delivery period together, at most 500 each.

    A period's parcel arrives seconds to a minute and a half after the period's end; a source that delivers each
    record by itself does so within minutes.

    Parameters
    ----------
    at
        When each record happened, in milliseconds, ascending.
    places
        Each record's place, as ``write`` takes it.
    """
    if source.hours == 0:
        lag = 4_000 + (scatter(places, seed) % np.uint64(180_000)).astype(np.int64)
        yield from (
            Parcel(int(t + d), source, places[i : i + 1], write)
            for i, (t, d) in enumerate(zip(at, lag, strict=True))
        )
        return
    period = at // (source.hours * HOUR)
    cuts = np.flatnonzero(np.diff(period)) + 1
    for part in np.split(np.arange(len(at)), cuts):
        for first in range(0, len(part), MOST):
            rows = part[first : first + MOST]
            end = int(period[rows[0]] + 1) * source.hours * HOUR
            after = 5_000 + scatter_one(end // HOUR, seed + len(source.name)) % 80_000
            yield Parcel(end + after + first, source, places[rows], write)


def deliver(parcels: list[Parcel]) -> Iterator[Payload]:
    """Write parcels as payloads, in their order; bytes are made one payload at a time."""
    for parcel in parcels:
        source = parcel.source
        received = datetime.fromtimestamp(parcel.received / 1000, UTC)
        yield Payload(source.door, source.name, source.channel, received, parcel.write(parcel.places))
