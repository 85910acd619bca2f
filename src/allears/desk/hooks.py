"""What vendors' webhooks need to remember: who may post to a source, and which messages were changed or deleted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.base import Base


class Hook(Base):
    """A source that a vendor posts to; the secret is sealed under the space's key."""

    __tablename__ = "hooks"

    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    vendor: Mapped[str] = mapped_column(String(64))
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    url: Mapped[str | None] = mapped_column(Text)
    made_at: Mapped[datetime]
    rejected: Mapped[int] = mapped_column(default=0)


class Amendment(Base):
    """A signal that was edited or deleted: which version counts. A deleted one stays deleted.

    ``replaced_at`` says since when the lake holds the old version only in files that wait to be removed.
    """

    __tablename__ = "amendments"

    signal_id: Mapped[str] = mapped_column(String(600), primary_key=True)
    at: Mapped[datetime]
    deleted: Mapped[bool] = mapped_column(default=False)
    replaced_at: Mapped[datetime | None]
