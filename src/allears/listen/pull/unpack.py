"""The bytes of an answer: plain, or packed once with gzip, unpacked a little at a time so that no bomb fills the memory."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from allears.errors import Refused, WorldFailed
from allears.listen.gunzip import gunzip_of


def unpacked(answer: httpx.Response, place: str) -> Iterator[bytes]:
    """Yield an answer piece by piece.

    httpx itself unpacks as many layers as a server names, each read whole: a few kilobytes packed twice fill any memory.

    Raises
    ------
    WorldFailed
        It is packed otherwise, or cannot be unpacked.
    """
    try:
        packed = gunzip_of(answer.headers.get("content-encoding", ""))
    except Refused:
        raise WorldFailed("the answer is packed in a way nobody asked for", place=place) from None
    if packed is None:
        yield from answer.iter_raw()
        return
    try:
        for part in answer.iter_raw():
            yield from packed.pieces(part)
    except Refused:
        raise WorldFailed("the answer cannot be unpacked", place=place, again=True) from None
    if not packed.whole:
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
