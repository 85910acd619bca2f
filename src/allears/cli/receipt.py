"""Receipts: listed, given again, and checked by anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from allears.cli import show
from allears.cli.numbers import Most, Named
from allears.cli.where import HERE, Where
from allears.errors import NotFound, Refused
from allears.guard.receipt import give_again, kept, verify_receipt

receipt = App(name="receipt", help="Receipts of erasures and retention, which anybody can check.")


@receipt.command
def verify(file: Path, /, *, key: str | None = None, json: bool = False) -> None:
    """Check a receipt: needs neither the space nor its secrets, nor a network. Exit code 1 when it does not hold.

    Parameters
    ----------
    file
        The receipt, as it was handed out.
    key
        The space's public key, hex, as `allears audit head` prints it: have it from somewhere else than the receipt.
    json
        Print JSON.
    """
    try:
        content = file.read_bytes()
    except OSError:
        raise NotFound("no such file", place=str(file)) from None
    found = verify_receipt(content, key.strip().lower() if key else None)
    if json:
        show.as_json({"holds": True, "key_known": key is not None, **found._asdict()})
        return
    show.out.print(f"the receipt holds: {found.receipt} by {found.tenant}, audit entry {found.audit_number}")
    if key is None:
        show.err.print(
            f"signed with the key of fingerprint {found.fingerprint}: compare it with the one {found.tenant} gives out, or pass --key",
            style="dim",
        )


@receipt.command(name="list")
def list_receipts(*, limit: Most = 50, where: Where = HERE) -> None:
    """List the newest receipts."""
    with where.open() as space:
        found = kept(space.ground.desk, limit)
    show.as_json(found) if where.json else show.rows(found, empty="no receipt yet")


@receipt.command(name="show")
def show_receipt(
    number: Named,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="The file to write; default: standard output.")] = None,
    where: Where = HERE,
) -> None:
    """Give a receipt again, proven against the audit as it is now.

    Parameters
    ----------
    number
        As `allears receipt list` shows it.
    """
    with where.open() as space:
        content = give_again(space.ground.desk, space.ground.audit, number)
    if out is None:
        show.out.file.write(content.decode())
        return
    try:
        with out.open("xb") as target:
            target.write(content)
    except FileExistsError:
        raise Refused("there is a file already", place="--out") from None
    show.as_json({"number": number, "file": str(out)}) if where.json else show.out.print(f"written to {out}")
