"""What is in hand with one customer, on their page: cases, promises, what was sent, conversations."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from allears.guard.access import Action
from allears.journey import people
from allears.show import words
from allears.web.pages.frame import Page
from allears.web.pages.issue import said
from allears.web.pages.pieces import button, card, chip, link, state, table, tag

MOST = 8
PROMISES = {"open": "warn", "kept": "good", "broken": "bad"}
SENT = {
    "proposed": ("waits for a yes", "warn"), "approved": ("approved", "good"), "sent": ("sent", "good"), "failed": ("could not be sent", "bad"),
    "dismissed": ("dismissed", "quiet"), "held out": ("left out, to compare", "quiet"), "suppressed": ("held back", "quiet"),
    "invited": ("asked", "good"), "answered": ("answered", "good"), "held": ("left in peace", "quiet"), "withdrawn": ("taken back", "quiet"),
}  # fmt: skip


async def draw_dealings(page: Page, person: Any) -> None:
    """Draw what is in hand with a customer; what there is none of takes no room."""

    def draw(found: dict[str, Any]) -> None:
        _work(page, found)
        if found["conversations"]:
            _conversations(page, person, found["conversations"])

    await page.fill(f"dealings{page.eyes_on(person)}:{person.id}", person.dealings, draw, lines=3, live=False)


def _work(page: Page, found: dict[str, Any]) -> None:
    open_cases = [c for c in found["cases"] if c["state"] in ("open", "acknowledged")]
    kept = [p for p in found["promises"] if p["state"] == "kept"]
    due = [p for p in found["promises"] if p["state"] != "open"]
    said_so = []
    if found["cases"]:
        said_so.append(f"{words.count(len(open_cases), 'open case')} of {len(found['cases'])}")
    if found["promises"]:
        said_so.append(
            f"{len(kept)} of {words.count(len(due), 'promise')} kept"
            if due
            else f"{words.count(len(found['promises']), 'promise')} open"
        )
    if found["sent"]:
        said_so.append(f"{words.count(len(found['sent']), 'message or survey', 'messages and surveys')}")
    with card(", ".join(said_so).capitalize() if said_so else "No case, no promise, nothing sent by us"):
        if found["segments"]:
            with tag("div", classes="row"):
                tag("span", "In segments:", "note")
                for one in found["segments"]:
                    link(one["segment"].replace("-", " "), f"/customers/segments/{one['segment']}")
        if found["cases"]:
            _cases(page, found["cases"])
        if found["promises"]:
            _promises(found["promises"])
        if found["sent"]:
            _sent(found["sent"])


def _cases(page: Page, cases: list[dict[str, Any]]) -> None:
    rows = [
        (c["title"], partial(state, c["state"]), c["department"], c["priority"], words.time(c["opened_at"]))
        for c in cases[:MOST]
    ]
    table(
        ("Case", "State", "With", "Priority", "Opened"),
        rows,
        caption="Cases of this customer",
        classes="cards",
    )


def _promises(promises: list[dict[str, Any]]) -> None:
    rows = [
        (
            p["words"],
            partial(chip, p["state"], PROMISES[p["state"]]),
            words.channel(p["channel"]),
            words.time(p["made_at"]),
            words.time(p["due_at"]),
        )
        for p in promises[:MOST]
    ]
    table(
        ("We promised", "State", "By", "When", "Due"),
        rows,
        caption="Promises to this customer",
        classes="cards",
    )


def _sent(sent: list[dict[str, Any]]) -> None:
    rows = [
        (
            f"{s['what']}: {str(s['name'] or '').replace('-', ' ')}",
            partial(_state, s),
            s["by"].replace("-", " "),
            words.time(s["at"]),
        )
        for s in sent[:MOST]
    ]
    table(("Sent to them", "State", "By", "When"), rows, caption="What was sent", classes="cards")


def _state(sent: dict[str, Any]) -> None:
    text, tone = SENT.get(sent["state"], (sent["state"], "quiet"))
    with tag("div"):
        chip(text, tone)
        if sent["held_by"] and sent["state"] in ("suppressed", "held"):
            tag("div", sent["held_by"], "note")


def _conversations(page: Page, person: Any, conversations: list[dict[str, Any]]) -> None:
    waiting = [c for c in conversations if c["last_word"] == "theirs"]
    note = (
        f"In {len(waiting)} the last word is the customer's" if waiting else "The last word in each is ours"
    )
    with card(words.count(len(conversations), "conversation"), note):
        for one in conversations[:MOST]:
            _conversation(page, person, one)


def _conversation(page: Page, person: Any, one: dict[str, Any]) -> None:
    with tag("details", classes="conversation") as whole:
        with tag("summary"):
            tag("span", f"{words.channel(one['channel'])}, {words.day(one['began_at'])}")
            tag("span", f" {one['theirs']} from them, {one['ours']} from us", "note")
            if one["first_mood"] is not None and one["last_mood"] is not None:
                turn = one["last_mood"] - one["first_mood"]
                if abs(turn) >= 0.3:
                    chip("mood rose" if turn > 0 else "mood fell", "good" if turn > 0 else "bad")
            if one["last_word"] == "theirs":
                chip("waits for us", "warn")
        place = tag("div", classes="timeline")
    with whole:

        async def show() -> None:
            # Asked again: a sight or a broken glass may have ended since the page was opened.
            now = await asyncio.to_thread(people.person, page.space.ground, page.principal, person.id)
            rows = (await asyncio.to_thread(now.conversation, one["thread"])).to_pylist()
            place.clear()
            with place:
                for row in reversed(rows):
                    _message(page, row)

        with place:
            button("Show what was said", show, "small")


def _message(page: Page, row: dict[str, Any]) -> None:
    with tag("div", classes=f"event {row['direction'] or ''}"):
        tag("span", words.time(row["occurred_at"]), "when")
        tag("span", "us" if row["direction"] == "out" else "customer", "when")
        with tag("div"):
            may = page.may(Action.READ_TEXT) or not row["text"]
            tag("div", said(row) if may else "wrote something", "what")
