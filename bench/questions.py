"""The questions behind the pages, at a million simulated signals; ``ALLEARS_BENCH_SIGNALS=10_000_000`` asks them of ten."""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench.report import Row, row

SIGNALS = int(os.environ.get("ALLEARS_BENCH_SIGNALS", "1_000_000"))
DAYS = 90
# A Sunday, nearly over: the week still running is as long as it gets.
END = datetime(2026, 8, 30, 23, tzinfo=UTC)
CUSTOMERS = 50_000
BROKE, FIXED = END - timedelta(days=30), END - timedelta(days=29)
FLOOR = "low/high: range of 5 runs, engine warm; reference: the floor of this release"
BY_HAND = "low/high: range of 5 runs; the same figures in DuckDB's SQL over the same files, written by hand"


def rows() -> list[Row]:
    from allears.clock import SetClock
    from allears.space import Space

    found: list[Row] = []
    data = f"{SIGNALS:,} simulated signals"
    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR")) as folder,
        Space.open(Path(folder) / "space", clock=SetClock(END)) as space,
    ):
        fill(space)
        for name, ask in _questions(space).items():
            start = time.perf_counter()
            ask()
            first = (time.perf_counter() - start) * 1000
            found.append(timed(f"question: {name}", data, ask, FLOOR, 500))
            if name in ("trust by week", "services", "verdict on a fix"):
                found.append(row(f"question: {name}, for the first time", data, first, "ms", source="one run: nothing was kept yet"))  # fmt: skip
        for name, ask in _by_hand(space).items():
            ask()
            found.append(timed(f"by hand: {name}", data, ask, BY_HAND))
        files = space.ground.store.files("signals")
        size = sum(os.path.getsize(f.removeprefix("file://")) for f in files)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found.append(row("size on disk", data, size / SIGNALS, "bytes per signal", source="without sealed originals and properties"))  # fmt: skip
        found.append(
            row("memory, peak", data, peak, "MB", source="this process, making the signals included")
        )
    return found


def timed(
    measure: str, data: str, ask: Callable[[], Any], source: str, reference: float | None = None
) -> Row:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        ask()
        times.append((time.perf_counter() - start) * 1000)
    middle = statistics.median(times)
    return row(
        measure, data, middle, "ms", low=min(times), high=max(times), reference=reference, source=source
    )


def _questions(space: Any, who: str = "") -> dict[str, Callable[[], Any]]:
    from allears.journey import briefing
    from allears.know.customer import overview, timeline

    one = [who or customer(7)]
    return {
        "trust by week": space.trust,
        "trust by channel": lambda: space.trust("channel"),
        "trust by topic": lambda: space.trust("topic"),
        "experience by week": space.experience,
        "services": space.services,
        "drivers of trust": space.drivers,
        "verdict on a fix": space.verdicts,
        "topics": space.topics,
        "volumes by channel and day": space.volumes,
        "two weeks compared": lambda: briefing.weeks(space.ground, space.permit("analytics")),
        "forecast": space.forecast,
        "customers by last contact": space.customers,
        "one customer, in figures": lambda: overview(space.signals, one),
        "one customer, last 60 signals": lambda: timeline(space.signals, one, 60),
        "issues": space.issues,
        "one issue, with 2,000 signals": lambda: briefing.story(space.ground, "i_bench"),
        "the whole Pulse": space.pulse,
    }


def _by_hand(space: Any) -> dict[str, Callable[[], Any]]:
    """Ask in SQL what some of the questions ask, of the same files."""
    import duckdb

    con = duckdb.connect()
    files = [f.removeprefix("file://") for f in space.ground.store.files("signals")]
    con.execute("SET TimeZone='UTC'")
    con.from_parquet(files, hive_partitioning=True).create_view("signals")
    week, month = (f"TIMESTAMPTZ '{END - timedelta(days=d)}'" for d in (14, 28))
    asked = {
        "volumes by channel and day": f"""SELECT date_trunc('day', occurred_at) AS d, channel, count(*), count(DISTINCT customer_key)
            FROM signals WHERE occurred_at > {month} GROUP BY ALL""",
        "topics": f"""SELECT topic, count(*), count(DISTINCT customer_key), avg(sentiment) FROM
            (SELECT unnest(topics) AS topic, customer_key, sentiment FROM signals WHERE occurred_at > {week}) GROUP BY topic""",
        "customers by last contact": """SELECT customer_key, count(*), count(DISTINCT channel), avg(sentiment), max(occurred_at) AS last
            FROM signals GROUP BY customer_key ORDER BY last DESC LIMIT 100""",
        "one customer, last 60 signals": f"""SELECT occurred_at, channel, kind, name, text FROM signals
            WHERE customer_key = '{customer(7)}' ORDER BY occurred_at DESC LIMIT 60""",
        "customers active by week (a fifth of trust)": """SELECT w, count(*) FROM (SELECT DISTINCT customer_key,
            date_trunc('week', occurred_at) AS w FROM signals WHERE kind = 'event') GROUP BY w""",
    }
    return {name: lambda sql=sql: con.sql(sql).to_arrow_table() for name, sql in asked.items()}  # type: ignore[misc]


def customer(number: int) -> str:
    """Give a customer's id, as even as a digest's."""
    return f"c_{number * 0x9E3779B97F4A7C15 % (1 << 64):016x}"


def fill(space: Any, signals: int = SIGNALS, keys: pa.Array | None = None, *, compact: bool = True) -> None:
    """Write signals straight into the lake: this measures questions, not the digest."""
    from allears.tables import TABLES

    rng = np.random.default_rng(1)
    table = TABLES["signals"]
    start = END - timedelta(days=DAYS)
    keys = pa.array([customer(i) for i in range(CUSTOMERS)]) if keys is None else keys
    parts = max(2, signals // 500_000)
    n = signals // parts

    def some(values: Any, where: Any = True, p: Any = None) -> pa.Array:
        """Draw values, where asked; null elsewhere."""
        drawn = rng.choice(len(values), n, p=p)
        index = pa.array(drawn, pa.int32(), mask=~np.broadcast_to(where, n))
        return (values if isinstance(values, pa.Array) else pa.array(values)).take(index)

    for part in range(parts):
        seconds = np.sort(rng.integers(0, DAYS * 86400, n))
        at = pa.array(int(start.timestamp() * 1e6) + seconds * 1_000_000, pa.int64()).cast(
            pa.timestamp("us", tz="UTC")
        )
        kind = rng.choice(3, n, p=[0.55, 0.3, 0.15])
        said, met = kind == 2, kind == 1
        rated = said & (rng.random(n) < 0.4)
        topics = [
            [t] for t in ("payment/declined", "delivery/late", "app/crash", "support/wait", "product/praise")
        ]
        numbered = pa.array(np.arange(part * n, (part + 1) * n)).cast(pa.string())
        columns = {
            "signal_id": pa.compute.binary_join_element_wise("b", numbered, ":"),
            "occurred_at": at,
            "received_at": at,
            "kind": pa.array(["event", "telemetry", "feedback"]).take(pa.array(kind)),
            "channel": pa.compute.coalesce(
                some(["chat", "email", "social", "review"], said), some(["web", "app"])
            ),
            "source": some(["bench"]),
            "name": some(
                ["Product Viewed", "Session Started", "Order Completed", "Order Refunded", "Unsubscribed"],
                p=[0.6, 0.28, 0.1, 0.01, 0.01],
            ),
            "direction": some(["in"]),
            "customer_key": some(keys),
            "relationship": some(["consumer"]),
            "text": some(["where is my parcel, it is late again"], said),
            "sentiment": pa.array(rng.uniform(-1, 1, n), mask=~said),
            "topics": some(topics, said),
            "rating": pa.array(rng.integers(0, 5, n) / 4, mask=~rated),
            "rating_scale": some(["nps-0-10", "csat-1-5", "stars-1-5"], rated),
            "service": some(["payments", "search", "mobile-app"], met),
            "ok": pa.array(rng.random(n) > 0.004, mask=~met),
            "duration_ms": pa.array(rng.lognormal(4.5, 0.6, n), mask=~met),
            "region": some(["north", "south", "east", "west"]),
            "day": pa.compute.strftime(at, format="%Y-%m-%d"),
        }
        space.ground.store.append("signals", table.arrays(columns, n))
    if compact:
        space.ground.store.compact("signals")
    _fill_issue(space)


def _fill_issue(space: Any) -> None:
    """Put down one issue that was fixed, and what it gathered."""
    from allears.desk.work import Issue, IssueSignal

    gathered = space.ground.engine.query(
        "SELECT signal_id, customer_key FROM signals WHERE kind = 'feedback' AND occurred_at >= $a AND occurred_at < $b LIMIT 2000",
        a=BROKE,
        b=FIXED + timedelta(days=20),
    ).to_pylist()
    with space.ground.desk.session() as session:
        session.add(
            Issue(id="i_bench", title="Payments fail", facets={"service": "payments"}, exemplars=[r["signal_id"] for r in gathered[:5]],
                  first_signal_at=BROKE, detected_at=BROKE + timedelta(hours=2), fixed_at=FIXED, state="fixed",
                  signals=len(gathered), customers=len({r["customer_key"] for r in gathered}))
        )  # fmt: skip
    with space.ground.desk.session() as session:
        session.add_all(IssueSignal(issue="i_bench", signal_id=r["signal_id"], customer=r["customer_key"]) for r in gathered)  # fmt: skip
