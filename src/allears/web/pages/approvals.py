"""Approvals: what others asked for that needs a second person."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from allears.guard.access import Action
from allears.guard.approval import NEEDS, Asked
from allears.show import words
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import button, card, chip, empty, table, tag, titled

SAYS = {"export": "Export", "erase": "Erase"}
TONES = {"waiting": "warn", "approved": "good", "refused": "bad"}
SETTLED = 20


def register(door: Door) -> None:
    """Open the page."""
    door.page("/privacy/approvals", "Approvals", Action.EXPORT, build)


async def build(page: Page) -> None:
    """Draw it."""
    with tag("div", classes="head"):
        tag("h1", "Approvals")
        tag("p", "What carries many people's data out, or erases many, needs two people.", "lead")
    await page.fill("approvals", lambda: page.space.approvals.list(settled=True), partial(_all, page))


def _all(page: Page, found: list[Asked]) -> None:
    waiting = [one for one in found if one.state == "waiting"]
    asked = words.count(len(waiting), "request waits", "requests wait") if waiting else "No request waits"
    with card(f"{asked} for a second person"):
        if not waiting:
            empty(
                "Nobody has asked.", "To ask, by command: allears approvals ask export signals --why REASON"
            )
        else:
            rows = [
                (partial(_what, one), one.people, one.why, words.actor(one.asked_by), words.time(one.ends_at), partial(_settle, page, one))
                for one in waiting
            ]  # fmt: skip
            columns = ("What", "People", "Why", "Asked by", "Ends", "Next")
            table(columns, rows, right=(1,), caption="Requests", classes="cards")
    past = [one for one in reversed(found) if one.state != "waiting"][:SETTLED]
    if past:
        with card("Settled lately"):
            settled = [
                (partial(_what, one), one.people, words.actor(one.asked_by), partial(chip, one.state, TONES.get(one.state, "quiet")), words.actor(one.settled_by or "nobody"))
                for one in past
            ]  # fmt: skip
            told = ("What", "People", "Asked by", "State", "Settled by")
            table(told, settled, right=(1,), caption="Settled requests", classes="cards")


def _what(one: Asked) -> None:
    subject = one.subject if one.what == "export" else "a list of customers"
    titled(f"{SAYS[one.what]} {subject}", "", words.time(one.asked_at))


def _settle(page: Page, one: Asked) -> None:
    if one.asked_by == page.principal.name:
        tag("span", "somebody else must agree", "note")
        return
    if not page.may(NEEDS[one.what]):
        tag("span", f"a {page.principal.role} may not {one.what}", "note")
        return

    async def settle(yes: bool) -> None:
        said = "Agree" if yes else "Refuse"
        with (
            ui.dialog() as dialog,
            tag("div"),
            card(f"{said}: {SAYS[one.what].lower()}, {one.people:,} people?"),
        ):
            tag("p", f"{words.actor(one.asked_by)} asked: {one.why}")
            tag("p", "Your name is kept in the audit.", "note")
            with tag("div", classes="row"):
                button(said, lambda: dialog.submit(True), "main")
                button("Cancel", lambda: dialog.submit(False))
        sure = await dialog
        dialog.delete()
        if sure:
            await page.act(
                NEEDS[one.what],
                lambda principal: page.space.approvals.settle(principal, one.id, yes=yes),
                "Agreed" if yes else "Refused",
            )

    with tag("div", classes="row"):
        button("Agree", partial(settle, True), "small")
        button("Refuse", partial(settle, False), "small")
