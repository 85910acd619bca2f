"""See what was refused: by reason, row by row, one row as it came; and try it again."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from cyclopts import Parameter, validators

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.errors import Refused


def refused(
    row: Annotated[str | None, Parameter(help="One row, by its id.")] = None,
    /,
    *,
    source: Annotated[str | None, Parameter(help="Of this source only.")] = None,
    reason: Annotated[str | None, Parameter(help="Of this reason only, word for word.")] = None,
    groups: Annotated[bool, Parameter(negative="", help="One line for each source and reason.")] = False,
    limit: Annotated[
        int, Parameter(help="How many rows, newest first.", validator=validators.Number(gte=1))
    ] = 1000,
    reveal: Annotated[
        bool, Parameter(negative="", help="Show the one row as it came; needs --why, and the audit keeps it.")
    ] = False,
    why: Annotated[str | None, Parameter(help="Why you need to see the row.")] = None,
    replay: Annotated[
        bool, Parameter(negative="", help="Try these rows again, with today's mapping.")
    ] = False,
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
    with where.open() as space:
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
