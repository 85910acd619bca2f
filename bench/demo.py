"""The demo over many simulated companies: what was found of what was planted. All of it simulated. Takes 20 minutes to an hour on two cores.

``ALLEARS_BENCH_SEEDS`` chooses the seeds, such as ``1-20`` (the default) or ``3,7``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.report import Row, row


def rows() -> list[Row]:
    seeds = _seeds(os.environ.get("ALLEARS_BENCH_SEEDS", "1-20"))
    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR")) as folder,
        ThreadPoolExecutor(2) as pool,
    ):
        outcomes = list(pool.map(lambda seed: _live(Path(folder) / str(seed), seed), seeds))
    return summary(outcomes)


def summary(outcomes: list[dict[str, Any]]) -> list[Row]:
    """Put the outcomes of many seeds into rows."""
    data = f"simulated retailer, {len(outcomes)} seeds, 90 days, 20,000 customers"
    incidents = [_share(o, "incident")[0] for o in outcomes]
    leads = [f["lead_hours"] for o in outcomes for f in o["found"] if _kind(o, f["planted"]) == "incident"]
    alarms = [o["false_alarms_per_week"] for o in outcomes]
    decoys = Counter(d for o in outcomes for d in o["decoys_raised"])
    verdicts = Counter((v["said"], v["truth"]) for o in outcomes for v in o["verdicts"])
    said = sum(verdicts.values())
    wrong = sum(n for (s, t), n in verdicts.items() if s != "cannot tell" and s != t)
    right = sum(n for (s, t), n in verdicts.items() if s == t)
    seconds = [o["seconds"] for o in outcomes]
    until = [o["seconds_by_part"]["generation"] + o["seconds_by_part"]["digest"] for o in outcomes]
    spread = "low/high: over seeds"
    return [
        _row("incidents found of six, fewest", data, min(incidents), "of 6", incidents, 5, spread + "; reference: the issue's bar"),
        _row("incidents found of six, mean", data, statistics.mean(incidents), "of 6", incidents, None, spread),
        _row("opportunity found", data, sum(_share(o, "opportunity")[0] for o in outcomes), f"of {len(outcomes)} seeds", [], "most", ""),
        _row("lead before the hour when volume peaked, median", data, statistics.median(leads), "hours", leads, None, "low/high: over incidents"),
        _row("false alarms a week, median", data, statistics.median(alarms), "a week", alarms, 1, spread),
        _row("seeds in which the most-raised decoy was raised", data, max(decoys.values(), default=0), f"of {len(outcomes)} seeds", [], 2, str(dict(decoys))),
        _row("identity precision, median", data, statistics.median(o["identity"]["precision"] for o in outcomes), "share",
             [o["identity"]["precision"] for o in outcomes], None, spread),
        _row("identity recall, median", data, statistics.median(o["identity"]["recall"] for o in outcomes), "share",
             [o["identity"]["recall"] for o in outcomes], None, spread + "; of pairs that fields tie together"),
        _row("redaction recall, median", data, statistics.median(o["redaction"]["recall"] for o in outcomes), "share",
             [o["redaction"]["recall"] for o in outcomes], None, spread),
        _row("verdicts right", data, right, f"of {said}", [], None, f"cannot tell {said - right - wrong}"),
        _row("verdicts wrong", data, wrong, f"of {said}", [], 0, str({f"{s}, truth {t}": n for (s, t), n in verdicts.items()})),
        _row("generation and digest", data, statistics.median(until), "s", until, 60, "two seeds at a time; reference: one at a time, on two cores"),
        _row("generation, listening, digest, watch and comparison", data, statistics.median(seconds), "s", seconds, None, "two seeds at a time"),
    ]  # fmt: skip


def _row(
    measure: str,
    data: str,
    figure: float,
    unit: str,
    over: list[float],
    reference: float | str | None,
    source: str,
) -> Row:
    return row(
        measure,
        data,
        figure,
        unit,
        low=min(over, default=None),
        high=max(over, default=None),
        reference=reference,
        source=source,
    )


def _share(outcome: dict[str, Any], kind: str) -> tuple[int, int]:
    planted = [p["name"] for p in outcome["planted"] if p["kind"] == kind]
    return sum(any(f["planted"] == name for f in outcome["found"]) for name in planted), len(planted)


def _kind(outcome: dict[str, Any], name: str) -> str:
    return next(str(p["kind"]) for p in outcome["planted"] if p["name"] == name)


def _seeds(text: str) -> list[int]:
    first, dash, last = text.partition("-")
    return list(range(int(first), int(last) + 1)) if dash else [int(s) for s in text.split(",")]


def _live(folder: Path, seed: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "allears", "demo", "--seed", str(seed), "--no-serve", "--json", "--directory", str(folder)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(json.loads(done.stdout))
