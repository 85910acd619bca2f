"""Work: cases, issues, playbooks, destinations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from cyclopts import App, Parameter

from allears.cli import show
from allears.cli.numbers import Days, Most, Named
from allears.cli.where import HERE, Where
from allears.errors import Refused

issue = App(name="issue", help="Look at one issue, or say what became of it.")
case = App(name="case", help="Look at one case, or move it on.")
move = App(name="move", help="Say what becomes of what playbooks proposed.")
playbook = App(name="playbook", help="What Allears does by itself: list, explain, rehearse, switch on.")
destinations = App(name="destinations", help="Where deliveries go: signed webhooks and apprise targets.")


def cases(
    *, state: Literal["active", "open", "acknowledged", "fixed", "closed"] | None = None, where: Where = HERE
) -> None:
    """List cases, the one to take next first."""
    with where.open() as space:
        found = space.cases(state)
        if where.json:
            show.as_json(found)
        else:
            show.rows(
                found,
                ("id", "priority", "department", "title", "state", "acknowledge_by", "resolve_by", "overdue"),
                empty="no case",
            )


@issue.command(name="show")
def show_issue(id: str, /, *, where: Where = HERE) -> None:
    """Show one issue: facets, messages, who is hit, cases, verdict."""
    with where.open() as space:
        found = space.issue(id)
        if where.json:
            show.as_json(found)
            return
        plain = {k: v for k, v in found.items() if not isinstance(v, list | dict) or k in ("topics", "terms")}
        show.rows([{"": k, "value": v} for k, v in plain.items()], ("", "value"))
        show.rows(
            found["messages"],
            ("occurred_at", "channel", "language", "text"),
            title="typical messages",
            empty="no message",
        )


@issue.command
def acknowledge(id: str, /, *, where: Where = HERE) -> None:
    """Say that somebody is on it."""
    with where.open() as space:
        space.acknowledge(id)
        _done(where, id, "acknowledged")


@issue.command
def fixed(
    id: str,
    /,
    *,
    at: Annotated[str | None, Parameter(help="When, ISO 8601 with zone; default now.")] = None,
    where: Where = HERE,
) -> None:
    """Say that the cause was mended; from here Allears measures whether trust comes back."""
    with where.open() as space:
        space.mark_fixed(id, _moment(at))
        _done(where, id, "fixed")


@issue.command
def dismiss(id: str, /, *, where: Where = HERE) -> None:
    """Say that it is no issue."""
    with where.open() as space:
        space.dismiss(id)
        _done(where, id, "dismissed")


@issue.command
def share(
    id: str,
    /,
    *,
    partner: Annotated[str, Parameter(name="--with", help="The partner, as its users and keys name it.")],
    title: Annotated[
        str, Parameter(name="--as", help="The title it sees; default: its topic, as told by its own signals.")
    ] = "",
    where: Where = HERE,
) -> None:
    """Let a partner's people see an issue: title and state, and of its signals their own alone."""
    with where.open() as space:
        space.share(id, partner, title=title)
        _done(where, id, f"shared with {partner}")


@issue.command
def unshare(
    id: str,
    /,
    *,
    partner: Annotated[str, Parameter(name="--with", help="The partner.")],
    where: Where = HERE,
) -> None:
    """Let a partner's people see an issue no longer."""
    with where.open() as space:
        space.unshare(id, partner)
        _done(where, id, f"no longer shared with {partner}")


@case.command(name="move")
def move_case(
    id: str,
    state: Literal["acknowledged", "fixed", "closed", "open"],
    /,
    *,
    note: str = "",
    where: Where = HERE,
) -> None:
    """Move a case on."""
    with where.open() as space:
        space.move_case(id, state, note=note)
        _done(where, id, state)


def moves(
    *,
    state: Literal["proposed", "approved", "dismissed", "sent", "failed", "held out", "suppressed"]
    | None = None,
    decision: Annotated[str | None, Parameter(help="Show each move of this decision.")] = None,
    limit: Most = 200,
    where: Where = HERE,
) -> None:
    """List what playbooks proposed and did, newest first: one line for each decision and what became of it."""
    with where.open() as space:
        found = space.moves(state=state, decision=decision, limit=limit)
        if where.json:
            show.as_json(found)
        elif decision is not None:
            show.rows(
                found, ("id", "customer", "action", "target", "state", "held_by", "due_at"), empty="no move"
            )
        else:
            show.rows(
                found,
                ("decision", "at", "playbook", "action", "target", "customers", "state", "held_by", "due_at"),
                empty="no playbook has done anything yet; `allears playbook list`",
            )


def _settle(ids: tuple[str, ...], state: str, where: Where) -> None:
    if not ids:
        raise Refused("expected the id of a decision or a move", place="--id")
    with where.open() as space:
        number = space.settle_moves(ids, state)
        show.as_json({"moves": number, "state": state}) if where.json else show.out.print(
            f"{number:,} {'move is' if number == 1 else 'moves are'} {state}"
        )


@move.command
def approve(*ids: str, where: Where = HERE) -> None:
    """Say yes to what was proposed: by decision, or move by move."""
    _settle(ids, "approved", where)


@move.command(name="dismiss")
def dismiss_move(*ids: str, where: Where = HERE) -> None:
    """Say no to what was proposed; it no longer counts as a contact."""
    _settle(ids, "dismissed", where)


@move.command
def sent(*ids: str, where: Where = HERE) -> None:
    """Say that it was sent, by whatever sends it: Allears sends no message itself."""
    _settle(ids, "sent", where)


@move.command
def failed(*ids: str, where: Where = HERE) -> None:
    """Say that it could not be sent; it no longer counts as a contact."""
    _settle(ids, "failed", where)


@playbook.command(name="list")
def list_playbooks(*, where: Where = HERE) -> None:
    """List playbooks: those that ship, and whether each is switched on here."""
    with where.open() as space:
        found = space.playbooks()
        show.as_json(found) if where.json else show.rows(found, ("name", "on", "file", "summary"))


@playbook.command
def explain(name: str, /, *, where: Where = HERE) -> None:
    """Say in words what a playbook does."""
    with where.open() as space:
        text = space.explain(name)
        show.as_json({"name": name, "explained": text}) if where.json else show.out.print(text, markup=False)


@playbook.command
def rehearse(name: str, /, *, days: Days = 30, where: Where = HERE) -> None:
    """Count what a playbook would have done last month, without doing it."""
    with where.open() as space:
        found = space.rehearse(name, days=days)
        show.as_json(found) if where.json else show.rows(
            [{"": k, "value": v} for k, v in found.items()], ("", "value")
        )


@playbook.command
def on(name: str, /, *, where: Where = HERE) -> None:
    """Switch a playbook on: it is copied into the space, where it may be edited."""
    with where.open() as space:
        path = space.switch_on(name)
        show.as_json({"on": name, "file": str(path)}) if where.json else show.out.print(f"on; it is {path}")


@playbook.command
def off(name: str, /, *, where: Where = HERE) -> None:
    """Switch a playbook off."""
    with where.open() as space:
        space.switch_off(name)
        _done(where, name, "off")


@destinations.command(name="add")
def add_destination(
    name: str,
    url: str,
    /,
    *,
    kind: Literal["webhook", "apprise"] = "webhook",
    allow_private: Annotated[
        bool, Parameter(negative="", help="Allow an address inside your own network.")
    ] = False,
    where: Where = HERE,
) -> None:
    """Add a destination; a webhook's signing secret is shown once."""
    with where.open() as space:
        secret = space.add_destination(name, url, kind=kind, allow_private=allow_private)
        if where.json:
            show.as_json({"name": name, "kind": kind, "secret": secret})
        else:
            show.out.print(f"added{'; its secret, shown once: ' + secret if secret else ''}")


@destinations.command(name="list")
def list_destinations(*, where: Where = HERE) -> None:
    """List destinations and how they fare."""
    with where.open() as space:
        found = space.outbox.destinations()
        show.as_json(found) if where.json else show.rows(found, empty="no destination yet")


@destinations.command(name="remove")
def remove_destination(name: str, /, *, where: Where = HERE) -> None:
    """Forget a destination and what still waits for it."""
    with where.open() as space:
        space.remove_destination(name)
        _done(where, name, "removed")


@destinations.command
def pause(name: str, /, *, where: Where = HERE) -> None:
    """Send nothing there for now; what is meant for it waits."""
    with where.open() as space:
        space.outbox.switch(name, on=False)
        _done(where, name, "off")


@destinations.command
def resume(name: str, /, *, where: Where = HERE) -> None:
    """Send there again, beginning with what waits."""
    with where.open() as space:
        space.outbox.switch(name, on=True)
        _done(where, name, "on")


@destinations.command
def dead(
    *, replay: Annotated[Named | None, Parameter(help="Try this delivery again.")] = None, where: Where = HERE
) -> None:
    """List deliveries that were given up, or try one again."""
    with where.open() as space:
        if replay is not None:
            space.outbox.replay(replay)
        found = space.outbox.dead()
        show.as_json(found) if where.json else show.rows(found, empty="nothing was given up")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused("expected a time such as 2026-06-01T10:00:00+00:00", place="--at") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _done(where: Where, id: str, state: str) -> None:
    if where.json:
        show.as_json({"id": id, "state": state})
    else:
        show.out.print(f"{id}: {state}")
