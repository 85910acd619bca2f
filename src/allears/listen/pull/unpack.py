"""The bytes of an answer: plain, or packed once with gzip, unpacked a little at a time so that no bomb fills the memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import httpx

from allears.errors import WorldFailed

_PIECE = 1 << 18


def unpacked(answer: httpx.Response, place: str) -> Iterator[bytes]:
    """Yield an answer piece by piece.

    httpx itself unpacks as many layers as a server names, each read whole: a few kilobytes packed twice fill any memory.

    Raises
    ------
    WorldFailed
        It is packed otherwise, or cannot be unpacked.
    """
    coding = answer.headers.get("content-encoding", "").strip().lower()
    if coding in ("", "identity"):
        yield from answer.iter_raw()
        return
    if coding not in ("gzip", "x-gzip"):
        raise WorldFailed("the answer is packed in a way nobody asked for", place=place)
    held = zlib.decompressobj(31)
    try:
        for part in answer.iter_raw():
            while part:
                if held.eof:
                    held = zlib.decompressobj(31)  # a stream may hold several members (RFC 1952, 2.2)
                yield held.decompress(part, _PIECE)
                part = held.unused_data if held.eof else held.unconsumed_tail
    except zlib.error:
        raise WorldFailed("the answer cannot be unpacked", place=place, again=True) from None
    while piece := held.decompress(b"", _PIECE):
        yield piece
    if not held.eof:
        raise WorldFailed("the answer was cut off", place=place, again=True)


def lines(answer: httpx.Response, place: str, longest: int) -> Iterator[str]:
    r"""Yield the lines of an answer that does not end.

    Raises
    ------
    WorldFailed
        A line is longer than ``longest`` bytes.

    Examples
    --------
    >>> list(lines(httpx.Response(200, stream=httpx.ByteStream(b"a\r\nb\n\nc\n")), "x", 100))
    ['a', 'b', '', 'c']
    """
    held = b""
    for piece in unpacked(answer, place):
        *whole, held = (held + piece).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
        if len(held) > longest:
            raise WorldFailed(f"a line longer than {longest:,} bytes", place=place, again=True)
