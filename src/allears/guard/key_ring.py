"""The keys of subjects: made in bulk, wrapped, remembered for a while, destroyed for good."""

from __future__ import annotations

import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from allears.clock import Clock
from allears.desk import Desk
from allears.desk.keys import DestroyedKey, SubjectKey
from allears.errors import Refused, WorldFailed
from allears.guard.space_key import SpaceKey

T = TypeVar("T")

REMEMBERED = 200_000
_NONCE = 12
_CHUNK = 5_000
_ZEROES = bytes(60)
_SCRUB_SECONDS = 5.0


class SubjectCipher(NamedTuple):
    """A subject's newest key, ready for use; destroyed keys keep only their generation."""

    cipher: AESGCM
    generation: int
    destroyed: bool


class KeyRing:
    """Finds, makes and destroys the keys of subjects.

    Notes
    -----
    Unwrapped keys are remembered, least recently used forgotten first. Each use first asks the desk whether any
    key was destroyed since, so a key destroyed by another process is not used again here.
    """

    def __init__(self, desk: Desk, key: SpaceKey, tenant: str, clock: Clock) -> None:
        self._desk = desk
        self._tenant = tenant
        self._clock = clock
        self._wrapper = AESGCM(key.sub_key(f"{tenant}/wrap"))
        self._known: OrderedDict[str, SubjectCipher] = OrderedDict()
        self._last_destroyed = 0

    def for_sealing(self, subjects: Iterable[str]) -> dict[str, SubjectCipher]:
        """Return the living key of each subject, making those that are missing."""
        try:
            return self._find(subjects, make=True)
        except IntegrityError:
            # Another process made a key for one of them at the same moment: its key is the one.
            return self._find(subjects, make=True)

    def for_opening(self, subjects: Iterable[str]) -> dict[str, SubjectCipher]:
        """Return the newest key of each subject, living or destroyed.

        Raises
        ------
        Refused
            A subject never had a key.
        """
        return self._find(subjects, make=False)

    def destroy(self, subjects: Sequence[str]) -> dict[str, str]:
        """Overwrite the living keys of subjects; return their fingerprints by subject. `scrub` clears the traces."""
        with self._desk.session() as session:
            return self.destroy_within(session, subjects)

    def destroy_within(self, session: Session, subjects: Sequence[str]) -> dict[str, str]:
        """Do the same inside a transaction that is open already."""
        secure(session)
        now = self._clock.now()
        living = [
            (key_id, subject, fingerprint)
            for chunk in _chunks(sorted(set(subjects)))
            for key_id, subject, fingerprint in session.execute(
                select(SubjectKey.id, SubjectKey.subject, SubjectKey.fingerprint)
                .outerjoin(DestroyedKey, DestroyedKey.key_id == SubjectKey.id)
                .where(
                    SubjectKey.tenant == self._tenant,
                    SubjectKey.subject.in_(chunk),
                    DestroyedKey.id.is_(None),
                )
            )
        ]
        for chunk in _chunks([key_id for key_id, _, _ in living]):
            session.execute(
                update(SubjectKey).where(SubjectKey.id.in_(chunk)).values(wrapped=_ZEROES),
                execution_options={"synchronize_session": False},
            )
            session.execute(
                insert(DestroyedKey), [{"key_id": key_id, "destroyed_at": now} for key_id in chunk]
            )
        for subject in subjects:
            self._known.pop(subject, None)
        return {subject: fingerprint for _, subject, fingerprint in living}

    def scrub(self) -> None:
        """Empty SQLite's write-ahead log, where older pages still hold wrapped keys.

        Raises
        ------
        WorldFailed
            A long reader kept the log open; ``again`` is true: the keys are gone from the store, call once more.
        """
        if self._desk.engine.dialect.name != "sqlite":
            return
        until = time.monotonic() + _SCRUB_SECONDS
        while True:
            busy = self._checkpoint()
            if not busy:
                return
            if time.monotonic() > until:
                raise WorldFailed("a long reader keeps the log of the desk open", place="desk", again=True)
            time.sleep(0.05)

    def _checkpoint(self) -> bool:
        raw = self._desk.engine.raw_connection()
        try:
            row = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return bool(row and row[0])
        finally:
            raw.close()

    def _find(self, subjects: Iterable[str], *, make: bool) -> dict[str, SubjectCipher]:
        wanted = list(subjects)
        if not wanted:
            return {}
        found: dict[str, SubjectCipher] = {}
        with self._desk.session() as session:
            self._forget_destroyed(session)
            known = self._known
            missing = [subject for subject in wanted if subject not in known]
            loaded = self._load(session, missing)
            if make:
                loaded |= self._make(
                    session, [s for s in missing if s not in loaded or loaded[s].destroyed], loaded
                )
        for subject in wanted:
            key = loaded.get(subject) or self._known.get(subject)
            if key is None:
                raise Refused("a sealed value names a subject that never had a key", place="subject")
            found[subject] = key
        # Only now: remembering some may push out others that are wanted here. Destroyed keys are not remembered,
        # since another process may make the next one at any time.
        for subject, key in found.items():
            if not key.destroyed:
                self._remember(subject, key)
        return found

    def _remember(self, subject: str, key: SubjectCipher) -> None:
        self._known[subject] = key
        self._known.move_to_end(subject)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _forget_destroyed(self, session: Session) -> None:
        last = session.scalar(select(func.max(DestroyedKey.id))) or 0
        if last == self._last_destroyed:
            return
        gone = select(SubjectKey.subject).join(DestroyedKey, DestroyedKey.key_id == SubjectKey.id)
        for subject in session.scalars(gone.where(DestroyedKey.id > self._last_destroyed)):
            self._known.pop(subject, None)
        self._last_destroyed = last

    def _load(self, session: Session, subjects: list[str]) -> dict[str, SubjectCipher]:
        loaded: dict[str, SubjectCipher] = {}
        for chunk in _chunks(subjects):
            rows = session.execute(
                select(SubjectKey.subject, SubjectKey.generation, SubjectKey.wrapped, DestroyedKey.id)
                .outerjoin(DestroyedKey, DestroyedKey.key_id == SubjectKey.id)
                .where(SubjectKey.tenant == self._tenant, SubjectKey.subject.in_(chunk))
                .order_by(SubjectKey.generation)
            )
            for subject, generation, wrapped, destroyed in rows:
                key = os.urandom(32) if destroyed else self._unwrap(subject, generation, wrapped)
                loaded[subject] = SubjectCipher(AESGCM(key), generation, bool(destroyed))
        return loaded

    def _make(
        self, session: Session, subjects: list[str], before: dict[str, SubjectCipher]
    ) -> dict[str, SubjectCipher]:
        if not subjects:
            return {}
        now, made, rows = self._clock.now(), {}, []
        for subject in subjects:
            key, nonce = os.urandom(32), os.urandom(_NONCE)
            generation = before[subject].generation + 1 if subject in before else 1
            wrapped = nonce + self._wrapper.encrypt(nonce, key, _bound(self._tenant, subject, generation))
            made[subject] = SubjectCipher(AESGCM(key), generation, False)
            rows.append(
                {
                    "tenant": self._tenant,
                    "subject": subject,
                    "generation": generation,
                    "made_at": now,
                    "fingerprint": hashlib.sha256(b"fingerprint" + key).hexdigest()[:16],
                    "wrapped": wrapped,
                }
            )
        session.connection().execute(insert(SubjectKey), rows)
        return made

    def _unwrap(self, subject: str, generation: int, wrapped: bytes) -> bytes:
        try:
            bound = _bound(self._tenant, subject, generation)
            return self._wrapper.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], bound)
        except InvalidTag:
            raise Refused(
                "a wrapped key was changed, or this is not the space's key", place="subject_keys"
            ) from None


def secure(session: Session) -> None:
    """Have SQLite overwrite with zeroes whatever this connection deletes."""
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql("PRAGMA secure_delete=ON")


def _bound(tenant: str, subject: str, generation: int) -> bytes:
    return f"{tenant}\x1fwrap\x1f{generation}\x1f{subject}".encode("utf-8", "surrogatepass")


def _chunks(values: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
