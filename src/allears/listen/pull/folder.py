"""A folder that others put files into: each file is taken once it is whole, and remembered.

A file counts as whole when nothing about it changed for a while; one that changes while it is read is read again, and ids keep
its rows from counting twice.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from allears.errors import AllearsError, NotFound, Refused, WorldFailed
from allears.listen.files import SUFFIXES, plan_file, read_file
from allears.listen.pull.page import Ask, Cursor, Page
from allears.listen.reading import Reading, Refusal

_UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".filepart", ".swp", "~")
DONE = "taken"


class FolderOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the kind ``folder``."""

    pattern: Annotated[str, Meta(description="Which names, with * and ?.")] = "*"
    settle_seconds: Annotated[float, Meta(description="A file unchanged for so long is whole.", ge=0)] = 5.0
    then: Annotated[
        Literal["leave", "move"],
        Meta(description=f"`move` puts what was taken into `{DONE}/`."),
    ] = "leave"


class Folder:
    """Watches a folder."""

    relists = True

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._options = ask.options_as(FolderOptions)
        self.mapping = ask.mapping
        self._root = (ask.folder / ask.needed_url().removeprefix("file://")).resolve()
        if not self._root.is_dir():
            raise NotFound("no such folder", place=ask.place)
        if self._root in (ask.folder.resolve(), *ask.folder.resolve().parents):
            raise Refused("the space's own folder cannot be watched", place=ask.place)

    def pages(self, cursor: Cursor) -> Generator[Page, None, None]:
        """Take what is whole and new."""
        yield from take_files(self._ask, self._options, cursor, self._listed(), self._at_hand, self._finish)

    def _listed(self) -> dict[str, list[Any]]:
        """List whole files: name below the folder, with size and time of change."""
        now = self._ask.context().received_at.timestamp()
        found = {}
        for path in sorted(self._root.rglob("*")):
            inner = path.relative_to(self._root)
            if path.is_symlink() or not path.is_file() or inner.parts[0] == DONE:
                continue
            stat = path.stat()
            if now - stat.st_mtime >= self._options.settle_seconds:
                found[inner.as_posix()] = [stat.st_size, stat.st_mtime_ns]
        return found

    @contextmanager
    def _at_hand(self, name: str) -> Iterator[Path]:
        yield self._root / name

    def _finish(self, name: str, known: list[Any]) -> bool:
        """Tell whether it stayed as it was while it was read; then put it away if asked."""
        path = self._root / name
        try:
            stat = path.stat()
        except FileNotFoundError:
            return True
        if [stat.st_size, stat.st_mtime_ns] != known:
            return False
        if self._options.then == "move":
            target = self._root / DONE / name
            target.parent.mkdir(parents=True, exist_ok=True)
            number = 1
            while target.exists():
                number += 1
                target = target.with_name(f"{path.stem}-{number}{path.suffix}")
            path.rename(target)
        return True


def take_files(
    ask: Ask, options: FolderOptions, cursor: Cursor, listed: dict[str, list[Any]], at_hand: Any, finish: Any
) -> Iterator[Page]:
    """Take the files that are not remembered as they are now; each is remembered once it was read whole."""
    # What is gone is forgotten, so that the cursor stays as small as the folder.
    done = {name: known for name, known in cursor.get("files", {}).items() if name in listed}
    for name, known in listed.items():
        if done.get(name) == known or not wanted(name, options.pattern):
            continue
        for reading in _read(ask, name, at_hand):
            if ask.stop.is_set():
                return
            yield Page(reading)
        if finish(name, known):
            if options.then == "move":  # its name is free again
                done.pop(name, None)
            else:
                done[name] = known
            yield Page(Reading([]), {"files": dict(done)})


def wanted(name: str, pattern: str) -> bool:
    """Tell whether a file is to be taken by its name.

    Examples
    --------
    >>> [wanted(name, "*") for name in ("a/b.csv", "b.csv.part", ".b.csv", "b.exe", "b.csv.gz")]
    [True, False, False, False, True]
    """
    path = PurePosixPath(name)
    lower = path.name.lower()
    if any(part.startswith(".") for part in path.parts) or lower.endswith(_UNFINISHED):
        return False
    return PurePosixPath(lower.removesuffix(".gz")).suffix in SUFFIXES and (
        fnmatch.fnmatch(path.name, pattern) or fnmatch.fnmatch(name, pattern)
    )


def _read(ask: Ask, name: str, at_hand: Any) -> Iterator[Reading]:
    try:
        with at_hand(name) as path:
            context = ask.context()
            plan = plan_file(path, channel=context.channel, mapping=ask.mapping, limits=ask.limits)
            yield from read_file(plan, msgspec.structs.replace(context, mapping=plan.mapping))
    except WorldFailed:
        raise
    except FileNotFoundError:
        return
    except (AllearsError, OSError) as error:
        # A file nobody can read must not keep the others waiting: it is noted, and looked at again when it changes.
        reason = error.message if isinstance(error, AllearsError) else "the file cannot be read"
        yield Reading([], [Refusal(name, reason, b"", "raw")])
