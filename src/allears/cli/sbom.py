"""The bill of materials, and known flaws of what is in it."""

from __future__ import annotations

import json as text
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from allears.cli import show
from allears.cli.show import Failed
from allears.errors import Refused, WorldFailed
from allears.guard.flaws import OSV, flaws
from allears.guard.materials import bill, parts


def sbom(
    *,
    out: Annotated[Path | None, Parameter(help="A new file to write; default: it is printed.")] = None,
    audit: Annotated[
        bool, Parameter(negative="", help="Ask for known flaws instead: names and versions go to OSV.")
    ] = False,
    osv: Annotated[str, Parameter(help="Who is asked: OSV, or a mirror that speaks its form.")] = OSV,
    json: bool = False,
) -> None:
    """Write what this installation is made of, as CycloneDX in JSON; with `--audit`, tell which of it has known flaws.

    The exit code of an audit is 1 where there are flaws; where nobody can be asked it says so, and is 0.
    """
    found = parts()
    if audit:
        _audit(osv, json)
        return
    made = text.dumps(bill(found), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        show.out.file.write(made)
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(made)
    except FileExistsError:
        raise Refused("there is a file already", place="--out") from None
    show.as_json({"file": str(out), "parts": len(found)}) if json else show.out.print(
        f"wrote {out}: {len(found)} parts", highlight=False
    )


def _audit(osv: str, json: bool) -> None:
    found = parts()
    try:
        known = flaws(found, where=osv)
    except WorldFailed as error:
        if not error.facts.get("again"):
            raise
        show.as_json({"parts": len(found), "asked": False, "flaws": None}) if json else show.err.print(
            f"skipped: {error.message}"
        )
        return
    if json:
        show.as_json({"parts": len(found), "asked": True, "flaws": known})
    else:
        show.rows(known, ("name", "version", "flaws"), empty=f"no flaw is known of any of {len(found)} parts")
    if known:
        raise Failed
