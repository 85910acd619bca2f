"""One row of a measurement, and the machine it ran on."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def machine() -> str:
    """Say what this ran on: processor, cores the process may use, memory, Python."""
    name = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "",
    )
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{name or platform.machine()}, {cores} cores, {memory:.0f} GB, Python {platform.python_version()}"


def row(
    measure: str,
    data: str,
    figure: float,
    unit: str,
    *,
    low: float | None = None,
    high: float | None = None,
    reference: float | str | None = None,
    source: str = "",
) -> Row:
    """Put one figure together; ``low`` and ``high`` are the range over runs or an interval, as ``source`` says."""
    return {
        "measure": measure,
        "data": data,
        "figure": figure,
        "unit": unit,
        "low": low,
        "high": high,
        "reference": reference,
        "source": source,
        "machine": machine(),
    }


def median_of(run: Callable[[], float], times: int = 5) -> tuple[float, float, float]:
    """Run something several times: median, lowest, highest."""
    found = [run() for _ in range(times)]
    return statistics.median(found), min(found), max(found)


def shared_data() -> Path | None:
    """Find the folder of public data beside the checkout, or by ``ALLEARS_DATA``."""
    given = os.environ.get("ALLEARS_DATA")
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None
