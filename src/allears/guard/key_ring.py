"""The keys of subjects: made in bulk, wrapped, remembered for a while, destroyed for good."""

from __future__ import annotations

import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from allears.clock import Clock
from allears.desk import Desk
from allears.desk.keys import DestroyedKey, SpaceSecret, SubjectKey
from allears.errors import Refused, WorldFailed
from allears.guard.layers import Layers

T = TypeVar("T")

REMEMBERED = 200_000
_NONCE = 12
_CHUNK = 5_000
_ZEROES = bytes(60)
_SCRUB_SECONDS = 5.0
_CHECKPOINT_MILLISECONDS = 50


class SubjectCipher(NamedTuple):
    """A subject's newest key, ready for use; destroyed keys keep only their generation. Living keys of before stay readable."""

    cipher: AESGCM
    generation: int
    destroyed: bool
    older: dict[int, AESGCM] = {}

    def of(self, generation: int) -> AESGCM | None:
        """Give the living key of a generation."""
        if generation == self.generation:
            return None if self.destroyed else self.cipher
        return self.older.get(generation)


class KeyRing:
    """Finds, makes and destroys the keys of subjects.

    Notes
    -----
    Unwrapped keys are remembered, least recently used forgotten first. Each use first asks the desk whether any
    key was destroyed since, so a key destroyed by another process is not used again here.
    """

    def __init__(self, desk: Desk, layers: Layers, tenant: str, clock: Clock) -> None:
        self._desk = desk
        self._tenant = tenant
        self._clock = clock
        self._layers = layers
        self._changes = 0
        self._known: OrderedDict[str, SubjectCipher] = OrderedDict()
        self._last_destroyed = 0

    def for_sealing(self, subjects: Iterable[str]) -> dict[str, SubjectCipher]:
        """Return the living key of each subject, making those that are missing."""
        try:
            return self._find(subjects, make=True)
        except IntegrityError:
            # Another process made a key for one of them at the same moment: its key is the one.
            return self._find(subjects, make=True)

    def for_opening(self, subjects: Mapping[str, int]) -> dict[str, SubjectCipher]:
        """Return the keys of each subject, the newest living or destroyed; the highest generation met is given with it.

        Raises
        ------
        Refused
            A subject never had a key.
        """
        for subject, generation in subjects.items():
            # Another process may have given it a new key since.
            if subject in self._known and self._known[subject].generation < generation:
                self._known.pop(subject)
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
            cursor = raw.cursor()
            (wait,) = cursor.execute("PRAGMA busy_timeout").fetchone()
            # While it waits for readers, SQLite keeps all writers out: a reader that is about to write would never end.
            cursor.execute(f"PRAGMA busy_timeout={_CHECKPOINT_MILLISECONDS}")
            try:
                row = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                cursor.execute(f"PRAGMA busy_timeout={wait}")
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
            self._forget_renewed(session)
            if make:
                # Held until this is written: a renewal that ends meanwhile must not miss what is made here.
                layer = select(SpaceSecret.id).where(SpaceSecret.layer == "wrap")
                session.execute(layer.with_for_update(read=True)).all()
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

    def _forget_renewed(self, session: Session) -> None:
        self._layers.refresh(session)
        if self._layers.changes != self._changes:
            self._changes = self._layers.changes
            self._known.clear()

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
                before = loaded.get(subject)
                older = {} if before is None else before.older
                if before is not None and not before.destroyed:
                    older = {**older, before.generation: before.cipher}
                loaded[subject] = SubjectCipher(AESGCM(key), generation, bool(destroyed), older)
        return loaded

    def _make(
        self, session: Session, subjects: list[str], before: dict[str, SubjectCipher]
    ) -> dict[str, SubjectCipher]:
        if not subjects:
            return {}
        now, made, rows = self._clock.now(), {}, []
        wrapper = self._wrapper(self._layers.versions("wrap")[0])
        for subject in subjects:
            key, nonce = os.urandom(32), os.urandom(_NONCE)
            last = before.get(subject)
            generation = last.generation + 1 if last else 1
            older = {} if last is None else last.older
            if last is not None and not last.destroyed:
                older = {**older, last.generation: last.cipher}
            wrapped = nonce + wrapper.encrypt(nonce, key, _bound(self._tenant, subject, generation))
            made[subject] = SubjectCipher(AESGCM(key), generation, False, older)
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

    def renew(self, before: datetime, after_id: int, most: int) -> tuple[int, int] | None:
        """Give some subjects whose newest key is older than a moment a new one; what older ones sealed stays readable.

        Returns
        -------
        tuple of int, or None
            Up to which row it got, and how many got a key; ``None`` at the end.
        """
        with self._desk.session() as session:
            self._layers.refresh(session)
            rows = self._rows(session, after_id, most)
            if not rows:
                return None
            loaded = self._load(session, sorted({row.subject for row in rows}))
            newest = dict(
                session.execute(
                    select(SubjectKey.subject, func.max(SubjectKey.made_at))
                    .where(SubjectKey.tenant == self._tenant, SubjectKey.subject.in_(loaded))
                    .group_by(SubjectKey.subject)
                ).all()
            )
            due = [s for s, key in loaded.items() if not key.destroyed and newest[s] < before]
            self._make(session, due, loaded)
        for subject in due:
            self._known.pop(subject, None)
        return rows[-1].id, len(due)

    def rewrap(self, after_id: int, most: int) -> tuple[int, int] | None:
        """Wrap some keys by the newest secret; the rows keep their length, so that no copy stays behind.

        Returns
        -------
        tuple of int, or None
            Up to which row it got, and how many were wrapped anew; ``None`` at the end.
        """
        with self._desk.session() as session:
            secure(session)
            self._layers.refresh(session)
            rows = self._rows(session, after_id, most)
            if not rows:
                return None
            newest = self._layers.versions("wrap")[0]
            wrapper, changed = self._wrapper(newest), []
            for row in rows:
                bound = _bound(self._tenant, row.subject, row.generation)
                version, key = self._opened(bound, row.wrapped)
                if version != newest:
                    nonce = os.urandom(_NONCE)
                    changed.append({"b_id": row.id, "b_wrapped": nonce + wrapper.encrypt(nonce, key, bound)})
            if changed:
                statement = update(SubjectKey).where(SubjectKey.id == bindparam("b_id"))
                session.connection().execute(statement.values(wrapped=bindparam("b_wrapped")), changed)
        return rows[-1].id, len(changed)

    def _rows(self, session: Session, after_id: int, most: int) -> Sequence[Row[int, str, int, bytes]]:
        living = (
            select(SubjectKey.id, SubjectKey.subject, SubjectKey.generation, SubjectKey.wrapped)
            .outerjoin(DestroyedKey, DestroyedKey.key_id == SubjectKey.id)
            .where(SubjectKey.tenant == self._tenant, SubjectKey.id > after_id, DestroyedKey.id.is_(None))
        )
        return session.execute(
            living.order_by(SubjectKey.id).limit(most).with_for_update(of=SubjectKey)
        ).all()

    def _wrapper(self, version: int) -> AESGCM:
        return AESGCM(self._layers.secret("wrap", version).sub_key(f"{self._tenant}/wrap"))

    def _unwrap(self, subject: str, generation: int, wrapped: bytes) -> bytes:
        return self._opened(_bound(self._tenant, subject, generation), wrapped)[1]

    def _opened(self, bound: bytes, wrapped: bytes) -> tuple[int, bytes]:
        # A row does not say by which secret it is wrapped: it would have to grow. There are one or two.
        for version in self._layers.versions("wrap"):
            try:
                return version, self._wrapper(version).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], bound)
            except InvalidTag:
                continue
        raise Refused("a wrapped key was changed, or this is not the space's key", place="subject_keys")


def secure(session: Session) -> None:
    """Have SQLite overwrite with zeroes whatever this connection deletes."""
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql("PRAGMA secure_delete=ON")


def _bound(tenant: str, subject: str, generation: int) -> bytes:
    return f"{tenant}\x1fwrap\x1f{generation}\x1f{subject}".encode("utf-8", "surrogatepass")


def _chunks(values: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
