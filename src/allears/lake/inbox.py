"""The inbox: append-only segment files, sealed, fsynced before anybody is told "accepted".

One writing process owns one segment at a time and holds a lock on it for as long as it lives, so that a reader knows
which segments may still grow. Many callers share one fsync (group commit): while the disk is busy with one group, the
next one gathers. No broker, no second store.

File form: ``ALLEARS1``, then frames of ``length:u32  crc32:u32  rows:u32  sealed bytes``, little-endian. A frame that a crash cut
short was never acknowledged and is left out; a frame whose checksum is wrong is left out and reported.
"""

from __future__ import annotations

import errno
import fcntl
import os
import queue
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from allears.errors import NotReady, WorldFailed

MAGIC = b"ALLEARS1"
HEAD = struct.Struct("<III")
MAX_FRAME = 1 << 30


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """What a door took in: which door, from which source, when, and the bytes."""

    door: str
    source: str
    channel: str | None
    received_us: int
    body: bytes


class InboxFull(NotReady):
    """The inbox cannot take more just now; nothing was accepted. Try again later."""

    code = "full"


@dataclass
class Position:
    """How far a segment has been read, bytes, and how many damaged frames were passed over on the way."""

    segment: str
    offset: int
    damaged: int = 0


@dataclass
class _Write:
    data: bytes
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
        Less free disk than this, and `append` raises `InboxFull`.
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
    ) -> None:
        self.folder = folder
        self._seal, self._unseal = seal, unseal
        self._segment_bytes, self._pending_limit, self._min_free = (
            segment_bytes,
            pending_bytes,
            min_free_bytes,
        )
        self._waiting: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._pending = 0
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None
        self._file: IO[bytes] | None = None
        self._number = 0
        self._name = f"{os.getpid():08x}{os.urandom(4).hex()}"
        folder.mkdir(parents=True, exist_ok=True)

    # -- writing ---------------------------------------------------------------------------------------------------

    def append(self, frame: Frame, rows: int = 1) -> Future[None]:
        """Hand over a frame of ``rows`` signals; the future is done when it is on disk.

        Raises
        ------
        InboxFull
            Too much is waiting, or the disk is nearly full. Nothing was accepted.
        """
        sealed = self._seal(msgspec.msgpack.encode(frame))
        data = HEAD.pack(len(sealed), zlib.crc32(sealed), rows) + sealed
        with self._lock:
            if self._pending + len(data) > self._pending_limit and self._pending:
                raise InboxFull("more is waiting for the disk than the inbox may hold", place="inbox")
            self._pending += len(data)
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_groups, name="inbox", daemon=True)
                self._writer.start()
        write = _Write(data)
        self._waiting.put(write)
        return write.done

    def close(self) -> None:
        """Write what is waiting and let go of the segment."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            self._waiting.put(None)
            writer.join()
        self._close_segment()

    def _write_groups(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            group, last = [first], False
            while not self._waiting.empty():
                more = self._waiting.get()
                if more is None:
                    last = True
                    break
                group.append(more)
            self._write_group(group)
            if last:
                return

    def _write_group(self, group: list[_Write]) -> None:
        size = sum(len(w.data) for w in group)
        try:
            self._commit(b"".join(w.data for w in group))
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            failure: Exception = (
                InboxFull("the disk is full", place="inbox")
                if full
                else WorldFailed("the disk failed", place="inbox", again=True)
            )
            for write in group:
                write.done.set_exception(failure)
        else:
            for write in group:
                write.done.set_result(None)
        finally:
            with self._lock:
                self._pending -= size

    def _commit(self, data: bytes) -> None:
        if _free_bytes(self.folder) < self._min_free + len(data):
            raise OSError(errno.ENOSPC, "below the reserve")
        file = self._file or self._open_segment()
        start = file.tell()
        try:
            file.write(data)
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

    def read(self, segment: str, offset: int = 0) -> Iterator[tuple[Frame, Position]]:
        """Read frames after an offset, each with the position behind it.

        A damaged frame is passed over and counted in ``damaged``. Reading stops at the last whole frame.
        """
        offset, damaged = max(offset, len(MAGIC)), 0
        with open(self.folder / f"{segment}.seg", "rb") as file:
            file.seek(offset)
            while len(head := file.read(HEAD.size)) == HEAD.size:
                length, checksum, _ = HEAD.unpack(head)
                sealed = file.read(length) if length <= MAX_FRAME else b""
                if len(sealed) < length or length > MAX_FRAME:
                    return
                offset += HEAD.size + length
                frame = self._open_frame(sealed, checksum)
                if frame is None:
                    damaged += 1
                    continue
                yield frame, Position(segment, offset, damaged)

    def rows(self, segment: str, offset: int = 0) -> int:
        """Count the signals after an offset, without opening a frame."""
        total, offset = 0, max(offset, len(MAGIC))
        with open(self.folder / f"{segment}.seg", "rb") as file:
            size = os.fstat(file.fileno()).st_size
            while offset + HEAD.size <= size:
                file.seek(offset)
                length, _, rows = HEAD.unpack(file.read(HEAD.size))
                offset += HEAD.size + length
                total += rows if offset <= size else 0
        return total

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

    def _open_frame(self, sealed: bytes, checksum: int) -> Frame | None:
        if zlib.crc32(sealed) != checksum:
            return None
        return msgspec.msgpack.decode(self._unseal(sealed), type=Frame)


def _free_bytes(folder: Path) -> int:
    stats = os.statvfs(folder)
    return stats.f_bavail * stats.f_frsize


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
