"""See what was refused: by reason, row by row, one row as it came; and try it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from allears.cli import show
from allears.cli.numbers import Most
from allears.cli.where import HERE, Where
from allears.errors import NotFound, Refused


def refused(
    row: Annotated[str | None, Parameter(help="One row, by its id.")] = None,
    /,
    *,
    source: Annotated[str | None, Parameter(help="Of this source only.")] = None,
    reason: Annotated[str | None, Parameter(help="Of this reason only, word for word.")] = None,
    groups: Annotated[bool, Parameter(negative="", help="One line for each source and reason.")] = False,
    limit: Annotated[Most, Parameter(help="How many rows, newest first.")] = 1000,
    reveal: Annotated[
        bool, Parameter(negative="", help="Show the one row as it came; needs --why, and the audit keeps it.")
    ] = False,
    why: Annotated[str | None, Parameter(help="Why you need to see the row.")] = None,
    replay: Annotated[
        bool, Parameter(negative="", help="Try these rows again, with today's mapping.")
    ] = False,
    map_: Annotated[
        Path | None,
        Parameter(
            name="--map", help="With --replay and --source: a mended mapping in TOML, kept from now on."
        ),
    ] = None,
    save_map: Annotated[
        Path | None,
        Parameter(help="Write the mapping of --source there, to be mended; nothing else is done."),
    ] = None,
    where: Where = HERE,
) -> None:
    """Show what was not accepted, with place and reason; look at one row; or try it again."""
    if reveal and (row is None or not (why or "").strip()):
        raise Refused("expected one row's id and --why", place="--reveal")
    if reveal and replay:
        raise Refused("expected one of --reveal and --replay", place="--reveal")
    if row is not None and (source or reason or groups):
        raise Refused(
            "a row's id says which one it is; leave filters out", place="--groups" if groups else "--source"
        )
    if (map_ is not None and not (replay and source)) or (save_map is not None and not source):
        raise Refused(
            "a mapping is one source's: give --source" + (" and --replay" if map_ else ""), place="--source"
        )
    with where.open() as space:
        if save_map is not None:
            _write(save_map, space.mapping(source or ""))
            return
        if map_ is not None:
            space.mend(source or "", _text(map_))
        if replay:
            _replayed(msgspec.to_builtins(space.replay(source, reason=reason, row=row)), where)
        elif row is not None:
            _one(space.open_refused(row, why=why or "") if reveal else space.refused_row(row), where)
        elif groups:
            found = space.refused_groups(source, reason)
            show.as_json(found) if where.json else show.rows(found, empty="nothing was refused")
        else:
            found = space.refused(limit, source=source, reason=reason)
            names = ("refused", "source", "place", "reason", "received_at")
            show.as_json(found) if where.json else show.rows(found, names, empty="nothing was refused")


def _write(path: Path, text: str | None) -> None:
    if text is None:
        raise NotFound("no source of that name is read by a mapping", place="--source")
    if path.exists():
        raise Refused("there is a file already", place="--save-map")
    path.write_text(text, "utf-8")
    show.out.print(f"written to {path}; mend it, then --replay --map {path}", style="dim", markup=False)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise NotFound("no such readable file", place="--map") from None


def _replayed(found: dict[str, Any], where: Where) -> None:
    if where.json:
        show.as_json(found)
        return
    show.out.print(f"{found['accepted']:,} accepted after all, {found['refused']:,} still refused")
    show.rows(found["reasons"], ("n", "place", "reason"), title="still refused", empty="")


def _one(found: dict[str, Any], where: Where) -> None:
    if where.json:
        show.as_json(found)
        return
    payload = found.pop("payload", None)
    show.rows([{"": name, "value": value} for name, value in found.items()], ("", "value"))
    if payload is not None:
        show.out.print(payload, markup=False, highlight=False, soft_wrap=True)
