"""The inbox: append-only segment files, sealed, fsynced before anybody is told "accepted".

One writing process owns one segment at a time and holds a lock on it for as long as it lives, so that a reader knows
which segments may still grow. Many callers share one fsync (group commit): while the disk is busy with one group, the
next one gathers. No broker, no second store. The form of the files is in `allears.lake.frames`.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from allears.errors import NotReady, WorldFailed
from allears.lake.frames import MAGIC, Damage, Frame, Position, count_rows, encode, pack, read_frames

log = logging.getLogger("allears.inbox")
_MEASURED_SECONDS = 1.0
# What encryption, checksum and the names of door and source add to a body, about; bytes.
_AROUND = 128
# As many pieces as the system takes in one write.
_PIECES = 512


class InboxFull(NotReady):
    """The inbox cannot take more just now; nothing was accepted. Try again later."""

    code = "full"


@dataclass
class _Group:
    """Frames, each with its rows, that share one fsync, and the one promise all their senders wait for."""

    frames: list[tuple[Frame, int]] = field(default_factory=list)
    size: int = 0
    done: Future[None] = field(default_factory=Future)


class Inbox:
    """A folder of sealed segments.

    Parameters
    ----------
    folder
        Where segments live; made when absent.
    seal, unseal
        Encrypt and decrypt one frame.
    segment_bytes
        A segment is closed when it passes this size.
    pending_bytes
        More bytes than this waiting for the disk, and `append` raises `InboxFull`.
    min_free_bytes
        Less free disk than this, and nothing is taken: `InboxFull`.
    inbox_bytes
        More than this waiting for the digest, all segments together, and `append` raises `InboxFull`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seal: Callable[[bytes], bytes],
        unseal: Callable[[bytes], bytes],
        segment_bytes: int = 64 << 20,
        pending_bytes: int = 64 << 20,
        min_free_bytes: int = 256 << 20,
        inbox_bytes: int = 8 << 30,
    ) -> None:
        self.folder = folder
        self._seal, self._unseal = seal, unseal
        self._segment_bytes, self._pending_limit, self._min_free = (
            segment_bytes,
            pending_bytes,
            min_free_bytes,
        )
        self._inbox_limit = inbox_bytes
        self._lock = threading.Lock()
        self._gathered = threading.Condition(self._lock)
        self._group = _Group()
        self._pending = 0
        self._closing = self._let_go = False
        self._measured = (-_MEASURED_SECONDS, 0, 0)
        self._writer: threading.Thread | None = None
        self._file: IO[bytes] | None = None
        self._number = 0
        self._name = f"{os.getpid():08x}{os.urandom(4).hex()}"
        folder.mkdir(parents=True, exist_ok=True)

    # -- writing ---------------------------------------------------------------------------------------------------

    def append(self, frame: Frame, rows: int = 1) -> Future[None]:
        """Hand over a frame of ``rows`` signals; the future, shared by all who wait for the same fsync, is done when it is on disk.

        Raises
        ------
        InboxFull
            Too much is waiting, or the disk is nearly full. Nothing was accepted.
        """
        self.demand_room()
        size = len(frame.body) + _AROUND
        with self._lock:
            if self._pending + size > self._pending_limit and self._pending:
                raise InboxFull("more is waiting for the disk than the inbox may hold", place="inbox")
            self._pending += size
            group = self._group
            group.frames.append((frame, rows))
            group.size += size
            if self._writer is None:
                self._closing = False
                self._writer = threading.Thread(target=self._write_groups, name="inbox", daemon=True)
                self._writer.start()
            if len(group.frames) == 1:
                self._gathered.notify()
        return group.done

    def demand_room(self) -> None:
        """Insist that disk and inbox have room for more; looked at once a second.

        Raises
        ------
        InboxFull
            They have not.
        """
        now = time.monotonic()
        if now - self._measured[0] >= _MEASURED_SECONDS:
            held = sum(_size(path) for path in self.folder.glob("*.seg"))
            self._measured = (now, held, _free_bytes(self.folder))
        if self._measured[2] < self._min_free:
            raise InboxFull("the disk is nearly full", place="inbox")
        if self._measured[1] > self._inbox_limit:
            # The segment being written stays for as long as it is held, digested or not: let go of it, or there would
            # never be room again where a segment may be as large as the inbox.
            with self._lock:
                self._let_go = True
                self._gathered.notify()
            raise InboxFull("more is waiting for the digest than the inbox may hold", place="inbox")

    def close(self) -> None:
        """Write what is waiting and let go of the segment."""
        with self._lock:
            writer, self._writer = self._writer, None
            self._closing = True
            self._gathered.notify()
        if writer is not None:
            writer.join()
        self._close_segment()

    def _write_groups(self) -> None:
        while True:
            with self._lock:
                while not self._group.frames:
                    if self._closing:
                        return
                    if self._let_go:
                        self._let_go = False
                        self._close_segment()
                    self._gathered.wait()
                group, self._group = self._group, _Group()
            self._write_group(group)

    def _write_group(self, group: _Group) -> None:
        failure: Exception | None = None
        try:
            # Made dense and sealed here, not by whoever hands over: LZ4, checksums and disks let other threads run meanwhile.
            self._commit([pack(self._seal(encode(frame)), rows) for frame, rows in group.frames])
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            failure = (
                InboxFull("the disk is full", place="inbox")
                if full
                else WorldFailed("the disk failed", place="inbox", again=True)
            )
        except Exception as error:
            # A door: whoever waits must hear of it, and the next group must find somebody who writes.
            log.exception("a group was not written: %s", type(error).__name__)
            failure = WorldFailed("it could not be sealed or written", place="inbox", again=True)
        with self._lock:
            self._pending -= group.size
        group.done.set_exception(failure) if failure else group.done.set_result(None)

    def _commit(self, frames: list[bytes]) -> None:
        if _free_bytes(self.folder) < self._min_free + sum(map(len, frames)):
            raise OSError(errno.ENOSPC, "below the reserve")
        file = self._file or self._open_segment()
        start = file.tell()
        try:
            _write_whole(file.fileno(), frames)
            os.fdatasync(file.fileno())
        except OSError:
            self._abandon(file, start)
            raise
        if file.tell() >= self._segment_bytes:
            self._close_segment()

    def _abandon(self, file: IO[bytes], start: int) -> None:
        # Half a group may be on disk: none of it was acknowledged, so it is cut off and the segment ended there.
        try:
            os.ftruncate(file.fileno(), start)
            os.fsync(file.fileno())
        finally:
            self._file = None
            file.close()

    def _open_segment(self) -> IO[bytes]:
        path = self.folder / f"{self._name}-{self._number:08d}.seg"
        self._number += 1
        file = open(path, "xb", buffering=0)  # noqa: SIM115 - stays open until the segment is full
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(MAGIC)
            os.fsync(file.fileno())
            _sync_folder(self.folder)
        except OSError:
            path.unlink(missing_ok=True)
            file.close()
            raise
        self._file = file
        return file

    def _close_segment(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    # -- reading ---------------------------------------------------------------------------------------------------

    def segments(self) -> list[str]:
        """Name the segments, oldest first."""
        found = [(p.stat().st_mtime_ns, p.stem) for p in self.folder.glob("*.seg")]
        return [name for _, name in sorted(found, key=lambda item: (item[1].rsplit("-", 1)[0], item[1]))]

    def read(
        self, segment: str, offset: int = 0, *, damaged: Callable[[Damage], None] | None = None
    ) -> Iterator[tuple[Frame, Position]]:
        """Read the whole frames after an offset, each with the position behind it.

        What cannot be read is passed over and told to ``damaged``; the segment is then also kept aside.
        """

        def note(damage: Damage) -> None:
            self._set_aside(segment)
            if damaged is not None:
                damaged(damage)

        closed = self.end(segment)[1]
        path = self._path(segment)
        yield from read_frames(path, offset, closed=closed, unseal=self._unseal, damaged=note)

    def rows(self, segment: str, offset: int = 0) -> int:
        """Count the signals after an offset, without opening a frame."""
        return count_rows(self._path(segment), offset)

    def set_aside(self) -> list[str]:
        """Name the segments of which a part could not be read; they are kept in the folder ``damaged``."""
        return sorted(path.stem for path in (self.folder / "damaged").glob("*.seg"))

    def _set_aside(self, segment: str) -> None:
        kept = self.folder / "damaged" / f"{segment}.seg"
        kept.parent.mkdir(exist_ok=True)
        if not kept.exists():
            os.link(self._path(segment), kept)

    def _path(self, segment: str) -> Path:
        return self.folder / f"{segment}.seg"

    def end(self, segment: str) -> tuple[int, bool]:
        """Return the segment's size and whether its writer has let go of it."""
        with open(self.folder / f"{segment}.seg", "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                closed = True
            except OSError:
                closed = False
            return os.fstat(file.fileno()).st_size, closed

    def remove(self, segment: str) -> None:
        """Delete a segment that has been taken over by the lake."""
        (self.folder / f"{segment}.seg").unlink(missing_ok=True)
        _sync_folder(self.folder)


def _write_whole(handle: int, pieces: list[bytes]) -> None:
    """Write all of it: a disk that is nearly full takes a part of what it is given, and no error says so."""
    for start in range(0, len(pieces), _PIECES):
        some = pieces[start : start + _PIECES]
        written = os.writev(handle, some)
        if written < sum(map(len, some)):
            rest = memoryview(b"".join(some))[written:]
            while rest:
                rest = rest[os.write(handle, rest) :]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _free_bytes(folder: Path) -> int:
    stats = os.statvfs(folder)
    return stats.f_bavail * stats.f_frsize


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
