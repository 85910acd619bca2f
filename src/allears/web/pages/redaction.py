"""Redaction judged by a person: one stored text at a time, drawn at random, and what that says of all of them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from nicegui import ui

from allears.errors import AllearsError
from allears.guard.access import Action
from allears.journey.judging import DAYS, Drawn
from allears.show import words
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import button, card, empty, facts, link, tag

SAYS = (
    ("Nothing missed", "clean", "main"),
    ("Something missed", "missed", ""),
    ("Hidden too much", "too_much", ""),
    ("Both", "both", ""),
    ("I cannot tell", "cannot_tell", ""),
)


def register(door: Door) -> None:
    """Open the page."""
    door.page("/privacy/redaction", "Redaction", Action.SERVE_RIGHTS, build)


async def build(page: Page) -> None:
    """Draw it."""
    with tag("div", classes="head"):
        link("Privacy desk", "/privacy", "over")
        tag("h1", "Redaction, judged by you")
        tag("p", "Does anything still name or reach a person? Was more hidden than that takes?", "lead")
    with card(
        "One text, as it is stored", f"Drawn at random from the last {DAYS} days. Only what you say is kept."
    ):
        place = tag("div")
        with place:
            button("Begin", partial(_begin, page, place), "main")
    await page.fill("redaction", page.space.redaction_quality, draw_quality, lines=3)


async def _begin(page: Page, place: Any) -> None:
    try:
        await page.sure(Action.SERVE_RIGHTS)
        drawn = await asyncio.to_thread(page.space.draw_texts)
    except AllearsError as error:
        ui.notify(error.message, type="negative")
        return
    _show(page, place, drawn, 0)


def _show(page: Page, place: Any, drawn: Drawn, at: int) -> None:
    place.clear()
    with place:
        if at >= len(drawn.texts):
            empty("No text is left that nobody judged." if not drawn.texts else "These are done.")
            if drawn.texts:
                button("Go on", partial(_begin, page, place), "main")
            return
        text = drawn.texts[at]
        known = [
            words.channel(text["channel"]),
            "from us" if text["direction"] == "out" else "",
            text["language"],
        ]
        tag("div", f"{at + 1} of {len(drawn.texts)}; " + ", ".join(filter(None, known)), "note")
        tag("blockquote", text["text"], "judged")
        with tag("div", classes="row"):
            for says, verdict, look in SAYS:
                button(says, partial(_judged, page, place, drawn, at, verdict), look)


async def _judged(page: Page, place: Any, drawn: Drawn, at: int, verdict: str) -> None:
    name = drawn.texts[at]["name"]
    await page.act(
        Action.SERVE_RIGHTS,
        lambda who: page.space.judge_text(name, verdict, drawn, actor=who.name),
        "Kept",
    )
    _show(page, place, drawn, at + 1)


def draw_quality(found: list[dict[str, Any]]) -> None:
    """Draw what was judged of each method of redaction."""
    for row in found:
        title = "What that says" if row["present"] else "Earlier rules"
        with card(title, row["method"]):
            if not row["n"]:
                empty("Nobody has judged texts under these rules yet.")
                continue
            facts(
                [
                    ("Texts with something missed", _said(row["missed"])),
                    ("Texts with too much hidden", _said(row["too_much"])),
                    ("Texts judged", row["n"]),
                    ("Could not be told", row["cannot_tell"]),
                    ("Drawn among", f"{row['population']:,} texts until {words.time(row['until'])}"),
                ]
            )


def _said(share: dict[str, Any]) -> str:
    return f"{share['share']:.1%} ({share['low']:.1%} to {share['high']:.1%})"
