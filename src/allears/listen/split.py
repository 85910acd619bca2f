"""Cutting JSON into its rows without trusting any of them: a broken row costs its neighbours nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# Strings are swallowed whole, so that only brackets outside of them count; a lone quote is a string without end.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[{\]},]', re.DOTALL)
_OPENED = b'"'
_OPEN = frozenset(b"[{")
_CLOSE = frozenset(b"]}")
_COMMA = ord(",")
_SPACE = b" \t\r\n"


def elements(body: bytes, start: int = 0) -> list[bytes] | None:
    """Cut a JSON array into the bytes of its elements, without recursion.

    ``start`` is the place of the opening bracket. None when the array never ends.

    Examples
    --------
    >>> elements(b'[1, {"a": [2]}, nope]')
    [b'1', b'{"a": [2]}', b'nope']
    """
    found: list[bytes] = []
    depth = 0
    begin = start + 1
    for token in _TOKEN.finditer(body, start):
        place = token.start()
        code = body[place]
        if token.group() == _OPENED:
            return None
        if code in _OPEN:
            depth += 1
        elif code in _CLOSE:
            depth -= 1
            if depth == 0:
                found.append(body[begin:place].strip(_SPACE))
                return [] if found == [b""] else found
        elif code == _COMMA and depth == 1:
            found.append(body[begin:place].strip(_SPACE))
            begin = place + 1
    return None


def array_start(body: bytes, name: str) -> int | None:
    """Find where the array of a top-level name opens.

    Examples
    --------
    >>> array_start(b'{"n": 1, "batch": [2]}', "batch")
    18
    """
    depth = 0
    wanted = b'"' + name.encode() + b'"'
    for token in _TOKEN.finditer(body):
        code = body[token.start()]
        if code in _OPEN:
            depth += 1
        elif code in _CLOSE:
            depth -= 1
        elif depth == 1 and token.group() == wanted:
            tail = re.compile(rb"\s*:\s*\[").match(body, token.end())
            if tail:
                return tail.end() - 1
    return None


def stream_elements(chunks: Iterable[bytes], max_bytes: int) -> Iterator[bytes | None]:
    """Cut a JSON array that arrives in chunks, the first beginning at its opening bracket.

    Memory is bounded by ``max_bytes`` for one element; an element that is longer comes out as None.
    """
    buffer = b""
    depth = scan = 0
    begin = 1
    skipping = False
    for chunk in chunks:
        buffer += chunk
        # A string cut by the end of the buffer is scanned again once more has come.
        for token in _TOKEN.finditer(buffer, scan):
            place = scan = token.start()
            code = buffer[place]
            if token.group() == _OPENED:
                break
            scan = token.end()
            if code in _OPEN:
                depth += 1
            elif code in _CLOSE or (code == _COMMA and depth == 1):
                depth -= code in _CLOSE
                if depth == 0 or code == _COMMA:
                    element = buffer[begin:place].strip(_SPACE)
                    if skipping:
                        yield None
                    elif element:
                        yield element
                    begin, skipping = place + 1, False
                    if depth == 0:
                        return
        else:
            scan = len(buffer)
        buffer, begin, scan = buffer[begin:], 0, scan - begin
        if len(buffer) > max_bytes:
            buffer, scan, skipping = buffer[scan:], 0, True
            if len(buffer) > max_bytes:  # one endless string: keep only its opening quote
                buffer = _shorten(buffer)
    yield None


def _shorten(buffer: bytes) -> bytes:
    escapes = len(buffer) - len(buffer.rstrip(b"\\"))
    return b'"' + b"\\" * (escapes % 2)


def lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank with their numbers, from 1."""
    for number, line in enumerate(body.split(b"\n"), 1):
        line = line.strip(_SPACE)
        if line:
            yield number, line
