"""Who did what, in a chain and a tree that cannot be rewritten unseen."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.base import Base


class AuditEntry(Base):
    """One act. The target is a salted hash of a pseudonymous id."""

    __tablename__ = "audit_entries"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(64))
    salt: Mapped[bytes] = mapped_column(LargeBinary(16))
    target_hash: Mapped[str] = mapped_column(String(64))
    why: Mapped[str] = mapped_column(String(400))
    detail: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    seal: Mapped[str] = mapped_column(String(64))


class AuditNode(Base):
    """The hash of a whole subtree of entries; level 0, an entry's own leaf, follows from its hash."""

    __tablename__ = "audit_nodes"

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class AuditHead(Base):
    """A signed head: how many entries there were, and the root of their tree."""

    __tablename__ = "audit_heads"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary(32))
    at: Mapped[datetime]
    signature: Mapped[bytes] = mapped_column(LargeBinary(64))


class KeptReceipt(Base):
    """The words of a receipt, kept under its audit entry's number: whoever lost one is given it again. No value of anybody."""

    __tablename__ = "receipts"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    subject: Mapped[str] = mapped_column(String(64), index=True)
    words: Mapped[str] = mapped_column(Text)
