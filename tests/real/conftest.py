"""What the tests on real data share: the measurements of the checkout, and spaces that hold what was read.

The data stay where they lie; nothing of them is kept here but counts and floors. Each floor is a little below what was
measured, so that a change for the worse is seen and another machine is not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from allears.space import Space

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


@pytest.fixture(scope="module")
def new_space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Space]]:
    """Make spaces that are closed when the file's tests are done."""
    opened: list[Space] = []

    def make() -> Space:
        opened.append(Space.open(tmp_path_factory.mktemp("real") / "space"))
        return opened[-1]

    yield make
    for space in opened:
        space.close()
