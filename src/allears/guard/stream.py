"""A sealed stream: bytes of any length, encrypted piece by piece, so that damage and a missing end are noticed.

The form is that of STREAM (Hoang, Reyhanitabar, Rogaway, Vizar 2015): each piece is AES-256-GCM under a key of this stream's
own, its nonce is a prefix, the piece's number and whether it is the last. Pieces cannot be swapped, left out or added.
"""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from allears.errors import Refused

PIECE = 1 << 20
_SALT = 32
_PREFIX = 7
_TAG = 16


class SealedWriter(io.RawIOBase):
    """Writes to a file what only the holder of the key can read. Close it: the last piece says that it is the last.

    Parameters
    ----------
    file
        Where sealed bytes go; it is not closed.
    key
        32 bytes; the stream's own key is derived from it and a random salt.
    bound
        Authenticated with each piece: a header that stands in clear before the stream.

    Examples
    --------
    >>> import io
    >>> held = io.BytesIO()
    >>> with SealedWriter(held, bytes(32), b"header") as out:
    ...     out.write(b"secret")
    6
    >>> SealedReader(io.BytesIO(held.getvalue()), bytes(32), b"header").read()
    b'secret'
    """

    def __init__(self, file: BinaryIO, key: bytes, bound: bytes = b"") -> None:
        self._file, self._bound = file, bound
        salt, self._prefix = os.urandom(_SALT), os.urandom(_PREFIX)
        self._cipher = _cipher(key, salt)
        self._held, self._number = bytearray(), 0
        file.write(salt + self._prefix)

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """Take bytes; whole pieces are sealed and written."""
        self._held += data
        # One byte more than a piece must be there: only then is it certain not to be the last.
        while len(self._held) > PIECE:
            self._seal(bytes(self._held[:PIECE]), last=False)
            del self._held[:PIECE]
        return len(data)

    def close(self) -> None:
        """Write the last piece."""
        if not self.closed:
            self._seal(bytes(self._held), last=True)
            super().close()

    def _seal(self, piece: bytes, *, last: bool) -> None:
        nonce = _nonce(self._prefix, self._number, last)
        self._file.write(self._cipher.encrypt(nonce, piece, self._bound))
        self._number += 1


class SealedReader(io.RawIOBase):
    """Reads what `SealedWriter` wrote.

    Parameters
    ----------
    file
        At the start of the stream.
    key, bound
        As they were when it was written.

    Raises
    ------
    Refused
        While reading: a piece was changed, belongs elsewhere, or the end is missing; or the key is another.
    """

    def __init__(self, file: BinaryIO, key: bytes, bound: bytes = b"") -> None:
        self._file, self._bound = file, bound
        head = file.read(_SALT + _PREFIX)
        if len(head) < _SALT + _PREFIX:
            raise Refused("a sealed stream is cut short", place="piece 0")
        self._prefix = head[_SALT:]
        self._cipher = _cipher(key, head[:_SALT])
        self._ahead = file.read(PIECE + _TAG)
        self._held, self._number, self._ended = b"", 0, False

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer; 0 only at the true end."""
        while not self._held and not self._ended:
            self._held = self._next()
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size

    def _next(self) -> bytes:
        piece, self._ahead = self._ahead, self._file.read(PIECE + _TAG)
        self._ended = not self._ahead
        try:
            plain = self._cipher.decrypt(_nonce(self._prefix, self._number, self._ended), piece, self._bound)
        except (InvalidTag, ValueError):
            raise Refused(
                "a sealed stream was changed, cut short, or sealed under another key",
                place=f"piece {self._number}",
            ) from None
        self._number += 1
        return plain


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"allears stream 1").derive(key))


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + (b"\1" if last else b"\0")
