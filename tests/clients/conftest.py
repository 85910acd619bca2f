"""A real server for real clients; what they sent is read back from the lake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.serving import new_space, serving

from allears.space import Space

Read = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clients") / "space"
    new_space(folder)
    return folder


@pytest.fixture(scope="session")
def url(folder: Path) -> Iterator[str]:
    with serving(folder, "--role", "listen") as server:
        yield server.url


@pytest.fixture(scope="session")
def space(folder: Path, url: str) -> Iterator[Space]:
    with Space.open(folder, create=False) as opened:
        yield opened


@pytest.fixture
def write_key(space: Space) -> Callable[[str], str]:
    """Make the write key of a source."""
    return lambda source: space.keys.make("sender", source)[0]


@pytest.fixture
def read(space: Space) -> Read:
    """Give what a source sent, oldest first, with what was said about whom in clear."""

    def rows(source: str) -> list[dict[str, Any]]:
        space.digest(look=False)
        return space.ground.engine.query(
            "SELECT * FROM signals WHERE source = $source ORDER BY occurred_at, signal_id", source=source
        ).to_pylist()

    return rows
