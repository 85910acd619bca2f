"""Segments as objects of a bucket: each group one object, put where there must be nothing yet.

The key of a group is its segment and the place in it where the group begins, so that two who write to one segment meet
at one key, and the bucket lets the first in only. An object of no bytes ends a segment. Anybody may put it: a reader ends a
segment that has lain still, and its writer, should it live, finds the place taken and goes on in another. So nobody has to
know who lives: no locks, no heartbeats, no clocks that must agree.

A group that was put although its sender was told otherwise (the answer was lost) is read all the same; the sender sends
again, and ids count once. A writer that slept until its segment was digested and removed adds to it as if nothing had been:
what is there is read from where the lake stands.
"""

from __future__ import annotations

import io
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from allears.errors import AllearsError, Refused
from allears.lake.bucket import Bucket, bucket_failed, claim, client_of
from allears.lake.frames import MAGIC, Damage, Frame, Position, count_rows, read_frames

PLACE = "allears.toml [inbox] url"
_HEAD = struct.Struct("<8sI")
_MARK = b"ALLEARSO"
_DAMAGED = "damaged/"
# What was listed holds so long, seconds; a long listing longer.
_FRESH = 1.0
_LISTING_SHARE = 5.0
_MEASURED = 10.0


@dataclass
class _Listed:
    """Groups by segment, each with its place, size and age, in order."""

    at: float = -1e9
    took: float = 0.0
    groups: dict[str, dict[int, tuple[int, datetime]]] = field(default_factory=dict)


class SegmentObjects:
    """A prefix of a bucket that holds segments.

    Parameters
    ----------
    bucket
        Where; nothing is asked of it before something is written or read.
    owner
        What names the space: a prefix that another space uses is refused.
    segment_bytes
        A segment is ended when it passes this size.
    idle_seconds
        A segment of somebody else that lay still for so long is ended by whoever looks.
    timeout
        Seconds for one request.
    """

    measured_seconds = 1.0

    def __init__(
        self,
        bucket: Bucket,
        owner: str,
        *,
        segment_bytes: int = 64 << 20,
        idle_seconds: float = 60.0,
        timeout: float = 20.0,
    ) -> None:
        self._bucket, self._owner = bucket, owner
        self._segment_bytes, self._idle = segment_bytes, timedelta(seconds=idle_seconds)
        self._timeout = timeout
        self._name = f"{os.getpid():08x}{os.urandom(8).hex()}"
        self._number = 0
        self._open: tuple[str, int] | None = None
        self._listed = _Listed()
        self._rows: dict[tuple[str, int], int] = {}
        self._put_lately: list[tuple[float, str, int, int]] = []
        self._lock = threading.Lock()
        self._listing = threading.Lock()

    # -- writing ---------------------------------------------------------------------------------------------------

    def measure(self) -> tuple[int, bool]:
        """Tell the bytes of all segments as last listed; a listing that is old is made anew beside."""
        if time.monotonic() - self._listed.at > _MEASURED and not self._listing.locked():
            threading.Thread(target=self._look_quietly, name="inbox listing", daemon=True).start()
        with self._lock:
            return sum(size for groups in self._listed.groups.values() for size, _ in groups.values()), False

    def write(self, frames: list[bytes], rows: int) -> None:
        """Put a group."""
        body = b"".join((_HEAD.pack(_MARK, rows), *frames))
        segment, start = self._open or self._next()
        # Whatever happens now, what lies at this place is not known to be ours: only a success leaves it open.
        self._open = None
        if not self._put(segment, start, body):
            segment, start = self._next()
            if not self._put(segment, start, body):
                raise Refused("the place of a new segment is taken", place=PLACE)
        self._note(segment, start, len(body))
        self._open = segment, start + len(body)
        if start + len(body) >= self._segment_bytes:
            self.let_go()

    def let_go(self) -> None:
        """End the segment that is being written; where that fails, a reader does it later."""
        if self._open is None:
            return
        (segment, end), self._open = self._open, None
        try:
            if self._put(segment, end, b""):
                self._note(segment, end, 0)
        except AllearsError:
            return

    def _next(self) -> tuple[str, int]:
        self._number += 1
        return f"{self._name}-{self._number:08d}", 0

    def _put(self, segment: str, start: int, body: bytes) -> bool:
        """Put an object where there is none; whether there was none."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        with _told():
            try:
                obstore.put(self._client, _key(segment, start), body, mode="create")
            except AlreadyExistsError:
                return False
        return True

    def _note(self, segment: str, start: int, size: int) -> None:
        now = time.monotonic()
        with self._lock:
            self._listed.groups.setdefault(segment, {})[start] = size, datetime.now(UTC)
            if not self._listing.locked():
                self._put_lately.clear()
            self._put_lately.append((now, segment, start, size))

    # -- reading ---------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Name the segments, oldest of each writer first."""
        self._look()
        with self._lock:
            return sorted(self._listed.groups)

    def end(self, segment: str) -> tuple[int, bool]:
        """Tell where a segment ends, and whether nobody adds to it any more."""
        self._look()
        groups = self._groups(segment)
        if not groups:
            raise FileNotFoundError(segment)
        last = max(groups)
        size, at = groups[last]
        if size == 0:
            return last, True
        end = last + size
        still = datetime.now(UTC) - at > self._idle
        mine = self._open is not None and self._open[0] == segment
        # Where its writer is quicker, what it adds is seen with the next listing.
        if still and not mine and self._put(segment, end, b""):
            self._note(segment, end, 0)
            return end, True
        return end, False

    def read(
        self,
        segment: str,
        offset: int,
        *,
        unseal: Callable[[bytes], bytes],
        damaged: Callable[[Damage], None],
    ) -> Iterator[tuple[Frame, Position]]:
        """Read the whole frames after an offset; a group with damage is kept below ``damaged/``."""
        reached = offset
        for start, size in self._after(segment, offset):
            if size == 0:
                return
            if start > reached:
                damaged(Damage(segment, reached, start, "an object of the segment is gone"))
            reached = start + size
            try:
                body = self._get(segment, start)
            except FileNotFoundError:
                self._look(now=True)
                if not self._groups(segment):
                    return  # another worker has finished with it
                damaged(Damage(segment, start, reached, "an object of the segment is gone"))
                continue
            yield from self._read(segment, start, body, offset, unseal, damaged)

    def _read(
        self,
        segment: str,
        start: int,
        body: bytes,
        offset: int,
        unseal: Callable[[bytes], bytes],
        damaged: Callable[[Damage], None],
    ) -> Iterator[tuple[Frame, Position]]:
        def note(damage: Damage) -> None:
            self._set_aside(segment, start, body)
            damaged(damage)

        inner = max(offset - start, _HEAD.size)
        yield from read_frames(
            io.BytesIO(body), segment, inner, closed=True, unseal=unseal, damaged=note, before=start
        )

    def rows(self, segment: str, offset: int) -> int:
        """Count the signals after an offset, by what the head of each group says."""
        total = 0
        for start, size in self._after(segment, offset):
            if not size:
                continue
            if start < offset:
                total += count_rows(io.BytesIO(self._get(segment, start)), offset - start)
                continue
            known = self._rows.get((segment, start))
            if known is None:
                mark, known = _HEAD.unpack(self._get(segment, start, _HEAD.size))
                self._rows[segment, start] = known if mark == _MARK else 0
            total += known
        return total

    def set_aside(self) -> list[str]:
        """Name the segments of which a part could not be read."""
        return sorted({path.split("/")[1] for path, _, _ in self._list(_DAMAGED)})

    def _set_aside(self, segment: str, start: int, body: bytes) -> None:
        self._put(f"{_DAMAGED}{segment}", start, body)

    def remove(self, segment: str) -> None:
        """Delete a segment."""
        import obstore

        with self._lock:
            groups = self._listed.groups.pop(segment, {})
        for start in groups:
            self._rows.pop((segment, start), None)
        with _told():
            if groups:
                obstore.delete(self._client, [_key(segment, start) for start in groups])

    def copy(self, segment: str, offset: int, scratch: Path) -> tuple[str, Path]:
        """Write what follows an offset into a file, under a name of its own: offsets there are others."""
        made = scratch / f"{segment}.{offset}.seg"
        with made.open("wb") as file:
            file.write(MAGIC)
            for start, size in self._after(segment, offset):
                if size:
                    file.write(self._get(segment, start)[max(offset - start, _HEAD.size) :])
        return made.stem, made

    def _groups(self, segment: str) -> dict[int, tuple[int, datetime]]:
        with self._lock:
            return dict(self._listed.groups.get(segment, {}))

    def _after(self, segment: str, offset: int) -> list[tuple[int, int]]:
        groups = self._groups(segment)
        return sorted(
            (start, size) for start, (size, _) in groups.items() if start + size > offset or not size
        )

    def demand_nothing(self) -> None:
        """Insist that nothing lies at this place.

        Raises
        ------
        Refused
            Something does.
        """
        if any(True for _ in self._list(None, client_of(self._bucket, PLACE, self._timeout))):
            raise Refused("there is something at this place; an inbox needs one of its own", place=PLACE)

    # -- the bucket ------------------------------------------------------------------------------------------------

    @cached_property
    def _client(self) -> Any:
        """Reach the bucket, and see that this prefix is this space's own."""
        client = client_of(self._bucket, PLACE, self._timeout)
        with _told():
            claim(client, self._owner, PLACE)
        return client

    def _look(self, *, now: bool = False) -> None:
        """List what is there, unless that was done just now."""
        with self._listing:
            fresh = max(_FRESH, _LISTING_SHARE * self._listed.took)
            begun = time.monotonic()
            if not now and begun - self._listed.at < fresh:
                return
            groups: dict[str, dict[int, tuple[int, datetime]]] = {}
            for path, size, moment in self._list():
                segment, slash, place = path.rpartition("/")
                if slash and not segment.startswith(_DAMAGED):
                    groups.setdefault(segment, {})[int(place, 16)] = size, moment
            with self._lock:
                # What was put while the listing went on may not be in it.
                for at, segment, start, size in self._put_lately:
                    if at >= begun:
                        groups.setdefault(segment, {}).setdefault(start, (size, datetime.now(UTC)))
                self._listed = _Listed(time.monotonic(), time.monotonic() - begun, groups)

    def _look_quietly(self) -> None:
        try:
            self._look()
        except AllearsError:
            self._listed.at = time.monotonic()  # asked again when this is old

    def _list(self, below: str | None = None, client: Any = None) -> list[tuple[str, int, datetime]]:
        import obstore

        with _told():
            return [
                (found["path"], found["size"], found["last_modified"])
                for some in obstore.list(client or self._client, below)
                for found in some
            ]

    def _get(self, segment: str, start: int, length: int | None = None) -> bytes:
        import obstore

        key = _key(segment, start)
        with _told(FileNotFoundError):
            if length is not None:
                return bytes(obstore.get_range(self._client, key, start=0, length=length))
            return bytes(obstore.get(self._client, key).bytes())


@contextmanager
def _told(*passed: type[Exception]) -> Iterator[None]:
    """Turn what the bucket's client raises into words of ours, but for these."""
    try:
        yield
    except Exception as error:
        if isinstance(error, (AllearsError, *passed)):
            raise
        raise bucket_failed(error, PLACE) from None


def _key(segment: str, start: int) -> str:
    return f"{segment}/{start:016x}"
