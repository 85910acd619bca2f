"""The digest on a real cluster: the same rows as here, whoever is killed when, and however often a job is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from bench.cluster import OPTIONS, Cluster

from allears.clock import SetClock
from allears.errors import Refused
from allears.journey import guarding
from allears.lake.spark import staging
from allears.lake.staged import FOLDER, Staged
from allears.lake.store import Overtaken, Store
from allears.settings import EngineSettings, LakeSettings, Settings, SpaceSettings
from allears.space import Space
from allears.tables import TABLES

NOW = datetime(2026, 5, 1, tzinfo=UTC)
MESSAGES, EVENTS = 900, 600
SEGMENT = "SELECT count(*) AS n, count(DISTINCT signal_id) AS d FROM signals"


def on_cluster(cluster: Cluster) -> EngineSettings:
    """Settings under which large batches go to the cluster."""
    return EngineSettings(url=cluster.url, options=OPTIONS, digest=True, memory_mb=512)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few hundred rows be large, and a part be a few of them."""
    monkeypatch.setattr(guarding, "LARGE", 200)
    monkeypatch.setattr(staging, "PART_ROWS", 100)


def space_in(folder: Path, engine: EngineSettings) -> Space:
    """Make a space with messages and events waiting in its inbox."""
    settings = Settings(
        space=SpaceSettings(name="shop"), engine=engine, lake=LakeSettings(batch_rows=100_000, second_process=False)
    )  # fmt: skip
    space = Space.open(folder, clock=SetClock(NOW), settings=settings)
    space.hear(
        [
            {
                "signal_id": f"m{i}", "channel": "chat", "occurred_at": f"2026-04-{1 + i % 28:02}T10:00:{i % 60:02}Z",
                "text": f"Ada Nöl{i % 7} says it is late again, call 678-777-16{i % 90 + 10} or write to ada{i}@example.com @bob{i % 5}",
                "identifiers": {"user_id": f"u{i % 40}", "handle": f"bob{i % 5}"}, "direction": "out" if i % 9 == 0 else "in",
            }
            for i in range(MESSAGES)
        ],
        source="desk",
    )  # fmt: skip
    calls = [
        {
            "type": "track", "event": "Order placed", "userId": f"u{i % 40}", "messageId": f"e{i}", "timestamp": f"2026-04-{1 + i % 28:02}T09:00:00Z",
            "context": {"traits": {"name": f"Ada Nöl{i % 7}"}, "app": {"version": "4.1"}},
            "properties": {"note": f"call Ada Nöl{i % 7} on 678-777-16{i % 90 + 10}", "total": i} if i % 2 else {"total": i},
        }
        for i in range(EVENTS)
    ]  # fmt: skip
    space.take("segment", msgspec.json.encode({"batch": calls}), source="web")
    return space


def lake_of(space: Space) -> tuple[list[dict[str, Any]], list[Any]]:
    """Give all rows of a space, and what was sealed, opened."""
    rows = space.ground.engine.near.query("SELECT * FROM signals ORDER BY signal_id")
    subjects = [key or f"source:{source}" for key, source in zip(*(rows[n].to_pylist() for n in ("customer_key", "source")), strict=True)]  # fmt: skip
    opened = space.ground.vault.open(
        subjects, rows["sealed"].to_pylist(), "signals.sealed", rows["signal_id"].to_pylist()
    )
    unlike = ("sealed", "customer_key", "identifiers", "thread", "account", "received_at")
    return rows.drop_columns([n for n in unlike if n in rows.schema.names]).to_pylist(), [
        msgspec.json.decode(value) if value is not None else None for value in opened
    ]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], list[Any]]:
    """What one machine makes of it."""
    with space_in(tmp_path_factory.mktemp("here") / "shop", EngineSettings(memory_mb=512)) as space:
        assert [part.staged for part in space.digester.run()] == [None]
        return lake_of(space)


def files_beside(space: Space) -> list[str]:
    return sorted(str(path) for path in (space.ground.folder / "lake" / FOLDER).glob("*"))


def before_commit(space: Space, act: Callable[[], object]) -> None:
    """Do something when the machines have written everything, just before it is taken over."""
    adopt = space.ground.store.adopt

    def first(*given: Any, **more: Any) -> None:
        act()
        adopt(*given, **more)

    space.ground.store.adopt = first  # type: ignore[method-assign]


def when_written(lake: Path, act: Callable[[], object], parts: int = 1) -> threading.Thread:
    """Do something as soon as some parts of a job are on the disk."""

    def wait() -> None:
        end = time.monotonic() + 120
        while len(list((lake / FOLDER).glob("*/*/day=*"))) < parts and time.monotonic() < end:
            time.sleep(0.005)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_cluster_makes_the_same_rows(
    cluster: Cluster, small: None, expected: Any, tmp_path: Path
) -> None:
    with space_in(tmp_path / "shop", on_cluster(cluster)) as space:
        (part,) = space.digester.run()
        assert part.staged is not None and len({file.path.parts[-3] for file in part.staged.files}) == 15
        assert lake_of(space) == expected
        assert "Nöl" not in str(expected[0]) and "Nöl" in str(expected[1])
        assert files_beside(space) == []
        # What goes on to those who count and watch is what rows written here would be.
        assert part.signals is not None and part.signals.schema == TABLES["signals"].schema
        assert part.signals.num_rows == part.stored == MESSAGES + EVENTS


def test_a_worker_that_is_killed_takes_no_row_with_it(
    cluster: Cluster, small: None, expected: Any, tmp_path: Path
) -> None:
    with space_in(tmp_path / "shop", on_cluster(cluster)) as space:
        there: list[int] = []

        def kill() -> None:
            there.append(len(list((tmp_path / "shop" / "lake" / FOLDER).glob("*/*"))))
            cluster.kill(cluster.workers[-1])

        thread = when_written(tmp_path / "shop" / "lake", kill)
        (part,) = space.digester.run()
        thread.join()
        assert part.staged is not None and 1 <= there[0] < 15
        assert lake_of(space) == expected
    cluster.add_workers()


def test_a_worker_that_dies_at_the_commit_takes_no_row_with_it(
    cluster: Cluster, small: None, expected: Any, tmp_path: Path
) -> None:
    with space_in(tmp_path / "shop", on_cluster(cluster)) as space:
        before_commit(space, lambda: cluster.kill(cluster.workers[-1]))
        (part,) = space.digester.run()
        assert part.staged is not None
        assert lake_of(space) == expected
    cluster.add_workers()
