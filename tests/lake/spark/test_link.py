"""Looking for customers that are probably one, in a space that asks a cluster: what people told of themselves goes to no other machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from bench.cluster import Cluster
from tests.journey.test_probable import TWICE, send, told
from tests.lake.spark.conftest import END, spark

from allears.clock import SetClock
from allears.lake.spark.engine import SparkEngine
from allears.settings import EngineSettings, read_settings, write_settings
from allears.space import Space


def linked(folder: Path, engine: EngineSettings) -> tuple[dict[str, Any], list[Any]]:
    """Let people tell who they are, some twice, and look for those that are one."""
    with Space.open(folder, clock=SetClock(END)) as space:
        send(space, [(f"a{n}", told(n)) for n in range(40)])
        send(space, [(f"b{n}", told(n)) for n in TWICE])
    write_settings(folder, msgspec.structs.replace(read_settings(folder), engine=engine))
    with Space.open(folder, clock=SetClock(END)) as space:
        assert isinstance(space.ground.engine, SparkEngine) == (engine.url != "duckdb")
        done = space.link()
        pairs = [(row["state"], round(row["bits"], 6)) for row in space.link_queue("joined")]
        return done, sorted(pairs)


def test_linking_is_done_here_and_the_cluster_is_handed_nobody(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = linked(tmp_path / "here", EngineSettings(memory_mb=512))
    handed: list[pa.Table] = []
    monkeypatch.setattr("allears.lake.spark.session.frame", lambda *rows: handed.append(rows))
    monkeypatch.setattr("allears.lake.spark.engine.frame", lambda *rows: handed.append(rows))
    there = linked(tmp_path / "there", spark(cluster))
    assert there == here and here[0]["joined"] >= len(TWICE) - 2
    assert handed == []
