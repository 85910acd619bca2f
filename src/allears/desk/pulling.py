"""What is remembered of each place that is pulled from: how far it was read, its secret, how it went."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.base import Base


class Pull(Base):
    """One pull: the cursor is written only after what came before it is durable."""

    __tablename__ = "pulls"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    cursor: Mapped[str] = mapped_column(Text, default="{}")
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    pulled_at: Mapped[datetime | None]
    next_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
