"""Renews keys and is shot at a place of one's choice. Run as a program: FOLDER LAYER PLACE."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from allears.guard.layers import Layers
from allears.journey import renewing
from allears.space import Space


def shot(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path, layer: str, place: str) -> None:
    renewing.AT_ONCE = 5
    steps = 0

    def count(step: str, n: int) -> None:
        nonlocal steps
        steps += 1
        if place == f"step {steps}":
            shot()

    if place == "before the secrets":
        Layers.add = shot  # type: ignore[method-assign]
    elif place == "before the file":
        Layers.adopt = shot  # type: ignore[method-assign]
    elif place == "before the end":
        renewing._done = shot
    with Space.open(folder, create=False) as space:
        if layer == "space":
            renewing.renew_space(space.ground, actor="test", progress=count)
        else:
            renewing.renew_customers(space.ground, actor="test", progress=count)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
