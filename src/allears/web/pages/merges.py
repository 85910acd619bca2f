"""Joining a customer with another by hand, keeping the two apart, and taking either back."""

from __future__ import annotations

from functools import partial
from typing import Any

from nicegui import ui

from allears.guard.access import Action, Principal
from allears.journey import people
from allears.show import words
from allears.web.pages.frame import Page
from allears.web.pages.pieces import button, link, tag

VERBS = {"merge": "Joined", "cut": "Parted", "apart": "Kept apart"}

DONE = ("One customer now; it can be taken back here", "They stay two customers; it can be taken back here")


async def draw_merges(page: Page, customer: str) -> None:
    """Draw what was done by hand and, for those who may, the way to do it."""
    may = page.may(Action.MERGE_CUSTOMERS)

    def draw(found: list[dict[str, Any]]) -> None:
        if not found and not may:
            return
        with tag("details", classes="card"):
            tag(
                "summary",
                f"Joined, parted or kept apart by hand {words.count(len(found), 'time')}"
                if found
                else "The same person as somebody else?",
            )
            for act in found:
                _act(page, customer, act, may)
            if may:
                _form(page, customer)

    def acts() -> list[dict[str, Any]]:
        found = page.space.merges(customer)
        return people.concerned(page.space.ground, page.principal, found, "left", "right")

    await page.fill(f"merges:{customer}{page.eyes}", acts, draw, lines=1, live=False)


def _act(page: Page, customer: str, act: dict[str, Any], may: bool) -> None:
    other = act["right"] if act["left"] == customer else act["left"]
    with tag("div", classes="row"):
        tag(
            "span",
            f"{VERBS[act['did']]} by {who_did(act['actor'])}, {words.time(act['done_at'])}: {act['why']}",
        )
        if other and other != customer:
            link(other, f"/customers/{other}")
        if act["undone_at"] is not None:
            tag("span", f"taken back {words.time(act['undone_at'])}", "note")
        elif may:
            button("Take back", partial(take_back, page, act["act"], f"/customers/{customer}"), "small")


def who_did(actor: str) -> str:
    """Name who did something, as pages say it."""
    kind, _, name = actor.partition(":")
    return "the command line" if kind == "local" else name or actor


def _form(page: Page, customer: str) -> None:
    with tag("form", classes="search stacked") as form:
        # Identifiers and reasons go over the page's own connection, never into an address.
        tag(
            "input",
            type="text",
            placeholder="Customer id, e-mail, phone, user id or handle",
            aria_label="The other customer",
        )
        tag("input", type="text", placeholder="Why you are sure; kept in the audit", aria_label="Reason")
        with tag("div", classes="row"):
            tag("button", "One person: join", "button main", type="submit", value="merge")
            tag("button", "Two people: keep apart", "button", type="submit", value="apart")

    def decide(deed: str, other: str, why: str, principal: Principal) -> dict[str, Any]:
        # Nobody joins or parts somebody whom they may not see.
        people.person(page.space.ground, principal, other)
        if deed == "apart":
            return page.space.apart(customer, other, why=why, actor=principal.name)
        return page.space.merge(customer, other, why=why, actor=principal.name)

    async def send(event: Any) -> None:
        deed, other, why = (str(value or "").strip() for value in event.args)
        done = await page.act(
            Action.MERGE_CUSTOMERS, partial(decide, deed, other, why), DONE[deed == "apart"]
        )
        if done is not None:
            ui.navigate.to(f"/customers/{done.get('customer', customer)}")

    form.on(
        "submit.prevent",
        send,
        js_handler="(e) => emit([e.submitter.value, ...[...e.target.querySelectorAll('input')].map(i => i.value)])",
    )


async def take_back(page: Page, act: str, then: str) -> None:
    """Take an act back, and show a page anew."""
    done = await page.act(
        Action.MERGE_CUSTOMERS, lambda principal: page.space.unmerge(act, actor=principal.name), "Taken back"
    )
    if done is not None:
        ui.navigate.to(then)
