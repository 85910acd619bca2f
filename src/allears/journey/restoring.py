"""Restore: a space made from a backup, all of it or nothing, which does again what was done by right since.

Desk, inbox and lake come into the space's folder, or to where it is told: so it is also how a space moves to PostgreSQL
or into a bucket, and back.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from allears.desk.copy import copy
from allears.errors import Refused
from allears.guard.erasures import Act
from allears.guard.key_file import read_key
from allears.journey.amend import tidy
from allears.journey.backup import DESK, LAKE, Summary, compare, opened
from allears.journey.digest import Digest
from allears.journey.ground import KEY_FILE, NOTHING, lay
from allears.journey.opening import open_desk, open_inbox, open_lake
from allears.journey.redo import Redone, finish, note_again, pending
from allears.settings import DeskSettings, InboxSettings, Settings, read_settings, write_settings


def restore(
    source: Path,
    folder: Path,
    key_file: Path,
    lists: Sequence[Sequence[Act]],
    *,
    desk: str | None = None,
    inbox: str | None = None,
    lake: str | None = None,
    environment: Mapping[str, str] = NOTHING,
    unsealed: bool = False,
) -> Summary:
    """Make a space from a backup: all of it or nothing.

    Parameters
    ----------
    folder
        Must not exist yet.
    key_file
        The space's key: a backup does not hold it.
    lists
        The lists of acts by right, one for each machine: who was erased since, and what else was done by right; carried out again before anybody may ask the restored space.
    desk, inbox, lake
        Addresses of an empty database and of places in a bucket where there is nothing, for the restored space; they are in its folder
        when not given, wherever they were before: what is there still may be in use.
    environment
        Where the database's password and the bucket's key are looked up.
    unsealed
        Also carry out erasures without a seal, as earlier versions wrote them.

    Raises
    ------
    Refused
        The folder exists, the database or the place in the bucket is not empty, or the backup is damaged, of another
        key, or made by a newer version.
    """
    if folder.exists():
        raise Refused("a restore needs a folder that is not there yet", place=str(folder))
    key = read_key(key_file)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        made = Path(scratch) / "space"
        made.mkdir(mode=0o700)
        with opened(source, key) as (header, tar):
            files, size = compare(tar, made)
        shutil.copyfile(key_file, made / KEY_FILE)
        (made / KEY_FILE).chmod(0o600)
        _settle_in(made)
        _open_tables(made)
        again = _catch_up(made, header.made_at, lists, unsealed)
        signals = _open_tables(made)
        _move_out(made, desk, inbox, lake, environment)
        os.sync()
        made.rename(folder)
    return Summary(str(source), header.made_at, files, size, *again, signals)


def _settle_in(folder: Path) -> None:
    """Let a restored space look for its desk, inbox and lake in its own folder, where they are now."""
    settings = read_settings(folder)
    kept = settings.lake.url if (folder / settings.lake.url).is_dir() else LAKE
    here = replace(
        settings,
        desk=replace(settings.desk, url=DeskSettings().url),
        inbox=replace(settings.inbox, url=InboxSettings().url),
        lake=replace(settings.lake, url=kept),
    )
    if here != settings:
        write_settings(folder, here)


def _move_out(
    folder: Path, desk: str | None, inbox: str | None, lake: str | None, environment: Mapping[str, str]
) -> None:
    """Move inbox, lake and desk of a restored space to where they are wanted. The desk goes last: without it the others are of no use to anybody."""
    here = there = read_settings(folder)
    if inbox is not None:
        there = replace(there, inbox=replace(here.inbox, url=inbox))
        _move_inbox(folder, there, environment)
    if lake is not None:
        there = replace(there, lake=replace(here.lake, url=lake))
        open_lake(there.lake, folder, environment).fill(folder / here.lake.url)
        shutil.rmtree(folder / here.lake.url, ignore_errors=True)
    if desk is not None:
        there = replace(there, desk=replace(here.desk, url=desk))
        old, new = open_desk(here.desk, folder, {}), open_desk(there.desk, folder, environment)
        try:
            copy(old, new)
        finally:
            old.close()
            new.close()
        for path in folder.glob(f"{DESK}*"):
            path.unlink()
    if there != here:
        write_settings(folder, there)


def _move_inbox(folder: Path, there: Settings, environment: Mapping[str, str]) -> None:
    ground = lay(folder)
    try:
        inbox = open_inbox(there, folder, environment, ground.vault, moving=True)
        try:
            for segment in ground.inbox.segments():
                for frame, position in ground.inbox.read(segment, ground.store.position("signals", segment)):
                    inbox.append(frame, position.rows).result()
                ground.inbox.remove(segment)
        finally:
            inbox.close()
    finally:
        ground.close()


def _catch_up(folder: Path, since: datetime, lists: Sequence[Sequence[Act]], unsealed: bool) -> Redone:
    """Do again what was done by right after the backup was made; what came before is in it."""
    ground = lay(folder)
    try:
        missing = len(note_again(ground, lists, since, unsealed=unsealed))
        if not pending(ground):
            return Redone(missing=missing)
        # What waited in the inbox was heard before they were erased: it must not come after.
        digest = Digest(ground)
        try:
            for _ in digest.run():
                pass
        finally:
            digest.close()
        done = finish(ground)
        tidy(ground, now=True)
        return done._replace(missing=missing)
    finally:
        ground.close()


def _open_tables(folder: Path) -> int:
    """Read the log of each table of a restored lake and count its rows: sums that agree say only that the files are those that were copied.

    Raises
    ------
    Refused
        A table cannot be read.
    """
    ground = lay(folder)
    try:
        return {table: ground.engine.near.count(table) for table in ground.store.tables()}.get("signals", 0)
    finally:
        ground.close()
