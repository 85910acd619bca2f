"""Measure foreseeing on real data: NAB, the airline tweets, near-duplicates; prints rows for the bench report."""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from allears.foresee.volume import surprises
from allears.foresee.watch import Watch, WatchRules
from allears.tables import TABLES
from allears.understand import Reader, Topics

DATA = Path(os.environ.get("ALLEARS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
PROFILES = {"standard": (1.0, 0.11, 1.0), "low FP": (1.0, 0.22, 1.0), "low FN": (1.0, 0.11, 2.0)}
PUBLISHED = {
    "realAWSCloudwatch": (71.5, 73.4, 31.2), "realAdExchange": (72.0, 76.9, 56.9), "realTraffic": (91.2, 82.5, 64.3),
    "artificialWithAnomaly": (73.0, 70.2, 2.6), "all 41": (75.9, 75.5, 41.4),
}  # fmt: skip


def series(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]]:
    """Read every NAB series with its windows as row positions."""
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text())
    result = {}
    for path in sorted((folder / "data").rglob("*.csv")):
        name = f"{path.parent.name}/{path.name}"
        rows = list(csv.reader(path.read_text("utf-8").splitlines()))[1:]
        stamps = [r[0] for r in rows]
        spans = [(stamps.index(a.split(".")[0]), stamps.index(b.split(".")[0])) for a, b in windows[name]]
        result[name] = (np.array(stamps, "datetime64[s]"), np.array([float(r[1]) for r in rows]), spans)
    return result


def row_values(
    count: int, spans: list[tuple[int, int]], a_tp: float, a_fp: float
) -> tuple[np.ndarray, np.ndarray]:
    """Worth of an alert on each row, and the number of its window (-1 outside, -2 in probation)."""
    value, window = np.full(count, -a_fp), np.full(count, -1)
    top = 2 / (1 + np.exp(-5.0)) - 1

    def s(y: float) -> float:
        return -1.0 if y > 3 else 2 / (1 + np.exp(5 * y)) - 1

    for k, (left, right) in enumerate(spans):
        length = right - left + 1
        until = spans[k + 1][0] if k + 1 < len(spans) else count
        for i in range(left, right + 1):
            value[i], window[i] = a_tp * s(-(right - i + 1) / length) / top, k
        for i in range(right + 1, until):
            value[i] = a_fp * s((i - right) / (length - 1))
    window[: min(int(0.15 * count), 750)] = -2
    return value, window


def nab_score(
    scored: dict[str, np.ndarray], data: dict[str, Any], profile: str, threshold: float | None = None
) -> tuple[float, dict[str, float]]:
    """Normalised score at the best threshold (or a given one): threshold, and score by group and for all."""
    a_tp, a_fp, a_fn = PROFILES[profile]
    rows = []
    for number, (name, score) in enumerate(scored.items()):
        value, window = row_values(len(score), data[name][2], a_tp, a_fp)
        keep = window > -2
        rows.append(
            np.stack(
                [score[keep], value[keep], window[keep], np.full(keep.sum(), number), np.nonzero(keep)[0]],
                axis=1,
            )
        )
    table = np.concatenate(rows)
    table = table[np.argsort(-table[:, 0], kind="stable")]
    if threshold is None:
        threshold = _best_threshold(table, a_fn)
    alerts = table[table[:, 0] >= threshold]
    raw, most = {}, {}
    for number, name in enumerate(scored):
        mine = alerts[alerts[:, 3] == number]
        total = mine[mine[:, 2] < 0, 1].sum()
        for k in range(len(data[name][2])):
            inside = mine[mine[:, 2] == k, 1]
            total += inside.max() if len(inside) else -a_fn
        group = name.split("/")[0]
        for key in (group, "all 41"):
            raw[key] = raw.get(key, 0.0) + total
            most[key] = most.get(key, 0) + len(data[name][2])
    return threshold, {g: 100 * (raw[g] + a_fn * most[g]) / ((a_tp + a_fn) * most[g]) for g in raw if most[g]}


def _best_threshold(table: np.ndarray, a_fn: float) -> float:
    best: dict[tuple[int, int], float] = {}
    total, top, chosen = 0.0, 0.0, 1.1
    for at, (score, value, window, number, _) in enumerate(table):
        if window < 0:
            total += value
        else:
            key = (int(number), int(window))
            old = best.get(key, -a_fn)
            best[key] = max(old, value)
            total += best[key] - old
        last = at + 1 == len(table) or table[at + 1, 0] != score
        if last and total > top:
            top, chosen = total, float(score)
    return chosen


def nab(detect: Callable[[np.ndarray, np.ndarray], np.ndarray] = surprises) -> list[dict[str, Any]]:
    data = series(DATA / "nab")
    began = time.perf_counter()
    scored = {name: detect(times, values) for name, (times, values, _) in data.items()}
    seconds = time.perf_counter() - began
    report = []
    for profile in PROFILES:
        threshold, groups = nab_score(scored, data, profile)
        for group, figure in groups.items():
            known = PUBLISHED.get(group) if profile == "standard" else None
            reference = (
                f"CAD OSE {known[0]}, Numenta HTM {known[1]}, windowed Gaussian {known[2]}" if known else ""
            )
            report.append(
                {
                    "measure": f"NAB {profile}",
                    "data": group,
                    "figure": round(figure, 1),
                    "unit": "score",
                    "reference": reference,
                    "threshold": threshold,
                }
            )
    _fixed, groups = nab_score(scored, data, "standard", 0.5)
    report.append(
        {
            "measure": "NAB standard, threshold fixed at 0.5",
            "data": "all 41",
            "figure": round(groups["all 41"], 1),
            "unit": "score",
        }
    )
    rows = sum(len(v[1]) for v in data.values())
    report.append({"measure": "points scored", "data": "NAB", "figure": round(rows / seconds), "unit": "1/s"})
    return report


def airline(settle_days: int = 7) -> list[dict[str, Any]]:
    """Six days of tweets to six airlines; one of them begins to be collected on the last day, which is no event."""
    rows, seen = [], set()
    with gzip.open(DATA / "airline" / "Tweets.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["tweet_id"] not in seen:
                seen.add(row["tweet_id"])
                rows.append(row)
    texts = [_restored(r["text"]) for r in rows]
    understood = Reader().read(texts)
    at = pa.array(
        [datetime.fromisoformat(r["tweet_created"]).astimezone(UTC) for r in rows],
        pa.timestamp("us", tz="UTC"),
    )
    columns = {
        "signal_id": [r["tweet_id"] for r in rows], "occurred_at": at, "received_at": at, "kind": ["feedback"] * len(rows),
        "channel": ["social"] * len(rows), "source": ["tweets"] * len(rows), "direction": ["in"] * len(rows), "text": texts,
        "customer_key": [r["name"] for r in rows], "service": [r["airline"] for r in rows],
        "sentiment": understood["sentiment"], "topics": understood["topics"],
    }  # fmt: skip
    signals = pa.Table.from_batches([TABLES["signals"].arrays(columns, len(rows))])
    topics = Topics().topics()
    rules = WatchRules(
        valence={t.id: t.valence for t in topics},
        labels={t.id: t.label for t in topics},
        timezone="America/Los_Angeles",
        settle_days=settle_days,
    )
    issues = Watch(rules).advance(signals, datetime(2015, 2, 24, tzinfo=UTC)).issues.to_pylist()
    american = [i for i in issues if json.loads(i["facets"]).get("service") == "American"]
    name = f"airline tweets, settled after {settle_days} days"
    return [
        {
            "measure": "issues raised",
            "data": name,
            "figure": len(issues),
            "unit": "issues",
            "reference": "; ".join(i["title"] for i in issues),
        },
        {
            "measure": "issues about the airline that was only collected from the last day",
            "data": name,
            "figure": len(american),
            "unit": "issues",
            "reference": "0",
        },
    ]


def _restored(text: str) -> str:
    """Put back the words that the published file overwrote with label names."""
    for label, word in (
        ("Cancelled Flight", "cancel"),
        ("Late Flight", "late"),
        ("Flight Booking Problems", "booking"),
    ):
        text = text.replace(label, word)
    return text


def airlines() -> list[dict[str, Any]]:
    return [*airline(7), *airline(2)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("parts", nargs="*", default=["nab", "airline"])
    given = parser.parse_args()
    report = [row for part in given.parts for row in {"nab": nab, "airline": airlines}[part]()]
    for row in report:
        print(
            json.dumps(row)
            if given.json
            else f"{row['measure']:<40}{row['data']:<24}{row['figure']:>10} {row['unit']:<6} {row.get('reference', '')}"
        )


if __name__ == "__main__":
    main()
