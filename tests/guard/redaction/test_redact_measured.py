"""Redaction against public data, where they lie beside the checkout: figures only, no text is shown or kept."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from allears.guard.redaction.redact import redact

STRUCTURED = {
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    "US_SSN",
    "US_DRIVER_LICENSE",
    "IP_ADDRESS",
}


def test_structured_identifiers_are_found_and_little_else_is_marked(shared_data: Path) -> None:
    rows = json.loads((shared_data / "pii" / "generated_large.json").read_text("utf-8"))
    hit = total = false = made = 0
    for row, spans in zip(rows, redact([row["full_text"] for row in rows]).spans, strict=True):
        gold = [(s["start_position"], s["end_position"], s["entity_type"]) for s in row["spans"]]
        for start, end, type_ in gold:
            if type_ in STRUCTURED:
                total += 1
                hit += any(min(end, s.end) - max(start, s.start) >= 0.5 * (end - start) for s in spans)
        made += len(spans)
        false += sum(not any(s.start < end and start < s.end for start, end, _ in gold) for s in spans)
    assert total > 450
    assert hit / total >= 0.98
    assert false / made <= 0.02


def test_questions_to_a_bank_hold_nothing_personal(shared_data: Path) -> None:
    with (shared_data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        texts = [row[0] for row in csv.reader(file)][1:]
    assert sum(map(bool, redact(texts).spans)) / len(texts) <= 0.002


def test_each_level_reaches_its_floor_on_public_data(shared_data: Path) -> None:
    from bench.redaction import SOUGHT, ours, score, sentences

    texts = sentences(shared_data)
    for split, floor in (("all", 0.9), ("development templates", 0.91), ("held-out templates", 0.88)):
        marks = ours("strict")([text["full_text"] for text in texts[split]])
        found = score(texts[split], marks)
        assert found.of(found.total)[2] >= floor, split
    marks = ours("standard")([text["full_text"] for text in texts["all"]])
    precision, _, figure, _ = score(texts["all"], marks).of(SOUGHT)
    assert figure >= 0.84
    assert precision >= 0.99


def test_the_writers_own_name_is_found_in_every_spelling(shared_data: Path) -> None:
    from bench.redaction import writers

    assert writers(shared_data)[0]["figure"] >= 0.99
