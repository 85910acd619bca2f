"""One customer: who it is, the figures, and the timeline over all channels."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

from nicegui import ui

from allears.errors import AllearsError
from allears.guard.access import Action
from allears.guard.mask import IN_CLEAR, MASK, Field
from allears.guard.sight import Sight
from allears.journey import people, seen
from allears.journey.person import Person
from allears.show import words
from allears.web.pages.accounts import draw_relations
from allears.web.pages.consent import draw_consent
from allears.web.pages.customers import mood
from allears.web.pages.dealings import draw_dealings
from allears.web.pages.frame import Door, Page
from allears.web.pages.glass import draw_glass
from allears.web.pages.issue import said
from allears.web.pages.merges import draw_merges
from allears.web.pages.pieces import button, card, chip, empty, facts, link, skeleton, tag
from allears.web.pages.traits import draw_traits
from allears.web.pages.why import ask_why

PAGE = 60
IDENTIFIERS = {
    "email": "e-mail", "phone": "phone", "user_id": "user id", "anonymous_id": "browser or app id", "handle": "handle", "account": "account",
    "device": "device",
}  # fmt: skip


def register(door: Door) -> None:
    """Open the page."""
    door.page("/customers/{customer}", "Customer", Action.SEE_CUSTOMERS, build, narrowed=True)


async def build(page: Page, customer: str) -> None:
    """Draw it."""
    ground = page.space.ground

    def seen_now() -> Person:
        # Asked again at each look: a sight or a broken glass may have ended meanwhile. What was read is kept as long as not.
        now = people.person(ground, page.principal, customer)
        return person if (now.id, now.sight, now.glass) == (person.id, person.sight, person.glass) else now

    person = await asyncio.to_thread(people.person, ground, page.principal, customer)
    known = await page.answers.ask(f"issues{page.eyes}", lambda: seen.issues(ground, page.principal))
    issues = {i["id"]: i for i in known}
    with tag("div", classes="head"):
        link("Customers", "/customers", "over")
        tag("h1", person.id)
    if rule := await asyncio.to_thread(person.restricted):
        with card("Restricted", "This customer's data is kept, and used for nothing until that is lifted."):
            tag("p", f"{rule.capitalize()}. The privacy officer put it on, and lifts it at the Privacy desk.")
        return
    draw_glass(page, person)
    await page.fill(
        f"customer{page.eyes_on(person)}:{person.id}",
        lambda: seen_now().overview(),
        lambda found: _overview(found, issues, person.sight),
        lines=4,
        live=False,
    )
    await draw_dealings(page, person)
    await draw_relations(page, person)
    await draw_traits(page, person)
    await draw_consent(page, person.id)
    await draw_merges(page, person.id)
    with card("What happened, newest first", "Over all channels; personal data is hidden"):
        sides = tag("div", classes="row")
        kept = tag("div", classes="timeline")
        more = tag("div")
        with more:
            skeleton(5)
    shown: dict[str, Any] = {"before": None, "day": None, "as": None}

    async def load() -> None:
        asked = {"limit": PAGE, "before": shown["before"], "relationship": shown["as"]}
        rows = await asyncio.to_thread(lambda: seen_now().timeline(**asked).to_pylist())
        with kept:
            _events(page, person, rows, shown)
        more.clear()
        with more:
            if len(rows) == PAGE:
                shown["before"] = rows[-1]["occurred_at"]
                button("Show earlier", load)
            elif shown["before"] is None and not rows:
                empty("Nothing is kept of this customer.")

    async def turn(side: str | None) -> None:
        shown.update(before=None, day=None)
        shown["as"] = side
        kept.clear()
        await load()

    await load()
    apart = list((await asyncio.to_thread(lambda: seen_now().overview()))["by_relationship"])
    if len(apart) > 1:
        with sides:
            for side in (None, *apart):
                button(f"As {side}" if side else "All", partial(turn, side), "small")


def _overview(found: dict[str, Any], issues: dict[str, Any], mine: Sight) -> None:
    with card():
        known = ", ".join(
            words.count(n, IDENTIFIERS.get(kind, kind)) for kind, n in found["identifiers"].items()
        )
        if Field.IDENTIFIERS in mine.hidden:
            known = MASK
        by = [f"{words.channel(c)} {n:,}" for c, n in found["by_channel"].items()]
        facts(
            [
                ("Relationship", _apart(found["by_relationship"]) or found["relationship"]),
                ("Known by", known),
                ("First heard", words.day(found["first_seen"])),
                ("Last heard", words.time(found["last_seen"])),
                ("Signals", found["signals"]),
                ("Channels", ", ".join(by[:5])),
                (
                    "Mood",
                    (lambda: mood(found["sentiment"])) if found["sentiment"] is not None else "nothing said",
                ),
                ("Failed requests met", found["failures"]),
                (
                    "Ratings given",
                    f"{found['ratings']}, mean {100 * found['rating']:.0f} of 100"
                    if found["ratings"]
                    else "none",
                ),
                (
                    "Talks about",
                    ", ".join(t.replace("/", ": ") for t in list(found["topics"])[:4]) or "nothing yet",
                ),
            ]
        )
        hit_by = [issue for issue in found["open_issues"] if issue in issues]
        if hit_by:
            with tag("div", classes="row"):
                tag("span", "Hit by open issues:", "note")
                for issue in hit_by:
                    link(issues[issue]["title"], f"/issues/{issue}")
        if found["history"]:
            with tag("details"):
                tag("summary", f"Identity changed {words.count(len(found['history']), 'time')}")
                for move in found["history"]:
                    text = f"{IDENTIFIERS.get(move['type'], move['type'])} belonged to {move['customer']} until {words.time(_moment(move['valid_to']))}"
                    tag("div", text, "note")


def _apart(sides: dict[str, dict[str, Any]]) -> str:
    """Say what somebody is several of, each with its own figures: what an employee says at work is no word of a consumer."""
    if len(sides) < 2:
        return ""
    return "; ".join(
        f"{side} ({words.count(told['signals'], 'signal')}"
        + (f", mood {told['sentiment']:+.1f})" if told["sentiment"] is not None else ")")
        for side, told in sides.items()
    )


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _events(page: Page, person: Person, rows: list[dict[str, Any]], shown: dict[str, Any]) -> None:
    for day, events in groupby(rows, key=lambda r: words.day(r["occurred_at"])):
        if day != shown["day"]:
            tag("h3", day)
            shown["day"] = day
        for event in events:
            _event(page, person, event)


def _event(page: Page, person: Person, event: dict[str, Any]) -> None:
    minor = event["text"] is None and event["ok"] is not False and event["rating"] is None
    with tag("div", classes=f"event {'minor' if minor else ''} {event['direction'] or ''}"):
        tag("span", f"{event['occurred_at']:%H:%M}", "when")
        tag(
            "span",
            words.channel(event["channel"]) + (" (from us)" if event["direction"] == "out" else ""),
            "when",
        )
        with tag("div"):
            masked = event["text"] == MASK and Field.TEXT in person.sight.hidden
            what = "wrote something, which is hidden from your role" if masked else said(event)
            tag("div", what, "what bad-text" if event["ok"] is False else "what")
            if event["rating"] is not None:
                # Without words, what was asked stands above already.
                asked = f"{event['name'] or 'rating'}: " if event["text"] else ""
                tag("span", f"{asked}{100 * event['rating']:.0f} of 100", "note")
            place = tag("div")
        with tag("div", classes="side row"):
            if event["text"] and _may_open(page, person):
                _original(page, person, event["signal_id"], place)
            if event["sentiment"] is not None and abs(event["sentiment"]) >= 0.2:
                chip(f"{event['sentiment']:+.1f}", "bad" if event["sentiment"] < 0 else "good")


def _may_open(page: Page, person: Person) -> bool:
    return person.glass is not None or (page.may(Action.OPEN_SEALED) and not person.sight.hidden & IN_CLEAR)


def _original(page: Page, person: Person, signal: str, place: Any) -> None:
    async def reveal() -> None:
        why = await ask_why()
        if why is None:
            return
        try:
            principal = await page.sure(Action.SEE_CUSTOMERS)
            now = await asyncio.to_thread(people.person, page.space.ground, principal, person.id)
            opened = await asyncio.to_thread(now.originals, principal, why, [signal])
        except AllearsError as error:
            ui.notify(error.message, type="negative")
            return
        found = opened.get(signal)
        place.clear()
        with place:
            tag(
                "div",
                (found or {}).get("text") or "The key was destroyed: nobody can open it any more.",
                "original",
            )

    button("Show original", reveal, "small")
