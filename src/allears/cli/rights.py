"""What the law asks for: retention and legal holds."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter
from rich.prompt import Confirm

from allears.cli import show
from allears.cli.where import HERE, Where

hold = App(name="hold", help="Legal holds: what is held is neither erased nor retired.")


def retention(
    *,
    apply: Annotated[bool, Parameter(negative="", help="Remove it, and print a receipt.")] = False,
    yes: Annotated[bool, Parameter(alias="-y", negative="")] = False,
    where: Where = HERE,
) -> None:
    """Tell what `retention.toml` lets go now, by class, source and month; with `--apply`, let it go."""
    with where.open() as space:
        due = space.due()
        n = sum(row["n"] for row in due)
        if not apply:
            if where.json:
                show.as_json(due)
                return
            show.rows(due, ("what", "source", "month", "n"), empty=_nothing(space), title="due now")
            if due:
                show.err.print(f"{n:,} rows; nothing was changed. `--apply` lets them go", style="dim")
            return
        if (
            n
            and not (yes or where.json)
            and not Confirm.ask(f"let {n:,} rows go for good?", console=show.out, default=False)
        ):
            show.out.print("nothing was changed")
            return
        receipt = msgspec.to_builtins(space.retire())
        if where.json:
            show.as_json(receipt)
            return
        show.rows(
            receipt.pop("removed"), ("what", "source", "month", "n"), empty="nothing was due", title="gone"
        )
        show.rows([{"": k, "value": v} for k, v in receipt.items()], ("", "value"), title="receipt")


def _nothing(space: Any) -> str:
    if not (space.ground.folder / "retention.toml").is_file():
        return "everything is kept: there is no retention.toml"
    return "nothing is due"


@hold.command(name="add")
def add_hold(who: str, /, *, why: str, where: Where = HERE) -> None:
    """Hold everything of a customer.

    Parameters
    ----------
    who
        A customer id or any identifier.
    why
        The reason; redacted, and kept in the audit.
    """
    with where.open() as space:
        made = space.hold(who, why=why)
        show.as_json({"hold": made}) if where.json else show.out.print(
            f"hold {made} lasts until `allears hold end {made}`"
        )


@hold.command(name="list")
def list_holds(
    *,
    ended: Annotated[bool, Parameter(negative="", help="Ended ones too.")] = False,
    where: Where = HERE,
) -> None:
    """List the holds that last."""
    with where.open() as space:
        found = space.holds(ended=ended)
        show.as_json(found) if where.json else show.rows(found, empty="nothing is held")


@hold.command
def end(hold: str, /, *, where: Where = HERE) -> None:
    """End a hold; what is due goes with the next run."""
    with where.open() as space:
        space.release(hold)
        show.as_json({"ended": hold}) if where.json else show.out.print("ended")
