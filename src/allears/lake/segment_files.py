"""Segments as files of a folder: append-only, fsynced.

One writing process owns one segment at a time and holds a lock on it for as long as it lives, so that a reader knows
which segments may still grow.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from allears.lake.frames import MAGIC, Damage, Frame, Position, count_rows, read_frames

# As many pieces as the system takes in one write.
_PIECES = 512


class SegmentFiles:
    """A folder of segments.

    Parameters
    ----------
    folder
        Where they live; made when absent.
    segment_bytes
        A segment is closed when it passes this size.
    min_free_bytes
        Less free disk than this, and nothing is taken.
    """

    measured_seconds = 1.0

    def __init__(
        self, folder: Path, *, segment_bytes: int = 64 << 20, min_free_bytes: int = 256 << 20
    ) -> None:
        self.folder = folder
        self._segment_bytes, self._min_free = segment_bytes, min_free_bytes
        self._file: IO[bytes] | None = None
        self._number = 0
        self._name = f"{os.getpid():08x}{os.urandom(4).hex()}"
        folder.mkdir(parents=True, exist_ok=True)

    # -- writing ---------------------------------------------------------------------------------------------------

    def measure(self) -> tuple[int, bool]:
        """Tell the bytes of all segments, and whether the disk is nearly full."""
        return sum(_size(path) for path in self.folder.glob("*.seg")), self._free_bytes() < self._min_free

    def write(self, frames: list[bytes], rows: int) -> None:
        """Append a group and fsync it."""
        if self._free_bytes() < self._min_free + sum(map(len, frames)):
            raise OSError(errno.ENOSPC, "below the reserve")
        file = self._file or self._open()
        start = file.tell()
        try:
            _write_whole(file.fileno(), frames)
            os.fdatasync(file.fileno())
        except OSError:
            self._abandon(file, start)
            raise
        if file.tell() >= self._segment_bytes:
            self.let_go()

    def let_go(self) -> None:
        """End the segment that is being written."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _abandon(self, file: IO[bytes], start: int) -> None:
        # Half a group may be on disk: none of it was acknowledged, so it is cut off and the segment ended there.
        try:
            os.ftruncate(file.fileno(), start)
            os.fsync(file.fileno())
        finally:
            self._file = None
            file.close()

    def _open(self) -> IO[bytes]:
        path = self.path(f"{self._name}-{self._number:08d}")
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

    def _free_bytes(self) -> int:
        stats = os.statvfs(self.folder)
        return stats.f_bavail * stats.f_frsize

    # -- reading ---------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Name the segments, oldest first."""
        return sorted(
            (path.stem for path in self.folder.glob("*.seg")), key=lambda name: (name.rsplit("-", 1)[0], name)
        )

    def path(self, segment: str) -> Path:
        """Give a segment's file."""
        return self.folder / f"{segment}.seg"

    def end(self, segment: str) -> tuple[int, bool]:
        """Tell a segment's size, and whether its writer has let go of it."""
        with self.path(segment).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                closed = True
            except OSError:
                closed = False
            return os.fstat(file.fileno()).st_size, closed

    def read(
        self,
        segment: str,
        offset: int,
        *,
        unseal: Callable[[bytes], bytes],
        damaged: Callable[[Damage], None],
    ) -> Iterator[tuple[Frame, Position]]:
        """Read the whole frames after an offset; a segment with damage is kept in the folder ``damaged``."""

        def note(damage: Damage) -> None:
            self._set_aside(segment)
            damaged(damage)

        closed = self.end(segment)[1]
        with self.path(segment).open("rb") as file:
            yield from read_frames(file, segment, offset, closed=closed, unseal=unseal, damaged=note)

    def rows(self, segment: str, offset: int) -> int:
        """Count the signals after an offset, without opening a frame."""
        with self.path(segment).open("rb") as file:
            return count_rows(file, offset)

    def set_aside(self) -> list[str]:
        """Name the segments of which a part could not be read."""
        return sorted(path.stem for path in (self.folder / "damaged").glob("*.seg"))

    def _set_aside(self, segment: str) -> None:
        kept = self.folder / "damaged" / f"{segment}.seg"
        kept.parent.mkdir(exist_ok=True)
        if not kept.exists():
            os.link(self.path(segment), kept)

    def remove(self, segment: str) -> None:
        """Delete a segment."""
        self.path(segment).unlink(missing_ok=True)
        _sync_folder(self.folder)

    def copy(self, segment: str, offset: int, scratch: Path) -> tuple[str, Path]:
        """Give a segment's file, whole: offsets in a copy must be those in the original."""
        return segment, self.path(segment)


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


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
