"""Ask customers by our own surveys: invite, hand out links, see who answered."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from allears.cli import show
from allears.cli.numbers import Most
from allears.cli.where import HERE, Where
from allears.errors import Refused

surveys = App(name="surveys", help="Our own surveys: list, show, check, hand out links, response rates.")

_RATES = ("survey", "group", "invited", "answered", "open", "held", "rate", "interval")


def ask(
    survey: str,
    /,
    *,
    to: Annotated[
        str,
        Parameter(
            help="A CSV file of people, or a segment such as channel=chat,region=north,days=30.",
        ),
    ],
    out: Annotated[Path | None, Parameter(help="The CSV file to write, with a link for each.")] = None,
    via: Annotated[str | None, Parameter(help="A destination that is told of each link instead.")] = None,
    sample: Annotated[Most | None, Parameter(help="At most this many, drawn at random.")] = None,
    dry_run: Annotated[bool, Parameter(negative="", help="Decide the same, invite nobody.")] = False,
    where: Where = HERE,
) -> None:
    """Invite customers to a survey: decide who is left in peace and why, and make a link for each of the others.

    Parameters
    ----------
    survey
        Its name; `allears surveys list` shows them.
    """
    if not dry_run and out is None and via is None:
        raise Refused(
            "links go into a file or to a destination: give --out or --via, or --dry-run", place="--out"
        )
    if out is not None:
        _free(out)
    with where.open() as space:
        told, links = space.ask(survey, to, sample=sample, dry_run=dry_run, via=via)
        if not dry_run and space.may_digest():
            space.digest(look=False)
    if out is not None and not dry_run:
        _write(out, links)
        told["file"] = str(out)
    if where.json:
        show.as_json(told)
        return
    would = "would be invited" if dry_run else "invited"
    show.out.print(
        f"[bold]{told['invited']:,}[/] of {told['candidates']:,} {would}, {told['held']:,} left in peace"
    )
    reasons = [{"left in peace because": reason, "people": n} for reason, n in told["reasons"].items()]
    if reasons:
        show.rows(reasons)
    if out is not None and not dry_run:
        show.out.print(f"links are in {out}; each works once", style="dim")


@surveys.command(name="list")
def list_surveys(*, where: Where = HERE) -> None:
    """List surveys, and how many were asked and answered."""
    with where.open() as space:
        found = space.surveys.listed()
    if where.json:
        show.as_json(found)
        return
    rows = [_rated(r) | {"own": "this space's" if r["own"] else "comes with Allears"} for r in found]
    show.rows(
        rows, ("survey", "own", "questions", "languages", "public", "invited", "answered", "rate", "interval")
    )
    for row in found:
        if row["wrong"]:
            show.out.print(f"! {row['survey']}: {row['wrong']}", style="yellow", markup=False)


@surveys.command(name="show")
def show_survey(
    name: str,
    /,
    *,
    toml: Annotated[bool, Parameter(negative="", help="Print its file, to start your own from.")] = False,
    where: Where = HERE,
) -> None:
    """Show what a survey asks, in words or as TOML."""
    with where.open() as space:
        text = space.surveys.text(name) if toml else space.surveys.explain(name)
    if where.json:
        show.as_json({"survey": name, "toml" if toml else "explained": text})
    else:
        show.out.print(text, markup=False, soft_wrap=toml)


@surveys.command
def check(name: str | None = None, /, *, where: Where = HERE) -> None:
    """Check the surveys of the space: what is wrong, and what readers of some languages would miss."""
    with where.open() as space:
        found = space.surveys.check(name)
    if where.json:
        show.as_json(found)
    else:
        for one in found:
            show.out.print(("[green]ok[/]    " if one["ok"] else "[red]mend[/]  ") + one["survey"])
            for line in one["says"]:
                show.out.print(f"      {line}", style="dim", markup=False)
    wrong = [one["survey"] for one in found if not one["ok"]]
    if wrong:
        raise Refused(f"to be mended: {', '.join(wrong)}", place="surveys")


@surveys.command
def links(
    name: str, /, *, out: Annotated[Path, Parameter(help="The CSV file to write.")], where: Where = HERE
) -> None:
    """Hand out the links that playbooks made and that are due; each is handed out once."""
    _free(out)
    with where.open() as space:
        found = space.links(name)
    if found:
        _write(out, found)
    if where.json:
        show.as_json({"survey": name, "links": len(found), "file": str(out) if found else None})
    else:
        show.out.print(f"{len(found):,} links in {out}" if found else "no link waits")


@surveys.command
def rates(
    name: str | None = None,
    /,
    *,
    by: Annotated[
        Literal["relationship", "channel", "region", "language", "asked_by"] | None,
        Parameter(help="By stratum, as it was when they were asked."),
    ] = None,
    where: Where = HERE,
) -> None:
    """Show response rates, with 95 % intervals."""
    with where.open() as space:
        found = space.surveys.rates(name, by)
    if where.json:
        show.as_json(found)
    else:
        show.rows(
            [_rated(r) for r in found], _RATES, empty="nobody was asked yet: allears ask SURVEY --to ..."
        )


def _rated(row: dict[str, Any]) -> dict[str, Any]:
    if row.get("estimate") is None:
        return row | {"rate": "", "interval": ""}
    return row | {
        "rate": f"{100 * row['estimate']:.1f} %",
        "interval": f"{100 * row['low']:.1f} to {100 * row['high']:.1f} %",
    }


def _free(out: Path) -> None:
    if out.exists():
        raise Refused("there is a file already", place="--out")
    if not out.parent.is_dir():
        raise Refused("no such folder", place="--out")


def _write(out: Path, rows: Sequence[dict[str, str]]) -> None:
    # Links and the people they are for: for the owner's eyes only.
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["link"])
        writer.writeheader()
        writer.writerows(rows)
