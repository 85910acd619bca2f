"""The audit: what was done, and that nobody rewrote it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec
from cyclopts import App

from allears.cli import show
from allears.cli.numbers import Most, Named
from allears.cli.where import HERE, Where
from allears.errors import NotFound, NotReady, Refused
from allears.guard.heads import Signed
from allears.guard.proof import Proof, check

T = TypeVar("T")

audit = App(name="audit", help="Who looked at what; tamper-evident.")


@audit.command(name="list")
def entries(*, limit: Most = 50, where: Where = HERE) -> None:
    """Show the newest entries."""
    with where.open() as space:
        found = [msgspec.structs.asdict(e) for e in space.ground.audit.entries(limit)]
    show.as_json(found) if where.json else show.rows(found, empty="no entry yet")


@audit.command
def verify(*, heads: Path | None = None, where: Where = HERE) -> None:
    """Check that no entry of the audit was changed, removed or slipped in, nor a line of the list of acts by right; exit code 1 when one was.

    Parameters
    ----------
    heads
        A file of signed heads that was kept elsewhere; when omitted, the one named in the settings.
    """
    with where.open() as space:
        found, acts = space.verify_audit(heads)._asdict(), space.verify_acts()
    found |= {
        "acts": acts.lines,
        "acts_chained": acts.chained,
        "acts_cut": acts.cut,
        "acts_wrong": acts.wrong,
    }
    if where.json:
        show.as_json(found)
    else:
        show.rows([{"": k, "value": v} for k, v in found.items()], ("", "value"))
    if not found["ok"]:
        if where.json:
            raise show.Failed
        raise Refused("the audit was changed", place=f"entry {found['first_bad']}")
    if acts.wrong:
        if where.json:
            raise show.Failed
        raise Refused(acts.wrong, place="[guard] erasures_file")
    if acts.cut and not where.json:
        show.err.print(
            f"the end of the list of acts by right was missing {acts.cut} time{'s' if acts.cut > 1 else ''}: see the Privacy desk, and make a backup",
            style="bold",
        )


@audit.command
def head(*, where: Where = HERE) -> None:
    """Sign the newest head, and print it with the public key that checks it: keep both somewhere else."""
    with where.open() as space:
        signed = space.sign_audit()
        if signed is None:
            raise NotReady("no entry yet", got=0, needed=1)
        show.as_json(msgspec.to_builtins(signed) | {"key": space.ground.audit.signer.public})


@audit.command
def prove(entry: Named | None = None, /, *, since: Path | None = None, where: Where = HERE) -> None:
    """Prove to others that an entry is in the audit, or that it only grew: JSON on standard output.

    Parameters
    ----------
    entry
        An entry's number, as `allears audit list` shows it.
    since
        A file with an earlier head, as `allears audit head` printed it: prove that nothing up to it was changed.
    """
    with where.open() as space:
        log = space.ground.audit
        if entry is not None and since is None:
            proof = log.prove(entry)
        elif since is not None and entry is None:
            proof = log.prove_growth(_read(since, Signed))
        else:
            raise Refused("expected an entry's number, or --since with an earlier head", place="--since")
    show.as_json(proof)


@audit.command(name="check")
def check_proof(proof: Path, /, *, key: str, json: bool = False) -> None:
    """Check a proof: needs neither the space nor its secrets. Exit code 1 when it does not hold.

    Parameters
    ----------
    proof
        A file written by `allears audit prove`.
    key
        The space's public key, hex, as `allears audit head` prints it: have it from somewhere else than the proof.
    json
        Print JSON.
    """
    if not check(_read(proof, Proof), key):
        raise Refused("the proof does not hold", place=str(proof))
    show.as_json({"holds": True}) if json else show.out.print("the proof holds")


def _read(path: Path, form: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=form)
    except OSError:
        raise NotFound("no such file", place=str(path)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(str(error), place=str(path)) from None
