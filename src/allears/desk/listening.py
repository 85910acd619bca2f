"""What the listening system knows of itself: sources, refused rows, models, marks, tallies."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.base import Base


class Source(Base):
    """A configured source and its counters."""

    __tablename__ = "sources"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    channel: Mapped[str | None] = mapped_column(String(32))
    mapping: Mapped[str | None] = mapped_column(Text)
    first_at: Mapped[datetime | None]
    last_at: Mapped[datetime | None]
    stored: Mapped[int] = mapped_column(default=0)
    duplicates: Mapped[int] = mapped_column(default=0)


class RefusedRow(Base):
    """What was not accepted, sealed, with place and reason."""

    __tablename__ = "refused"
    __table_args__ = (
        Index("ix_refused_received_at", "received_at"),
        # Counted by reason without reading the sealed rows themselves.
        Index("ix_refused_waiting", "replayed_at", "source", "reason", "received_at"),
    )

    refused: Mapped[str] = mapped_column(String(40), primary_key=True)
    source: Mapped[str] = mapped_column(String(128))
    channel: Mapped[str | None] = mapped_column(String(32))
    place: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    door: Mapped[str] = mapped_column(String(32))
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]
    replayed_at: Mapped[datetime | None]


class SourceHour(Base):
    """What a source brought in an hour, by arrival; the source with the empty name: hours in which Allears looked."""

    __tablename__ = "source_hours"
    __table_args__ = (Index("ix_source_hours_hour", "hour"),)

    source: Mapped[str] = mapped_column(String(128), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    stored: Mapped[int] = mapped_column(default=0)
    live: Mapped[int] = mapped_column(default=0)
    known: Mapped[int] = mapped_column(default=0)
    duplicates: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)


class SourceField(Base):
    """A column, identifier or property that a source's signals held: since when, until when, how often."""

    __tablename__ = "source_fields"

    source: Mapped[str] = mapped_column(String(128), primary_key=True)
    field: Mapped[str] = mapped_column(String(96), primary_key=True)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    held: Mapped[int] = mapped_column(default=0)


class Model(Base):
    """A learned model, as plain numbers; never a pickle."""

    __tablename__ = "models"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    learned_at: Mapped[datetime]
    note: Mapped[str] = mapped_column(Text, default="")


class Mark(Base):
    """A small fact to remember: how far the watch has come, which cut-off a brief had."""

    __tablename__ = "marks"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class Tally(Base):
    """What periods added up to, for one question: counts and sums by group, nothing of any person."""

    __tablename__ = "tallies"

    question: Mapped[str] = mapped_column(String(255), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
