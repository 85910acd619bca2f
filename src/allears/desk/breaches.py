"""Breaches of personal data: what is known of each, and every decision with its reason. No value of anybody."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.base import Base


class Breach(Base):
    """One breach and its clock of 72 hours."""

    __tablename__ = "breaches"

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    what: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(Text)
    nature: Mapped[list[str]] = mapped_column(JSON)
    noticed_at: Mapped[datetime]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    actors: Mapped[list[str]] = mapped_column(JSON)
    sources: Mapped[list[str]] = mapped_column(JSON)
    everything: Mapped[bool]
    risk: Mapped[str | None] = mapped_column(String(8))
    opened_by: Mapped[str] = mapped_column(String(128))
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(128))


class BreachNote(Base):
    """What was found, decided, done or told about a breach, and why; none is ever changed."""

    __tablename__ = "breach_notes"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    breach: Mapped[str] = mapped_column(String(24), index=True)
    kind: Mapped[str] = mapped_column(String(24))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    noted_at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(128))
