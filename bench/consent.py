"""Consent among very many: noting words, and what holds of everybody and of some; ``ALLEARS_BENCH_WORDS`` for another number."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from bench.report import Row, row

WORDS = int(os.environ.get("ALLEARS_BENCH_WORDS", "300_000"))
START = datetime(2026, 6, 1, tzinfo=UTC)
ASKED = 1_000
RUNS = 5
SOURCE = f"median, lowest and highest of {RUNS} runs; desk on disk (SQLite), one process"


def rows() -> list[Row]:
    from allears.guard.consent import note_words, standing
    from allears.guard.standings import Standings, coverage
    from allears.space import Space

    data = (
        f"{WORDS:,} simulated words about marketing, each said for two identifiers, of {WORDS // 2:,} people"
    )
    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR")) as folder,
        Space.open(Path(folder) / "space") as space,
    ):
        desk = space.ground.desk
        customers = _meet(space)
        names = {kind: space.ground.vault.digest(kind, [f"{kind}{n}" for n in range(WORDS // 2)]) for kind in ("email", "user_id")}  # fmt: skip
        words = [_word(n, (names["email"][n // 2], names["user_id"][n // 2])) for n in range(WORDS)]
        begun = time.perf_counter()
        with desk.session() as session:
            note_words(session, words, START)
        noted = time.perf_counter() - begun
        kept, gate = Standings(desk, "marketing"), space.ground.gate
        counts = count()

        def whole() -> None:
            Standings(desk, "marketing").now()

        def one_word() -> None:
            n = next(counts)
            with desk.session() as session:
                note_words(session, [_word(WORDS + n, (names["email"][7 * n],))], START)

        def one_merge() -> None:
            n = next(counts)
            # Two user ids are two customers for good: of each pair one is known by an address alone.
            space.ground.graph.merge(customers[7 * n], customers[-1 - n], "bench", "bench")

        def one_erasure() -> None:
            space.erase(f"user_id{10 + 7 * next(counts)}")

        some = customers[:: max(1, len(customers) // ASKED)][:ASKED]
        found = [row("noting words", data, WORDS / noted, "words/s", source="one run, one transaction")]
        found += _timed("how everybody stands, worked out whole", data, whole, "s")
        kept.now(), gate.bounds("marketing")
        for what, change in (("word", one_word), ("merge", one_merge), ("erasure", one_erasure)):
            found += _timed(f"the same after one more {what}", data, kept.now, "ms", change)
            found += _timed(f"whom marketing leaves out, after one more {what}", data, lambda: gate.bounds("marketing"), "ms", change)  # fmt: skip
        found += _timed("coverage", data, lambda: coverage(desk, gate.stood("marketing")), "ms")
        found += _timed(f"what holds of {ASKED:,}", data, lambda: standing(desk, "marketing", some), "ms")
        found += _timed("what holds of one", data, lambda: standing(desk, "marketing", some[:1]), "ms")
        return found


def _timed(
    measure: str, data: str, ask: Callable[[], Any], unit: str, change: Callable[[], Any] = lambda: None
) -> list[Row]:
    """Time what is asked, each time after a change that is not timed: by the clock, and by the processor."""
    clocks = (time.perf_counter, time.process_time)
    taken = []
    for _ in range(RUNS):
        change()
        begun = [clock() for clock in clocks]
        ask()
        taken.append([(clock() - since) * (1e3 if unit == "ms" else 1) for clock, since in zip(clocks, begun, strict=True)])  # fmt: skip
    rows = []
    for kind, times in zip(("", ", of the processor"), zip(*taken, strict=True), strict=True):
        low, middle, high = min(times), sorted(times)[RUNS // 2], max(times)
        rows.append(row(measure + kind, data, middle, unit, low=low, high=high, source=SOURCE))
    return rows


def _meet(space: Any) -> list[str]:
    """Let people be heard, each by two identifiers; and as many as are merged by an address alone."""
    from allears.tables import table

    rows = [[("email", f"email{n}"), ("user_id", f"user_id{n}")] for n in range(WORDS // 2)]
    rows += [[("device", f"device{n}")] for n in range(4 * RUNS)]
    made = {
        "identifiers": [[{"type": kind, "value": value} for kind, value in some] for some in rows],
        "occurred_at": [START] * len(rows),
        "received_at": [START] * len(rows),
        "source": ["bench"] * len(rows),
    }
    found = space.ground.graph.identify(table("arrivals").arrays(made, len(rows)))
    customers: list[str] = found.customer_key.to_pylist()
    return customers


def _word(number: int, digests: tuple[str, ...]) -> Any:
    from allears.guard.consent import STATES, Word

    at = START + timedelta(seconds=number * 7 % 86_400)
    return Word(digests, "marketing", STATES[number * 5 % 3], at, "bench", "bench")
