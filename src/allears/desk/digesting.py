"""What several processes that digest one space tell each other."""

from __future__ import annotations

from sqlalchemy import BigInteger, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.base import Base


class Lease(Base):
    """A segment of the inbox that one worker takes over, and what it means to store of it.

    ``ids`` are hashes of the signal ids that the worker stores or changes, eight bytes each; ``until`` is how far into
    the segment its batch reaches, known once they are claimed. Whoever takes over from a worker that died does that very batch.
    """

    __tablename__ = "leases"

    segment: Mapped[str] = mapped_column(String(64), primary_key=True)
    worker: Mapped[int] = mapped_column(BigInteger)
    until: Mapped[int | None] = mapped_column(BigInteger)
    ids: Mapped[bytes] = mapped_column(LargeBinary, default=b"")


class News(Base):
    """What a worker stored and the one who watches has not heard of yet."""

    __tablename__ = "digest_news"

    id: Mapped[int] = mapped_column(primary_key=True)
    segment: Mapped[str] = mapped_column(String(64))
    until: Mapped[int] = mapped_column(BigInteger)
    ids: Mapped[bytes] = mapped_column(LargeBinary)
    days: Mapped[str | None] = mapped_column(Text)
    edited: Mapped[str] = mapped_column(Text, default="[]")
    deleted: Mapped[str] = mapped_column(Text, default="[]")
