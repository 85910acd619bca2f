"""The identity graph alone: the identifiers of a million simulated events, and look-ups; ``ALLEARS_BENCH_SIGNALS`` for another number."""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.report import Row, row

EVENTS = int(os.environ.get("ALLEARS_BENCH_SIGNALS", "1_000_000"))
BATCH = 50_000
START = datetime(2026, 6, 1, tzinfo=UTC)
LOOKUPS = 2_000
ONE_RUN = (
    "one run from an empty desk on disk (SQLite), each batch committed; reference: what the issue asks for"
)


def rows() -> list[Row]:
    from allears.space import Space

    data = f"{EVENTS:,} simulated events of {EVENTS // 5:,} people, in batches of {BATCH:,}"
    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR")) as folder,
        Space.open(Path(folder) / "space") as space,
    ):
        batches = [_batch(number) for number in range(EVENTS // BATCH)]
        begun, busy = time.perf_counter(), time.process_time()
        for batch in batches:
            space.ground.graph.identify(batch)
        took, busy = time.perf_counter() - begun, time.process_time() - busy
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found = [
            row("adding events' identifiers", data, took, "s", reference=60, source=ONE_RUN),
            row("adding events' identifiers, processor time", data, busy, "s", source="of the same run"),
            row("memory, peak", data, peak, "MB", source="this process, making the events included"),
        ]
        customers = space.ground.graph.identities()
        now = customers.filter(pc.is_null(customers["valid_to"]))
        found.append(
            row("customers", data, len(now["customer"].unique()), "customers", source="of the same run")
        )
        found += _lookups(space, data)
    return found


def _lookups(space: Any, data: str) -> list[Row]:
    """Time look-ups one by one: by an identifier as somebody types it, and by its digest as a door has it."""
    rng = np.random.default_rng(3)
    graph = space.ground.graph
    found = []
    for kind, write in (("email", _email), ("user_id", _user)):
        times = []
        for person in rng.integers(0, EVENTS // 5, LOOKUPS):
            begun = time.perf_counter()
            graph.customer_of(kind, write(int(person)))
            times.append((time.perf_counter() - begun) * 1000)
        parts = statistics.quantiles(times, n=100)
        source = f"median of {LOOKUPS:,} look-ups one after the other; low/high: 5th and 99th percentile; reference: what the issue asks for"
        found.append(
            row(
                f"look-up by {kind}",
                data,
                parts[49],
                "ms",
                low=parts[4],
                high=parts[98],
                reference=1,
                source=source,
            )
        )
    return found


def _email(person: int) -> str:
    return f"person.{person}@example.com"


def _user(person: int) -> str:
    return f"u-{person:07d}"


def _batch(number: int) -> pa.RecordBatch:
    """Make events: most from browsers, every fifth of somebody logged in, one in twenty with an address."""
    from allears.tables import TABLES

    rng = np.random.default_rng(number)
    # Few come often: the square of an even number between 0 and 1.
    person = (rng.random(BATCH) ** 2 * (EVENTS // 5)).astype(int).tolist()
    browser, known = rng.integers(0, 3, BATCH).tolist(), rng.random(BATCH).tolist()
    identifiers = []
    for who, where, luck in zip(person, browser, known, strict=True):
        mine = [{"type": "anonymous_id", "value": f"b-{who}-{where}"}]
        if luck < 0.2:
            mine.append({"type": "user_id", "value": _user(who)})
        if luck < 0.05:
            mine.append({"type": "email", "value": _email(who)})
        identifiers.append(mine)
    at = [START + timedelta(seconds=number * BATCH + i) for i in range(BATCH)]
    columns = {
        "signal_id": [f"{number}-{i}" for i in range(BATCH)],
        "identifiers": identifiers,
        "occurred_at": at,
        "received_at": at,
        "source": ["bench"] * BATCH,
    }
    return TABLES["arrivals"].arrays(columns, BATCH)
