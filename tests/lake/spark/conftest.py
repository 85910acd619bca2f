"""What tests of Spark share: one cluster, and one history asked on both engines."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from bench.cluster import OPTIONS, Cluster, Missing

from allears.clock import SetClock
from allears.desk.listening import Source
from allears.desk.work import Issue, IssueSignal
from allears.guard.sight import Sight
from allears.journey import seen
from allears.settings import EngineSettings, read_settings, write_settings
from allears.space import Space
from allears.tables import TABLES

END = datetime(2026, 8, 30, 23, tzinfo=UTC)
DAYS = 36
N = 4000
BROKE, FIXED = END - timedelta(days=30), END - timedelta(days=22)
ACCESS = """
[partners.Swiftlane]
accounts = ["acct-swiftlane"]

[sights.south]
regions = ["south"]
relationships = ["consumer", "partner"]

[sights.other]
accounts = ["acct-other"]

[closed]
relationships = ["employee"]

[roles.analyst]
hide = ["text"]
"""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A master and two workers of one core each."""
    # The driver is this process: its workers run this Python, and everybody is on loopback.
    os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    try:
        started = Cluster()
    except Missing as error:
        pytest.skip(str(error))
    yield started
    started.stop()


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A space with everything in it that a question asks for."""
    folder = tmp_path_factory.mktemp("history") / "acme"
    with Space.open(folder, clock=SetClock(END)) as space:
        known = ("acct-swiftlane", "acct-other")
        rows = signals(seen.condition(space.ground, Sight(accounts=known)).values["sight_accounts"])
        (folder / "access.toml").write_text(ACCESS)
        half = rows.num_rows // 2
        for part in (rows.slice(0, half), rows.slice(half)):
            space.ground.store.append("signals", part)
        space.ground.store.compact()
        _note_issue(space, rows)
        for playbook in [p["name"] for p in space.playbooks()]:
            space.switch_on(playbook)
    return folder


def on(history: Path, folder: Path, engine: EngineSettings) -> Space:
    """Open a copy of the history with an engine of its own: what one keeps, the other must not find."""
    shutil.copytree(history, folder)
    write_settings(folder, msgspec.structs.replace(read_settings(folder), engine=engine))
    return Space.open(folder, clock=SetClock(END))


def spark(cluster: Cluster) -> EngineSettings:
    """Settings of the cluster."""
    return EngineSettings(url=cluster.url, options=OPTIONS, memory_mb=512)


def signals(accounts: list[str]) -> pa.RecordBatch:
    """Draw signals of every kind, gaps in every column that may have them, no two at one time."""
    rng = np.random.default_rng(4)
    start = int((END - timedelta(days=DAYS)).timestamp() * 1e6)
    micros = np.sort(rng.choice(DAYS * 86_400_000, N, replace=False)) * 1000 + start
    delay = np.where(rng.random(N) < 0.02, 9 * 86_400e6, rng.exponential(3e6, N)).astype("int64")
    kind = rng.choice(["feedback", "event", "telemetry"], N, p=[0.4, 0.35, 0.25])
    said, did, met = (kind == k for k in ("feedback", "event", "telemetry"))
    rated, out = said & (rng.random(N) < 0.5), said & (rng.random(N) < 0.15)
    everywhere = np.ones(N, bool)

    def some(values: list[Any], where: Any, gaps: float = 0.0) -> list[Any]:
        shown = where & (rng.random(N) >= gaps)
        return [values[i] if w else None for i, w in zip(rng.integers(0, len(values), N), shown, strict=True)]

    def times(values: Any) -> pa.Array:
        return pa.array(values).cast(pa.timestamp("us", tz="UTC"))

    at = times(micros)
    return TABLES["signals"].arrays(
        {
            "signal_id": [f"s{i:05d}" for i in range(N)],
            "occurred_at": at,
            "received_at": times(micros + delay),
            "kind": kind.tolist(),
            "channel": some(["chat", "email", "social", "web"], everywhere),
            "source": some(["posts", "desk", "ask"], everywhere),
            "name": some(["Order Completed", "Product Viewed", "Order Refunded", "Unsubscribed", "Session Started"], did | rated, 0.1),
            "direction": ["out" if o else "in" for o in out],
            "customer_key": some([f"c_{i:016x}" for i in range(150)], everywhere, 0.1),
            "relationship": some(["consumer", "employee", "partner"], everywhere, 0.05),
            "account": some(accounts, everywhere, 0.7),
            "thread": some([f"t{i}" for i in range(40)], out, 0.3),
            "text": [
                "We will call you back within 24 hours." if o and i % 3 else
                ("where is my parcel, it is late again", "thanks, that was quick", "the app crashes when I pay")[i % 3] if s else None
                for i, (s, o) in enumerate(zip(said, out, strict=True))
            ],
            "language": some(["en", "de", "it"], said, 0.1),
            "language_p": pa.array(np.where(said, rng.random(N), np.nan), from_pandas=True),
            "sentiment": pa.array(np.where(said & (rng.random(N) < 0.9), rng.uniform(-1, 1, N), np.nan), from_pandas=True),
            "topics": some([["payment/declined"], ["delivery/late", "app/crash"], [], ["product/praise"]], said, 0.1),
            "rating": pa.array(np.where(rated, rng.integers(0, 5, N) / 4, np.nan), from_pandas=True),
            "rating_scale": some(["nps-0-10", "csat-1-5", "ces-1-7", "stars-1-5"], rated),
            "service": some(["payments", "search"], met),
            "ok": some([True] * 12 + [False], met),
            "duration_ms": pa.array(np.where(met, rng.gamma(2, 150, N), np.nan), from_pandas=True),
            "release": some(["1.0", "1.1"], met, 0.2),
            "platform": some(["ios", "android", "web"], met | did, 0.2),
            "region": some(["north", "south"], everywhere, 0.3),
            "partner": some(["Swiftlane", "Postwing"], everywhere, 0.6),
            "day": pa.compute.strftime(at, format="%Y-%m-%d"),
        },
        N,
    )  # fmt: skip


def _note_issue(space: Space, rows: pa.RecordBatch) -> None:
    """Put down one issue that was fixed, and what it gathered."""
    listed = rows.select(["signal_id", "customer_key", "occurred_at", "kind"]).to_pylist()
    gathered = [r for r in listed if r["kind"] == "feedback" and r["occurred_at"] >= BROKE][:120]
    with space.ground.desk.session() as session:
        session.add_all(Source(name=name) for name in ("posts", "desk", "ask"))
        session.add(
            Issue(
                id="i_1", title="Payments fail", facets={"service": "payments", "partner": "Swiftlane"},
                exemplars=[r["signal_id"] for r in gathered[:5]], first_signal_at=BROKE,
                detected_at=BROKE + timedelta(hours=2), fixed_at=FIXED, state="fixed",
                signals=len(gathered), customers=len({r["customer_key"] for r in gathered}),
            )
        )  # fmt: skip
    with space.ground.desk.session() as session:
        session.add_all(
            IssueSignal(issue="i_1", signal_id=r["signal_id"], customer=r["customer_key"]) for r in gathered
        )
