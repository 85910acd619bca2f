"""Sessions: who is logged in. They end by themselves: after hours, when nobody acts, with the user, and by hand."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from sqlalchemy import delete, select

from allears.clock import Clock, SystemClock
from allears.desk import Desk
from allears.desk.access import LoginSession, User
from allears.errors import NotFound
from allears.guard.access import Principal, make_principal
from allears.guard.notes import Notes

Need = Literal["code", "enrol"]
HOURS = 12
IDLE_MINUTES = 60
# Written down at most this often: whoever reads page after page need not be noted at each.
_NOTED = timedelta(minutes=1)
# Long enough to set up an authenticator, short enough that a password alone is worth little.
_PENDING = timedelta(minutes=15)
# A clock that is set right moves by seconds; one that moves back by more was wrong when it wrote.
_STEP = timedelta(minutes=5)


class SessionRecord(msgspec.Struct, frozen=True):
    """What is known of a session; never its token, nor from where."""

    id: str
    user: str
    started_at: datetime
    seen_at: datetime
    expires_at: datetime


class Sessions:
    """Who is logged in.

    Parameters
    ----------
    desk
        Where sessions are kept, under the hash of their token.
    clock
        What time it is.
    idle_minutes
        After how long without an act of its own a session ends. A page left open is no act.
    hours
        After how long one ends whatever happens.
    """

    def __init__(
        self,
        desk: Desk,
        clock: Clock | None = None,
        *,
        idle_minutes: int = IDLE_MINUTES,
        hours: int = HOURS,
    ) -> None:
        self._desk = desk
        self._clock = clock or SystemClock()
        self._idle, self._life = timedelta(minutes=idle_minutes), timedelta(hours=hours)
        self._notes = Notes()

    def start(self, principal: Principal, *, needs: Need | None = None) -> str:
        """Start a session; return its token, which is kept only as a hash.

        Parameters
        ----------
        needs
            What is still to be shown before it opens anything: a code of the second factor, or that there is one now.
        """
        token, now = secrets.token_urlsafe(32), self._clock.now()
        with self._desk.session() as session:
            session.execute(delete(LoginSession).where(LoginSession.expires_at <= now))
            session.add(
                LoginSession(
                    token_hash=_hash(token),
                    user=principal.name.removeprefix("user:"),
                    role=str(principal.role),
                    partner=principal.partner,
                    sight=principal.sight,
                    started_at=now,
                    expires_at=now + (_PENDING if needs else self._life),
                    needs=needs,
                    seen_at=now,
                )
            )
        return token

    def who(self, token: str, *, acting: bool = True) -> Principal | None:
        """Tell whose session this is; ``None`` when it ended, expired or never was.

        A user's role is today's role, not that of the log-in; somebody who is no user keeps the session's role.

        Parameters
        ----------
        acting
            Whether a person does something: then the time without an act begins anew.
        """
        with self._desk.reading() as session:
            row = session.get(LoginSession, _hash(token))
            if row is None or row.needs or not self._open(row):
                return None
            user = session.get(User, row.user)
        now = self._clock.now()
        if acting and now - _seen(row) >= min(_NOTED, self._idle / 4):
            self._notes.take(lambda: self._note(row.token_hash, now))
        if user is None:
            return make_principal("user", row.user, row.role, row.partner, row.sight)
        if user.disabled_at:
            return None
        return make_principal("user", user.name, user.role, user.partner, user.sight)

    def waiting(self, token: str) -> tuple[str, str] | None:
        """Tell whose session waits for a second factor, and for what of it; ``None`` when it waits for nothing."""
        with self._desk.reading() as session:
            row = session.get(LoginSession, _hash(token))
            user = session.get(User, row.user) if row else None
        if row is None or not row.needs or not self._open(row) or user is None or user.disabled_at:
            return None
        return user.name, row.needs

    def end(self, token: str) -> None:
        """End a session; ending it twice is harmless."""
        with self._desk.session() as session:
            session.execute(delete(LoginSession).where(LoginSession.token_hash == _hash(token)))

    def of(self, user: str | None = None) -> list[SessionRecord]:
        """List the open sessions of a user, or of everybody, latest act first."""
        asked = select(LoginSession).where(LoginSession.needs.is_(None))
        if user is not None:
            asked = asked.where(LoginSession.user == user)
        with self._desk.reading() as session:
            rows = [row for row in session.scalars(asked) if self._open(row)]
        return [
            SessionRecord(row.token_hash[:12], row.user, row.started_at, _seen(row), row.expires_at)
            for row in sorted(rows, key=_seen, reverse=True)
        ]

    def end_one(self, user: str, session_id: str) -> None:
        """End one session of a user by its id.

        Raises
        ------
        NotFound
            This user has no such session.
        """
        if session_id not in {record.id for record in self.of(user)}:
            raise NotFound("no such session", place="sessions")
        with self._desk.session() as session:
            session.execute(
                delete(LoginSession).where(
                    LoginSession.user == user, LoginSession.token_hash.startswith(session_id, autoescape=True)
                )
            )

    def end_all(self, user: str, *, but: str = "") -> int:
        """End all sessions of a user, but for the one of a token; return how many."""
        with self._desk.session() as session:
            rows = session.scalars(
                select(LoginSession).where(LoginSession.user == user, LoginSession.token_hash != _hash(but))
            ).all()
            for row in rows:
                session.delete(row)
        return len(rows)

    def id_of(self, token: str) -> str:
        """Name the session of a token."""
        return _hash(token)[:12]

    def close(self) -> None:
        """Write what is still to be noted."""
        self._notes.close()

    def _open(self, row: LoginSession) -> bool:
        now = self._clock.now()
        left, quiet = row.expires_at - now, now - _seen(row)
        return timedelta() < left <= self._life + _STEP and quiet < self._idle

    def _note(self, token_hash: str, now: datetime) -> None:
        with self._desk.session() as session:
            row = session.get(LoginSession, token_hash)
            # Ended or noted by another process meanwhile: nothing is brought back to life.
            if row is not None and _seen(row) < now:
                row.seen_at = now


def _seen(row: LoginSession) -> datetime:
    return row.seen_at or row.started_at


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
