"""The register of processing (article 30), to read and to print."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from nicegui import ui

from allears.guard.access import Action
from allears.show import words
from allears.show.register import sections, write_html, write_markdown
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import button, card, empty, link, table, tag


def register(door: Door) -> None:
    """Open the page."""
    door.page("/privacy/register", "Register of processing", Action.SERVE_RIGHTS, build)


async def build(page: Page) -> None:
    """Draw it."""
    with tag("div", classes="head"):
        link("Privacy desk", "/privacy", "over")
        tag("h1", "Register of processing")
        tag("p", "Article 30, generated from what is configured and stored.", "lead")
    await page.fill("register", page.space.register, partial(_register, page), lines=12, live=False)


def _register(page: Page, told: dict[str, Any]) -> None:
    missing = told["not_stated"]
    with tag("div", classes="row"):
        for says, write, ending, kind in (
            ("Save as Markdown", write_markdown, "md", "text/markdown"),
            ("Save as HTML", write_html, "html", "text/html"),
        ):
            button(says, partial(_save, page, write, ending, kind), "small")
        button("Print", lambda: ui.run_javascript("window.print()"), "small")
    with tag("div", classes="stack"):
        for section in sections(told):
            with card(section.title, section.note):
                if not section.rows:
                    empty("None.")
                    continue
                right = [i for i, cell in enumerate(section.rows[0]) if isinstance(cell, int)]
                table(section.columns, section.rows, right=right, caption=section.title, classes="cards")
        with card(
            f"Not stated yet: {words.count(len(missing), 'entry', 'entries')}",
            "Only the company knows: register.toml in the space's folder says it.",
        ):
            for name in missing:
                tag("div", name)
            if not missing:
                empty("Everything is stated.")


async def _save(page: Page, write: Any, ending: str, kind: str) -> None:
    await page.sure(Action.SERVE_RIGHTS)
    told = await asyncio.to_thread(page.space.register)
    ui.download.content(write(told), f"register.{ending}", kind)
