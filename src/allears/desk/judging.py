"""What people judged of redaction: one verdict for each text of a random sample. No text, and no way back to one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.base import Base


class RedactionJudgement(Base):
    """One text somebody read. ``text``: a keyed digest of the signal's id, so that nobody is asked twice about it."""

    __tablename__ = "redaction_judgements"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    text: Mapped[str] = mapped_column(String(64), unique=True)
    verdict: Mapped[str] = mapped_column(String(16))
    method: Mapped[str] = mapped_column(String(64), index=True)  # of redaction, when it was judged
    population: Mapped[int]  # texts it was drawn among
    drawn_at: Mapped[datetime]  # the cut-off of those texts
    judged_at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(128))
