"""Backups: made while the space is served, checked, and brought back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.errors import Refused
from allears.guard.erasures import read_acts
from allears.journey import backup as backups
from allears.journey.restoring import restore as restored


def backup(file: Path, /, *, where: Where = HERE) -> None:
    """Write the whole space into one sealed file; it may be served meanwhile.

    The space's key is not in it: keep that apart. Check a backup with `allears restore FILE --check`.

    Parameters
    ----------
    file
        The file to write; must not exist.
    """
    with where.open() as space:
        made = backups.backup(space.ground, file)
        space.ground.audit.record(space.actor, "backup", space.ground.settings.space.name)
    if where.json:
        show.as_json(made)
    else:
        show.out.print(f"{made.files:,} files, {made.bytes / 1e6:,.1f} MB in {file}")
        show.out.print("keep space.key somewhere else: the backup opens with it only", style="dim")


def restore(
    file: Path,
    directory: Path | None = None,
    /,
    *,
    key: Annotated[Path, Parameter(help="The space's key file; backups do not hold it.")],
    erasures: Annotated[
        list[Path] | None,
        Parameter(
            help="The list of acts by right of the lost space (`erasures.jsonl`): carried out again before anybody asks. Several, where several machines kept one each.",
            negative="",
        ),
    ] = None,
    no_erasures: Annotated[
        bool,
        Parameter(
            negative="",
            help="Nobody was erased since the backup, objected, was restricted, held or corrected.",
        ),
    ] = False,
    unsealed: Annotated[
        bool,
        Parameter(
            negative="",
            help="Also take erasures that bear no seal, as earlier versions wrote them: know who kept that list.",
        ),
    ] = False,
    desk: Annotated[
        str | None,
        Parameter(help="An empty PostgreSQL database for it, as in `[desk] url`; else in the folder."),
    ] = None,
    inbox: Annotated[
        str | None,
        Parameter(help="An empty place in a bucket for what waits, as in `[inbox] url`; else in the folder."),
    ] = None,
    lake: Annotated[
        str | None,
        Parameter(help="An empty place in a bucket for it, as in `[lake] url`; else in the folder."),
    ] = None,
    check: Annotated[
        bool, Parameter(negative="", help="Only read and check the backup; write nothing.")
    ] = False,
    json: bool = False,
) -> None:
    """Make a space from a backup: all of it or nothing.

    Parameters
    ----------
    file
        Written by `allears backup`.
    directory
        The space to make; must not exist.
    json
        Print JSON.
    """
    if check:
        found = backups.check(file, key)
        say = (
            f"whole: {found.files:,} files, {found.bytes / 1e6:,.1f} MB of {found.made_at:%Y-%m-%d %H:%M} UTC"
        )
    elif directory is None:
        raise Refused("expected the folder to make", place="--check or DIRECTORY")
    elif (not erasures) != no_erasures:
        raise Refused(
            "a restored space must do again what was done by right since: give the list, or say that there is none with --no-erasures",
            place="--erasures",
        )
    else:
        if not all(path.is_file() for path in erasures or ()):
            raise Refused("no such file", place="--erasures")
        found = restored(
            file,
            directory,
            key,
            [read_acts(path).acts for path in erasures or ()],
            desk=desk,
            inbox=inbox,
            lake=lake,
            environment=os.environ,
            unsealed=unsealed,
        )
        say = (
            f"{found.files:,} files in {directory}, {found.signals:,} signals in the lake; "
            f"{found.erased_again:,} customers erased again, {found.done_again:,} other acts by right done again"
        )
    if json:
        show.as_json(found)
        return
    show.out.print(say)
    for lost in found.lost:
        show.err.print(
            f"not done again: {lost.what} of {lost.at:%Y-%m-%d %H:%M} UTC: {lost.why}", style="bold"
        )
    if found.lists_missing:
        n = found.lists_missing
        show.err.print(
            f"{n} more list{'s' if n > 1 else ''} of acts by right {'were' if n > 1 else 'was'} kept by this space and not given: what came after the backup on {'them' if n > 1 else 'it'} is not done",
            style="bold",
        )
    if found.lost:
        show.err.print("do these anew: they are in the audit and on the Privacy desk too")
