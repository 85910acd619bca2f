"""Who is who, by hand: make two customers one, part what was joined by mistake, keep two apart, take any of it back."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from allears.cli import show
from allears.cli.where import HERE, Where

Why = Annotated[str, Parameter(help="The reason; it is kept in the audit.")]


def merge(left: str, right: str, /, *, why: Why, where: Where = HERE) -> None:
    """Make two customers one. `allears unmerge` takes it back exactly.

    Parameters
    ----------
    left, right
        Customer ids or any identifiers.
    """
    with where.open() as space:
        done = space.merge(left, right, why=why)
        show.as_json(done) if where.json else show.out.print(
            f"one customer now: {done['customer']}; to take it back: allears unmerge {done['act']}"
        )


def part(left: str, right: str, /, *, why: Why, where: Where = HERE) -> None:
    """Part two identifiers that were seen together by mistake, such as a shared telephone.

    Parameters
    ----------
    left, right
        The two identifiers that do not belong together.
    """
    with where.open() as space:
        done = space.part(left, right, why=why)
        two = len(done["customers"]) == 2
        said = " and ".join(done["customers"])
        note = f"two customers now: {said}" if two else f"still one customer, by other links: {said}"
        show.as_json(done) if where.json else show.out.print(
            f"{note}; to take it back: allears unmerge {done['act']}"
        )
        if two and not where.json:
            show.out.print("other links may join them again; allears apart keeps them two", style="dim")


def apart(left: str, right: str, /, *, why: Why, where: Where = HERE) -> None:
    """Keep two customers two: whatever both are seen with later, nothing joins them. `allears unmerge` takes it back.

    Parameters
    ----------
    left, right
        Customer ids or any identifiers.
    """
    with where.open() as space:
        done = space.apart(left, right, why=why)
        show.as_json(done) if where.json else show.out.print(
            f"{' and '.join(done['customers'])} stay two customers; to take it back: allears unmerge {done['act']}"
        )


def unmerge(act: str, /, *, where: Where = HERE) -> None:
    """Take a merge, a parting or a keeping apart back: customers are as if it had never been done.

    Parameters
    ----------
    act
        Its id, as `allears merges` lists it.
    """
    with where.open() as space:
        done = space.unmerge(act)
        kept = f"; the pair counts as refused, and {done['apart']} keeps it two" if done["apart"] else ""
        show.as_json(done) if where.json else show.out.print(f"{act} is undone{kept}")


def merges(*, where: Where = HERE) -> None:
    """List what was joined, parted and kept apart by hand: by whom, why, and whether it was taken back."""
    with where.open() as space:
        found = space.merges()
        if where.json:
            show.as_json(found)
        else:
            show.rows(
                found,
                ("act", "did", "left", "right", "why", "actor", "done_at", "undone_at"),
                empty="nobody was joined, parted or kept apart by hand",
            )
