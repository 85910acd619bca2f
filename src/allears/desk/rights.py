"""What the law asks to be remembered of a person: holds, requests, erasures done. Aliases only, never a value."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.aliases import AliasList
from allears.desk.base import Base


class Hold(Base):
    """Nothing of this person may go until it ends: a dispute, an order. Found by digests, whoever they belong to today."""

    __tablename__ = "legal_holds"

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    digests: Mapped[list[str]] = mapped_column(AliasList("legal holds"))
    why: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(128))
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(128))


class Restriction(Base):
    """Data of this person is kept and not used until it is lifted (article 18). Found by digests, as a hold is."""

    __tablename__ = "restrictions"

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    digests: Mapped[list[str]] = mapped_column(AliasList("restrictions"))
    why: Mapped[str] = mapped_column(Text)
    request: Mapped[str | None] = mapped_column(String(24))
    actor: Mapped[str] = mapped_column(String(128))
    since: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(String(128))
    told: Mapped[str | None] = mapped_column(Text)


class RightsRequest(Base):
    """What somebody asked for by right, and its clock. ``digests``: the identifiers that were shown to be theirs."""

    __tablename__ = "rights_requests"

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    digests: Mapped[list[str]] = mapped_column(AliasList("requests by right"))
    via: Mapped[str] = mapped_column(String(64), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(8), default="open", index=True)
    received_at: Mapped[datetime]
    due_at: Mapped[datetime]
    extended_why: Mapped[str | None] = mapped_column(Text)
    checked_how: Mapped[str | None] = mapped_column(Text)
    checked_by: Mapped[str | None] = mapped_column(String(128))
    checked_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(Text)
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(128))


class DoneErasure(Base):
    """An act of the list (an erasure, a restriction ...) that this desk has carried out, in the same transaction as what it changed."""

    __tablename__ = "done_erasures"

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    receipt: Mapped[int]  # number of its audit entry
