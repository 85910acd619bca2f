"""Breaches of personal data: opened, judged, told, closed (articles 33 and 34)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.errors import Refused
from allears.journey.breaches import Kind, Nature, Risk, Whom
from allears.show.words import count

breach = App(name="breach", help="Breaches of personal data, with the clock of 72 hours.")
At = Annotated[datetime | None, Parameter(help="UTC where no zone is given; now, if not said.")]
COLUMNS = ("breach", "what", "noticed_at", "due_at", "hours_left", "risk", "left")


@breach.command(name="open")
def open_breach(
    *,
    what: Annotated[str, Parameter(help="What happened; redacted before it is kept.")],
    place: Annotated[str, Parameter(name="--where", help="Where: a system, an office.")] = "",
    nature: Annotated[
        list[Nature] | None,
        Parameter(negative="", help="What was lost; once for each. Default: confidentiality."),
    ] = None,
    noticed: At = None,
    began: Annotated[datetime | None, Parameter(help="Since when it could happen.")] = None,
    ended: Annotated[datetime | None, Parameter(help="Until when; default: until now.")] = None,
    by: Annotated[
        list[str] | None,
        Parameter(negative="", help="A key or account in wrong hands: key:ID, user:NAME; once for each."),
    ] = None,
    source: Annotated[
        list[str] | None, Parameter(negative="", help="A source that is concerned; once for each.")
    ] = None,
    everything: Annotated[
        bool, Parameter(negative="", help="The whole store is concerned, such as a stolen disk.")
    ] = False,
    where: Where = HERE,
) -> None:
    """Open a breach: its 72 hours run from when it was noticed."""
    with where.open() as space:
        made = space.open_breach(
            what, place=place, nature=nature or ("confidentiality",), noticed_at=_utc(noticed), began_at=_utc(began), ended_at=_utc(ended),
            actors=by or (), sources=source or (), everything=everything,
        )  # fmt: skip
        found = next(b for b in space.breaches() if b["breach"] == made)
        if where.json:
            show.as_json(found)
            return
        show.out.print(f"breach {made}, the authority is to be told by {found['due_at']:%Y-%m-%d %H:%M} UTC")
        show.out.print(f"next: `allears breach show {made}`")


@breach.command(name="list")
def list_breaches(
    *,
    closed: Annotated[bool, Parameter(negative="", help="Closed ones too.")] = False,
    where: Where = HERE,
) -> None:
    """List breaches, the one whose clock ends first on top."""
    with where.open() as space:
        found = space.breaches(closed=closed)
        if where.json:
            show.as_json(found)
            return
        show.rows([b | {"left": "; ".join(b["left"])} for b in found], COLUMNS, empty="no breach is open")


@breach.command(name="show")
def show_breach(
    id: str,
    /,
    *,
    notice: Annotated[
        Path | None, Parameter(help="Write the draft of the notice to the authority to this new file.")
    ] = None,
    where: Where = HERE,
) -> None:
    """Tell what was written down, whom it concerns in numbers, and what is left to decide."""
    with where.open() as space:
        told = space.breach(id)
        if notice is not None:
            _write(notice, told["notice"])
        if where.json:
            show.as_json(told)
            return
        whom = told["affected"]
        show.out.print(
            f"{told['what']}  {_clock(told)}; {count(whom['customers'], 'person', 'people')} affected, "
            f"{whom['within_reach']:,} within reach, {count(whom['records'], 'record')}",
            markup=False,
        )
        show.rows(whom["ways"], ("way", "degree", "entries", "customers"), title="how", empty="nobody found")
        show.rows(whom["data"], ("what", "records", "people"), title="of what", empty="nothing")
        show.rows(told["notes"], ("at", "kind", "text", "by"), title="written down")
        if told["left"]:
            show.err.print(f"left to decide: {'; '.join(told['left'])}", style="dim")


@breach.command
def note(
    id: str,
    /,
    *,
    text: str,
    kind: Annotated[Kind, Parameter(help="What it is; `delay`: why the authority is told late.")] = "note",
    where: Where = HERE,
) -> None:
    """Write down what was found, a likely consequence, a measure, or the reason of a delay."""
    with where.open() as space:
        space.note_breach(id, kind, text)
        _done(where, id, "noted")


@breach.command
def judge(id: str, /, *, risk: Risk, why: str, where: Where = HERE) -> None:
    """Say how high the risk for people is, and why."""
    with where.open() as space:
        space.judge_breach(id, risk, why=why)
        _done(where, id, "judged")


@breach.command
def told(
    id: str,
    whom: Whom,
    /,
    *,
    how: Annotated[str, Parameter(help="How they were told; with --not, why they are not.")],
    at: At = None,
    not_: Annotated[bool, Parameter(name="--not", negative="", help="They are not told.")] = False,
    where: Where = HERE,
) -> None:
    """Write down that the authority, or the people, were told; or that they are not, and why.

    Parameters
    ----------
    whom
        ``authority`` or ``people``.
    """
    with where.open() as space:
        space.decide_breach(id, whom, how, told=not not_, at=_utc(at))
        _done(where, id, "noted")


@breach.command
def ask(id: str, /, *, why: str, where: Where = HERE) -> None:
    """Ask for a second person who agrees that the ids of those affected leave the space."""
    with where.open() as space:
        asked = space.ask_breach_people(id, why=why)
        show.as_json(asked) if where.json else show.out.print(
            f"{asked.id}: waits for somebody else, {asked.people:,} people; `allears approvals agree {asked.id}`"
        )


@breach.command
def people(
    id: str,
    /,
    *,
    out: Annotated[Path, Parameter(help="The file to write: one id a line.")],
    alone: Annotated[str, Parameter(help="Why nobody else is asked; kept in the audit.")] = "",
    where: Where = HERE,
) -> None:
    """Write the ids of those affected, for telling them (article 34); a second person must have agreed."""
    with where.open() as space:
        n = space.breach_people(id, out, alone=alone)
        show.as_json({"people": n, "file": str(out)}) if where.json else show.out.print(f"{n:,} ids in {out}")


@breach.command
def close(id: str, /, *, outcome: str, where: Where = HERE) -> None:
    """Close a breach, once everything that the law asks is decided."""
    with where.open() as space:
        space.close_breach(id, outcome)
        _done(where, id, "closed")


def _clock(told: dict[str, Any]) -> str:
    if told["authority_told_at"]:
        return f"authority told {told['authority_told_at']:%Y-%m-%d %H:%M} UTC"
    left = told["hours_left"]
    if left is None:
        return "the authority is not told"
    return f"{left:g} hours left" if left >= 0 else f"{-left:g} hours late"


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Refused("there is a file already", place="--notice") from None


def _done(where: Where, id: str, word: str) -> None:
    show.as_json({"breach": id, "state": word}) if where.json else show.out.print(word)


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
