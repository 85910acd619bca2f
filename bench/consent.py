"""Consent among very many: noting words, and what holds of everybody and of some; ``ALLEARS_BENCH_WORDS`` for another number."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.report import Row, median_of, row

WORDS = int(os.environ.get("ALLEARS_BENCH_WORDS", "300_000"))
START = datetime(2026, 6, 1, tzinfo=UTC)
ASKED = 1_000
RUNS = "median, lowest and highest of five runs; desk on disk (SQLite), one process"


def rows() -> list[Row]:
    from sqlalchemy import insert

    from allears.desk.identity import Identifier
    from allears.guard.consent import coverage, everybody, note_words, standing
    from allears.space import Space

    data = (
        f"{WORDS:,} simulated words about marketing, each said for two identifiers, of {WORDS // 2:,} people"
    )
    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR")) as folder,
        Space.open(Path(folder) / "space") as space,
    ):
        desk = space.ground.desk
        names = {kind: space.ground.vault.digest(kind, [f"{kind}{n}" for n in range(WORDS // 2)]) for kind in ("email", "user_id")}  # fmt: skip
        customers = [f"c_{digest[:16]}" for digest in names["email"]]
        with desk.session() as session:
            session.connection().execute(
                insert(Identifier),
                [_identifier(n, kind, digest, customers[n // 2]) for n, (kind, digest) in enumerate(_in_turn(names))],
            )  # fmt: skip
        words = [_word(n, (names["email"][n // 2], names["user_id"][n // 2])) for n in range(WORDS)]
        begun = time.perf_counter()
        with desk.session() as session:
            note_words(session, words, START)
        noted = time.perf_counter() - begun
        some = customers[:: max(1, len(customers) // ASKED)][:ASKED]
        return [
            row("noting words", data, WORDS / noted, "words/s", source="one run, one transaction"),
            _timed("what holds of everybody", data, lambda: everybody(desk, "marketing"), 1, "s"),
            _timed("coverage", data, lambda: coverage(desk, "marketing"), 1, "s"),
            _timed(f"what holds of {ASKED:,}", data, lambda: standing(desk, "marketing", some), 1e3, "ms"),
            _timed("what holds of one", data, lambda: standing(desk, "marketing", some[:1]), 1e3, "ms"),
        ]


def _timed(measure: str, data: str, ask: Callable[[], Any], times: float, unit: str) -> Row:
    def run() -> float:
        begun = time.perf_counter()
        ask()
        return (time.perf_counter() - begun) * times

    middle, low, high = median_of(run)
    return row(measure, data, middle, unit, low=low, high=high, source=RUNS)


def _in_turn(names: dict[str, list[str]]) -> list[tuple[str, str]]:
    pairs = zip(names["email"], names["user_id"], strict=True)
    return [one for mail, user in pairs for one in (("email", mail), ("user_id", user))]


def _identifier(number: int, kind: str, digest: str, customer: str) -> dict[str, Any]:
    return {
        "number": number, "digest": digest, "type": kind, "customer": customer, "relationship": "consumer", "told": "consumer",
        "first_seen_at": START, "since": START, "shared": False, "turned_away": 0, "revision": 1,
    }  # fmt: skip


def _word(number: int, digests: tuple[str, ...]) -> Any:
    from allears.guard.consent import STATES, Word

    at = START + timedelta(seconds=number * 7 % 86_400)
    return Word(digests, "marketing", STATES[number * 5 % 3], at, "bench", "bench")
