"""What profiles told of a customer, on their page: the value that counts, why, and who told another."""

from __future__ import annotations

from functools import partial
from typing import Any

from allears.show import words
from allears.web.pages.frame import Page
from allears.web.pages.pieces import card, chip, table, tag

RULES = {"recent": "told last", "trusted": "most trusted source", "frequent": "told on most days"}
MOST = 40


async def draw_traits(page: Page, person: Any) -> None:
    """Draw them; nothing where no profile told anything."""

    def draw(found: list[dict[str, Any]]) -> None:
        if not found:
            return
        apart = sum(one["differs"] for one in found)
        note = (
            f"{words.count(apart, 'trait')} told differently by others" if apart else "No two sources differ"
        )
        with card(words.count(len(found), "trait"), f"{note}; names, addresses and numbers are sealed"):
            table(
                ("Trait", "Value", "From", "Why", "Also told"),
                [
                    (
                        one["trait"].replace("_", " "),
                        shown(one["value"]),
                        f"{one['source']}, {words.day(one['at'])}",
                        RULES[one["rule"]] if one["differs"] else "",
                        partial(_others, one) if len(one["told"]) > 1 else "",
                    )
                    for one in found[:MOST]
                ],
                caption="Traits of this customer and where they came from",
                classes="cards",
            )

    await page.fill(f"traits{page.eyes_on(person)}:{person.id}", person.traits, draw, lines=2, live=False)


def shown(value: Any) -> str:
    """Write a value for a reader."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10_000 else str(value)


def _others(one: dict[str, Any]) -> None:
    for claim in one["told"][1:5]:
        with tag("div", classes="row"):
            if claim["value"] != one["value"]:
                chip(shown(claim["value"]), "warn")
            tag(
                "span",
                f"{'' if claim['value'] != one['value'] else 'the same by '}{claim['source']}, {words.day(claim['last_at'])}",
                "note",
            )
    if len(one["told"]) > 5:
        tag("div", f"and {len(one['told']) - 5} more", "note")
