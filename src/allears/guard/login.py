"""Log-in for the pages: argon2id passwords, sessions that end, and waiting after failures."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from functools import cached_property

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import delete, select

from allears.clock import Clock, SystemClock
from allears.desk import Desk
from allears.desk.access import LoginFailure, LoginSession, User
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Principal, make_principal

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1024
FREE_TRIES = 5
LONGEST_WAIT = timedelta(minutes=15)
SESSION_HOURS = 12


class UserRecord(msgspec.Struct, frozen=True):
    """What is known of a user; never the password."""

    name: str
    role: str
    partner: str | None
    made_at: datetime
    disabled_at: datetime | None


_LIFE = timedelta(hours=SESSION_HOURS)
# A clock that is set right moves by seconds; one that moves back by more was wrong when it wrote.
_STEP = timedelta(minutes=5)


class Logins:
    """The people who may log in.

    Parameters
    ----------
    desk
        Where they are kept.
    clock
        What time it is.
    hasher
        How passwords are hashed; argon2id with the library's defaults.
    """

    def __init__(self, desk: Desk, clock: Clock | None = None, hasher: PasswordHasher | None = None) -> None:
        self._desk = desk
        self._clock = clock or SystemClock()
        self._hasher = hasher or PasswordHasher()

    @cached_property
    def _nobody(self) -> str:
        # Slow by design, and most who open a space let nobody log in: made at the first log-in, whoever it is.
        return self._hasher.hash(secrets.token_urlsafe(16))

    def add(
        self, name: str, password: str, role: str, *, partner: str | None = None, at: datetime | None = None
    ) -> UserRecord:
        """Add a user, or give an existing one a new password and role; other sessions of that user end.

        Raises
        ------
        Refused
            Role unknown, name empty, or password shorter than 10 characters.
        """
        if not 1 <= len(name) <= 64 or not name.isprintable():
            raise Refused("expected a name of 1 to 64 printable characters", place="name")
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise Refused(f"expected a password of at least {SHORTEST_PASSWORD} characters", place="password")
        principal = make_principal("user", name, role, partner)
        row = User(
            name=name,
            role=str(principal.role),
            partner=principal.partner,
            password_hash=self._hasher.hash(password),
            made_at=at or self._clock.now(),
            disabled_at=None,
        )
        with self._desk.session() as session:
            session.merge(row)
            session.execute(delete(LoginSession).where(LoginSession.user == name))
            session.execute(delete(LoginFailure).where(LoginFailure.name == name))
        return _record(row)

    def disable(self, name: str) -> None:
        """Stop a user from coming in; open sessions end.

        Raises
        ------
        NotFound
            There is no such user.
        """
        with self._desk.session() as session:
            row = session.get(User, name)
            if row is None:
                raise NotFound("no such user", place="users")
            row.disabled_at = self._clock.now()
            session.execute(delete(LoginSession).where(LoginSession.user == name))

    def remove(self, name: str) -> None:
        """Forget a user; open sessions end. What they did stays in the audit.

        Raises
        ------
        NotFound
            There is no such user.
        """
        with self._desk.session() as session:
            row = session.get(User, name)
            if row is None:
                raise NotFound("no such user", place="users")
            session.delete(row)
            session.execute(delete(LoginSession).where(LoginSession.user == name))
            session.execute(delete(LoginFailure).where(LoginFailure.name == name))

    def list(self) -> list[UserRecord]:
        """List all users by name."""
        with self._desk.session() as session:
            return [_record(row) for row in session.scalars(select(User).order_by(User.name))]

    def check(self, name: str, password: str) -> Principal:
        """Tell who this is.

        Raises
        ------
        NotAllowed
            Name or password is wrong, or there were too many failures; then ``facts`` hold ``wait_seconds``.
        """
        name, nobody = name[:64], self._nobody
        self._wait_over(name)
        with self._desk.session() as session:
            row = session.get(User, name)
        # Hash for unknown names too, so the time taken does not tell which names exist.
        right = self._right(row.password_hash if row else nobody, password)
        if row is None or not right or row.disabled_at is not None:
            self._failed(name)
            raise NotAllowed("name or password is wrong")
        with self._desk.session() as session:
            session.execute(delete(LoginFailure).where(LoginFailure.name == name))
        return make_principal("user", row.name, row.role, row.partner)

    def start(self, principal: Principal) -> str:
        """Start a session; return its token, which is kept only as a hash."""
        token, now = secrets.token_urlsafe(32), self._clock.now()
        user = principal.name.removeprefix("user:")
        with self._desk.session() as session:
            session.execute(delete(LoginSession).where(LoginSession.expires_at <= now))
            session.add(
                LoginSession(
                    token_hash=_hash(token),
                    user=user,
                    role=str(principal.role),
                    partner=principal.partner,
                    started_at=now,
                    expires_at=now + _LIFE,
                )
            )
        return token

    def who(self, token: str) -> Principal | None:
        """Tell whose session this is; ``None`` when it ended, expired or never was.

        A user's role is today's role, not that of the log-in; somebody who is no user keeps the session's role.
        """
        with self._desk.reading() as session:
            row = session.get(LoginSession, _hash(token))
            if row is None or not timedelta() < row.expires_at - self._clock.now() <= _LIFE + _STEP:
                return None
            user = session.get(User, row.user)
        if user is None:
            return make_principal("user", row.user, row.role, row.partner)
        return None if user.disabled_at else make_principal("user", user.name, user.role, user.partner)

    def end(self, token: str) -> None:
        """End a session; ending it twice is harmless."""
        with self._desk.session() as session:
            session.execute(delete(LoginSession).where(LoginSession.token_hash == _hash(token)))

    def _right(self, password_hash: str, password: str) -> bool:
        try:
            return len(password) <= LONGEST_PASSWORD and self._hasher.verify(password_hash, password)
        except VerifyMismatchError:
            return False

    def _wait_over(self, name: str) -> None:
        with self._desk.session() as session:
            row = session.get(LoginFailure, name)
        if row is None or row.count < FREE_TRIES:
            return
        wait = min(LONGEST_WAIT, timedelta(seconds=2 ** min(row.count - FREE_TRIES, 12)))
        since = self._clock.now() - row.last_at
        left = (wait - since).total_seconds()
        # A failure in the future: the clock was set back since, and nobody may be kept out until it catches up.
        if left > 0 and since > -_STEP:
            raise NotAllowed("too many failed log-ins, wait a while", wait_seconds=int(left) + 1)

    def _failed(self, name: str) -> None:
        with self._desk.session() as session:
            row = session.get(LoginFailure, name)
            if row is None:
                session.add(LoginFailure(name=name, count=1, last_at=self._clock.now()))
            else:
                row.count, row.last_at = row.count + 1, self._clock.now()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _record(row: User) -> UserRecord:
    return UserRecord(row.name, row.role, row.partner, row.made_at, row.disabled_at)
