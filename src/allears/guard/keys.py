"""API keys: shown once, kept as a hash, checked in constant time."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select

from allears.clock import Clock, SystemClock
from allears.desk import Desk
from allears.desk.access import ApiKey
from allears.errors import NotFound
from allears.guard.access import Principal, make_principal

PREFIX = "ae"
FRESH_SECONDS = 5.0
_CACHED = 4096


class KeyRecord(msgspec.Struct, frozen=True):
    """What is known of an API key; never its secret."""

    id: str
    name: str
    role: str
    partner: str | None
    made_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class Keys:
    """The API keys of a space.

    Parameters
    ----------
    desk
        Where they are kept.
    clock
        What time it is.

    Notes
    -----
    A key that was good is trusted for five more seconds without asking the desk, so a key revoked by another
    process stops working within five seconds; one revoked here stops at once.
    """

    def __init__(self, desk: Desk, clock: Clock | None = None) -> None:
        self._desk = desk
        self._clock = clock or SystemClock()
        self._good: dict[bytes, tuple[Principal, float, datetime | None]] = {}

    def make(
        self,
        role: str,
        name: str,
        *,
        partner: str | None = None,
        valid_for: timedelta | None = None,
        at: datetime | None = None,
    ) -> tuple[str, KeyRecord]:
        """Make a key; the text is shown here once and never again.

        Raises
        ------
        Refused
            The role is unknown, or role and partner do not go together.
        """
        principal = make_principal("key", name, role, partner)
        now = at or self._clock.now()
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        row = ApiKey(
            id=key_id,
            name=name[:64],
            role=str(principal.role),
            partner=principal.partner,
            secret_hash=_hash(secret),
            made_at=now,
            expires_at=now + valid_for if valid_for else None,
            revoked_at=None,
        )
        with self._desk.session() as session:
            session.add(row)
        return f"{PREFIX}_{key_id}_{secret}", _record(row)

    def check(self, key_text: str) -> Principal | None:
        """Tell whose key this is; ``None`` when it is unknown, revoked or expired."""
        parts = key_text.strip().split("_", 2)
        if len(parts) != 3 or parts[0] != PREFIX or not key_text.isascii():
            return None
        mark = hashlib.sha256(key_text.strip().encode()).digest()
        cached = self._good.get(mark)
        if cached and time.monotonic() < cached[1] and not _past(cached[2], self._clock.now()):
            return cached[0]
        self._good.pop(mark, None)
        # Reading waits for no writer: a door must not stand still while the digest commits.
        with self._desk.reading() as session:
            row = session.get(ApiKey, parts[1])
        # The comparison runs for unknown ids too, so the time taken does not tell which ids exist.
        same = hmac.compare_digest(row.secret_hash if row else "0" * 64, _hash(parts[2]))
        if row is None or not same or row.revoked_at is not None or _past(row.expires_at, self._clock.now()):
            return None
        principal = make_principal("key", row.id, row.role, row.partner)
        if len(self._good) >= _CACHED:
            self._good.clear()
        self._good[mark] = (principal, time.monotonic() + FRESH_SECONDS, row.expires_at)
        return principal

    def revoke(self, key_id: str, *, at: datetime | None = None) -> KeyRecord:
        """Make a key useless.

        Raises
        ------
        NotFound
            No key has this id.
        """
        with self._desk.session() as session:
            row = session.get(ApiKey, key_id)
            if row is None:
                raise NotFound("no key has this id", place="keys")
            row.revoked_at = row.revoked_at or at or self._clock.now()
        self._good.clear()
        return _record(row)

    def list(self) -> list[KeyRecord]:
        """List all keys, oldest first, revoked ones too."""
        with self._desk.session() as session:
            return [
                _record(row) for row in session.scalars(select(ApiKey).order_by(ApiKey.made_at, ApiKey.id))
            ]


def _hash(secret: str) -> str:
    # A plain hash is enough: the secret has 256 random bits, there is no dictionary to try.
    return hashlib.sha256(secret.encode()).hexdigest()


def _past(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def _record(row: ApiKey) -> KeyRecord:
    return KeyRecord(row.id, row.name, row.role, row.partner, row.made_at, row.expires_at, row.revoked_at)
