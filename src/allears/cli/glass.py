"""Broken glass at the command line: open it for a user, list it, end it, take note."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from allears.cli import show
from allears.cli.numbers import Most
from allears.cli.where import HERE, Where
from allears.errors import NotFound
from allears.guard.access import Principal, make_principal
from allears.space import Space

glass = App(name="glass", help="Looking past mask and sight at one customer: for a reason, for some minutes.")
COLUMNS = ("id", "open", "actor", "role", "customer", "why", "began_at", "ends_at", "read_by")


@glass.command(name="break")
def break_it(
    who: str,
    /,
    *,
    user: Annotated[str, Parameter(help="The user who is to see all of this customer on the pages.")],
    why: Annotated[
        str, Parameter(help="The reason; it is kept in the audit and told to the privacy officer.")
    ],
    minutes: Annotated[
        Most | None, Parameter(help="For how long; at most, and by default, what the role may.")
    ] = None,
    where: Where = HERE,
) -> None:
    """Let a user see all of one customer, past mask and sight; access.toml must let their role.

    Parameters
    ----------
    who
        A customer id or any identifier.
    """
    with where.open() as space:
        broken = space.break_glass(who, why=why, principal=_user(space, user), minutes=minutes)
        if where.json:
            show.as_json(broken)
        else:
            show.out.print(
                f"{broken.id}: {user} sees all of {broken.customer} until {broken.ends_at:%H:%M} UTC"
            )


@glass.command(name="list")
def list_glass(
    *,
    noted: Annotated[bool, Parameter(negative="", help="Those over and noted too.")] = False,
    where: Where = HERE,
) -> None:
    """List what is open, or over and not noted by a privacy officer yet."""
    with where.open() as space:
        found = [msgspec.structs.asdict(one) for one in space.ground.glass.list(noted=noted)]
        show.rows(found, COLUMNS, empty="nobody looks past mask and sight", json=where.json)


@glass.command
def end(id: str, /, *, where: Where = HERE) -> None:
    """End it before its time."""
    with where.open() as space:
        space.ground.glass.end(id, actor=space.actor)
        show.as_json({"ended": id}) if where.json else show.out.print("ended")


@glass.command
def note(id: str, /, *, where: Where = HERE) -> None:
    """Take note of it, as privacy officer."""
    with where.open() as space:
        space.ground.glass.note(id, actor=space.actor)
        show.as_json({"noted": id}) if where.json else show.out.print("noted")


def _user(space: Space, name: str) -> Principal:
    known = next((one for one in space.logins.list() if one.name == name and one.disabled_at is None), None)
    if known is None:
        raise NotFound("no user of that name may log in", place="--user")
    return make_principal("user", known.name, known.role, known.partner, known.sight)
