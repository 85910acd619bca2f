"""Redaction: recall, precision and F2 per entity, leak rate, false marks, the writer's own names, speed; beside Presidio.

A gold span is found when marks cover at least half of its characters; a mark is right when at least half of its characters
lie in gold spans, whatever the types. Rules were tuned on the sentences of half the templates (development); those of the
other half were not read while tuning, though the first release's rules for numbers, names and addresses had seen them all.
"""

from __future__ import annotations

import csv
import gc
import gzip
import json
import random
import time
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import peers
from bench.report import Row, row, shared_data

STRUCTURED = (
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    "US_SSN",
    "US_DRIVER_LICENSE",
    "IP_ADDRESS",
)
SOUGHT = (*STRUCTURED, "PERSON", "ADDRESS")
PEER_SENTENCES = 400
LEVELS = ("standard", "strict")
PUBLISHED = "reference: Presidio tuned by its authors on another set of the same source (as shipped 0.618), data README"
Mark = tuple[int, int, str]


@dataclass
class Score:
    """Spans by entity, found of them; marks, wrong ones among them; texts with a miss."""

    total: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    marks: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    leaks: int = 0
    texts: int = 0

    def of(self, kinds: Iterable[str]) -> tuple[float, float, float, int]:
        """Precision over all marks, recall and F2 over some kinds, and how many spans."""
        some = list(kinds)
        total, hit = (sum(counted[kind] for kind in some) for counted in (self.total, self.hit))
        precision = 1 - self.wrong.total() / max(1, self.marks.total())
        recall = hit / max(1, total)
        return precision, recall, f2(precision, recall), total


def f2(precision: float, recall: float) -> float:
    return 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0


def score(
    texts: Sequence[dict[str, Any]], marks: Sequence[Sequence[Mark]], sought: Iterable[str] | None = None
) -> Score:
    """Compare marks with gold; a text leaks when a span of the sought kinds is missed."""
    found, wanted = Score(texts=len(texts)), None if sought is None else set(sought)
    for text, some in zip(texts, marks, strict=True):
        covered = {at for start, end, _ in some for at in range(start, end)}
        gold: set[int] = set()
        leak = False
        for span in text["spans"]:
            places, kind = range(span["start_position"], span["end_position"]), span["entity_type"]
            gold.update(places)
            hit = 2 * sum(at in covered for at in places) >= len(places)
            found.total[kind] += 1
            found.hit[kind] += hit
            leak |= not hit and (wanted is None or kind in wanted)
        found.leaks += leak
        for start, end, kind in some:
            found.marks[kind] += 1
            found.wrong[kind] += 2 * sum(at in gold for at in range(start, end)) < end - start
    return found


def development(text: dict[str, Any]) -> bool:
    """Tell whether a sentence's template belongs to the half that was read while tuning."""
    return zlib.crc32(f"template {text['template_id']}".encode()) % 2 == 0


def sentences(data: Path) -> dict[str, list[dict[str, Any]]]:
    large = json.loads((data / "pii" / "generated_large.json").read_text("utf-8"))
    small = json.loads((data / "pii" / "generated_small.json").read_text("utf-8"))
    return {
        "all": large,
        "development templates": [text for text in large if development(text)],
        "held-out templates": [text for text in large if not development(text)],
        "the small file": small,
    }


def ours(level: str) -> Callable[[list[str]], list[list[Mark]]]:
    from allears.guard.redaction.redact import redact

    return lambda texts: [[tuple(span) for span in some] for some in redact(texts, level=level).spans]  # type: ignore[arg-type,misc]


def rows() -> list[Row]:
    data = shared_data()
    if data is None:
        return [
            row(
                "redaction",
                "the public data sets are not beside this checkout",
                0,
                "",
                source="say where they are: ALLEARS_DATA",
            )
        ]
    return [
        *figures(data),
        *beside_presidio(data),
        *languages(),
        *false_marks(data),
        *writers(data),
        *speed(),
    ]


def figures(data: Path) -> list[Row]:
    """F2 by level and split, per entity, and the leak rate."""
    made: list[Row] = []
    for level in LEVELS:
        for split, texts in sentences(data).items():
            marks = ours(level)([text["full_text"] for text in texts])
            found = score(texts, marks, SOUGHT if level == "standard" else None)
            made += _rows_of(f"{level}", split, found, per_entity=split == "all")
    return made


def _rows_of(who: str, split: str, found: Score, *, per_entity: bool) -> list[Row]:
    where = f"synthetic personal data, {split}, {found.texts:,} sentences"
    groups: dict[str, Sequence[str]] = {"all spans": list(found.total)}
    if per_entity:
        groups |= {"structured": STRUCTURED, "names, addresses and structured": SOUGHT}
        groups |= {kind: (kind,) for kind, _ in found.total.most_common()}
    made = []
    for name, kinds in groups.items():
        precision, recall, figure, total = found.of(kinds)
        source = f"{total:,} spans, recall {recall:.3f}, precision of all marks {precision:.3f}"
        reference = 0.845 if name == "all spans" else 0.98 if name == "structured" else None
        told = PUBLISHED if name == "all spans" else "reference: the aim" if name == "structured" else ""
        made.append(
            row(
                f"redaction F2, {who}, {name}",
                where,
                figure,
                "F2",
                reference=reference,
                source="; ".join(filter(None, (source, told))),
            )
        )
    missed = "any span" if who == "strict" else "a name, address or structured span"
    made.append(
        row(
            f"leak rate, {who}",
            where,
            found.leaks / found.texts,
            "share",
            reference=0.0,
            source=f"sentences with {missed} missed; reference: the aim",
        )
    )
    return made


def beside_presidio(data: Path) -> list[Row]:
    """The same scorer over Presidio as shipped."""
    if not peers.there():
        return [row("Presidio on the same sentences", "", float("nan"), "F2", source=peers.MISSING)]
    texts = random.Random(5).sample(sentences(data)["all"], PEER_SENTENCES)
    plain = [text["full_text"] for text in texts]
    made = [
        one
        for level in LEVELS
        for one in _rows_of(
            f"{level}, same sample", "sample", score(texts, ours(level)(plain), SOUGHT), per_entity=False
        )
    ]
    for what, who in (("rules", "Presidio, rules, no model"), ("model", "Presidio with en_core_web_sm")):
        answer = peers.ask(what, plain)
        found = score(texts, answer["spans"], SOUGHT)
        made += _rows_of(who, "sample", found, per_entity=what == "model")
        made.append(
            row(
                f"speed, {who}",
                f"{len(plain):,} sentences",
                len(plain) / answer["seconds"],
                "messages/s",
                source="processor time, row by row, as its interface asks",
            )
        )
    return made


def languages() -> list[Row]:
    """Formats of six languages, from the examples of the tests: written by us, so a check and no estimate."""
    import sys

    from allears.guard.redaction.redact import redact

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "guard" / "redaction"))
    from test_formats import HIDDEN, NEAR_MISSES

    made = []
    for language in ("en", "it", "de", "fr", "es", "pt"):
        texts = [(kind, text) for kind, by in HIDDEN.items() for text in by[language]]
        spans = redact([text for _, text in texts]).spans
        hit = sum(kind in {span.type for span in some} for (kind, _), some in zip(texts, spans, strict=True))
        made.append(
            row(
                f"formats found, {language}",
                f"{len(texts)} examples of the tests",
                hit / len(texts),
                "share",
                source="phones, addresses, ids, plates, birthdays, IBAN; written together with the rules",
            )
        )
    marked = sum(map(bool, redact(NEAR_MISSES).spans))
    made.append(
        row(
            "near-misses marked",
            f"{len(NEAR_MISSES)} examples of the tests",
            marked / len(NEAR_MISSES),
            "share",
            reference=0.0,
            source="written together with the rules",
        )
    )
    return made


def everyday(data: Path) -> dict[str, list[str]]:
    with (data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        banking = [line[0] for line in csv.reader(file)][1:]
    with gzip.open(data / "airline" / "Tweets.csv.gz", "rt", encoding="utf-8", newline="") as file:
        airline = [line["text"] for line in csv.DictReader(file)]
    return {"Banking77": banking, "airline tweets": airline}


def false_marks(data: Path) -> list[Row]:
    """Marks per 1,000 everyday messages, by kind; true ones are among them."""
    made = []
    for name, texts in everyday(data).items():
        for level in LEVELS:
            kinds = Counter(kind for some in ours(level)(texts) for _, _, kind in some)
            told = ", ".join(f"{kind} {1000 * n / len(texts):.1f}" for kind, n in kinds.most_common())
            made.append(
                row(f"marks, {level}", f"{name}, {len(texts):,} messages", 1000 * kinds.total() / len(texts), "per 1,000",
                    source=f"true ones among them; {told}")
            )  # fmt: skip
    return made


def writers(data: Path) -> list[Row]:
    """The names of the very customer who writes, in their own message, spelled as people spell themselves."""
    from allears.guard.redaction.redact import redact

    people = [
        (text["full_text"], span["entity_value"], span["start_position"])
        for text in sentences(data)["all"]
        for span in text["spans"][-1:] + text["spans"][:1]
        if span["entity_type"] == "PERSON" and len(span["entity_value"].strip(" .")) > 2 and span["entity_value"].strip(".").lower() not in ("mr", "mrs", "ms", "dr", "miss")
        and text["full_text"][span["start_position"] : span["end_position"]] == span["entity_value"]
    ]  # fmt: skip
    bare = lambda name: "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))  # noqa: E731
    ways: dict[str, Callable[[str], str]] = {
        "as known": str, "in capitals": str.upper, "in small letters": str.lower, "without accents": bare, "possessive": lambda name: name + "'s",
        "last name only": lambda name: name.split()[-1], "first name only": lambda name: name.split()[0], "initial and last name": lambda name: f"{name[0]}. {name.split()[-1]}",
        "joined by a hyphen": lambda name: name.replace(" ", "-"),
    }  # fmt: skip
    made, hits, total = [], 0, 0
    for way, spell in ways.items():
        told = [
            (text[:at] + spell(name) + text[at + len(name) :], at, at + len(spell(name)), name)
            for text, name, at in people
        ]
        spans = redact([text for text, *_ in told], [[("name", name)] for *_, name in told]).spans
        hit = sum(
            2 * sum(any(s.start <= at < s.end for s in some) for at in range(start, end)) >= end - start
            for (_, start, end, _), some in zip(told, spans, strict=True)
        )
        hits, total = hits + hit, total + len(told)
        made.append(
            row(
                f"writer's name found, {way}",
                f"{len(told):,} names in synthetic sentences",
                hit / len(told),
                "share",
                reference=0.99,
                source="reference: the aim",
            )
        )
    made.insert(
        0,
        row(
            "writer's name found, all spellings",
            f"{total:,} spellings",
            hits / total,
            "share",
            reference=0.99,
            source="spellings made from the names; reference: the aim",
        ),
    )
    return made


def speed() -> list[Row]:
    """Messages a second on one core: simulated messages of five languages."""
    from allears.guard.redaction.redact import redact
    from bench.digest import simulated_texts

    texts = simulated_texts()
    known = [[("name", "Ada Lovelace"), ("email", "ada.l@example.com"), ("phone", "+1 202 555 0143")]] * len(
        texts
    )
    data, made = (
        f"{len(texts):,} simulated messages, mean {sum(map(len, texts)) / len(texts):.0f} characters",
        [],
    )
    for name, work in (
        ("standard", lambda: redact(texts)), ("standard, with what is known of the writer", lambda: redact(texts, known)), ("strict", lambda: redact(texts, level="strict")),
    ):  # fmt: skip
        work()
        took = []
        # As the digest does: no search for cycles within a batch.
        gc.disable()
        try:
            for _ in range(3):
                began = time.process_time()
                work()
                took.append(len(texts) / (time.process_time() - began))
        finally:
            gc.enable()
        reference = 20_000 if name in {"standard", "strict"} else None
        made.append(
            row(
                f"redaction speed, {name}",
                data,
                sorted(took)[1],
                "messages/s",
                low=min(took),
                high=max(took),
                reference=reference,
                source="processor time, one core; low/high: range of 3 runs; reference: the aim",
            )
        )
    return made
