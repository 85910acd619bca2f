"""The list of who was to be erased, written before anything goes and kept outside the desk.

It is what a crash is finished from, and what a restored backup forgets people by again. It holds pseudonyms and times only.
Put it where a lost disk does not take it along: the list matters just when the space itself is gone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from allears.errors import Refused, WorldFailed

FILE = "erasures.jsonl"


class Scope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of a customer goes: what came by a channel, in a time, or both.

    Parameters
    ----------
    channel
        Only this channel.
    since, until
        Only what happened from one moment up to another, which is not in it.

    Examples
    --------
    >>> Scope("chat").said()
    'channel chat'
    """

    channel: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse a scope of nothing, or of times that cannot be compared."""
        if self.channel is None and self.since is None and self.until is None:
            raise Refused("expected a channel or a time", place="scope")
        if any(t is not None and t.tzinfo is None for t in (self.since, self.until)):
            raise Refused("expected times with zone", place="scope")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise Refused("expected a beginning before the end", place="--until")

    def said(self) -> str:
        """Say it in words."""
        parts = [f"channel {self.channel}"] if self.channel is not None else []
        parts += [f"from {self.since:%Y-%m-%d %H:%M}"] if self.since is not None else []
        return ", ".join(parts + ([f"before {self.until:%Y-%m-%d %H:%M}"] if self.until is not None else []))


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
    """

    at: datetime
    customer: str
    subjects: list[str]
    why: str
    id: str = ""
    actor: str = ""
    digests: list[str] = []
    scope: Scope | None = None


def note_erasures(path: Path, erasures: Sequence[Erasure]) -> None:
    """Append to the list, on disk when this returns: before anything is destroyed, so that a crash cannot lose it.

    Raises
    ------
    WorldFailed
        The list cannot be written; nothing was erased.
    """
    lines = b"".join(msgspec.json.encode(erasure) + b"\n" for erasure in erasures)
    try:
        with path.open("a+b") as file:
            os.fchmod(file.fileno(), 0o600)
            if file.seek(0, os.SEEK_END) and _torn(path):
                # A crash left half a line: it ends here, so that it takes no other with it.
                lines = b"\n" + lines
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise WorldFailed(
            f"the list of erasures cannot be written ({type(error).__name__})",
            place="[guard] erasures_file",
            again=True,
        ) from error


def read_erasures(path: Path) -> list[Erasure]:
    """Read a list; none when there is no such file. Lines that a crash cut in two are passed over.

    Raises
    ------
    Refused
        A line is no erasure; ``place`` says which.
    """
    return list(_read(path)) if path.is_file() else []


def _read(path: Path) -> Iterator[Erasure]:
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            yield msgspec.json.decode(line, type=Erasure)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Half a line was never begun: a list counts once it is on disk as a whole.
            if line.endswith(b"}"):
                raise Refused("expected an erasure", place=f"line {number}") from None


def _torn(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
