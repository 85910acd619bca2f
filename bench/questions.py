"""The questions behind the pages, at a million simulated signals."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench.report import Row, row

SIGNALS = 1_000_000
DAYS = 90


def rows() -> list[Row]:
    from allears.clock import SetClock
    from allears.space import Space

    found: list[Row] = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR")) as folder:
        clock = SetClock(datetime(2026, 9, 1, tzinfo=UTC))
        with Space.open(Path(folder) / "space", clock=clock) as space:
            _fill(space)
            questions: dict[str, Any] = {
                "pulse": space.pulse,
                "trust by week": space.trust,
                "trust by channel": lambda: space.trust("channel"),
                "experience by week": space.experience,
                "services": space.services,
                "topics": space.topics,
                "volumes by channel and day": space.volumes,
                "forecast": space.forecast,
                "customers by last contact": space.customers,
                "issues": space.issues,
            }
            for name, ask in questions.items():
                ask()
                times = []
                for _ in range(5):
                    start = time.perf_counter()
                    ask()
                    times.append((time.perf_counter() - start) * 1000)
                found.append(
                    row(f"question: {name}", f"{SIGNALS:,} simulated signals", statistics.median(times), "ms", low=min(times), high=max(times),
                        reference=500, source="low/high: range of 5 runs, engine warm; reference: the floor of this release")
                )  # fmt: skip
    return found


def _fill(space: Any) -> None:
    """Write signals straight into the lake: this measures questions, not the digest."""
    from allears.tables import TABLES

    rng = np.random.default_rng(1)
    table = TABLES["signals"]
    start = datetime(2026, 9, 1, tzinfo=UTC) - timedelta(days=DAYS)
    for part in range(10):
        n = SIGNALS // 10
        seconds = np.sort(rng.integers(0, DAYS * 86400, n))
        at = pa.array(int(start.timestamp() * 1e6) + seconds * 1_000_000, pa.int64()).cast(
            pa.timestamp("us", tz="UTC")
        )
        kind = rng.choice(["event", "telemetry", "feedback"], n, p=[0.55, 0.3, 0.15])
        said, met = kind == "feedback", kind == "telemetry"
        rated = said & (rng.random(n) < 0.4)
        scale = rng.choice(["nps-0-10", "csat-1-5", "stars-1-5"], n)
        topics = rng.choice(
            ["payment/declined", "delivery/late", "app/crash", "support/wait", "product/praise"], n
        )
        space.ground.store.append(
            "signals",
            table.arrays(
                {
                    "signal_id": [f"b:{part}-{i}" for i in range(n)],
                    "occurred_at": at,
                    "received_at": at,
                    "kind": kind.tolist(),
                    "channel": np.where(
                        said,
                        rng.choice(["chat", "email", "social", "review"], n),
                        rng.choice(["web", "app"], n),
                    ).tolist(),
                    "source": ["bench"] * n,
                    "name": np.where(rng.random(n) < 0.1, "Order Completed", "Product Viewed").tolist(),
                    "direction": ["in"] * n,
                    "customer_key": [f"c_{i:016x}" for i in rng.integers(0, 50_000, n)],
                    "relationship": ["consumer"] * n,
                    "text": [("where is my parcel, it is late again" if s else None) for s in said],
                    "sentiment": pa.array(np.where(said, rng.uniform(-1, 1, n), np.nan), from_pandas=True),
                    "topics": [[t] if s else [] for t, s in zip(topics, said, strict=True)],
                    "rating": pa.array(np.where(rated, rng.integers(0, 5, n) / 4, np.nan), from_pandas=True),
                    "rating_scale": [s if r else None for s, r in zip(scale, rated, strict=True)],
                    "service": [
                        s if m else None
                        for s, m in zip(rng.choice(["payments", "search", "mobile-app"], n), met, strict=True)
                    ],
                    "ok": [bool(o) if m else None for o, m in zip(rng.random(n) > 0.004, met, strict=True)],
                    "duration_ms": pa.array(
                        np.where(met, rng.lognormal(4.5, 0.6, n), np.nan), from_pandas=True
                    ),
                    "region": rng.choice(["north", "south", "east", "west"], n).tolist(),
                    "day": pa.compute.strftime(at, format="%Y-%m-%d"),
                },
                n,
            ),
        )
    space.ground.store.compact("signals")
