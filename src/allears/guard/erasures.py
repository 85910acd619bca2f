"""The list of who was erased, kept outside the desk, so that a restored backup can forget them again.

It holds pseudonyms and times only. Put it where a lost disk does not take it along: the list matters just when the space
itself is gone.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import msgspec

from allears.errors import Refused, WorldFailed

FILE = "erasures.jsonl"


class Erasure(msgspec.Struct, frozen=True):
    """Who was erased and when: the customer, and every subject whose key was destroyed."""

    at: datetime
    customer: str
    subjects: list[str]
    why: str


def note_erasure(path: Path, erasure: Erasure) -> None:
    """Append to the list, on disk when this returns: before anything is destroyed, so that a crash cannot lose it.

    Raises
    ------
    WorldFailed
        The list cannot be written; nothing was erased.
    """
    try:
        with path.open("ab") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(msgspec.json.encode(erasure) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise WorldFailed(
            f"the list of erasures cannot be written ({type(error).__name__})",
            place="[guard] erasures_file",
            again=True,
        ) from error


def read_erasures(path: Path) -> list[Erasure]:
    """Read a list; none when there is no such file.

    Raises
    ------
    Refused
        A line other than a torn last one is no erasure; ``place`` says which.
    """
    found: list[Erasure] = []
    lines = path.read_bytes().splitlines() if path.is_file() else []
    for number, line in enumerate(lines, 1):
        try:
            found.append(msgspec.json.decode(line, type=Erasure))
        except (msgspec.DecodeError, UnicodeDecodeError):
            if number < len(lines):
                raise Refused("expected an erasure", place=f"line {number}") from None
    return found
