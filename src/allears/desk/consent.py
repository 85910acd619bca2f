"""What people said about the use of their data: every word kept, none changed. Aliases only, never a value."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.aliases import Alias
from allears.desk.base import Base

CONSENT, WORDS = "consent", "words of consent"


class ConsentWord(Base):
    """One yes or no about one purpose, for one identifier of the person; a word told for several is several rows."""

    __tablename__ = "consent_words"
    __table_args__ = (
        UniqueConstraint("word", "digest"),
        Index(None, "purpose", "digest", "said_at"),
        Index(None, "digest"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    word: Mapped[str] = mapped_column(
        Alias(WORDS, 32)
    )  # follows from what was said: the same told twice is one
    digest: Mapped[str] = mapped_column(Alias(CONSENT))
    purpose: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(10))
    rank: Mapped[int]  # of words said at one moment the higher one counts
    said_at: Mapped[datetime]
    noted_at: Mapped[datetime]
    source: Mapped[str] = mapped_column(String(128))
    version: Mapped[str] = mapped_column(String(64), default="")  # of the text that was agreed to
    how: Mapped[str] = mapped_column(Text, default="")
    actor: Mapped[str] = mapped_column(String(128))
