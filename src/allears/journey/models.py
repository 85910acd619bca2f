"""What a space has learned: sentiment, topics taught and found. Kept as plain numbers in the desk."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import func, select

from allears.desk.listening import Model
from allears.journey.ground import Ground
from allears.understand import Found, Reader, Sentiment, Topics

SENTIMENT, TOPICS, FOUND = "sentiment", "topics", "found"


def load(ground: Ground, name: str) -> bytes | None:
    """Load a model's content; `None` when nothing was learned."""
    with ground.desk.reading() as session:
        row = session.get(Model, name)
        return row.content if row is not None else None


def keep(ground: Ground, name: str, content: bytes, *, at: datetime, note: str) -> None:
    """Keep a model in place of the one before."""
    with ground.desk.session() as session:
        session.merge(Model(name=name, content=content, learned_at=at, note=note))


class Learned(NamedTuple):
    """What a space has learned, as it is kept: enough to read texts as the space does, on any machine."""

    sentiment: bytes | None = None
    topics: bytes | None = None
    found: bytes | None = None


def learned_of(ground: Ground) -> Learned:
    """Give all that a space has learned."""
    return Learned(*(load(ground, name) for name in (SENTIMENT, TOPICS, FOUND)))


def reader_from(learned: Learned) -> Reader:
    """Make a reader with what was learned."""
    return Reader(_sentiment(learned.sentiment), _topics(learned.topics), _found(learned.found))


def topics_of(ground: Ground) -> Topics:
    """Give the space's topics: the taxonomy, and those taught by the examples that were kept."""
    return _topics(load(ground, TOPICS))


def _topics(content: bytes | None) -> Topics:
    return Topics().teach(msgspec.json.decode(content, type=dict[str, list[str]])) if content else Topics()


def sentiment_of(ground: Ground) -> Sentiment:
    """Give the space's sentiment model, or the one that ships."""
    return _sentiment(load(ground, SENTIMENT))


def _sentiment(content: bytes | None) -> Sentiment:
    return Sentiment.from_bytes(content) if content else Sentiment()


def found_of(ground: Ground) -> list[Found]:
    """Topics that were found, known by their stable ids."""
    return _found(load(ground, FOUND))


def _found(content: bytes | None) -> list[Found]:
    return msgspec.json.decode(content, type=list[Found]) if content else []


def reader_of(ground: Ground) -> Reader:
    """Make a reader with what the space has learned."""
    return reader_from(learned_of(ground))


def learned_at(ground: Ground) -> datetime | None:
    """When the space last learned something."""
    with ground.desk.reading() as session:
        return session.scalar(select(func.max(Model.learned_at)))
