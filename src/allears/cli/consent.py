"""Consent: who agreed to what, noted, taken in, told back and proven."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.guard.consent import State
from allears.guard.purpose import Purpose

consent = App(name="consent", help="What people agreed to, refused or withdrew, purpose by purpose.")


@consent.command(name="show")
def show_consent(who: str, /, *, where: Where = HERE) -> None:
    """Tell what holds of a customer for each purpose, and every word behind it.

    Parameters
    ----------
    who
        A customer id or any identifier.
    """
    with where.open() as space:
        found = space.consent(who)
        if where.json:
            show.as_json(found)
            return
        show.rows(found["purposes"], ("purpose", "basis", "state", "since", "allowed", "rule"))
        columns = ("said_at", "purpose", "state", "source", "version", "how", "actor")
        show.rows(found["history"], columns, title="word by word", empty="nothing was said yet")


@consent.command
def note(
    who: str,
    /,
    *,
    purpose: Purpose,
    state: State,
    why: Annotated[str, Parameter(help="How it was told; the proof. Redacted before it is kept.")],
    version: Annotated[str, Parameter(help="Of the text they agreed to.")] = "",
    at: Annotated[
        datetime | None, Parameter(help="When it was said, if not now; UTC where no zone is given.")
    ] = None,
    where: Where = HERE,
) -> None:
    """Note a yes or a no; it counts from this moment on."""
    said = at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
    with where.open() as space:
        space.note_consent(who, purpose, state, why=why, version=version, at=said)
        show.as_json({"purpose": purpose, "state": state}) if where.json else show.out.print("noted")


@consent.command(name="import")
def import_file(file: Path, /, *, where: Where = HERE) -> None:
    """Take in a CSV file with purpose, state, said_at and an identifier; version and how where known.

    Parameters
    ----------
    file
        The CSV file. Taken in twice, it changes nothing.
    """
    with where.open() as space:
        made = space.import_consent(file)
        if where.json:
            show.as_json(made)
            return
        show.out.print(
            f"{made.rows:,} rows: {made.new:,} new, {made.known:,} known before, {made.refused:,} refused"
            + ("; `allears refused --source consent`" if made.refused else "")
        )


@consent.command
def coverage(*, where: Where = HERE) -> None:
    """Count for each purpose who gave, refused, withdrew or never said anything, and what the gate says."""
    with where.open() as space:
        found = space.consent_coverage()
        columns = ("purpose", "basis", "given", "refused", "withdrawn", "unknown", "n", "verdict")
        show.as_json(found) if where.json else show.rows(found, columns)


@consent.command
def proof(
    who: str, /, *, out: Annotated[Path, Parameter(help="The file to write, a ZIP.")], where: Where = HERE
) -> None:
    """Write what a customer said, word by word, to a signed file."""
    with where.open() as space:
        words = space.prove_consent(who, out)
        show.as_json({"words": words, "file": str(out)}) if where.json else show.out.print(
            f"{words:,} words in {out}"
        )
