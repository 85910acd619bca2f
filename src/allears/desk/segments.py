"""Who was in which segment, from when to when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.base import Base


class SegmentStay(Base):
    """One stay of a customer in a segment: membership, and the moments of entering and leaving, are one record."""

    __tablename__ = "segment_stays"
    __table_args__ = (Index(None, "segment", "left_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    segment: Mapped[str] = mapped_column(String(64))
    customer: Mapped[str] = mapped_column(
        String(24), index=True
    )  # the id at that time; merges are followed when read
    entered_at: Mapped[datetime]
    how: Mapped[str] = mapped_column(
        String(12)
    )  # entered; or defined: was in when the segment was made or changed
    left_at: Mapped[datetime | None]
    ended: Mapped[str | None] = mapped_column(
        String(12)
    )  # left; or defined, held: the segment or the purpose let go
