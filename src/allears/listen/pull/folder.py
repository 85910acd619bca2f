"""A folder that others put files into: each file is taken once it is whole, and remembered.

A file counts as whole when nothing about it changed for a while; one that changes while it is read is read again, and ids keep
its rows from counting twice.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from allears.errors import AllearsError, NotFound, Refused, WorldFailed
from allears.listen.files import plan_file, read_file
from allears.listen.pull.page import Ask, Cursor, Page
from allears.listen.reading import Reading, Refusal
from allears.listen.recognise import SUFFIXES

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
        closed: list[Refusal] = []
        listed = self._listed(closed)
        if closed:
            yield Page(Reading([], closed))
        yield from take_files(self._ask, self._options, cursor, listed, self._at_hand, self._finish)

    def _listed(self, closed: list[Refusal]) -> dict[str, list[Any]]:
        """List whole files: name below the folder, with what tells that it changed; folders nobody lets us into are noted."""
        now = self._ask.context().received_at.timestamp()
        found = {}

        def note(error: OSError) -> None:
            if error.filename == str(self._root):
                # Taken for an empty folder, all that is in it would be forgotten and taken again.
                raise NotFound("no such folder", place=self._ask.place)
            if not isinstance(error, FileNotFoundError):
                inner = Path(str(error.filename)).relative_to(self._root).as_posix()
                closed.append(Refusal(inner, "the folder cannot be entered", b"", "raw"))

        for here, folders, names in os.walk(self._root, onerror=note):
            if here == str(self._root):
                folders[:] = [one for one in folders if one != DONE]
            for name in names:
                path = Path(here) / name
                with suppress(FileNotFoundError):  # gone since it was listed
                    told = path.lstat()
                    if stat.S_ISREG(told.st_mode) and now - told.st_mtime >= self._options.settle_seconds:
                        found[path.relative_to(self._root).as_posix()] = _known(told)
        return dict(sorted(found.items()))

    @contextmanager
    def _at_hand(self, name: str) -> Iterator[Path]:
        yield self._root / name

    def _finish(self, name: str, known: list[Any]) -> bool:
        """Tell whether it stayed as it was while it was read; then put it away if asked."""
        path = self._root / name
        try:
            if _known(path.lstat()) != known:
                return False
        except FileNotFoundError:
            return True
        if self._options.then == "move":
            target = self._root / DONE / name
            target.parent.mkdir(parents=True, exist_ok=True)
            number = 1
            while target.exists():
                number += 1
                target = target.with_name(f"{path.stem}-{number}{path.suffix}")
            path.rename(target)
        return True


def _known(told: os.stat_result) -> list[Any]:
    # The last time tells of a file that another was put in place of, with size and time of change kept.
    return [told.st_size, told.st_mtime_ns, told.st_ctime_ns]


def take_files(
    ask: Ask, options: FolderOptions, cursor: Cursor, listed: dict[str, list[Any]], at_hand: Any, finish: Any
) -> Iterator[Page]:
    """Take the files that are not remembered as they are now; each is remembered once it was read whole."""
    # What is gone is forgotten, so that the cursor stays as small as the folder.
    done = {name: known for name, known in cursor.get("files", {}).items() if name in listed}
    since = 0
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
            since += 1
        # The cursor names every file: written after each, a hundred thousand files would take the square of that.
        if since > len(done) // 20:
            yield Page(Reading([]), {"files": dict(done)})
            since = 0
    if since:
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
            yield from _rows(ask, name, path)
    except FileNotFoundError:  # gone since it was listed
        return
    except Refused as error:
        yield Reading([], [Refusal(name, error.message, b"", "raw")])


def _rows(ask: Ask, name: str, path: Path) -> Iterator[Reading]:
    try:
        context = ask.context()
        plan = plan_file(
            path,
            channel=context.channel,
            mapping=ask.mapping,
            limits=ask.limits,
            platforms=context.platforms,
        )
        yield from read_file(plan, msgspec.structs.replace(context, mapping=plan.mapping))
    except (AllearsError, OSError) as error:
        if not path.exists():
            return
        # A file nobody can read must not keep the others waiting: it is noted, and looked at again when it changes.
        told = isinstance(error, AllearsError) and not isinstance(error, WorldFailed)
        reason = str(getattr(error, "message", "")) if told else "the file cannot be read"
        yield Reading([], [Refusal(name, reason, b"", "raw")])
