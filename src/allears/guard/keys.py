"""API keys: shown once, kept as a hash, checked in constant time; narrowed by scopes, paced, and noted the day they are used."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import select

from allears.clock import Clock, SystemClock
from allears.desk import Desk
from allears.desk.access import ApiKey
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Principal, make_principal, may_hand_out, read_scopes
from allears.guard.audit import Audit
from allears.guard.notes import Notes
from allears.guard.pace import Pace

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
    scopes: tuple[str, ...] = ()
    per_minute: int | None = None
    used_at: datetime | None = None
    sight: str | None = None


class _Good(NamedTuple):
    principal: Principal
    until: float
    expires_at: datetime | None


class Keys:
    """The API keys of a space.

    Parameters
    ----------
    desk
        Where they are kept.
    clock
        What time it is.
    audit
        Where the first use of each day is written down; nowhere when there is none.

    Notes
    -----
    A key that was good is trusted for five more seconds without asking the desk, so a key revoked by another
    process stops working within five seconds; one revoked here stops at once. Requests a minute are counted by
    each process for itself. That a key was used is written once a day, beside an entry in the audit.
    """

    def __init__(self, desk: Desk, clock: Clock | None = None, audit: Audit | None = None) -> None:
        self._desk = desk
        self._clock = clock or SystemClock()
        self._audit = audit
        self._good: dict[bytes, _Good] = {}
        self._paces: dict[str, int] = {}
        self._pace = Pace()
        self._used: dict[str, date] = {}
        self._notes = Notes()

    def make(
        self,
        role: str,
        name: str,
        *,
        partner: str | None = None,
        valid_for: timedelta | None = None,
        scopes: Iterable[str] = (),
        per_minute: int | None = None,
        sight: str | None = None,
        giver: Principal | None = None,
        at: datetime | None = None,
    ) -> tuple[str, KeyRecord]:
        """Make a key; the text is shown here once and never again.

        Parameters
        ----------
        valid_for
            How long it is good; for ever when not given.
        scopes
            What of the role it may use: ``listen``, ``read``, ``act``, ``originals``, ``admin``; none given, all of it.
        per_minute
            Most requests a minute.
        sight
            Which sight of ``access.toml`` it has; none given, its role's.
        giver
            Who makes it, when that is somebody whose own rights bound the key's.

        Raises
        ------
        Refused
            Role or scope unknown, role and partner do not go together, or a limit below 1.
        NotAllowed
            It could do what its giver may not.
        """
        principal = make_principal("key", name, role, partner, sight)
        narrowed = read_scopes(scopes)
        if per_minute is not None and not 1 <= per_minute <= 1_000_000:
            raise Refused("expected 1 to 1,000,000 requests a minute", place="per_minute")
        if valid_for is not None and not timedelta() < valid_for <= timedelta(days=36_500):
            raise Refused("expected an end after now, within a hundred years", place="valid_for")
        if giver is not None:
            verdict = may_hand_out(giver, msgspec.structs.replace(principal, scopes=narrowed))
            if not verdict.allowed:
                raise NotAllowed(verdict.rule)
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
            scopes=" ".join(sorted(narrowed)) if narrowed else None,
            per_minute=per_minute,
            used_at=None,
            sight=principal.sight,
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
        now = self._clock.now()
        if cached and time.monotonic() < cached.until and not _past(cached.expires_at, now):
            return cached.principal
        self._good.pop(mark, None)
        # Reading waits for no writer: a door must not stand still while the digest commits.
        with self._desk.reading() as session:
            row = session.get(ApiKey, parts[1])
        # The comparison runs for unknown ids too, so the time taken does not tell which ids exist.
        same = hmac.compare_digest(row.secret_hash if row else "0" * 64, _hash(parts[2]))
        if row is None or not same or row.revoked_at is not None or _past(row.expires_at, now):
            return None
        principal = msgspec.structs.replace(
            make_principal("key", row.id, row.role, row.partner, row.sight),
            scopes=read_scopes((row.scopes or "").split()),
        )
        if len(self._good) >= _CACHED:
            self._good.clear()
        self._good[mark] = _Good(principal, time.monotonic() + FRESH_SECONDS, row.expires_at)
        if row.per_minute:
            self._paces[principal.name] = row.per_minute
        self._note(row, now)
        return principal

    def admit(self, principal: Principal) -> None:
        """Count a request of a key against its limit.

        Raises
        ------
        NotAllowed
            That was one too many; ``facts`` hold ``wait_seconds``.
        """
        most = self._paces.get(principal.name)
        wait = self._pace.wait(principal.name, most) if most else 0
        if wait:
            raise NotAllowed(
                "more requests a minute than this key may make",
                place="authorization",
                too_many=True,
                wait_seconds=wait,
            )

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

    def close(self) -> None:
        """Write what is still to be noted."""
        self._notes.close()

    def _note(self, row: ApiKey, now: datetime) -> None:
        # Asked again every few seconds, written once a day: whoever looks wants to know which keys nobody uses.
        today = now.date()
        if self._used.get(row.id) == today or (row.used_at is not None and row.used_at.date() >= today):
            return
        self._used[row.id] = today
        self._notes.take(lambda: self._write_use(row.id, now))

    def _write_use(self, key_id: str, now: datetime) -> None:
        with self._desk.session() as session:
            row = session.get(ApiKey, key_id)
            if row is None or (row.used_at is not None and row.used_at.date() >= now.date()):
                return
            row.used_at = now.replace(hour=0, minute=0, second=0, microsecond=0)
            if self._audit is not None:
                self._audit.write(
                    session, f"key:{key_id}", "key.used", [key_id], detail={"day": str(now.date())}
                )

    def list(self) -> list[KeyRecord]:
        """List all keys, oldest first, revoked ones too."""
        with self._desk.session() as session:
            return [
                _record(row) for row in session.scalars(select(ApiKey).order_by(ApiKey.made_at, ApiKey.id))
            ]


def lasting(days: float | None) -> timedelta | None:
    """Turn days into a time to last; nothing for ever.

    Raises
    ------
    Refused
        Not a number of days from more than 0 to 36,500.
    """
    if days is None:
        return None
    if not 0 < days <= 36_500:
        raise Refused("expected days, more than 0 and at most 36,500", place="days")
    return timedelta(days=days)


def state_of(key: KeyRecord, now: datetime) -> str:
    """Say how a key stands."""
    if key.revoked_at is not None:
        return f"ended {key.revoked_at:%Y-%m-%d}"
    if _past(key.expires_at, now):
        return f"ran out {key.expires_at:%Y-%m-%d}"
    return f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "open"


def _hash(secret: str) -> str:
    # A plain hash is enough: the secret has 256 random bits, there is no dictionary to try.
    return hashlib.sha256(secret.encode()).hexdigest()


def _past(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def _record(row: ApiKey) -> KeyRecord:
    return KeyRecord(
        row.id,
        row.name,
        row.role,
        row.partner,
        row.made_at,
        row.expires_at,
        row.revoked_at,
        tuple((row.scopes or "").split()),
        row.per_minute,
        row.used_at,
        row.sight,
    )
