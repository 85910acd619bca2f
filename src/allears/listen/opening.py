"""Opening files: compression, encoding, and lines that cannot exhaust the memory."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

TORN = (EOFError, gzip.BadGzipFile, zlib.error)
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_HEAD = 1 << 18


class Line(NamedTuple):
    """One physical line: ``text`` is None when it could not be read, ``note`` says why or what was done."""

    number: int
    text: str | None
    note: str | None
    raw: bytes


class Opened:
    """A file, decompressed when need be.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._raw = path.open("rb")
        self.gzip = self._raw.read(2) == b"\x1f\x8b"
        self._raw.seek(0)
        inner = gzip.GzipFile(fileobj=self._raw) if self.gzip else self._raw
        self._text: io.TextIOWrapper | None = None
        self.torn = False
        self.stream = io.BufferedReader(inner, 1 << 16)

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        (self._text or self.stream).close()
        self._raw.close()

    def as_text(self, encoding: str) -> io.TextIOWrapper:
        """Read as text of an encoding; what cannot be decoded becomes a replacement mark."""
        self._text = io.TextIOWrapper(self.stream, encoding, errors="replace", newline=None)
        return self._text

    def position(self) -> int:
        """Say how many bytes of the file itself have been read."""
        return self._raw.tell()

    def head(self) -> bytes:
        """Read the beginning; a torn archive gives what it has."""
        found = b""
        try:
            while len(found) < _HEAD and (more := self.stream.read1(_HEAD - len(found))):
                found += more
        except TORN:
            self.torn = True
        return found

    def chunks(self, size: int = 1 << 20) -> Iterator[bytes]:
        """Yield the content piece by piece."""
        while chunk := self.stream.read(size):
            yield chunk


def detect_encoding(head: bytes) -> tuple[str, str | None]:
    """Tell the encoding of a text from its beginning, and a warning when it was only guessed.

    Examples
    --------
    >>> detect_encoding("café".encode())
    ('utf-8', None)
    >>> detect_encoding("café".encode("cp1252"))[0]
    'cp1252'
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, None
    if len(head) > 8 and head[1::2].count(0) > 0.4 * len(head[1::2]) and head[::2].count(0) < 0.1 * len(head):
        return "utf-16-le", "no byte-order mark: read as UTF-16"
    cut = head[: head.rfind(b"\n")] if b"\n" in head else head[:-4] if len(head) >= _HEAD else head
    try:
        cut.decode()
    except UnicodeDecodeError:
        # A few broken bytes in a text that is otherwise UTF-8 are dealt with line by line.
        if _mostly_utf8(cut):
            return "utf-8", "some lines are not valid UTF-8 and are read as Windows-1252"
        return "cp1252", "not valid UTF-8: read as Windows-1252"
    return "utf-8", None


def _mostly_utf8(head: bytes) -> bool:
    broken = head.decode("utf-8", "replace").count("\ufffd")
    whole = sum(byte >= 0xC2 for byte in head) - broken
    return whole > 5 * broken


def read_lines(opened: Opened, encoding: str, max_line: int) -> Iterator[Line]:
    """Yield the lines of a text, without their ends.

    A line longer than ``max_line`` bytes is passed over in bounded memory; only its first 4 KB are handed on.
    """
    read = _reader(opened, encoding)
    single = encoding if encoding == "cp1252" else "utf-8"
    number = 0
    while raw := read(max_line + 1):
        number += 1
        if len(raw) > max_line and not raw.endswith(b"\n"):
            raw = raw[:4096]
            while (more := read(1 << 20)) and not more.endswith(b"\n"):
                pass
            yield Line(number, None, f"line longer than {max_line:,} bytes", raw)
            continue
        yield _decoded(number, raw, single)


def _decoded(number: int, raw: bytes, encoding: str) -> Line:
    note = None
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        try:
            text = raw.decode("cp1252")
        except UnicodeDecodeError:
            return Line(number, None, "neither UTF-8 nor Windows-1252", raw)
        note = "encoding_guessed"
    if number == 1:
        text = text.removeprefix("\ufeff")
    if "\0" in text:
        text, note = text.replace("\0", ""), "nul_removed"
    return Line(number, text, note, raw)


def _reader(opened: Opened, encoding: str) -> Callable[[int], bytes]:
    if not encoding.startswith("utf-16") and not encoding.endswith("+cr"):
        return opened.stream.readline
    text = opened.as_text(encoding.removesuffix("+cr"))
    return lambda limit: text.readline(limit).encode("utf-8", "replace")
