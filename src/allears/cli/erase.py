"""Erase: one customer, a part of one, or everybody in a file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.prompt import Confirm

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.errors import NotFound, Refused
from allears.guard.erasures import Scope
from allears.guard.purpose import Purpose
from allears.space import Space


def erase(
    who: str | None = None,
    /,
    *,
    file: Annotated[
        Path | None,
        Parameter(
            help="Everybody in this file: one customer id or identifier a line; `-` reads standard input."
        ),
    ] = None,
    channel: Annotated[str | None, Parameter(help="Only what came by this channel.")] = None,
    since: Annotated[
        datetime | None, Parameter(help="Only what happened from then on; UTC where no zone is given.")
    ] = None,
    until: Annotated[datetime | None, Parameter(help="Only what happened before.")] = None,
    purpose: Annotated[
        Purpose | None,
        Parameter(
            help="Only what is held for this purpose alone: analytics, product, research or marketing."
        ),
    ] = None,
    rehearse: Annotated[
        bool, Parameter(negative="", help="Only tell how much of a part would go; erase nothing.")
    ] = False,
    why: str = "request of the person",
    receipt: Annotated[
        Path | None,
        Parameter(
            help="The file to write the receipt to, for whoever asked; with --file, a new folder for all of them."
        ),
    ] = None,
    alone: Annotated[
        str, Parameter(help="Why many are erased without a second person; it is in the audit.")
    ] = "",
    yes: Annotated[bool, Parameter(alias="-y", negative="")] = False,
    where: Where = HERE,
) -> None:
    """Erase customers for good: keys, words, look-ups; or a part of what they said. Prints a receipt. Cannot be undone.

    Counts, ratings and moods stay, under a name that leads nowhere. Cut off at any moment, run it again.

    Parameters
    ----------
    who
        A customer id or any identifier.
    """
    if (who is None) == (file is None):
        raise Refused("expected a customer, or a file of them", place="--file")
    if receipt is not None and receipt.exists():
        raise Refused("there is something of that name already", place="--receipt")
    part_only = channel or since or until or purpose
    scope = Scope(channel, _zoned(since), _zoned(until), purpose) if part_only else None
    if rehearse and (scope is None or who is None):
        raise Refused("expected a part of one customer: a channel, a time or a purpose", place="--rehearse")
    part = f" ({scope.said()})" if scope else ""
    with where.open() as space:
        if file is not None:
            _many(
                space,
                listed(file),
                scope,
                part,
                why,
                receipt,
                ask=not (yes or where.json),
                json=where.json,
                alone=alone,
            )
            return
        customer = space.customer(str(who)).id
        if rehearse and scope is not None:
            would = space.rehearse_erasure(customer, scope)
            show.as_json(would) if where.json else show.rows(
                [{"of": table, "would go": n} for table, n in would.items()], ("of", "would go")
            )
            return
        asked = f"erase {customer}{part} for good?" if scope else f"destroy the keys of {customer} for good?"
        if not (yes or where.json) and not Confirm.ask(asked, console=show.out, default=False):
            show.out.print("nothing was erased")
            return
        made = space.erase(customer, why=why, scope=scope)
        if receipt is not None:
            receipt.write_text(made.json())
        if where.json:
            show.out.file.write(made.json())
            return
        told = msgspec.to_builtins(made)
        proof = told.pop("proof")
        told["proof"] = (
            f"{len(proof['path'])} hashes up to the signed head of {proof['head']['size']} entries"
        )
        told["scope"] = scope.said() if scope else "everything"
        show.rows([{"": k, "value": v} for k, v in told.items()], ("", "value"), title="receipt")
        if receipt is None:
            show.err.print(
                f"for whoever asked: allears receipt show {made.audit_number} --out FILE", style="dim"
            )


def _many(
    space: Space,
    who: list[str],
    scope: Scope | None,
    part: str,
    why: str,
    folder: Path | None,
    *,
    ask: bool,
    json: bool,
    alone: str,
) -> None:
    if ask and not Confirm.ask(
        f"erase {len(who):,} customers{part} for good?", console=show.out, default=False
    ):
        show.out.print("nothing was erased")
        return
    space.require_second_to_erase(who, alone=alone)
    columns = (TextColumn("erasing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=show.err, transient=True, disable=json) as bar:
        task = bar.add_task("", total=len(who))
        done = space.erase_all(who, why=why, scope=scope, progress=lambda n: bar.advance(task, n))
    if folder is not None:
        folder.mkdir(parents=True)
        for one in space.receipts(done.receipts):
            (folder / f"{one.audit_number}.json").write_text(one.json())
    told = {
        "erased": len(done.receipts),
        "unknown": done.unknown,
        "held": done.held,
        "receipts": [done.receipts[0], done.receipts[-1]] if done.receipts else [],
    }
    if json:
        show.as_json(told)
        return
    show.out.print(
        f"{len(done.receipts):,} erased, {done.unknown:,} unknown or gone before, {len(done.held):,} under a hold"
    )
    if done.receipts and folder is None:
        show.err.print("receipts: allears receipt list", style="dim")


def listed(file: Path) -> list[str]:
    """Read whom a file names, one a line."""
    import sys

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
    except OSError:
        raise NotFound("no such file", place="--file") from None
    except UnicodeDecodeError:
        raise Refused("expected text, one customer a line", place="--file") from None
    found = [line.strip() for line in text.splitlines()]
    listed = [line for line in dict.fromkeys(found) if line]
    if not listed:
        raise Refused("expected one customer a line; there is none", place="--file")
    return listed


def _zoned(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
