from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.listen.pull.answers import Place, answering

from allears.listen import Context
from allears.listen.pull.page import Ask, Patience

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
QUICK = Patience(timeout_seconds=30, retry_seconds=(0.01, 0.01), longest_wait_seconds=0.5)


@pytest.fixture
def place() -> Iterator[Place]:
    with answering() as found:
        yield found


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Ask]:
    def make(kind: str, **more: Any) -> Ask:
        given = {"allow_private": True, "patience": QUICK, "per_minute": 60_000.0} | more
        return Ask("mentions", kind, lambda: Context("mentions", None, NOW), tmp_path, **given)

    return make
