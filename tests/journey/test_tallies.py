"""What is kept of periods must give the very answers that reading everything anew gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from allears.clock import SetClock
from allears.desk.listening import Tally
from allears.journey.cutoff import cutoff
from allears.journey.lookout import ARRIVED
from allears.journey.tallies import Tallies
from allears.measure import periods
from allears.measure.tally import afresh
from allears.space import Space
from allears.tables import TABLES

START = datetime(2026, 3, 4, tzinfo=UTC)
DAYS = 60
NAMES = ("Order Completed", "Product Viewed", "Order Refunded", "Unsubscribed", "Session Started", None)


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "space", clock=SetClock(START + timedelta(days=DAYS))) as opened:
        yield opened


def signals(rng: np.random.Generator, n: int, first: float, last: float, late: float = 0.0) -> pa.RecordBatch:
    """Draw signals that occurred between two days; some were received late."""
    at = START.timestamp() * 1e6 + rng.uniform(first, last, n) * 86_400e6
    received = at + rng.exponential(1, n) * 86_400e6 * late * (rng.random(n) < 0.3)
    kind = rng.choice(["feedback", "event", "telemetry"], n)
    said, met = kind == "feedback", kind == "telemetry"
    rated = said & (rng.random(n) < 0.5)

    def some(values: list[Any], where: Any) -> list[Any]:
        return [values[i] if w else None for i, w in zip(rng.integers(0, len(values), n), where, strict=True)]

    def times(micros: Any) -> pa.Array:
        return pa.array(micros.astype("int64")).cast(pa.timestamp("us", tz="UTC"))

    return TABLES["signals"].arrays(
        {
            "signal_id": [f"s{rng.integers(1 << 60)}" for _ in range(n)],
            "occurred_at": times(at),
            "received_at": times(received),
            "kind": kind.tolist(),
            "channel": some(["chat", "email", "web", "app"], np.ones(n)),
            "name": some(list(NAMES), kind == "event"),
            "direction": some(["in", "in", "in", "out", None], np.ones(n)),
            "customer_key": some([f"c{i}" for i in range(60)] + [None], np.ones(n)),
            "text": some(["where is it", "thanks"], said & (rng.random(n) < 0.8)),
            "sentiment": pa.array(np.where(said, rng.uniform(-1, 1, n), np.nan), from_pandas=True),
            "topics": some([["a"], ["a", "b"], []], said),
            "rating": pa.array(np.where(rated, rng.integers(0, 5, n) / 4, np.nan), from_pandas=True),
            "rating_scale": some(["nps-0-10", "csat-1-5", "ces-1-7", "stars-1-5"], rated),
            "service": some(["pay", "search"], met),
            "ok": some([True] * 12 + [False], met),
            "duration_ms": pa.array(np.where(met, rng.gamma(2, 150, n), np.nan), from_pandas=True),
            "day": pa.compute.strftime(times(at), format="%Y-%m-%d"),
        },
        n,
    )


QUESTIONS: dict[str, Callable[[Space], Any]] = {
    "trust by topic": lambda s: s.trust("topic"),
    "experience": lambda s: s.experience("channel"),
    "services": lambda s: s.services(),
    "volumes": lambda s: s.volumes("channel", days=25),
    "volumes by hour": lambda s: s.volumes("topic", days=9, every="hour"),
    "volumes by week": lambda s: s.volumes("kind", days=40, every="week"),
    "forecast": lambda s: s.forecast("chat"),
}


def rows(answer: Any) -> list[dict[str, Any]]:
    listed = answer.to_pylist() if isinstance(answer, pa.Table) else answer
    return [{k: v for k, v in row.items() if k != "made_at"} for row in listed]


def same(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, float) and isinstance(theirs, float):
        return math.isclose(mine, theirs, rel_tol=1e-9, abs_tol=1e-9) or (mine != mine and theirs != theirs)
    if isinstance(mine, dict):
        return mine.keys() == theirs.keys() and all(same(mine[k], theirs[k]) for k in mine)
    if isinstance(mine, list):
        return len(mine) == len(theirs) and all(map(same, mine, theirs))
    return bool(mine == theirs)


def agree(space: Space, questions: dict[str, Callable[[Space], Any]] = QUESTIONS) -> None:
    for name, ask in questions.items():
        kept = rows(ask(space))
        ground = space.ground
        keeper, ground.__dict__["tallies"] = ground.tallies, afresh
        anew = rows(ask(space))
        ground.__dict__["tallies"] = keeper
        assert anew, name
        assert same(kept, anew), name


def test_what_is_kept_holds_no_person_and_answers_as_reading_everything_does(space: Space) -> None:
    rng = np.random.default_rng(4)
    store = space.ground.store
    store.append("signals", signals(rng, 3000, 0, DAYS - 9.4))
    agree(space)
    # The days go on; some of what comes is weeks old, and files are joined under the kept tallies.
    store.append("signals", signals(rng, 600, DAYS - 9.4, DAYS - 0.3, late=2.0))
    store.append("signals", signals(rng, 5, 11, 12, late=40.0))
    store.compact("signals")
    agree(space, {k: QUESTIONS[k] for k in ("trust by topic", "experience", "services", "volumes")})
    with space.ground.desk.reading() as session:
        kept = session.query(Tally).all()
    assert len(kept) > 8
    for tally in kept:
        columns = set(pa.ipc.open_stream(tally.content).schema.names)
        assert not columns & {"customer", "customer_key", "who", "signal_id", "text"}, tally.question


def test_a_late_arrival_asks_its_own_period_again_and_no_other(space: Space) -> None:
    rng = np.random.default_rng(5)
    space.ground.store.append("signals", signals(rng, 800, 0, DAYS - 1.5))
    asked: list[Any] = []
    table = pa.table({"period": pa.array([], pa.int64()), "n": pa.array([], pa.int64())})

    def ask(spans: Any) -> pa.Table:
        asked.append(spans)
        return table

    def again(**around: timedelta) -> Any:
        asked.clear()
        until = periods.start(periods.number(START + timedelta(days=DAYS), "week"), "week")
        with space.ground.engine.asking():
            space.ground.tallies(
                "n",
                ask,
                every="week",
                since=periods.start(periods.number(START, "week"), "week"),
                until=until,
                **around,
            )
        return [list(s) for s in asked]

    assert len(again()) == 1
    # Periods without a row are known to be without one.
    assert again() == []
    space.ground.store.append("signals", signals(rng, 3, 20.1, 20.9))
    week = periods.number(START + timedelta(days=20.5), "week")
    assert again() == [[(periods.start(week, "week"), periods.start(week + 1, "week"))]]
    assert again() == []
    # Who reads further than the period is asked again when something changes there.
    later = {"after": timedelta(days=7)}
    again(**later)
    space.ground.store.append("signals", signals(rng, 3, 27.1, 27.9))
    assert again(**later) == [[(periods.start(week, "week"), periods.start(week + 2, "week"))]]


def test_a_tally_that_cannot_be_kept_is_still_an_answer(space: Space) -> None:
    from sqlalchemy import text

    space.ground.store.append("signals", signals(np.random.default_rng(6), 400, 0, DAYS - 1.5))
    with space.ground.desk.session() as session:
        session.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON tallies BEGIN SELECT RAISE(ABORT, 'full'); END")
        )
    agree(space, {"volumes": QUESTIONS["volumes"]})


def test_the_cut_off_is_the_newest_arrival_whatever_the_clocks_of_senders_say(space: Space) -> None:
    rng = np.random.default_rng(8)
    store = space.ground.store
    for batch in (
        signals(rng, 200, 0, DAYS - 9, late=1.0),
        signals(rng, 5, DAYS - 30, DAYS - 29, late=20.0),  # old history, imported late
        signals(rng, 50, DAYS - 12, DAYS - 9, late=3.0),
        signals(rng, 1, DAYS + 3, DAYS + 4),  # a sender ahead of its time
    ):
        store.append("signals", batch)
        slow = space.ground.engine.query(f"SELECT max({ARRIVED}) AS m FROM signals")["m"][0].as_py()
        assert cutoff(space.ground) == min(slow, space.now())


def test_tallies_are_shared_by_all_who_open_the_space(space: Space) -> None:
    space.ground.store.append("signals", signals(np.random.default_rng(9), 300, 0, DAYS - 1.5))
    first = space.volumes("channel")
    ground = space.ground
    other = Tallies(ground.desk, lambda: ground.engine.made_of("signals"))
    edges: list[Any] = []

    def ask(spans: Any) -> pa.Table:
        edges.extend(spans)
        return first.append_column("period", pa.array([-1] * first.num_rows, pa.int64()))

    end = cutoff(ground)
    since = end - timedelta(days=28) + timedelta(microseconds=1)
    other("volumes by channel every day", ask, every="day", since=since, until=end)
    assert len(edges) == 2
