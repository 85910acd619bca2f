"""The form of a segment file, and how it is read when the disk did not keep it whole.

``ALLEARS2``, then frames of ``mark  length:u32  crc32:u32  rows:u32  sealed bytes``, little-endian. The checksum covers
length, rows and bytes. A body is LZ4 before it is sealed, where that makes it smaller: what is written, summed, encrypted
and waits for room is then a fraction, for less time than any one of these takes on the whole. Where a frame cannot be read, reading goes on at the next mark that a whole frame follows: what
lies between is reported, with its place, and nothing else is lost.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

import msgspec
import pyarrow as pa

from allears.errors import Refused

MAGIC = b"ALLEARS2"
MARK = b"\xa1\x5eAE"
HEAD = struct.Struct("<4sIII")
MAX_FRAME = 1 << 30
_SCAN = 1 << 20
_CODEC = "lz4_raw"
# Below this, bytes, there is nothing to win.
_WORTH = 256


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """What a door took in: which door, from which source, when, and the bytes; ``size`` of these before LZ4, 0 without it."""

    door: str
    source: str
    channel: str | None
    received_us: int
    body: bytes
    size: int = 0


class Damage(msgspec.Struct, frozen=True):
    """Bytes of a segment that could not be read, from ``start`` up to ``end``, and why."""

    segment: str
    start: int
    end: int
    reason: str


@dataclass
class Position:
    """How far a segment has been read, bytes, and how many rows the frame before it counts."""

    segment: str
    offset: int
    rows: int = 0


def encode(frame: Frame) -> bytes:
    """Write a frame as the bytes that are to be sealed.

    Examples
    --------
    >>> frame = Frame("segment", "shop", None, 0, b"a" * 1000)
    >>> len(encode(frame)) < 100, decode(encode(frame)) == frame
    (True, True)
    """
    body = frame.body
    if len(body) >= _WORTH:
        dense = pa.compress(body, codec=_CODEC, asbytes=True)
        if len(dense) < len(body):
            frame = Frame(frame.door, frame.source, frame.channel, frame.received_us, dense, len(body))
    return msgspec.msgpack.encode(frame)


def decode(plain: bytes) -> Frame:
    """Read what `encode` wrote, in this version or before there was LZ4.

    Raises
    ------
    msgspec.DecodeError
        It is something else.
    """
    frame = msgspec.msgpack.decode(plain, type=Frame)
    if not frame.size:
        return frame
    if not 0 < frame.size <= MAX_FRAME:
        raise msgspec.DecodeError("a body of no such size")
    try:
        body = pa.decompress(frame.body, decompressed_size=frame.size, codec=_CODEC, asbytes=True)
    except (pa.ArrowException, OSError):
        raise msgspec.DecodeError("not LZ4") from None
    return Frame(frame.door, frame.source, frame.channel, frame.received_us, body)


def pack(sealed: bytes, rows: int) -> bytes:
    """Put a frame together.

    Examples
    --------
    >>> len(pack(b"sealed", 3))
    22
    """
    return HEAD.pack(MARK, len(sealed), _checksum(sealed, rows), rows) + sealed


def read_frames(
    file: IO[bytes],
    name: str,
    offset: int,
    *,
    closed: bool,
    unseal: Callable[[bytes], bytes],
    damaged: Callable[[Damage], None],
    before: int = 0,
) -> Iterator[tuple[Frame, Position]]:
    """Read the whole frames after an offset.

    Parameters
    ----------
    name
        The segment.
    closed
        Nobody writes to it any more: a frame cut short at its end is damage, not work in progress.
    damaged
        Told of every stretch that could not be read.
    before
        Bytes of the segment that lie before this file, which may be a part of it.
    """
    offset = max(offset, len(MAGIC))
    size = file.seek(0, 2)
    while offset < size:
        rows, sealed = _frame_at(file, offset, size)
        if sealed is None:
            start, offset = offset, _next_whole(file, offset + 1, size)
            if offset == size and not closed:
                return
            cut = offset == size and rows >= 0
            why = "cut short at the end of the segment" if cut else "the checksum does not match"
            damaged(Damage(name, before + start, before + offset, why))
            continue
        start, offset = offset, offset + HEAD.size + len(sealed)
        try:
            frame = decode(unseal(sealed))
        except (Refused, msgspec.DecodeError):
            damaged(Damage(name, before + start, before + offset, "sealed under another key"))
            continue
        yield frame, Position(name, before + offset, rows)


def count_rows(file: IO[bytes], offset: int) -> int:
    """Count the signals after an offset, without opening a frame; what follows a damaged place is not counted."""
    total, offset = 0, max(offset, len(MAGIC))
    size = file.seek(0, 2)
    while offset + HEAD.size <= size:
        file.seek(offset)
        mark, length, _, rows = HEAD.unpack(file.read(HEAD.size))
        offset += HEAD.size + length
        if mark != MARK or offset > size:
            break
        total += rows
    return total


def _frame_at(file: IO[bytes], offset: int, size: int) -> tuple[int, bytes | None]:
    """Give rows and bytes of the frame at an offset; no bytes when there is no whole one, -1 rows when there is none at all."""
    file.seek(offset)
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return (0 if MARK.startswith(head[: len(MARK)]) else -1), None
    mark, length, checksum, rows = HEAD.unpack(head)
    if mark != MARK:
        return -1, None
    if length > MAX_FRAME or offset + HEAD.size + length > size:
        return 0, None
    sealed = file.read(length)
    return (rows, sealed) if _checksum(sealed, rows) == checksum else (-1, None)


def _next_whole(file: IO[bytes], offset: int, size: int) -> int:
    """Find the next whole frame; the segment's size when there is none."""
    while offset < size:
        file.seek(offset)
        window = file.read(_SCAN + len(MARK) - 1)
        found = window.find(MARK)
        if found < 0:
            offset += _SCAN
            continue
        offset += found
        if _frame_at(file, offset, size)[1] is not None:
            return offset
        offset += 1
    return size


def _checksum(sealed: bytes, rows: int) -> int:
    return zlib.crc32(sealed, zlib.crc32(struct.pack("<II", len(sealed), rows)))
