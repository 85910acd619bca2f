"""Customers: find one by anything known, or see who was heard last."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from nicegui import ui

from allears.guard.access import Action
from allears.journey import people
from allears.show import words
from allears.web.pages.frame import Door, Page
from allears.web.pages.glass import break_glass
from allears.web.pages.pieces import button, card, chip, empty, link, table, tabs, tag

KINDS = {"": "All", "consumer": "Consumers", "employee": "Employees", "partner": "Partners"}
LISTED, SHOWN = 400, 50


def register(door: Door) -> None:
    """Open the page."""
    door.page("/customers", "Customers", Action.SEE_CUSTOMERS, build, narrowed=True)


async def build(page: Page) -> None:
    """Draw it."""
    ground, kind = page.space.ground, page.request.query_params.get("kind", "")
    tag("h1", "Customers")
    _search(page)
    if page.figures:
        await page.fill("segments", page.space.segments, _segments, lines=1)
    if page.may(Action.MERGE_CUSTOMERS):
        await page.fill(
            f"links:waiting{page.eyes}",
            lambda: people.concerned(
                ground, page.principal, page.space.link_queue("waiting", limit=51), "left", "right"
            ),
            _waiting,
            lines=1,
        )

    def draw(found: list[dict[str, Any]]) -> None:
        chosen = [c for c in found if kind in ("", c["relationship"])]
        tabs(
            [(text, f"/customers?kind={k}" if k else "/customers", k == kind) for k, text in KINDS.items()],
            "Relationship",
        )
        with card(
            f"{min(len(chosen), SHOWN)} heard most recently",
            f"Of the {len(found):,} customers last heard" if kind else "",
        ):
            if not chosen:
                empty(
                    "No customer of that kind was heard lately.",
                    "A signal needs an identifier to belong to somebody.",
                )
                return
            table(
                ("Customer", "Relationship", "Messages", "Signals", "Channels", "Mood", "Last heard"),
                [
                    (
                        partial(link, c["customer"], f"/customers/{c['customer']}"),
                        c["relationship"],
                        c["messages"],
                        c["signals"],
                        c["channels"],
                        partial(mood, c["sentiment"], c["messages"]),
                        words.time(c["last_at"]),
                    )
                    for c in chosen[:SHOWN]
                ],
                right=(2, 3, 4),
                caption="Customers",
                classes="cards",
            )

    await page.fill(
        f"customers{page.eyes}",
        lambda: people.customers(ground, page.principal, limit=LISTED),
        draw,
        lines=10,
    )


def _segments(found: list[dict[str, Any]]) -> None:
    on = [s for s in found if s["on"]]
    text = f"{words.count(len(on), 'segment')} of customers" if on else "Segments of customers"
    with tag("div", classes="row"):
        link(f"{text}: who belongs, who entered and left", "/customers/segments")
        link("Organisations and their people", "/customers/accounts")


def _waiting(pairs: list[dict[str, Any]]) -> None:
    if pairs:
        many = "50+" if len(pairs) > 50 else len(pairs)
        text = "1 pair of customers is" if len(pairs) == 1 else f"{many} pairs of customers are"
        link(f"{text} probably one person: decide", "/customers/links")


def mood(sentiment: float | None, messages: int | None = None) -> None:
    """Put how somebody sounds on average, if anything was said."""
    if sentiment is None:
        tag("span", "nothing said", "note")
    else:
        tone = "bad" if sentiment < -0.2 else "good" if sentiment > 0.2 else ""
        shown = round(sentiment, 1) or 0.0  # never "-0.0"
        n = "" if messages is None else f", n {messages}"
        chip(f"{'unhappy' if tone == 'bad' else 'happy' if tone else 'mixed'} {shown:+.1f}{n}", tone)


def _search(page: Page) -> None:
    with tag("form", classes="search", role="search") as form:
        # What is searched for is personal: it goes over the page's own connection, not into an address that is logged.
        tag(
            "input",
            type="search",
            placeholder="E-mail, phone, user id, handle or customer id",
            aria_label="Find a customer",
        )
        tag("button", "Find", "button main", type="submit")
    said = tag("p", "", "note", role="status")
    past = tag("div", classes="row")

    async def find(event: Any) -> None:
        text = str(event.args or "").strip()
        if not text:
            return
        principal = await page.sure(Action.SEE_CUSTOMERS)
        found = await asyncio.to_thread(people.customers, page.space.ground, principal, text)
        if found:
            ui.navigate.to(f"/customers/{found[0]['customer']}")
        else:
            said.text = "Nobody is known by that. An identifier must be whole: names and parts of addresses are not kept in clear."
            past.clear()
            if not page.sight.whole and page.space.ground.glass.minutes(principal):
                with past:
                    tag("span", "Or it is outside your sight.", "note")
                    button("Look past it", partial(break_glass, page, text), "small")

    form.on("submit.prevent", find, js_handler="(e) => emit(e.target.querySelector('input').value)")
