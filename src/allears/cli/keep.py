"""Keep and check: export, compaction, doctor."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.errors import AllearsError, Refused
from allears.guard.purpose import Purpose

Kind = Literal["parquet", "csv", "json"]


def export(
    table: str,
    /,
    *,
    out: Annotated[Path, Parameter(help="The file to write.")],
    format: Kind = "parquet",
    sealed: Annotated[
        bool,
        Parameter(negative="", help="Seal it in the form of age, under a passphrase that is shown once."),
    ] = False,
    to: Annotated[str | None, Parameter(help="Seal it for a public key of age (age1…).")] = None,
    purpose: Annotated[
        Purpose, Parameter(help="What it is for; who objected to that, or did not consent, is left out.")
    ] = "analytics",
    alone: Annotated[
        str, Parameter(help="Why many people's rows leave without a second person; it is in the audit.")
    ] = "",
    where: Where = HERE,
) -> None:
    """Export a table, redacted, to Parquet, CSV or JSON; the export is in the audit.

    Parameters
    ----------
    table
        signals, identities, topics, issues, cases, surprises, expectations, measures, refused, links, source_hours or source_fields.
    """
    if out.exists():
        raise Refused("there is a file already", place="--out")
    with where.open() as space:
        rows, words = space.export(table, out, format, sealed=sealed, to=to, purpose=purpose, alone=alone)
    if where.json:
        told = {"table": table, "rows": rows, "file": str(out)}
        show.as_json(told | ({"passphrase": words} if words else {}))
        return
    show.out.print(f"{rows:,} rows in {out}")
    if words:
        show.out.print(f"passphrase, shown this once: {words}", highlight=False)


def compact(
    *,
    now: Annotated[
        bool,
        Parameter(
            negative="", help="Also remove files replaced within the last hour; stop the server first."
        ),
    ] = False,
    where: Where = HERE,
) -> None:
    """Join small files of the lake and remove those no longer needed: deleted messages go with them."""
    with where.open() as space:
        done = space.tidy(now=now)
        show.as_json(done) if where.json else show.out.print(
            f"{done['joined']} files joined, {done['removed']} removed"
        )


def doctor(*, where: Where = HERE) -> None:
    """Check the machine and the space, and say what to mend."""
    found = list(_checks(where))
    if where.json:
        show.as_json(found)
        return
    for check in found:
        mark = "[green]ok[/]" if check["ok"] else "[red]mend[/]"
        show.out.print(f"{mark}  {check['check']}: {check['says']}")


def _unread(folder: str, known: Mapping[str, object]) -> Iterator[dict[str, object]]:
    for name in known:
        try:
            known[name]
        except AllearsError as error:
            yield {"check": f"{folder}/{name}.toml", "ok": False, "says": str(error)}


def _checks(where: Where) -> Iterator[dict[str, object]]:
    yield {"check": "python", "ok": sys.version_info >= (3, 11), "says": sys.version.split()[0]}
    try:
        folder = where.folder()
    except AllearsError as error:
        yield {"check": "space", "ok": False, "says": error.message}
        return
    if not folder.is_dir():
        yield {"check": "space", "ok": False, "says": "there is no such folder"}
        return
    free = shutil.disk_usage(folder).free / 2**30
    yield {"check": "disk", "ok": free > 2, "says": f"{free:.1f} GB free"}
    key = folder / "space.key"
    if key.exists():
        private = key.stat().st_mode & 0o077 == 0
        yield {
            "check": "key file",
            "ok": private,
            "says": "only its owner can read it" if private else "others can read it: chmod 600 space.key",
        }
    yield {
        "check": "folder",
        "ok": os.access(folder, os.W_OK),
        "says": "writable" if os.access(folder, os.W_OK) else "not writable",
    }
    try:
        with where.open() as space:
            status = space.counts()
            audit = space.ground.audit.verify()
            rules = list(space.check_rules())
            wrong = [*_unread("vendors", space.ground.vendors), *_unread("platforms", space.ground.platforms)]
    except AllearsError as error:
        yield {"check": "space", "ok": False, "says": str(error)}
        return
    yield from rules
    yield from wrong
    yield {
        "check": "inbox",
        "ok": status["pending"] < 1_000_000,
        "says": f"{status['pending']:,} signals wait for the digest",
    }
    yield {
        "check": "segments",
        "ok": not status["damaged"],
        "says": f"{status['damaged']} could not be read whole: see `allears refused`; kept in inbox/damaged"
        if status["damaged"]
        else "all read whole",
    }
    yield {
        "check": "refused",
        "ok": status["refused"] == 0,
        "says": f"{status['refused']:,} rows refused" + ("; `allears refused`" if status["refused"] else ""),
    }
    yield {
        "check": "audit",
        "ok": audit.ok,
        "says": f"{audit.entries:,} entries, chain whole" if audit.ok else "the chain is broken",
    }
