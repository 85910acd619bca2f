from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import allears.desk.identity  # noqa: F401 - its tables must be known before they are made
from allears.clock import SetClock
from allears.desk import Desk
from allears.know.graph import Graph

sys.path.insert(0, str(Path(__file__).parent))  # the tests of this folder share people_rows

from people_rows import START, digest


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START + timedelta(days=2))


@pytest.fixture
def open_graph(desk: Desk, clock: SetClock) -> Callable[..., Graph]:
    def make(**options: Any) -> Graph:
        return Graph(desk, digest, clock=clock, **options)

    return make


@pytest.fixture
def graph(open_graph: Callable[..., Graph]) -> Graph:
    return open_graph()
