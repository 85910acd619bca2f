"""Backup: the whole space in one sealed file, taken while it is served, checked before it is believed.

Order matters while others write: the inbox first, then the lake, then the desk. What the digest takes over meanwhile is
still in the copied inbox, and is taken over again after a restore (a signal counts once); every key that the copied lake
needs was in the desk before its rows were written. Copied the other way round, a row could lack its key.

In the file a desk is always SQLite's and a lake always files, wherever they were.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO

import msgspec

from allears.desk import Desk
from allears.desk.copy import copy
from allears.desk.sqlite import DAMAGED, told
from allears.desk.upgrade import newest
from allears.errors import NotFound, Refused, WorldFailed
from allears.guard.key_file import read_key
from allears.guard.space_key import SpaceKey
from allears.guard.stream import SealedReader, SealedWriter
from allears.journey.erasure import LOCK, alone
from allears.journey.ground import KEY_FILE, NEXT_KEY_FILE, Ground
from allears.journey.redo import Lost
from allears.journey.renewing import KEYS_LOCK, key_stays

MAGIC = b"allears-backup-1\n"
MANIFEST = "manifest.json"
DESK = "desk.db"
LAKE = "lake"
# Never in a backup: the key (it would open the backup), locks and scratch; the desk is copied as a whole by its engine.
_LEFT_OUT = (KEY_FILE, NEXT_KEY_FILE, "scratch", "digest.lock", LOCK, KEYS_LOCK)


class Header(msgspec.Struct, frozen=True):
    """What stands in clear at the start of a backup; changing it makes the rest unreadable."""

    tenant: str
    made_at: datetime
    desk: str
    fingerprint: str


class Summary(msgspec.Struct):
    """What a backup holds, or a restore gave back: acts by right that came later and were done again, those that could not be, and lists of acts that it knows of and nobody gave."""

    file: str
    made_at: datetime
    files: int
    bytes: int
    erased_again: int = 0
    done_again: int = 0
    lost: tuple[Lost, ...] = ()
    lists_missing: int = 0
    signals: int = 0


def backup(ground: Ground, target: Path) -> Summary:
    """Write a backup; other processes may listen and digest meanwhile.

    Raises
    ------
    Refused
        The file is there already.
    WorldFailed
        Target or space cannot be read or written; no half-made file stays.
    """
    if target.exists():
        raise Refused("there is a file already", place=str(target))
    with key_stays(ground):
        return _write(ground, target)


def _write(ground: Ground, target: Path) -> Summary:
    key = ground.vault.layers.key
    header = Header(ground.settings.space.name, ground.clock.now(), newest(), key.fingerprint)
    try:
        with _half_made(target) as file:
            clear = MAGIC + msgspec.json.encode(header) + b"\n"
            file.write(clear)
            # Nobody is erased meanwhile: a desk that says so beside a lake that does not would bring them back.
            with alone(ground), SealedWriter(file, _stream_key(key), clear) as sealed:
                files, size = _pack(ground, sealed)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise WorldFailed(
            f"the backup cannot be written ({type(error).__name__})", place=str(target), again=True
        ) from error
    return Summary(str(target), header.made_at, files, size)


@contextmanager
def _half_made(target: Path) -> Iterator[BinaryIO]:
    """Open the file that becomes ``target`` when all went well; one that a killed backup left is begun anew."""
    half = target.with_name(target.name + ".part")
    with open(os.open(half, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb") as file:
        if not _is_ours(file, half, target):
            raise Refused("another backup is being written there", place=str(target))
        try:
            os.fchmod(file.fileno(), 0o600)
            file.truncate(0)
            yield file
            half.rename(target)
        finally:
            half.unlink(missing_ok=True)


def _is_ours(file: BinaryIO, half: Path, target: Path) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # Whoever held it may have made it the backup meanwhile.
    return half.exists() and os.path.samestat(os.fstat(file.fileno()), half.stat()) and not target.exists()


def check(source: Path, key_file: Path) -> Summary:
    """Read a backup from end to end and compare every file with its checksum, without writing anything.

    Raises
    ------
    Refused
        It is no backup, is damaged, cut short, or belongs to another key.
    """
    with opened(source, read_key(key_file)) as (header, tar):
        files, size = compare(tar, None)
    return Summary(str(source), header.made_at, files, size)


def _pack(ground: Ground, sealed: SealedWriter) -> tuple[int, int]:
    sums: dict[str, str] = {}
    total = 0
    with (
        tarfile.open(fileobj=sealed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        tempfile.TemporaryDirectory(dir=ground.folder) as scratch,
    ):
        for name, path in _files(ground, Path(scratch)):
            try:
                with path.open("rb") as file:
                    sums[name], size = _put(tar, name, file)
            except FileNotFoundError:
                if not name.startswith("inbox/"):
                    raise
                continue  # A segment that the digest finished meanwhile: the lake, copied later, holds it.
            total += size
        _put(tar, MANIFEST, io.BytesIO(msgspec.json.encode(sums)))
    return len(sums), total


def _put(tar: tarfile.TarFile, name: str, file: BinaryIO) -> tuple[str, int]:
    # A segment may grow while it is read: as much is taken as was there when it was opened.
    entry = tarfile.TarInfo(name)
    entry.size = file.seek(0, io.SEEK_END)
    entry.mode = 0o600
    file.seek(0)
    counting = _Summed(file, entry.size)
    tar.addfile(entry, counting)
    return counting.sum.hexdigest(), entry.size


class _Summed(io.RawIOBase):
    """Passes a file's first bytes on, and sums them up on the way."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left, self.sum = file, size, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        part = self._file.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(part)
        self.sum.update(part)
        return part


def _files(ground: Ground, scratch: Path) -> Iterator[tuple[str, Path]]:
    folder, lake = ground.folder, ground.store.folder
    for segment in ground.inbox.segments():
        try:
            # What the lake has of it already stays out where offsets become others: erased people are in it yet.
            copied, file = ground.inbox.copy(segment, ground.store.position("signals", segment), scratch)
        except FileNotFoundError:
            continue
        yield f"inbox/{copied}.seg", file
    in_folder = "://" not in ground.settings.lake.url and lake.is_relative_to(folder)
    below = str(lake.relative_to(folder)) if in_folder else LAKE
    for table in ground.store.tables():
        yield from (
            (f"{below}/{place}", path) for place, path in ground.store.snapshot(table, scratch / "log")
        )
    yield DESK, _desk(ground.desk, scratch)
    database = Path(ground.desk.engine.url.database or "").name if not ground.desk.shared else DESK
    inside = {"inbox", *_LEFT_OUT, scratch.name}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        left_out = name.parts[0] in inside or name.parts[0].startswith((DESK, database))
        if path.is_file() and not left_out and not path.is_relative_to(lake):
            yield str(name), path


def _desk(desk: Desk, scratch: Path) -> Path:
    """Copy the desk into a file of SQLite's, as it is at one moment."""
    if desk.shared:
        copied = Desk(f"sqlite:///{DESK}", scratch)
        try:
            copy(desk, copied)
        finally:
            copied.close()
        return scratch / DESK
    file = str(desk.engine.url.database)
    with (
        closing(sqlite3.connect(f"{Path(file).absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(scratch / DESK)) as copied_to,
    ):
        try:
            source.backup(copied_to)
            whole = copied_to.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        except sqlite3.DatabaseError as error:
            raise told(error, file) or error from error
    if not whole:
        raise WorldFailed(DAMAGED, place=Path(file).name)
    return scratch / DESK


def compare(tar: tarfile.TarFile, into: Path | None) -> tuple[int, int]:
    """Read every file, write it below ``into``, and hold the sums against the manifest, which comes last."""
    sums: dict[str, str] = {}
    told: dict[str, str] | None = None
    total = 0
    for entry in tar:
        file = tar.extractfile(entry)
        if file is None or not _is_plain(entry.name):
            raise Refused("a backup holds plain files only", place=f"file {len(sums)}")
        if entry.name == MANIFEST:
            told = msgspec.json.decode(file.read(), type=dict[str, str])
            continue
        target = into / entry.name if into is not None else Path(os.devnull)
        target.parent.mkdir(parents=True, exist_ok=True)
        summed = _Summed(file, entry.size)
        with target.open("wb") as out:
            shutil.copyfileobj(summed, out, 1 << 20)
        sums[entry.name] = summed.sum.hexdigest()
        total += entry.size
    if told != sums:
        raise Refused("a backup's files are not those it was made of", place=MANIFEST)
    return len(sums), total


def _is_plain(name: str) -> bool:
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts


@contextmanager
def opened(source: Path, key: SpaceKey) -> Iterator[tuple[Header, tarfile.TarFile]]:
    """Open a backup: its header, checked, and the files inside."""
    if not source.is_file():
        raise NotFound("no such file", place=str(source))
    with source.open("rb") as file:
        magic, line = file.readline(64), file.readline(4096)
        try:
            header = msgspec.json.decode(line, type=Header)
        except (msgspec.DecodeError, UnicodeDecodeError):
            header = None
        if magic != MAGIC or header is None:
            raise Refused("not a backup", place=str(source))
        if header.fingerprint != key.fingerprint:
            raise Refused(f"this backup needs the key with fingerprint {header.fingerprint}", place="--key")
        if header.desk > newest():
            raise Refused(f"made by a newer Allears (desk {header.desk}, here {newest()})", place=str(source))
        sealed = SealedReader(file, _stream_key(key), magic + line)
        with tarfile.open(fileobj=io.BufferedReader(sealed, 1 << 20), mode="r|") as tar:
            yield header, tar
        # A tar's end comes before the stream's: the rest is read, so that a missing end is noticed.
        while sealed.read(1 << 20):
            pass


def _stream_key(key: SpaceKey) -> bytes:
    return key.sub_key("backup")
