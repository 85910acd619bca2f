"""The second factor: codes of an authenticator, and recovery codes for when it is lost."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.engine import CursorResult

from allears.clock import Clock, SystemClock
from allears.desk import Desk
from allears.desk.access import RecoveryCode, User
from allears.errors import NotAllowed, Refused
from allears.guard import totp
from allears.guard.failures import Failures, Tried
from allears.guard.login import known_user
from allears.guard.sessions import Need
from allears.guard.vault import Vault

FREE_CODES = 5
RECOVERY_CODES = 10
_CODE_BYTES = 10


class Enrolment(NamedTuple):
    """What goes into an authenticator: as a text to type, and as the address of a picture."""

    secret: str
    uri: str


class Factors:
    """Second factors of users.

    Parameters
    ----------
    desk
        Where users are.
    vault
        Seals the secrets; its keys hash recovery codes and what failed.
    clock
        What time it is.
    required
        Roles that do not get in without one.
    """

    def __init__(
        self, desk: Desk, vault: Vault, clock: Clock | None = None, *, required: Collection[str] = ()
    ) -> None:
        self._desk, self._vault = desk, vault
        self._clock, self._required = clock or SystemClock(), frozenset(required)
        self._failures = Failures(desk, self._clock, vault.sub_key("failed log-ins"))

    def needs(self, name: str) -> Need | None:
        """Tell what a user has still to show after the password: a code, that there is an authenticator, or nothing."""
        with self._desk.reading() as session:
            row = session.get(User, name)
        if row is None:
            return None
        if row.factor_since is not None:
            return "code"
        return "enrol" if row.role in self._required else None

    def begin(self, name: str) -> Enrolment:
        """Make a secret for a user, or show again the one that is not confirmed yet.

        Raises
        ------
        NotFound
            There is no such user.
        Refused
            The user has a second factor; end that first.
        """
        with self._desk.session() as session:
            row = known_user(session, name)
            if row.factor_since is not None:
                raise Refused("there is a second factor already; end that first", place="factor")
            if row.factor_sealed is None:
                secret = secrets.token_bytes(totp.SECRET_BYTES)
                row.factor_sealed = self._vault.seal_space(secret, label_of(name))
            secret = self._vault.open_space(row.factor_sealed, label_of(name))
        return Enrolment(totp.shown(secret), totp.uri(secret, f"Allears {self._vault.tenant}", name))

    def confirm(self, name: str, code: str) -> list[str]:
        """Switch a second factor on by a first code; return the recovery codes, shown here once.

        Raises
        ------
        NotAllowed
            The code is wrong, or too many were.
        Refused
            Nothing was begun, or it is on already.
        """
        with self._desk.reading() as session:
            row = session.get(User, name)
        if row is None or row.factor_sealed is None or row.factor_since is not None:
            raise Refused("nothing to confirm; begin first", place="factor")
        self._used(name, row.factor_sealed, code)
        made = [_new_code() for _ in range(RECOVERY_CODES)]
        with self._desk.session() as session:
            session.execute(update(User).where(User.name == name).values(factor_since=self._clock.now()))
            session.execute(delete(RecoveryCode).where(RecoveryCode.user == name))
            session.add_all(RecoveryCode(code_hash=self._hash(name, one), user=name) for one in made)
        return made

    def check(self, name: str, code: str) -> str:
        """Check a code; each is good once. Tells which it was: ``code`` or ``recovery``.

        Raises
        ------
        NotAllowed
            Wrong, used already, or too many were wrong; then ``facts`` hold ``wait_seconds``.
        """
        with self._desk.reading() as session:
            row = session.get(User, name)
        if row is None or row.factor_sealed is None or row.factor_since is None:
            raise NotAllowed("the code is wrong")
        if len(_plain(code)) > totp.DIGITS:
            return self._recovered(name, code)
        self._used(name, row.factor_sealed, code)
        return "code"

    def end(self, name: str) -> None:
        """Take a user's second factor away, and the recovery codes.

        Raises
        ------
        NotFound
            There is no such user.
        """
        with self._desk.session() as session:
            row = known_user(session, name)
            row.factor_sealed = row.factor_since = row.factor_step = None
            session.execute(delete(RecoveryCode).where(RecoveryCode.user == name))

    def left(self, name: str) -> int:
        """Count a user's recovery codes that are not used."""
        asked = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user == name)
        with self._desk.reading() as session:
            return session.scalar(asked) or 0

    def _used(self, name: str, sealed: bytes, code: str) -> None:
        tried = self._tried(name)
        self._failures.wait_over([tried])
        secret = self._vault.open_space(sealed, label_of(name))
        step = totp.step_of(secret, _plain(code), self._clock.now().timestamp())
        if step is not None:
            # Found and used up in one statement: of two who show the same code at once, one gets in.
            with self._desk.session() as session:
                done = session.execute(
                    update(User)
                    .where(User.name == name, or_(User.factor_step.is_(None), User.factor_step < step))
                    .values(factor_step=step)
                )
            if isinstance(done, CursorResult) and done.rowcount == 1:
                self._failures.forget(tried)
                return
        self._failures.add([tried])
        raise NotAllowed("the code is wrong")

    def _recovered(self, name: str, code: str) -> str:
        tried = self._tried(name)
        self._failures.wait_over([tried])
        with self._desk.session() as session:
            done = session.execute(
                delete(RecoveryCode).where(
                    RecoveryCode.user == name, RecoveryCode.code_hash == self._hash(name, code)
                )
            )
        if not isinstance(done, CursorResult) or done.rowcount != 1:
            self._failures.add([tried])
            raise NotAllowed("the code is wrong")
        self._failures.forget(tried)
        return "recovery"

    def _tried(self, name: str) -> Tried:
        # Who gets this far knew the password: here a name waits wherever it comes from, for six digits are soon guessed.
        return Tried(self._failures.mark("factor", name), self._failures.mark("name", name), FREE_CODES)

    def _hash(self, name: str, code: str) -> str:
        told = f"{name}\0{_plain(code)}".encode("utf-8", "replace")
        return hmac.digest(self._vault.sub_key("recovery codes"), told, "sha256").hex()


def label_of(name: str) -> str:
    """Name what the secret of a user's authenticator is sealed as."""
    return f"factor/{name}"


def _new_code() -> str:
    text = base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()[:64]
