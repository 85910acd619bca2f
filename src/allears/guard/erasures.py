"""The list of acts by right, kept outside the desk: who was to be erased, written before anything goes, and other deeds, sealed.

It is what a crash is finished from, and what a restored backup does again: it forgets people, and what came after it holds.
It holds pseudonyms, times, and what is sealed. Put it where a lost disk does not take it along: the list matters just when
the space itself is gone.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
from msgspec.structs import replace

from allears.errors import Refused
from allears.guard.purpose import OWED, PURPOSES, Purpose

_TAIL = 4096


class Scope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of a customer goes: what came by a channel, in a time, what is held for a purpose alone, or of all these at once.

    Parameters
    ----------
    channel
        Only this channel.
    since, until
        Only what happened from one moment up to another, which is not in it.
    purpose
        Only what is held for this purpose and no other: see `allears.journey.single`.
    sources
        The sources that were kept for that purpose alone when it was noted; filled in then.

    Examples
    --------
    >>> Scope("chat").said()
    'channel chat'
    """

    channel: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    purpose: Purpose | None = None
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a scope of nothing, or of times that cannot be compared."""
        if self.channel is None and self.since is None and self.until is None and self.purpose is None:
            raise Refused("expected a channel, a time or a purpose", place="scope")
        if self.purpose in OWED:
            ends = " or ".join(one for one in PURPOSES if one not in OWED)
            raise Refused(f"expected {ends}: what customers are owed ends with no purpose", place="--purpose")
        if any(t is not None and t.tzinfo is None for t in (self.since, self.until)):
            raise Refused("expected times with zone", place="scope")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise Refused("expected a beginning before the end", place="--until")

    def said(self) -> str:
        """Say it in words."""
        parts = [f"held for {self.purpose} alone"] if self.purpose is not None else []
        parts += [f"channel {self.channel}"] if self.channel is not None else []
        parts += [f"from {self.since:%Y-%m-%d %H:%M}"] if self.since is not None else []
        return ", ".join(parts + ([f"before {self.until:%Y-%m-%d %H:%M}"] if self.until is not None else []))


class Link(msgspec.Struct, frozen=True):
    """What ties a line to the one before it, see `allears.guard.chain`: which list, which line of it, and the seal over both lines."""

    list: str
    number: int
    seal: bytes


class Erasure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is erased, and how much of them: enough to do it once more.

    Parameters
    ----------
    customer, subjects, digests
        The customer, the keys of theirs, and the keyed digests of their identifiers.
    id
        Tells whether a desk has carried it out; empty in lists of earlier builds.
    scope
        What of them; all when None.
    seal
        Shows that this space wrote the line, and as it is; none in lists of earlier versions.
    link
        Its place in the list; none in lists of earlier versions.
    """

    at: datetime
    customer: str
    subjects: list[str]
    why: str
    id: str = ""
    actor: str = ""
    digests: list[str] = []
    scope: Scope | None = None
    seal: bytes = b""
    link: Link | None = None


class Noted(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another act by right, see `allears.guard.deeds`: enough to do it once more, sealed.

    Parameters
    ----------
    id
        Tells whether a desk has carried it out.
    """

    at: datetime
    id: str
    actor: str
    sealed: bytes
    link: Link | None = None


Act = Erasure | Noted


class Listed(NamedTuple):
    """Lines of a list that are on disk as a whole, and where the next one begins, with what shows that the list is the same.

    ``whole`` says whether these are all of them.
    """

    acts: list[Act]
    end: str
    whole: bool = True


def sealed(erasure: Erasure, key: bytes) -> Erasure:
    """Seal a line under a key of the space: whoever can write to the list can have nobody erased by it.

    Examples
    --------
    >>> line = sealed(Erasure(datetime(2026, 1, 5), "c_1", ["c_1"], "asked"), b"key")
    >>> holds(line, b"key"), holds(replace(line, customer="c_2"), b"key"), holds(line, b"another space's")
    (True, False, False)
    """
    return replace(erasure, seal=_sum(erasure, key))


def holds(erasure: Erasure, key: bytes) -> bool:
    """Tell whether a line is as the space with this key wrote it."""
    return hmac.compare_digest(erasure.seal, _sum(erasure, key))


def _sum(erasure: Erasure, key: bytes) -> bytes:
    return hmac.digest(key, msgspec.json.encode(replace(erasure, seal=b"", link=None)), "sha256")


def read_acts(path: Path, after: str = "") -> Listed:
    """Read a list; nothing when there is no such file. Lines that a crash cut in two are passed over.

    Parameters
    ----------
    after
        The end that an earlier reading gave: only what came later is read, if the list goes on from there.

    Raises
    ------
    Refused
        A line is no act by right; ``place`` says which.
    """
    try:
        with path.open("rb") as file:
            start = _known(file, after)
            file.seek(start)
            lines = file.read().splitlines(keepends=True)
            # Who writes just now may have written half a line: the next reading begins with it.
            whole = sum(len(line) for line in lines if line.endswith(b"\n"))
            place = "line after those read before," if start else "line"
            return Listed(list(parse(lines, place)), _end(file, start + whole), not start)
    except FileNotFoundError:
        return Listed([], "")


def parse(lines: Sequence[bytes], place: str) -> Iterator[Act]:
    """Read lines of a list.

    Raises
    ------
    Refused
        One is no act by right; ``place`` and its number say which.
    """
    for number, ended in enumerate(lines, 1):
        line = ended.rstrip(b"\n")
        try:
            # An erasure says nothing of what it is: it was alone in the lists of earlier builds.
            if b'"sealed":' in line:
                yield msgspec.json.decode(line, type=Noted)
            else:
                yield msgspec.json.decode(line, type=Erasure)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            # Half a line was never begun: a list counts once it is on disk as a whole.
            if line.endswith(b"}") or not _cut(line, error):
                raise Refused("expected an act by right", place=f"{place} {number}") from None


def _cut(line: bytes, error: Exception) -> bool:
    """Tell a line that ends too early from one that was changed."""
    return "truncated" in str(error) or (isinstance(error, UnicodeDecodeError) and error.end == len(line))


def _known(file: BinaryIO, after: str) -> int:
    size, _, _ = after.partition(" ")
    return int(size) if size.isdigit() and _end(file, int(size)) == after else 0


def _end(file: BinaryIO, size: int) -> str:
    """Name a place in a list by what stands before it, so that another list is not taken for this one."""
    start = max(0, size - _TAIL)
    file.seek(start)
    return f"{size} {blake2b(file.read(size - start), digest_size=16).hexdigest()}"
