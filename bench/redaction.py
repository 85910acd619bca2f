"""Measure redaction: recall, precision and F2 per entity, leak rate, false marks, throughput. Prints no text.

Run: python bench/redaction.py [DATA], where DATA holds pii/ and banking77/ (default: $ALLEARS_DATA).
A mark hits a gold span when they share at least half of the shorter of the two, whatever its type.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from collections import defaultdict
from pathlib import Path

from allears.guard.redact import redact

STRUCTURED = (
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    "US_SSN",
    "US_DRIVER_LICENSE",
    "IP_ADDRESS",
)
# What is nobody's in particular is not looked for: a town, a firm, a job, a day, a site.
NOT_SOUGHT = ("LOCATION", "ORGANIZATION", "TITLE", "DATE_TIME", "PREFIX", "DOMAIN_NAME")
HALF = 0.5


def overlaps(a: tuple[int, int], b: tuple[int, int]) -> bool:
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return shared >= HALF * min(a[1] - a[0], b[1] - b[0])


def measure(rows: list[dict]) -> tuple[dict[str, list[int]], int, dict[str, int]]:
    marks = redact([row["full_text"] for row in rows]).spans
    hits: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    false: dict[str, int] = defaultdict(int)
    leaks = made = 0
    for row, spans in zip(rows, marks, strict=True):
        gold = [(s["start_position"], s["end_position"], s["entity_type"]) for s in row["spans"]]
        leak = False
        for start, end, type_ in gold:
            hit = any(overlaps((start, end), (span.start, span.end)) for span in spans)
            hits[type_][0] += hit
            hits[type_][1] += 1
            leak |= not hit and type_ not in NOT_SOUGHT
        for span in spans:
            made += 1
            if not any(overlaps((span.start, span.end), (start, end)) for start, end, _ in gold):
                false[span.type] += 1
        leaks += leak
    false["all"] = sum(false.values())
    false["made"] = made
    return hits, leaks, false


def f2(precision: float, recall: float) -> float:
    return 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0


def main() -> None:
    data = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ALLEARS_DATA", "../shared/data"))
    for name in ("generated_large.json", "generated_small.json"):
        rows = json.loads((data / "pii" / name).read_text("utf-8"))
        hits, leaks, false = measure(rows)
        print(f"{name}: {len(rows)} texts")
        own = {
            "CARD": "CREDIT_CARD", "PHONE": "PHONE_NUMBER", "EMAIL": "EMAIL_ADDRESS", "NAME": "PERSON",
            "ADDRESS": "ADDRESS", "IBAN": "IBAN_CODE", "IP": "IP_ADDRESS", "ID": "US_SSN",
        }  # fmt: skip
        wrong = {gold: false.get(mark, 0) for mark, gold in own.items()}
        for type_, (hit, total) in sorted(hits.items(), key=lambda item: -item[1][1]):
            recall = hit / total
            precision = hit / (hit + wrong[type_]) if type_ in wrong and hit else float("nan")
            print(
                f"  {type_:18} n {total:5}  recall {recall:.3f}  precision {precision:.3f}  F2 {f2(precision, recall):.3f}"
            )
        precision = 1 - false["all"] / max(1, false["made"])
        for title, kinds in (
            ("structured", STRUCTURED),
            ("sought", [t for t in hits if t not in NOT_SOUGHT]),
            ("all", list(hits)),
        ):
            hit, total = (sum(hits[t][i] for t in kinds if t in hits) for i in (0, 1))
            bad = sum(wrong.get(t, 0) for t in kinds) if title == "structured" else false["all"]
            exact = hit / (hit + bad) if title == "structured" else precision
            print(
                f"  = {title:16} n {total:5}  recall {hit / total:.3f}  precision {exact:.3f}  F2 {f2(exact, hit / total):.3f}"
            )
        print(f"  leak rate (texts with a missed sought entity) {leaks / len(rows):.3f}")
    with (data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        texts = [row[0] for row in csv.reader(file)][1:]
    spans = redact(texts).spans
    kinds: dict[str, int] = defaultdict(int)
    for some in spans:
        for span in some:
            kinds[span.type] += 1
    print(
        f"banking77: {len(texts)} texts, marked {sum(map(bool, spans)) / len(texts):.4f} of them, {dict(kinds)}"
    )
    for title, some in (("banking77", texts), ("pii", [row["full_text"] for row in rows] * 20)):
        known = [
            [("name", "Ada Lovelace"), ("email", "ada.l@example.com"), ("phone", "+1 202 555 0143")]
        ] * len(some)
        for about in (None, known):
            began = time.process_time()
            redact(some, about)
            took = time.process_time() - began
            size = sum(map(len, some)) / len(some)
            print(
                f"speed {title:10} known {about is not None!s:5} {len(some) / took:9.0f} texts/s of {size:.0f} characters"
            )


if __name__ == "__main__":
    main()
