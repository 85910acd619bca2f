"""Playbooks: which are on, what they proposed and did; approved or dismissed where it stands."""

from __future__ import annotations

from functools import partial
from typing import Any

from allears.guard.access import Action
from allears.show import words
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import button, card, chip, empty, link, table, tag

MOST = 25
DONE = {"approved": "Approved", "dismissed": "Dismissed: nobody is contacted"}
SHOWN = {
    "proposed": ("waits for you", "warn"), "approved": ("approved", "good"), "sent": ("done", "good"), "failed": ("could not be sent", "bad"),
    "dismissed": ("dismissed", "quiet"), "held out": ("left out, to compare", "quiet"), "suppressed": ("not done", "quiet"),
}  # fmt: skip
WHAT = {
    "open case": "opens a case at {}",
    "notify": "tells {}",
    "message": "message: {}",
    "survey": "asks: {}",
}


def register(door: Door) -> None:
    """Open the page."""
    door.page("/cases/playbooks", "Playbooks", Action.RUN_PLAYBOOKS, build)


async def build(page: Page) -> None:
    """Draw it."""
    with tag("div", classes="head"):
        link("Cases", "/cases", "over")
        tag("h1", "Playbooks")
    await page.fill("moves", page.space.moves, partial(_moves, page))
    await page.fill("playbooks", page.space.playbooks, _playbooks, live=False)


def waiting(found: list[dict[str, Any]]) -> str:
    """Say how much waits for a yes or no."""
    proposed = [m for m in found if m["state"] == "proposed"]
    people = sum(m["customers"] for m in proposed)
    if not proposed:
        return "Playbooks: nothing waits for a yes or no" if found else "Playbooks have done nothing yet"
    return f"Playbooks propose to contact {words.count(people, 'customer')}; {words.count(len(proposed), 'decision')} to take"


def _moves(page: Page, found: list[dict[str, Any]]) -> None:
    note = "Cases and notices are done at once. Messages and surveys wait here for a yes; your own tools send them."
    with card(waiting(found), note):
        if not found:
            empty("No playbook is on, or nothing happened that one waits for.")
            return
        ordered = sorted(found, key=lambda m: m["state"] != "proposed")
        table(
            ("Playbook", "What", "For", "Because", "State", "Decide"),
            [
                (
                    m["playbook"].replace("-", " "),
                    WHAT.get(m["action"], "{}").format(str(m["target"] or "").replace("-", " ")),
                    words.count(m["customers"], "customer") if m["customers"] else "a team",
                    partial(_why, m),
                    partial(_state, m),
                    partial(_buttons, page, m),
                )
                for m in ordered[:MOST]
            ],
            caption="What playbooks proposed and did",
            classes="cards",
        )
        if len(ordered) > MOST:
            tag("p", f"and {len(ordered) - MOST:,} more: allears moves lists them", "note")


def _why(move: dict[str, Any]) -> None:
    text = str(move["why"]).partition(": ")[2] or str(move["why"])
    if move["issue"]:
        link(text, f"/issues/{move['issue']}")
    else:
        tag("span", text)


def _state(move: dict[str, Any]) -> None:
    text, tone = SHOWN.get(move["state"], (move["state"], "quiet"))
    with tag("div"):
        chip(text, tone)
        late = move["state"] in ("proposed", "approved") and move["due_at"] > move["at"]
        due = f", not before {words.time(move['due_at'])}" if late else ""
        held = f", held back: {move['held_by']}" if move["held_by"] and move["state"] == "suppressed" else ""
        tag("div", f"{words.time(move['at'])}{due}{held}", "note")


def _buttons(page: Page, move: dict[str, Any]) -> None:
    if move["state"] != "proposed" or not move["customers"]:
        return

    async def settle(state: str) -> None:
        await page.act(
            Action.RUN_PLAYBOOKS,
            lambda principal: page.space.settle_moves([move["decision"]], state, actor=principal.name),
            DONE[state],
        )

    with tag("div", classes="row"):
        button("Approve", partial(settle, "approved"), "small main")
        button("Dismiss", partial(settle, "dismissed"), "small")


def _playbooks(found: list[dict[str, Any]]) -> None:
    on = [p for p in found if p["on"]]
    title = f"{words.count(len(on), 'playbook is', 'playbooks are')} on"
    with card(
        title,
        "A playbook is rehearsed on the last month, then switched on: allears playbook rehearse NAME, allears playbook on NAME.",
    ):
        table(
            ("Playbook", "What it does", "State"),
            [
                (
                    p["name"].replace("-", " "),
                    str(p["summary"]).removeprefix(f"{p['name']}: "),
                    partial(chip, "on" if p["on"] else "off", "good" if p["on"] else "quiet"),
                )
                for p in sorted(found, key=lambda p: (not p["on"], p["name"]))
            ],
            caption="Playbooks",
            classes="cards",
        )
