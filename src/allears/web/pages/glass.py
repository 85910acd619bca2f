"""Breaking the glass: asking to see all of one customer, that it is open, and what was broken, for the privacy officer."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from allears.guard.access import Action, Principal
from allears.guard.glass import Broken
from allears.journey.person import Person
from allears.show import words
from allears.web.pages.frame import Page
from allears.web.pages.pieces import button, card, chip, empty, link, table, tag
from allears.web.pages.why import ask_why

MOST = 25
NOTE = (
    "Your name, the customer, the reason and the time are kept in the audit, and the privacy officer is told."
)


def draw_glass(page: Page, person: Person) -> None:
    """Say that all of a customer is open, until when; or offer it to those who may."""
    glass = page.space.ground.glass
    if person.glass is not None:
        broken = person.glass
        left = (broken.ends_at - page.space.now()).total_seconds()
        with card(f"You see all of this customer until {broken.ends_at:%H:%M} UTC", classes="warn"):
            tag("p", f"Your reason: {broken.why}. The privacy officer is told.")

            async def end() -> None:
                await page.act(
                    Action.SEE_CUSTOMERS, lambda who: glass.end(broken.id, actor=who.name), "Ended"
                )
                ui.navigate.to("/customers")

            with tag("div", classes="row"):
                button("End it now", end)
        # What is on the screen goes when the time is over, not with the next click.
        ui.timer(max(left, 0.0) + 0.5, lambda: ui.navigate.reload(), once=True)
    elif (page.sight.hidden or not page.sight.whole) and glass.minutes(page.principal):
        with tag("div", classes="row"):
            button("See what is hidden", partial(break_glass, page, person.id), "small")
            tag("span", f"For {glass.minutes(page.principal)} minutes, with a reason.", "note")


async def break_glass(page: Page, who: str) -> None:
    """Ask for the reason, break the glass, and show the customer."""
    why = await ask_why("Why must you see what is hidden?", NOTE, do="Show me all of it")
    if why is None:
        return

    def shatter(principal: Principal) -> Broken:
        return page.space.break_glass(who, why=why, principal=principal)

    broken = await page.act(Action.SEE_CUSTOMERS, shatter, "Open, and noted")
    if broken is not None:
        ui.navigate.to(f"/customers/{broken.customer}")


async def draw_broken(page: Page) -> None:
    """Draw what was broken, for the privacy officer."""
    await page.fill("glass", lambda: page.space.ground.glass.list(noted=True), partial(_broken, page))


def _broken(page: Page, found: list[Broken]) -> None:
    waiting = [one for one in found if one.open or one.read_at is None]
    title = (
        f"{words.count(len(waiting), 'look')} past mask and sight to take note of"
        if waiting
        else "Nobody looked past mask and sight"
        if not found
        else "All looks past mask and sight are noted"
    )
    with card(
        title,
        "Broken glass: all of one customer, for a reason and some minutes. access.toml says which role may.",
    ):
        if not found:
            empty("No role may unless access.toml says so, and a key never.")
            return
        rows = [
            (
                f"{one.actor.partition(':')[2]} ({one.role})",
                partial(link, one.customer, f"/customers/{one.customer}"),
                one.why,
                words.time(one.began_at),
                partial(_state, one),
                partial(_acts, page, one),
            )
            for one in found[:MOST]
        ]
        table(("Who", "Customer", "Why", "Began", "State", ""), rows, caption="Broken glass", classes="cards")


def _state(one: Broken) -> None:
    if one.open:
        chip(f"open until {one.ends_at:%H:%M} UTC", "bad")
    elif one.read_by is None:
        chip("over, not noted", "warn")
    else:
        chip(f"noted by {one.read_by.partition(':')[2]}", "quiet")


def _acts(page: Page, one: Broken) -> None:
    glass = page.space.ground.glass

    async def act(what: str) -> None:
        if what == "end":
            await page.act(Action.SERVE_RIGHTS, lambda who: glass.end(one.id, actor=who.name), "Ended")
        else:
            await page.act(Action.SERVE_RIGHTS, lambda who: glass.note(one.id, actor=who.name), "Noted")

    with tag("div", classes="row"):
        if one.open:
            button("End it", partial(act, "end"), "small")
        if one.read_at is None:
            button("Take note", partial(act, "note"), "small")
