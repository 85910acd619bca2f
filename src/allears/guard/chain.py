"""The lines of a list of acts by right, chained: a line that is missing, changed or elsewhere than it was written is noticed.

Each line bears the list's name, its own number and a seal over both, over what it says and over the seal of the line before,
under a key of the space. That the end of a list is missing is noticed by whoever knows how far it went: the desk, and so a backup.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from io import FileIO
from pathlib import Path

import msgspec
from msgspec.structs import replace

from allears.errors import Refused, WorldFailed
from allears.guard.erasures import Act, Link, parse, read_acts

_END_BYTES = 1 << 16
_SEAL_BYTES = 16
_PLACE = "list of acts by right"


def note_acts(path: Path, acts: Sequence[Act], key: bytes) -> Link:
    """Append to the list, on disk when this returns: before anything is destroyed, so that a crash cannot lose it.

    Parameters
    ----------
    key
        What the list's lines are chained under.

    Returns
    -------
    Link
        Where the list ends now.

    Raises
    ------
    Refused
        The list is another space's, or its end is damaged or slipped in; nothing was written.
    WorldFailed
        The list cannot be written; nothing was done.
    """
    try:
        with path.open("a+b", buffering=0) as file:
            # Each machine has a list; its processes write one after the other.
            fcntl.flock(file, fcntl.LOCK_EX)
            os.fchmod(file.fileno(), 0o600)
            size = file.seek(0, os.SEEK_END)
            link, lines = _last(path, file, size, key), list[bytes]()
            for act in acts:
                link = _follow(link, act, key)
                lines.append(msgspec.json.encode(replace(act, link=link)) + b"\n")
            try:
                # A crash left half a line: it ends here, so that it takes no other with it.
                _write(file, (b"\n" if _torn(file, size) else b"") + b"".join(lines))
            except OSError:
                # What is not done must not be on the list: it would be done at the next opening.
                with suppress(OSError):
                    file.truncate(size)
                raise
            return link
    except OSError as error:
        raise WorldFailed(
            f"the list of acts by right cannot be written ({type(error).__name__})",
            place="[guard] erasures_file",
            again=True,
        ) from error


def demand_whole(acts: Sequence[Act], key: bytes, before: Link | None = None) -> Link | None:
    """Insist that each line of a list follows the one before it; lines of before they were chained come first, if there are any.

    Parameters
    ----------
    before
        The line before the first of them; none where they are all of the list.

    Returns
    -------
    Link or None
        Where the list ends; none where nothing is chained.

    Raises
    ------
    Refused
        A line is missing, was changed, or is another space's; ``place`` says which line.
    """
    link = before
    for number, act in enumerate(acts, 1 + (before.number if before is not None else 0)):
        place = f"{_PLACE}: line {number}"
        if act.link is None:
            if link is not None:
                raise Refused("this line was slipped in: it bears no seal that ties it to those before", place=place)  # fmt: skip
            continue
        _demand_own(act.link, key, place)
        if act.link.number > number:
            gone = act.link.number - number
            raise Refused(f"{gone} line{'s are' if gone > 1 else ' is'} missing before this one", place=place)
        link = link or _unchained(acts[: number - 1], act.link.list)
        if act.link.number != number or not hmac.compare_digest(act.link.seal, _sealed(link, act, key)):
            raise Refused("this line was changed, or is not the one that followed here", place=place)
        link = act.link
    return link


def reaches(acts: Sequence[Act], end: Link) -> bool:
    """Tell whether a list, whole in itself, holds the line that somebody knows of."""
    at = next((act.link for act in acts if act.link is not None and act.link.number == end.number), None)
    return at is not None and at == end


def _follow(before: Link, act: Act, key: bytes) -> Link:
    return Link(before.list, before.number + 1, _sealed(before, act, key))


def _sealed(before: Link, act: Act, key: bytes) -> bytes:
    said = msgspec.json.encode((before.list, before.number + 1, before.seal, replace(act, link=None)))
    return hmac.digest(key, said, "sha256")[:_SEAL_BYTES]


def _last(path: Path, file: FileIO, size: int, key: bytes) -> Link:
    """Give the link of the last line; of a list of before, or a new one, what its first chained line follows."""
    start = max(0, size - _END_BYTES)
    file.seek(start)
    lines = file.read(size - start).splitlines(keepends=True)
    acts = list(parse(lines[1:] if start else lines, "line of the end"))
    if start and (not acts or acts[-1].link is None):
        acts = read_acts(path).acts
    if acts and (link := acts[-1].link) is not None:
        _demand_own(link, key, "[guard] erasures_file")
        return link
    if any(act.link is not None for act in acts):
        # What is written behind it could be read by nobody, even once that line is taken out again.
        raise Refused(
            "the last line was slipped in: it bears no seal that ties it to those before", place=_PLACE
        )
    return _unchained(acts, f"{_whose(key)}-{secrets.token_hex(8)}")


def _unchained(acts: Sequence[Act], name: str) -> Link:
    told = blake2b(digest_size=_SEAL_BYTES)
    for act in acts:
        told.update(msgspec.json.encode(act) + b"\n")
    return Link(name, len(acts), told.digest())


def _demand_own(link: Link, key: bytes, place: str) -> None:
    if link.list.partition("-")[0] != _whose(key):
        raise Refused(
            "this list of acts is another space's: name a file of its own for each space ([guard] erasures_file)",
            place=place,
        )


def _whose(key: bytes) -> str:
    return hmac.digest(key, b"whose", "sha256").hex()[:12]


def _write(file: FileIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]
    os.fsync(file.fileno())


def _torn(file: FileIO, size: int) -> bool:
    if not size:
        return False
    file.seek(size - 1)
    return file.read(1) != b"\n"
