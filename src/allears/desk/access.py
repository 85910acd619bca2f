"""Who may come in and see what: API keys, users, sessions, failed attempts, what is shared, approvals, glass broken."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.base import Base


class ApiKey(Base):
    """A key for programs; only the hash of its secret is kept."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    partner: Mapped[str | None] = mapped_column(String(64))
    secret_hash: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    scopes: Mapped[str | None] = mapped_column(String(64))
    per_minute: Mapped[int | None]
    used_at: Mapped[datetime | None]
    sight: Mapped[str | None] = mapped_column(String(64))


class User(Base):
    """A person who may log in to the pages."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    partner: Mapped[str | None] = mapped_column(String(64))
    password_hash: Mapped[str] = mapped_column(String(256))
    made_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    factor_sealed: Mapped[bytes | None]
    factor_since: Mapped[datetime | None]
    factor_step: Mapped[int | None]
    sight: Mapped[str | None] = mapped_column(String(64))


class RecoveryCode(Base):
    """What lets a user in once without their authenticator; kept as a keyed hash."""

    __tablename__ = "recovery_codes"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user: Mapped[str] = mapped_column(String(64), index=True)


class LoginSession(Base):
    """A user who is logged in; only the hash of the token is kept."""

    __tablename__ = "login_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user: Mapped[str] = mapped_column(String(64), index=True)
    role: Mapped[str] = mapped_column(String(16))
    partner: Mapped[str | None] = mapped_column(String(64))
    started_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    needs: Mapped[str | None] = mapped_column(String(8))
    sight: Mapped[str | None] = mapped_column(String(64))


class LoginFailure(Base):
    """How often something was tried in vain: a name from an address, or any name from it; kept as a keyed hash."""

    __tablename__ = "failed_logins"

    tried: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    count: Mapped[int]
    last_at: Mapped[datetime]


class Share(Base):
    """An issue that somebody let a partner see, and under which title."""

    __tablename__ = "shares"

    issue: Mapped[str] = mapped_column(String(64), primary_key=True)
    partner: Mapped[str] = mapped_column(String(64), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    shared_by: Mapped[str] = mapped_column(String(128))
    shared_at: Mapped[datetime]


class Approval(Base):
    """Something that two people must agree on: one asked, another says yes, then the one who asked does it once."""

    __tablename__ = "approvals"

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    what: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(String(128))
    people: Mapped[int]
    why: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(8), index=True)
    asked_by: Mapped[str] = mapped_column(String(128))
    asked_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    settled_by: Mapped[str | None] = mapped_column(String(128))
    settled_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class BrokenGlass(Base):
    """A person who may look past mask and sight at one customer, until when, and why."""

    __tablename__ = "broken_glass"

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    actor: Mapped[str] = mapped_column(String(128), index=True)
    role: Mapped[str] = mapped_column(String(16))
    customer: Mapped[str] = mapped_column(String(64), index=True)
    why: Mapped[str] = mapped_column(Text)
    began_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(128))
    read_at: Mapped[datetime | None]
    read_by: Mapped[str | None] = mapped_column(String(128))
