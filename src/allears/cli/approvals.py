"""Four eyes at the command line: ask for a second person, agree, refuse, list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import App, Parameter

from allears.cli import show
from allears.cli.erase import listed
from allears.cli.where import HERE, Where
from allears.errors import Refused
from allears.guard.approval import Asked

approvals = App(name="approvals", help="Four eyes: what one asks for and another must agree to.")
COLUMNS = ("id", "state", "what", "subject", "people", "asked_by", "why", "ends_at", "settled_by")


@approvals.command
def ask(
    what: Literal["export", "erase"],
    table: str | None = None,
    /,
    *,
    why: str,
    file: Annotated[Path | None, Parameter(help="To erase: the file of whom.")] = None,
    where: Where = HERE,
) -> None:
    """Ask for a second person: to export a table, or to erase everybody in a file.

    Parameters
    ----------
    table
        What is to be exported, such as signals.
    """
    if (what == "export") != (table is not None) or (what == "erase") != (file is not None):
        raise Refused("expected a table to export, or a file of whom to erase", place="approvals ask")
    with where.open() as space:
        if table is not None:
            asked = space.ask_export(table, why=why)
        else:
            assert file is not None
            asked = space.ask_erasure(listed(file), why=why)
        _told(asked, where)


@approvals.command(name="list")
def list_approvals(
    *,
    settled: Annotated[bool, Parameter(negative="", help="Those settled, used or ended too.")] = False,
    where: Where = HERE,
) -> None:
    """List what waits for a second person, or was agreed to and not done yet."""
    with where.open() as space:
        found = [msgspec.structs.asdict(one) for one in space.approvals.list(settled=settled)]
        show.as_json(found) if where.json else show.rows(found, COLUMNS, empty="nothing waits")


@approvals.command
def agree(id: str, /, *, where: Where = HERE) -> None:
    """Agree to what somebody else asked for."""
    with where.open() as space:
        _told(space.settle_approval(id, yes=True), where)


@approvals.command
def refuse(id: str, /, *, where: Where = HERE) -> None:
    """Refuse what somebody else asked for."""
    with where.open() as space:
        _told(space.settle_approval(id, yes=False), where)


def _told(asked: Asked, where: Where) -> None:
    if where.json:
        show.as_json(asked)
    else:
        show.out.print(
            f"{asked.id}: {asked.state}, {asked.people:,} people, until {asked.ends_at:%Y-%m-%d %H:%M} UTC"
        )
