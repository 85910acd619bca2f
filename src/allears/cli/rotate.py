"""New keys under everything that is sealed, while the space is served."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.errors import Refused
from allears.guard.key_file import KINDS
from allears.journey import renewing


def rotate(
    layer: Literal["space", "customers", "signing"],
    /,
    *,
    to: Annotated[
        str | None,
        Parameter(help=f"For the space's key, where the new one comes from: {KINDS}."),
    ] = None,
    where: Where = HERE,
) -> None:
    """Replace the keys of a layer; it may be served meanwhile. Stopped half-way, the same command goes on.

    Parameters
    ----------
    layer
        space: a new `space.key`, every customer's key wrapped and everything under the space's key sealed anew.
        customers: a new key for each customer, for what comes from now on.
        signing: a new key for the audit's heads, receipts and access exports; the old one vouches for it.
    """
    if to is not None and layer != "space":
        raise Refused("only the space's key comes from somewhere", place="--to")
    with where.open() as space:
        if layer == "signing":
            made = renewing.renew_signing(space.ground, actor=space.actor)
            show.as_json(made) if where.json else show.out.print(
                f"signs from entry {made.number} on: {made.new}"
            )
            return
        with show.err.status("new keys") as status:

            def progress(step: str, n: int) -> None:
                status.update(f"{step}: {n:,}")

            if layer == "space":
                done = renewing.renew_space(space.ground, source=to, actor=space.actor, progress=progress)
            else:
                done = renewing.renew_customers(space.ground, actor=space.actor, progress=progress)
    if where.json:
        show.as_json(done)
        return
    went = "went on with version" if done.resumed else "version"
    show.out.print(
        f"{layer}: {went} {done.version}; {done.customers:,} customers' keys, {done.values:,} values"
    )
    if done.fingerprint:
        show.out.print(
            f"the space's key now has the fingerprint {done.fingerprint}: keep a copy of space.key elsewhere"
        )


def ages(*, where: Where = HERE) -> None:
    """List the layers of keys: which version, since when, and where the space's key comes from."""
    with where.open() as space:
        found = renewing.ages(space.ground)
    show.as_json(found) if where.json else show.rows(found)
