"""What the law asks for: requests by right, access, retention, legal holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter
from rich.prompt import Confirm

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.errors import Refused
from allears.guard.purpose import Purpose
from allears.journey.requests import Kind

hold = App(name="hold", help="Legal holds: what is held is neither erased nor retired.")

restrict = App(name="restrict", help="Article 18: data that is kept and not used, until that is lifted.")

requests = App(name="requests", help="What people ask for by right, with the clock of one month.")


@requests.command(name="new")
def new_request(
    who: str,
    /,
    *,
    kind: Kind,
    via: Annotated[str, Parameter(help="How it came, such as email.")] = "",
    note: Annotated[str, Parameter(help="What is asked; redacted before it is kept.")] = "",
    received: Annotated[
        datetime | None, Parameter(help="When it came, if not now; UTC where no zone is given.")
    ] = None,
    where: Where = HERE,
) -> None:
    """Note a request.

    Parameters
    ----------
    who
        An identifier of the asker, best the one they wrote from, or a customer id.
    """
    at = received.replace(tzinfo=UTC) if received is not None and received.tzinfo is None else received
    with where.open() as space:
        made = space.request(who, kind, via=via, note=note, received_at=at)
        due = next(r["due_at"] for r in space.requests() if r["request"] == made)
        show.as_json({"request": made, "due_at": due}) if where.json else show.out.print(
            f"request {made}, due {due:%Y-%m-%d}; next: `allears requests check {made} --how ...`"
        )


@requests.command(name="list")
def list_requests(
    *,
    closed: Annotated[bool, Parameter(negative="", help="Closed ones too.")] = False,
    where: Where = HERE,
) -> None:
    """List requests, the next one due first."""
    with where.open() as space:
        found = space.requests(closed=closed)
        columns = ("request", "kind", "state", "customers", "due_at", "days_left", "identity")
        show.rows(found, columns, empty="no request is open", json=where.json)


@requests.command
def check(request: str, /, *, how: str, where: Where = HERE) -> None:
    """Record how it was made sure that the asker is who they say."""
    with where.open() as space:
        space.check_asker(request, how)
        show.as_json({"request": request, "identity": "checked"}) if where.json else show.out.print("noted")


@requests.command
def extend(request: str, /, *, why: str, where: Where = HERE) -> None:
    """Take two more months, once; tell the asker why within the first month."""
    with where.open() as space:
        space.extend_request(request, why=why)
        due = next(r["due_at"] for r in space.requests() if r["request"] == request)
        show.as_json({"request": request, "due_at": due}) if where.json else show.out.print(
            f"due {due:%Y-%m-%d}"
        )


@requests.command
def done(
    request: str,
    /,
    *,
    outcome: str,
    refused: Annotated[bool, Parameter(negative="", help="It was turned down.")] = False,
    where: Where = HERE,
) -> None:
    """Say what became of a request."""
    with where.open() as space:
        space.close_request(request, outcome, refused=refused)
        state = "refused" if refused else "done"
        show.as_json({"request": request, "state": state}) if where.json else show.out.print(state)


@requests.command(name="object")
def carry_out_objection(
    request: str,
    /,
    *,
    purpose: Annotated[list[Purpose], Parameter(help="What is objected to; may be given several times.")],
    where: Where = HERE,
) -> None:
    """Do what a checked request for objection asks: note a no to each purpose, and close it."""
    with where.open() as space:
        noted = space.object_asker(request, purpose)
        show.as_json({"request": request, "purposes": noted}) if where.json else show.out.print(
            f"no to {', '.join(noted)}, from now on; the request is closed"
        )


def access(
    request: str,
    /,
    *,
    out: Annotated[Path, Parameter(help="The file to write, such as ada.age.")],
    to: Annotated[
        str | None, Parameter(help="The asker's public key of age; else a passphrase is made.")
    ] = None,
    where: Where = HERE,
) -> None:
    """Write everything held of the asker, as JSON and as a page, signed and sealed; the identity must have been checked.

    Parameters
    ----------
    request
        The id of the request.
    """
    with where.open() as space:
        made = space.access(request, out, recipient=to)
        if where.json:
            show.as_json(made)
            return
        show.out.print(f"{made.signals:,} signals in {made.file}; `age -d` opens it")
        if made.passphrase:
            show.out.print(f"passphrase: {made.passphrase}")
            show.err.print("kept nowhere: tell it by another way than the file", style="dim")


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
        made = space.retire()
        if where.json:
            show.out.file.write(made.json())
            return
        receipt = msgspec.to_builtins(made)
        receipt["proof"] = f"allears receipt show {made.audit_number}"
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
        show.rows(found, empty="nothing is held", json=where.json)


@hold.command
def end(hold: str, /, *, where: Where = HERE) -> None:
    """End a hold; what is due goes with the next run."""
    with where.open() as space:
        space.release(hold)
        show.as_json({"ended": hold}) if where.json else show.out.print("ended")


@restrict.command(name="add")
def add_restriction(
    who: str | None = None,
    /,
    *,
    why: str = "",
    request: Annotated[
        str | None, Parameter(help="The request for restriction that this does and closes.")
    ] = None,
    where: Where = HERE,
) -> None:
    """Keep a customer's data and use it for nothing else: of a person, or of whoever made a request.

    Parameters
    ----------
    who
        A customer id or any identifier.
    why
        The reason; redacted, and kept in the audit.
    """
    if (who is None) == (request is None):
        raise Refused("expected a customer, or --request with its id: one of the two", place="restrict add")
    with where.open() as space:
        made = space.restrict_asker(request) if request else space.restrict(str(who), why=why)
        show.as_json({"restriction": made}) if where.json else show.out.print(
            f"restricted until `allears restrict lift {made} --told ...`"
        )


@restrict.command(name="list")
def list_restrictions(
    *,
    lifted: Annotated[bool, Parameter(negative="", help="Lifted ones too.")] = False,
    where: Where = HERE,
) -> None:
    """List the restrictions that last."""
    with where.open() as space:
        found = space.restrictions(lifted=lifted)
        columns = ("restriction", "customers", "since", "why", "lifted_at")
        show.rows(found, columns, empty="nobody's data is restricted", json=where.json)


@restrict.command(name="lift")
def lift_restriction(
    restriction: str,
    /,
    *,
    told: Annotated[str, Parameter(help="How the person was told before; the law wants it.")],
    where: Where = HERE,
) -> None:
    """Lift a restriction: the data is used again from now on."""
    with where.open() as space:
        space.lift(restriction, told=told)
        show.as_json({"lifted": restriction}) if where.json else show.out.print("lifted")
