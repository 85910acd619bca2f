"""What the tests of measuring share: signals from a few words, and the bench's simulated customers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import ibis
import pyarrow as pa
import pytest

from allears.tables.signals import SIGNALS

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def table_of(rows: list[dict[str, Any]]) -> Any:
    """Build an Ibis table of signals; ids, days and the direction are filled in."""
    filled = [
        {
            "signal_id": f"s{i}",
            "direction": "in",
            "kind": "feedback",
            "day": row["occurred_at"].date().isoformat(),
            **row,
        }
        for i, row in enumerate(rows)
    ]
    return ibis.memtable(pa.Table.from_batches([SIGNALS.rows(filled)]))


@pytest.fixture
def signals() -> Callable[[list[dict[str, Any]]], Any]:
    return table_of


@pytest.fixture(scope="session")
def bench() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "bench" / "measure.py"
    spec = importlib.util.spec_from_file_location("bench_measure", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
