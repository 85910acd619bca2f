"""Who is kept apart by hand, and taking that back."""

from __future__ import annotations

from functools import partial
from typing import Any

from allears.journey import people
from allears.show import words
from allears.web.pages.frame import Page
from allears.web.pages.merges import take_back, who_did
from allears.web.pages.pieces import button, card, empty, link, table

MOST = 50


async def draw_aparts(page: Page, path: str) -> None:
    """Draw who is kept apart; pairs of the queue lead to their page under ``path``, where it says what was compared."""
    then = f"{path}?state=refused"

    def draw(found: list[dict[str, Any]]) -> None:
        many = f"{MOST}+" if len(found) > MOST else f"{len(found)}"
        with card(
            f"Kept apart: {many}", "Nothing that both are seen with joins them, until it is taken back."
        ):
            if not found:
                empty(
                    "Nobody is kept apart.",
                    "Refuse a pair, or say on a customer's page who is somebody else.",
                )
                return
            table(
                ("First", "Second", "Why", "By", "Since", "Found as", "Change"),
                [
                    (
                        partial(link, act["left"], f"/customers/{act['left']}"),
                        partial(link, act["right"], f"/customers/{act['right']}"),
                        act["why"],
                        who_did(act["actor"]),
                        words.time(act["done_at"]),
                        partial(link, f"Pair {act['pair']}", f"{path}/{act['pair']}")
                        if act["pair"]
                        else "by hand",
                        partial(button, "Take back", partial(take_back, page, act["act"], then), "small"),
                    )
                    for act in found[:MOST]
                ],
                caption="Customers kept apart",
                classes="cards",
            )

    await page.fill(
        f"aparts{page.eyes}",
        lambda: people.concerned(page.space.ground, page.principal, page.space.kept_apart(), "left", "right"),
        draw,
    )
