"""gzip undone a little at a time, so that no bomb fills the memory: what is sent to us, and what we fetch."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from allears.errors import Refused

_SLICE = 1 << 16
_PIECE = 1 << 18


class Gunzip:
    """Undo gzip member after member: a stream may hold several (RFC 1952, 2.2), and what follows one is never passed over.

    Parameters
    ----------
    most_members
        How many there may be: each costs a copy of what follows it. ``None`` for a stream that need not end.

    Examples
    --------
    >>> import gzip
    >>> one = Gunzip()
    >>> b"".join(one.pieces(gzip.compress(b"never ") + gzip.compress(b"arrived"))), one.whole
    (b'never arrived', True)
    """

    def __init__(self, most_members: int | None = None) -> None:
        self._member = zlib.decompressobj(31)
        self._members, self._most = 1, most_members

    @property
    def whole(self) -> bool:
        """Whether a member has just ended."""
        return self._member.eof

    def pieces(self, part: bytes) -> Iterator[bytes]:
        """Undo one part, at most 256 KB at a time.

        Raises
        ------
        Refused
            It is not gzip, or has too many members.
        """
        # In slices: what follows a member is copied, and must not be the whole part each time.
        for at in range(0, len(part), _SLICE):
            rest, more = bytes(part[at : at + _SLICE]), False
            while rest or more:
                if self._member.eof:
                    self._next_member()
                try:
                    piece = self._member.decompress(rest, _PIECE)
                except zlib.error:
                    raise Refused("expected gzip", place="body") from None
                yield piece
                rest = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
                # All of it may have been read, and not yet be written.
                more = len(piece) == _PIECE and not self._member.eof

    def _next_member(self) -> None:
        self._members += 1
        if self._most is not None and self._members > self._most:
            raise Refused(f"more than {self._most} gzip members in one body", place="body")
        self._member = zlib.decompressobj(31)


def gunzip_of(coding: str, most_members: int | None = None) -> Gunzip | None:
    """Choose how a ``Content-Encoding`` is undone; ``None`` where nothing is packed.

    Raises
    ------
    Refused
        Neither gzip nor plain.
    """
    named = coding.strip().lower()
    if named in ("", "identity"):
        return None
    if named in ("gzip", "x-gzip"):
        return Gunzip(most_members)
    raise Refused("expected gzip or no compression", place="content-encoding", unknown_encoding=True)
