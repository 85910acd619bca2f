"""Organisations: list, look, take in from a file, say who belongs to which."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from allears.cli import show
from allears.cli.where import HERE, Where

accounts = App(name="accounts", help="Organisations, their hierarchy, and who belongs to which.")
Relationship = Literal["consumer", "employee", "partner"]


@accounts.default
def list_accounts(*, where: Where = HERE) -> None:
    """List organisations, the one with most customers on top."""
    with where.open() as space:
        found = space.accounts()
        if where.json:
            show.as_json(found)
            return
        names = {row["account"]: row["name"] for row in found}
        rows = [row | {"part_of": names.get(row["parent"] or "", "")} for row in found]
        show.rows(
            rows,
            ("name", "customers", "part_of", "first_at", "account"),
            empty="no organisation is known yet; `allears accounts import FILE`, or Segment's group calls",
        )


@accounts.command(name="show")
def show_account(account: str, /, *, where: Where = HERE) -> None:
    """Show one organisation: what is told of it, those above and below, its people.

    Parameters
    ----------
    account
        Its id, how senders write it, or its name.
    """
    with where.open() as space:
        found = space.account(account)
        if where.json:
            show.as_json(found)
            return
        above = " < ".join(a["name"] for a in found["above"])
        show.out.print(found["name"] + (f", part of {above}" if above else ""), markup=False)
        for name, value in found["traits"].items():
            show.out.print(f"{name}: {show.cell(value)}", markup=False)
        if found["below"]:
            show.out.print(f"below it: {', '.join(b['name'] for b in found['below'])}", markup=False)
        show.rows(
            found["people"],
            ("customer", "relationship", "role", "valid_from", "valid_to"),
            empty="nobody is known to belong to it",
        )


@accounts.command(name="import")
def import_file(file: Path, /, *, where: Where = HERE) -> None:
    """Take in a CSV file (account, name, parent, and of people an identifier, role, relationship, since, until), or TOML.

    Parameters
    ----------
    file
        CSV, or TOML with tables [[account]] and [[person]]. Taken in twice, it changes nothing.
    """
    with where.open() as space:
        made = space.import_accounts(file)
        if where.json:
            show.as_json(made)
            return
        show.out.print(
            f"{made.rows:,} rows: {made.accounts:,} organisations, {made.people:,} people, {made.refused:,} refused"
            + ("; `allears refused --source accounts`" if made.refused else "")
        )


@accounts.command
def add(account: str, /, *, name: str = "", parent: str | None = None, where: Where = HERE) -> None:
    """Write an organisation down by hand.

    Parameters
    ----------
    account
        How senders write it.
    parent
        How senders write the one it is part of.
    """
    with where.open() as space:
        one = space.tell_account(account, name=name, parent=parent)
        show.as_json({"account": one}) if where.json else show.out.print(f"noted: {one}")


@accounts.command
def relate(
    who: str,
    account: str,
    /,
    *,
    role: str = "",
    relationship: Relationship = "consumer",
    since: Annotated[
        datetime | None, Parameter(help="Since when, if not now; UTC where no zone is given.")
    ] = None,
    where: Where = HERE,
) -> None:
    """Say that a customer belongs to an organisation, and as what.

    Parameters
    ----------
    who
        A customer id or any identifier.
    account
        Its id, how senders write it, or its name.
    """
    begun = since.replace(tzinfo=UTC) if since is not None and since.tzinfo is None else since
    with where.open() as space:
        customer = space.relate(who, account, role=role, relationship=relationship, since=begun)
        show.as_json({"customer": customer}) if where.json else show.out.print("noted")


@accounts.command
def end(who: str, account: str, /, *, where: Where = HERE) -> None:
    """Say that a customer belongs to an organisation no longer; what was stays in the history."""
    with where.open() as space:
        ended = space.end_relation(who, account)
        show.as_json({"ended": ended}) if where.json else show.out.print(
            "ended" if ended else "nothing to end: no such relation holds"
        )
