"""A body cut into its rows: an array's elements, lines, or one object."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from allears.listen.split import elements, lines


def cut_rows(body: bytes) -> Iterator[tuple[str, bytes]]:
    r"""Yield place and bytes of each row; a row need not be valid.

    Examples
    --------
    >>> list(cut_rows(b'[{"a":1},{"a":2}]'))
    [('$[0]', b'{"a":1}'), ('$[1]', b'{"a":2}')]
    >>> list(cut_rows(b'{"a":1}\n{"a":'))
    [('line 1', b'{"a":1}'), ('line 2', b'{"a":')]
    """
    tidy = body.removeprefix(b"\xef\xbb\xbf").strip()
    if not tidy:
        return
    if tidy.startswith(b"["):
        parts = elements(tidy)
        if parts is None:
            yield "$", tidy
        else:
            yield from ((f"$[{index}]", part) for index, part in enumerate(parts))
        return
    if b"\n" not in tidy or is_one_document(tidy):
        yield "$", tidy
    else:
        yield from ((f"line {number}", line) for number, line in lines(body))


def join_rows(body: bytes, rows: list[bytes]) -> bytes:
    """Put rows together again, in the form the body had."""
    if not rows:
        return b""
    if body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[":
        return b"[" + b",".join(rows) + b"]"
    return b"\n".join(rows)


def is_one_document(body: bytes) -> bool:
    r"""Tell one JSON object over several lines from one object per line.

    Examples
    --------
    >>> is_one_document(b'{"a":\n1}'), is_one_document(b'{"a":1}\n{"a":2}')
    (True, False)
    """
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        first = body.lstrip().split(b"\n", 1)[0].strip()
        # An object whose first line is only an opening is spread over lines, broken or not.
        return first in (b"{", b"[")
    return True
