"""The inbox: what is sealed and durable before anybody is told "accepted", and waits for the digest.

Many callers share one write (group commit): while the disk or the bucket is busy with one group, the next one gathers.
No broker, no second store. Segments lie in a folder (`allears.lake.segment_files`) or in a bucket
(`allears.lake.segment_objects`); the form of what they hold is in `allears.lake.frames`.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from allears.errors import AllearsError, NotReady, WorldFailed
from allears.lake.frames import Damage, Frame, Position, encode, pack

log = logging.getLogger("allears.inbox")
# What encryption, checksum and the names of door and source add to a body, about; bytes.
_AROUND = 128


class InboxFull(NotReady):
    """The inbox cannot take more just now; nothing was accepted. Try again later."""

    code = "full"


class Segments(Protocol):
    """Where groups of frames lie. One writer owns a segment; offsets grow, and a segment has an end once its writer let go of it."""

    measured_seconds: float
    """How long what `measure` told holds."""

    def measure(self) -> tuple[int, bool]:
        """Tell the bytes of all segments, and whether there is nearly no room for more; never waits for a network."""

    def write(self, frames: list[bytes], rows: int) -> None:
        """Make a group durable, all of it or nothing that is ever acknowledged."""

    def let_go(self) -> None:
        """End the segment that is being written."""

    def names(self) -> list[str]:
        """Name the segments, oldest first."""

    def end(self, segment: str) -> tuple[int, bool]:
        """Tell where a segment ends, and whether its writer has let go of it; FileNotFoundError where it is gone."""

    def read(
        self,
        segment: str,
        offset: int,
        *,
        unseal: Callable[[bytes], bytes],
        damaged: Callable[[Damage], None],
    ) -> Iterator[tuple[Frame, Position]]:
        """Read the whole frames after an offset; a segment with damage is kept aside."""

    def rows(self, segment: str, offset: int) -> int:
        """Count the signals after an offset, without opening a frame."""

    def set_aside(self) -> list[str]:
        """Name the segments of which a part could not be read."""

    def remove(self, segment: str) -> None:
        """Delete a segment."""

    def copy(self, segment: str, offset: int, scratch: Path) -> tuple[str, Path]:
        """Give the part of a segment after an offset as a file of `allears.lake.segment_files`, and its name there."""


@dataclass
class _Group:
    """Frames, each with its rows, that share one write, and the one promise all their senders wait for."""

    frames: list[tuple[Frame, int]] = field(default_factory=list)
    size: int = 0
    done: Future[None] = field(default_factory=Future)


class Inbox:
    """Sealed segments, and what may wait in them.

    Parameters
    ----------
    segments
        Where they lie.
    seal, unseal
        Encrypt and decrypt one frame.
    pending_bytes
        More bytes than this waiting to be written, and `append` raises `InboxFull`.
    inbox_bytes
        More than this waiting for the digest, all segments together, and `append` raises `InboxFull`.
    """

    def __init__(
        self,
        segments: Segments,
        *,
        seal: Callable[[bytes], bytes],
        unseal: Callable[[bytes], bytes],
        pending_bytes: int = 64 << 20,
        inbox_bytes: int = 8 << 30,
    ) -> None:
        self._segments = segments
        self._seal, self._unseal = seal, unseal
        self._pending_limit, self._inbox_limit = pending_bytes, inbox_bytes
        self._lock = threading.Lock()
        self._gathered = threading.Condition(self._lock)
        self._group = _Group()
        self._pending = 0
        self._closing = self._let_go = False
        self._measured = (-segments.measured_seconds, 0, False)
        self._writer: threading.Thread | None = None

    # -- writing ---------------------------------------------------------------------------------------------------

    def append(self, frame: Frame, rows: int = 1) -> Future[None]:
        """Hand over a frame of ``rows`` signals; the future, shared by all who wait for the same write, is done when it is durable.

        Raises
        ------
        InboxFull
            Too much is waiting, or the disk is nearly full. Nothing was accepted.
        """
        self.demand_room()
        size = len(frame.body) + _AROUND
        with self._lock:
            if self._pending + size > self._pending_limit and self._pending:
                raise InboxFull("more is waiting to be written than the inbox may hold", place="inbox")
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
        """Insist that there is room for more; measured now and then.

        Raises
        ------
        InboxFull
            There is not.
        """
        now = time.monotonic()
        if now - self._measured[0] >= self._segments.measured_seconds:
            self._measured = (now, *self._segments.measure())
        if self._measured[2]:
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
        self._segments.let_go()

    def _write_groups(self) -> None:
        while True:
            with self._lock:
                while not self._group.frames:
                    if self._closing:
                        return
                    if self._let_go:
                        self._let_go = False
                        self._segments.let_go()
                    self._gathered.wait()
                group, self._group = self._group, _Group()
            self._write_group(group)

    def _write_group(self, group: _Group) -> None:
        failure: Exception | None = None
        try:
            # Made dense and sealed here, not by whoever hands over: LZ4, checksums and disks let other threads run meanwhile.
            frames = [pack(self._seal(encode(frame)), rows) for frame, rows in group.frames]
            self._segments.write(frames, sum(rows for _, rows in group.frames))
        except AllearsError as error:
            failure = error
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

    # -- reading ---------------------------------------------------------------------------------------------------

    def segments(self) -> list[str]:
        """Name the segments, oldest first."""
        return self._segments.names()

    def read(
        self, segment: str, offset: int = 0, *, damaged: Callable[[Damage], None] | None = None
    ) -> Iterator[tuple[Frame, Position]]:
        """Read the whole frames after an offset, each with the position behind it.

        What cannot be read is passed over and told to ``damaged``; the segment is then also kept aside.
        """
        told = damaged or (lambda damage: None)
        yield from self._segments.read(segment, offset, unseal=self._unseal, damaged=told)

    def rows(self, segment: str, offset: int = 0) -> int:
        """Count the signals after an offset, without opening a frame."""
        return self._segments.rows(segment, offset)

    def set_aside(self) -> list[str]:
        """Name the segments of which a part could not be read; they are kept apart."""
        return self._segments.set_aside()

    def end(self, segment: str) -> tuple[int, bool]:
        """Return where a segment ends, and whether its writer has let go of it."""
        return self._segments.end(segment)

    def remove(self, segment: str) -> None:
        """Delete a segment that has been taken over by the lake."""
        self._segments.remove(segment)

    def copy(self, segment: str, offset: int, scratch: Path) -> tuple[str, Path]:
        """Give what follows an offset as a file, made in ``scratch`` where it is none yet, and what to call it."""
        return self._segments.copy(segment, offset, scratch)
