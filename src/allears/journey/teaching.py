"""Teach a space: sentiment from labels or its own ratings, topics by examples, topics nobody named."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from allears.errors import NotReady, Refused
from allears.guard.permit import Permit
from allears.guard.redaction.redact import redact
from allears.journey.cutoff import cutoff
from allears.journey.ground import Ground
from allears.journey.models import FOUND, SENTIMENT, TOPICS, found_of, keep
from allears.understand import Sentiment, Topics, discover

LABELS = {
    "negative": -1,
    "neutral": 0,
    "positive": 1,
    "-1": -1,
    "0": 0,
    "1": 1,
    "neg": -1,
    "neu": 0,
    "pos": 1,
}
MOST = 50_000
MOST_FOUND = 200


def learn_sentiment(ground: Ground, permit: Permit, labelled: Path | None) -> dict[str, Any]:
    """Learn sentiment from a CSV of text and label, or from texts that came with a rating.

    Raises
    ------
    Refused
        The file has other columns or labels.
    NotReady
        Fewer than 20 texts.
    """
    if labelled is not None:
        texts, labels = _labelled(labelled)
        learned = Sentiment().learn(texts, labels)
        quality = msgspec.to_builtins(Sentiment().evaluate(texts, labels)) if len(texts) >= 100 else {}
        note = f"{len(texts)} labelled texts"
    else:
        rows = ground.asked(permit).query(
            "SELECT text, rating FROM signals WHERE text IS NOT NULL AND rating IS NOT NULL AND direction = 'in' ORDER BY occurred_at DESC LIMIT $n",
            n=MOST,
        )
        if rows.num_rows < 20:
            raise NotReady("fewer than 20 messages came with a rating", got=rows.num_rows, needed=20)
        learned = Sentiment().from_ratings(rows["text"].to_pylist(), rows["rating"].to_pylist())
        quality, note = {}, f"{rows.num_rows} rated messages"
    keep(ground, SENTIMENT, learned.to_bytes(), at=ground.clock.now(), note=note)
    return {"learned_from": note, "version": learned.version, **quality}


def teach_topics(ground: Ground, examples: Path) -> pa.Table:
    """Learn the user's own topics from a CSV of text and topic."""
    by_topic: dict[str, list[str]] = defaultdict(list)
    for text, topic in _columns(examples, "text", "topic"):
        by_topic[topic].append(text)
    if not by_topic:
        raise Refused("expected at least one example", place=str(examples))
    kept = {label: _hidden(texts) for label, texts in by_topic.items()}
    taught = Topics().teach(kept)
    keep(
        ground,
        TOPICS,
        msgspec.json.encode(kept),
        at=ground.clock.now(),
        note=f"{len(by_topic)} topics by examples",
    )
    described = taught.describe()
    return described.filter(pa.compute.equal(described["origin"], "taught"))


def discover_topics(
    ground: Ground, permit: Permit, days: int = 28, *, fewest: int = 0
) -> list[dict[str, Any]]:
    """Look for topics nobody named in the messages of the last weeks; known ones keep their ids.

    Raises
    ------
    NotReady
        There are fewer messages than ``fewest``.
    """
    end = cutoff(ground)
    rows = ground.asked(permit).query(
        """SELECT text FROM signals WHERE text IS NOT NULL AND direction = 'in' AND kind = 'feedback'
           AND occurred_at > $since AND occurred_at <= $until ORDER BY occurred_at DESC, signal_id LIMIT 20000""",
        since=end - timedelta(days=days),
        until=end,
    )
    if rows.num_rows < fewest:
        raise NotReady("too few messages to look for topics", got=rows.num_rows, needed=fewest)
    found = discover(rows["text"].to_pylist(), found_of(ground) or None)
    if len(found) > MOST_FOUND:
        # Looked for every day, they would pile up: those that fewest still speak of go.
        least = sorted(f.size for f in found)[-MOST_FOUND]
        found = [f for f in found if f.size >= least][:MOST_FOUND]
    keep(
        ground,
        FOUND,
        msgspec.json.encode(found),
        at=ground.clock.now(),
        note=f"{len(found)} topics in {rows.num_rows} messages",
    )
    return [{"topic": f.id, "label": f.label, "terms": list(f.terms), "size": f.size} for f in found]


def _labelled(path: Path) -> tuple[list[str], list[int]]:
    texts, labels = [], []
    for number, (text, label) in enumerate(_columns(path, "text", "label"), start=2):
        if label.strip().lower() not in LABELS:
            raise Refused("expected negative, neutral or positive", place=f"{path} line {number}")
        texts.append(text)
        labels.append(LABELS[label.strip().lower()])
    return _hidden(texts), labels


def _columns(path: Path, *names: str) -> Iterator[tuple[str, ...]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not set(names) <= set(reader.fieldnames or ()):
                raise Refused(f"expected the columns {' and '.join(names)}", place=str(path))
            for row in reader:
                yield tuple(row[name] or "" for name in names)
    except UnicodeDecodeError:
        raise Refused("expected UTF-8 text", place=str(path)) from None


def _hidden(texts: list[str]) -> list[str]:
    # A model must not memorise who wrote its examples.
    return [text or "" for text in redact(texts).texts]
