"""Organisations and households, and who belongs to them: digests and times; names and traits are sealed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.base import Base


class Account(Base):
    """One organisation, whose ``id`` is the digest that signals bear; or a household, whose id is one of name and address."""

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), default="organisation")  # or household
    parent: Mapped[str | None] = mapped_column(String(32), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # how senders write it, its name and traits
    first_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class Relation(Base):
    """Somebody belongs to an organisation, by one identifier of theirs: so it follows them through merges and partings."""

    __tablename__ = "relations"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # follows from who, where and as what
    digest: Mapped[str] = mapped_column(String(64), index=True)
    account: Mapped[str] = mapped_column(String(32), index=True)
    relationship: Mapped[str] = mapped_column(String(16))
    role: Mapped[str] = mapped_column(String(64), default="")
    source: Mapped[str] = mapped_column(String(200))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    noted_at: Mapped[datetime]
