"""From an arrival whose writer is known to a signal: redacted, understood, put together. Needs nothing but what it is given.

So it runs in the process that digests, or on any machine of a cluster, which gets no key: what is to be sealed comes sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from allears.guard.redaction.labels import redact_labels
from allears.guard.redaction.level import Level
from allears.guard.redaction.properties import redact_json
from allears.guard.redaction.redact import redact
from allears.guard.redaction.spotter import Spotter, load_spotter
from allears.journey.models import Learned, reader_from
from allears.tables import TABLES
from allears.understand import Reader

SIGNALS, ARRIVALS = TABLES["signals"], TABLES["arrivals"]
WHO = ("identifiers", "customer_key", "relationship", "account", "thread")
_LABELS = ("name", "service", "platform", "region", "partner")
_PAIRS = pa.list_(pa.struct([("type", pa.string()), ("value", pa.string())]))
Known = Sequence[tuple[str, str]]


class Hiding(TypedDict):
    """What is hidden in texts."""

    region: str
    level: Level
    also: tuple[str, ...]
    keep: tuple[str, ...]
    spotter: Spotter | None


class Guarded(NamedTuple):
    """Texts and properties that anybody may read who may read the lake, and what the texts mean."""

    texts: list[str | None]
    properties: list[str | None]
    meaning: pa.RecordBatch


def guard(
    texts: list[str | None],
    told: Sequence[Known | None],
    directions: pa.Array,
    properties: Callable[[], list[str | None]],
    hide: Hiding,
    reader: Reader,
) -> Guarded:
    """Redact texts with what is known of their writers, and read those that came from customers."""
    redacted = redact(texts, told, **hide).texts
    inward = [t if d != "out" else None for t, d in zip(redacted, directions.to_pylist(), strict=True)]
    meaning = reader.read(inward)
    return Guarded(redacted, properties(), meaning)


def put_together(
    rows: pa.RecordBatch,
    who: Mapping[str, pa.Array],
    guarded: Guarded,
    sealed: list[bytes | None],
    region: str,
) -> pa.RecordBatch:
    """Make signals."""
    shared = {
        name: rows[name] for name in SIGNALS.schema.names if name in ARRIVALS.schema.names and name not in who
    }
    shared |= {name: redact_labels(shared[name], region=region) for name in _LABELS}
    shared["release"] = redact_labels(shared["release"], region=region, numbers=False)
    return SIGNALS.arrays(
        shared
        | dict(who)
        | {
            "text": guarded.texts,
            "sealed": sealed,
            "properties": guarded.properties,
            "day": pc.strftime(rows["occurred_at"], format="%Y-%m-%d"),
        }
        | {
            name: guarded.meaning[name]
            for name in ("language", "language_p", "sentiment", "sentiment_p", "topics")
        },
        rows.num_rows,
    )


@dataclass(frozen=True)
class Elsewhere:
    """The same on another machine: pickled, it is a few settings and what the space has learned."""

    region: str
    level: Level
    also: tuple[str, ...]
    keep: tuple[str, ...]
    spotter: str
    learned: Learned

    def __call__(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Turn rows that `to_send` made into signals."""
        hide = Hiding(
            region=self.region,
            level=self.level,
            also=self.also,
            keep=self.keep,
            spotter=_spotter(self.spotter),
        )
        told = [
            None if pairs is None else [(pair["type"], pair["value"]) for pair in pairs]
            for pairs in rows["told"].to_pylist()
        ]
        texts, before = rows["text"].to_pylist(), rows["properties"].to_pylist()
        guarded = guard(
            texts,
            told,
            rows["direction"],
            lambda: redact_json(before, told, **hide),
            hide,
            _reader(self.learned),
        )
        sealed = [
            whole if was is None or was != now else less
            for whole, less, was, now in zip(
                rows["sealed"].to_pylist(),
                rows["sealed_less"].to_pylist(),
                before,
                guarded.properties,
                strict=True,
            )
        ]
        return put_together(rows, {name: rows[name] for name in WHO}, guarded, sealed, self.region)


def to_send(
    arrivals: pa.RecordBatch,
    who: Mapping[str, pa.Array],
    told: Sequence[Known | None],
    sealed: list[bytes | None],
    sealed_less: list[bytes | None],
) -> pa.RecordBatch:
    """Gather what another machine needs of arrivals: neither identifiers nor what was told of a person, but what may stand in a text.

    Parameters
    ----------
    sealed, sealed_less
        Each original with its properties, and without: which of them is kept depends on whether any of those is hidden.
    """
    sent = {
        name: arrivals[name]
        for name in ARRIVALS.schema.names
        if name not in who and name not in ("identifiers", "personal")
    }
    pairs = [
        None if some is None else [{"type": kind, "value": value} for kind, value in some] for some in told
    ]
    sent |= dict(who) | {
        "told": pa.array(pairs, _PAIRS),
        "sealed": pa.array(sealed, pa.binary()),
        "sealed_less": pa.array(sealed_less, pa.binary()),
    }
    return pa.RecordBatch.from_pydict(sent)


@lru_cache(2)
def _spotter(name: str) -> Spotter | None:
    return load_spotter(name)


@lru_cache(2)
def _reader(learned: Learned) -> Reader:
    return reader_from(learned)
