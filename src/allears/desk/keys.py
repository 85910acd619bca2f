"""Keys at rest: one wrapped key per subject and generation, and which of them were destroyed.

Rows of ``subject_keys`` never change their length: destroying overwrites the wrapped key in place, and the
fact is a row elsewhere. So SQLite never moves a row, and no copy of a wrapped key stays behind in a free corner.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.base import Base


class SubjectKey(Base):
    """The wrapped key of a subject, one row per generation."""

    __tablename__ = "subject_keys"
    __table_args__ = (UniqueConstraint("tenant", "subject", "generation"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(128))
    generation: Mapped[int]
    made_at: Mapped[datetime]
    fingerprint: Mapped[str] = mapped_column(String(16))
    wrapped: Mapped[bytes] = mapped_column(LargeBinary(60))


class DestroyedKey(Base):
    """A key that is no more; the numbers rise, so that other processes see at a glance that one was destroyed."""

    __tablename__ = "destroyed_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[int] = mapped_column(ForeignKey("subject_keys.id"), unique=True)
    destroyed_at: Mapped[datetime]


class SpaceSecret(Base):
    """A secret of one layer, wrapped by the space's key; ``done_at``: when everything older had been brought under it."""

    __tablename__ = "space_secrets"
    __table_args__ = (UniqueConstraint("tenant", "layer", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    layer: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]
    made_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    under: Mapped[str] = mapped_column(String(8))  # fingerprint of the space key that wraps it
    wrapped: Mapped[bytes] = mapped_column(LargeBinary(60))
