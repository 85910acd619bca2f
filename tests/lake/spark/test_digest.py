"""The digest on a real cluster: the same rows as here, whoever is killed when, and however often a job is done."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from bench.cluster import OPTIONS, Cluster

from allears.clock import SetClock
from allears.errors import Refused, WorldFailed
from allears.journey import guarding
from allears.journey.opening import open_engine, open_lake
from allears.lake.spark import staging
from allears.lake.staged import FOLDER, Staged
from allears.lake.store import Overtaken, Store
from allears.settings import (
    DeskSettings,
    EngineSettings,
    LakeSettings,
    Settings,
    SpaceSettings,
    read_settings,
    write_settings,
)
from allears.space import Space
from allears.tables import TABLES

NOW = datetime(2026, 5, 1, tzinfo=UTC)
MESSAGES, EVENTS = 900, 600
ROOT = Path(__file__).parents[3]


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
    return filled(Space.open(folder, clock=SetClock(NOW), settings=settings, create=True))


def filled(space: Space) -> Space:
    """Let messages and events wait in a space's inbox."""
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


def test_a_cluster_makes_the_same_rows(cluster: Cluster, small: None, expected: Any, tmp_path: Path) -> None:
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


DRIVER = """
import os, signal, sys, threading
from tests.lake.spark import test_digest as t
from allears.journey import guarding
from allears.journey.opening import open_engine, open_lake
from allears.lake import staged
from allears.lake.spark import staging
from allears.space import Space
from allears.clock import SetClock
from deltalake import DeltaTable

folder, when = t.Path(sys.argv[1]), sys.argv[2]
guarding.LARGE, staging.PART_ROWS = 200, 100

def die(*given, **more):
    os.kill(os.getpid(), signal.SIGKILL)

committing = DeltaTable.create_write_transaction
def after(*given, **more):
    committing(*given, **more)
    die()

if when == "while machines write":
    t.when_written(folder / "lake", die, parts=3)
elif when == "before the commit":
    DeltaTable.create_write_transaction = die
else:
    DeltaTable.create_write_transaction = after
with Space.open(folder, clock=SetClock(t.NOW)) as space:
    print(space.digest(look=False))
"""


@pytest.mark.parametrize("when", ["while machines write", "before the commit", "after the commit"])
def test_a_driver_that_is_killed_leaves_the_batch_to_the_next(
    cluster: Cluster, small: None, expected: Any, tmp_path: Path, when: str
) -> None:
    folder = tmp_path / "shop"
    space_in(folder, on_cluster(cluster)).close()
    killed = subprocess.run(
        [sys.executable, "-c", DRIVER, str(folder), when], cwd=ROOT, capture_output=True, timeout=240, check=False
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    if when != "while machines write":
        # The next one may sit on a machine that knows no cluster.
        there_settings = msgspec.structs.replace(read_settings(folder), engine=EngineSettings(memory_mb=512))
        write_settings(folder, there_settings)
    with Space.open(folder, clock=SetClock(NOW)) as space:
        there = len(space.ground.engine.near.table("signals").to_pyarrow())
        assert there == (MESSAGES + EVENTS if when == "after the commit" else 0)
        done = space.digest(look=False)
        assert done["stored"] == MESSAGES + EVENTS - there and done["duplicates"] == 0
        assert lake_of(space) == expected
        # What the dead one left is of no table, and goes.
        files = set(space.ground.store.files("signals"))
        space.ground.store.vacuum("signals", hours=0)
        on_disk = {str(path) for path in (folder / "lake" / "signals").rglob("*.parquet") if path.parent.name != "_delta_log"}  # fmt: skip
        assert on_disk == files and files_beside(space) == []
        assert lake_of(space) == expected


def test_a_job_that_is_done_twice_counts_once(
    cluster: Cluster, small: None, expected: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that took each other for dead finish the same batch at one moment."""
    with space_in(tmp_path / "shop", on_cluster(cluster)) as space:
        taken: list[tuple[Staged, Any, Any]] = []
        stage = space.ground.engine.staging.stage  # type: ignore[union-attr]

        def twice(*given: Any) -> Staged:
            taken.append(stage(*given))
            return stage(*given)

        monkeypatch.setattr(space.ground.engine.staging, "stage", twice)
        lost: list[str] = []

        def other(positions: dict[str, int], starts: dict[str, int]) -> None:
            Store(tmp_path / "shop" / "lake").adopt(taken[0], positions, starts=starts)

        adopt, standing = space.ground.store.adopt, space.ground.store._standing

        def late(staged: Staged, positions: Any, *, starts: Any) -> None:
            def stale(name: str, starts: Any) -> Any:
                found = standing(name, starts)
                if starts is not None and not lost:
                    # This one has looked, and is about to commit on what it saw.
                    lost.append("looked")
                    other(positions, starts)
                return found

            monkeypatch.setattr(space.ground.store, "_standing", stale)
            with pytest.raises(Overtaken):
                adopt(staged, positions, starts=starts)
            lost.append("overtaken")
            raise Overtaken("another worker took this part of the inbox over", place="signals")

        monkeypatch.setattr(space.ground.store, "adopt", late)
        assert sum(part.stored for part in space.digester.run()) == 0
        assert lost == ["looked", "overtaken"] and files_beside(space) == []
        assert lake_of(space) == expected


def test_without_a_machine_the_work_is_done_here(
    cluster: Cluster,
    small: None,
    expected: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(staging, "PATIENCE_SECONDS", 3.0)
    with space_in(tmp_path / "shop", on_cluster(cluster)) as space:
        space.digester  # noqa: B018 - it asks the cluster for what was counted
        for worker in cluster.workers:
            if worker.poll() is None:
                cluster.kill(worker)
        (part,) = space.digester.run()
        assert part.staged is None and "no machine left" in caplog.text
        assert lake_of(space) == expected and files_beside(space) == []
    cluster.add_workers(2)


def test_what_fails_on_a_machine_is_told_without_a_word_of_the_texts(
    cluster: Cluster, small: None, expected: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with space_in(tmp_path / "shop", on_cluster(cluster)) as space:
        stage = space.ground.engine.staging.stage  # type: ignore[union-attr]
        told: list[str] = []

        def telling(rows: pa.RecordBatch) -> pa.RecordBatch:
            raise ValueError(str(rows["text"].to_pylist()))

        def failing(name: str, rows: pa.RecordBatch, work: Any) -> Staged:
            try:
                return stage(name, rows, telling)
            except WorldFailed as error:
                told.append(f"{error} {error.__cause__}")
                raise

        monkeypatch.setattr(space.ground.engine.staging, "stage", failing)
        (part,) = space.digester.run()
        assert part.staged is None and lake_of(space) == expected
    assert "the work on a part failed (ValueError)" in told[0] and "Nöl" not in told[0]
    logs = b"".join(path.read_bytes() for path in cluster.folder.rglob("std*"))
    assert b"Spark Executor Command" in logs and "Nöl".encode() not in logs


def test_several_workers_on_postgresql_digest_on_a_cluster(
    cluster: Cluster, small: None, expected: Any, tmp_path: Path, migrated: Callable[[], str]
) -> None:
    settings = Settings(
        space=SpaceSettings(name="shop"), engine=on_cluster(cluster), desk=DeskSettings(url=migrated()),
        lake=LakeSettings(batch_rows=100_000, second_process=False),
    )  # fmt: skip
    with filled(Space.open(tmp_path / "shop", clock=SetClock(NOW), settings=settings)) as space:
        parts = list(space.digester.run())
        assert any(part.staged is not None for part in parts)
        assert lake_of(space) == expected


def test_a_digest_on_a_cluster_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="url of Spark's to digest on"):
        Space.open(tmp_path / "a", settings=Settings(engine=EngineSettings(digest=True)))
    bucket = LakeSettings(url="s3://ears/acme")
    with pytest.raises(Refused, match="into a folder"):
        open_engine(EngineSettings(url="local[1]", digest=True), open_lake(bucket, tmp_path, {}), tmp_path)
