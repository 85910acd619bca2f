"""Log-in for the pages: argon2id passwords, and waiting after failures, by name and address."""

from __future__ import annotations

import secrets
from datetime import datetime
from functools import cached_property

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from allears.clock import Clock, SystemClock
from allears.desk import Desk
from allears.desk.access import LoginSession, RecoveryCode, User
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Principal, make_principal
from allears.guard.failures import Failures, Tried, network

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1024
FREE_TRIES = 5
FREE_TRIES_OF_A_PLACE = 30


class UserRecord(msgspec.Struct, frozen=True):
    """What is known of a user; never the password."""

    name: str
    role: str
    partner: str | None
    made_at: datetime
    disabled_at: datetime | None
    factor_since: datetime | None = None
    sight: str | None = None


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
    key
        Under which names and addresses that failed are kept, so that neither is in the desk; all processes of a space
        share it.
    """

    def __init__(
        self,
        desk: Desk,
        clock: Clock | None = None,
        hasher: PasswordHasher | None = None,
        *,
        key: bytes | None = None,
    ) -> None:
        self._desk = desk
        self._clock = clock or SystemClock()
        self._hasher = hasher or PasswordHasher()
        self._failures = Failures(desk, self._clock, key or secrets.token_bytes(32))

    @cached_property
    def _nobody(self) -> str:
        # Slow by design, and most who open a space let nobody log in: made at the first log-in, whoever it is.
        return self._hasher.hash(secrets.token_urlsafe(16))

    def add(
        self,
        name: str,
        password: str,
        role: str,
        *,
        partner: str | None = None,
        sight: str | None = None,
        at: datetime | None = None,
    ) -> UserRecord:
        """Add a user, or give an existing one a new password and role; other sessions of that user end.

        Raises
        ------
        Refused
            Role unknown, name empty, or password shorter than 10 characters.
        """
        if not 1 <= len(name) <= 64 or not name.isprintable():
            raise Refused("expected a name of 1 to 64 printable characters", place="name")
        if name.startswith("oidc:"):
            raise Refused("names that begin so are those of people from the provider", place="name")
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise Refused(f"expected a password of at least {SHORTEST_PASSWORD} characters", place="password")
        principal = make_principal("user", name, role, partner, sight)
        row = User(
            name=name,
            role=str(principal.role),
            partner=principal.partner,
            password_hash=self._hasher.hash(password),
            made_at=at or self._clock.now(),
            disabled_at=None,
            sight=principal.sight,
        )
        with self._desk.session() as session:
            session.merge(row)
            session.execute(delete(LoginSession).where(LoginSession.user == name))
            self._failures.forget_name(session, self._failures.mark("name", name))
        return _record(row)

    def disable(self, name: str) -> None:
        """Stop a user from coming in; open sessions end.

        Raises
        ------
        NotFound
            There is no such user.
        """
        with self._desk.session() as session:
            row = known_user(session, name)
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
            row = known_user(session, name)
            session.delete(row)
            session.execute(delete(RecoveryCode).where(RecoveryCode.user == name))
            session.execute(delete(LoginSession).where(LoginSession.user == name))
            self._failures.forget_name(session, self._failures.mark("name", name))

    def list(self) -> list[UserRecord]:
        """List all users by name."""
        with self._desk.session() as session:
            return [_record(row) for row in session.scalars(select(User).order_by(User.name))]

    def check(self, name: str, password: str, *, address: str = "") -> Principal:
        """Tell who this is.

        Parameters
        ----------
        address
            From where: failures count for a name from there, and for all names from there.

        Raises
        ------
        NotAllowed
            Name or password is wrong, or there were too many failures; then ``facts`` hold ``wait_seconds``.
        """
        name, nobody = name[:64], self._nobody
        tries = self._tries(name, address)
        self._failures.wait_over(tries)
        with self._desk.session() as session:
            row = session.get(User, name)
        # Hash for unknown names too, so the time taken does not tell which names exist.
        right = self._right(row.password_hash if row else nobody, password)
        if row is None or not right or row.disabled_at is not None:
            self._failures.add(tries)
            raise NotAllowed("name or password is wrong")
        self._failures.forget(tries[0])
        return make_principal("user", row.name, row.role, row.partner, row.sight)

    def _right(self, password_hash: str, password: str) -> bool:
        try:
            return len(password) <= LONGEST_PASSWORD and self._hasher.verify(password_hash, password)
        except VerifyMismatchError:
            return False

    def _tries(self, name: str, address: str) -> tuple[Tried, Tried]:
        # A name from a place, so that who guesses keeps out nobody but themselves; and a place, whatever the names.
        place, mark = network(address), self._failures.mark
        return (
            Tried(mark("name from", name, place), mark("name", name), FREE_TRIES),
            Tried(mark("place", place), "", FREE_TRIES_OF_A_PLACE),
        )


def _record(row: User) -> UserRecord:
    return UserRecord(
        row.name, row.role, row.partner, row.made_at, row.disabled_at, row.factor_since, row.sight
    )


def known_user(session: Session, name: str) -> User:
    """Find a user by name.

    Raises
    ------
    NotFound
        There is none.
    """
    row = session.get(User, name)
    if row is None:
        raise NotFound("no such user", place="users")
    return row
