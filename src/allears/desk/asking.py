"""Who was asked: one row for each invitation, made or held back. No value of a person, only aliases."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.aliases import Alias
from allears.desk.base import Base

INVITATION_STATES = ("invited", "answered", "held", "withdrawn")


class Invitation(Base):
    """One customer asked by one survey. Whose it is today is told by ``digest`` among the identifiers, merges included."""

    __tablename__ = "invitations"
    __table_args__ = (Index(None, "survey", "state"),)

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    survey: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(
        Alias("invitations"), index=True
    )  # of the name under which answers come back
    person: Mapped[str | None] = mapped_column(
        Alias("invitations"), index=True
    )  # of the identifier that was given
    move: Mapped[str | None] = mapped_column(String(64), unique=True)
    asked_by: Mapped[str] = mapped_column(String(128))
    language: Mapped[str | None] = mapped_column(String(8))
    strata: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    state: Mapped[str] = mapped_column(String(16))
    why: Mapped[str] = mapped_column(Text, default="")
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    handed_out_at: Mapped[datetime | None]  # when its link left for those who send it
    answered_at: Mapped[datetime | None]
