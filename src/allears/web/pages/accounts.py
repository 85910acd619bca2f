"""Organisations: how many customers belong to each, what each is part of; one with its people."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from nicegui import ui

from allears.guard.access import Action
from allears.journey import people
from allears.know.household import HOUSEHOLD
from allears.show import words
from allears.show.relations import relations_svg
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import card, empty, facts, link, table, tag

SHOWN = 100


def register(door: Door) -> None:
    """Open the pages."""
    door.page("/customers/accounts", "Organisations", Action.SEE_CUSTOMERS, build)
    door.page("/customers/accounts/{account}", "Account", Action.SEE_CUSTOMERS, build_one)


async def build(page: Page) -> None:
    """Draw the list."""
    with tag("div", classes="head"):
        link("Customers", "/customers", "over")
        tag("h1", "Organisations")
    ask = partial(people.accounts, page.space.ground, page.principal)
    await page.fill(f"accounts{page.eyes}", ask, _list, lines=6)


async def build_one(page: Page, account: str) -> None:
    """Draw one."""
    found = await asyncio.to_thread(people.account, page.space.ground, page.principal, account)
    with tag("div", classes="head"):
        link("Organisations", "/customers/accounts", "over")
        tag("h1", found["name"] if found["kind"] != HOUSEHOLD else "Household")
    _one(found)


async def draw_relations(page: Page, person: Any) -> None:
    """Draw where a customer belongs, on their page; nothing where they belong nowhere."""

    def draw(found: list[dict[str, Any]]) -> None:
        if not found:
            return
        with card(
            "Belongs to", "Organisations by what senders tell; a household never makes two customers one"
        ):
            with tag("div", classes="relations"):
                # Made by our own drawing: every text in it is escaped there.
                ui.html(relations_svg(person.id, found), sanitize=False)
            home = [other for row in found for other in row["with"]]
            firms = [row for row in found if row["kind"] != HOUSEHOLD]
            if home:
                with tag("div", classes="row"):
                    tag("span", "In the household:", "note")
                    for other in home:
                        link(other, f"/customers/{other}")
            for row in firms:
                others = words.count(row["colleagues"], "other customer")
                link(f"{row['name']}: {others}", f"/customers/accounts/{row['account']}")

    await page.fill(
        f"relations{page.eyes_on(person)}:{person.id}", person.relations, draw, lines=1, live=False
    )


def _list(found: list[dict[str, Any]]) -> None:
    with card(words.count(len(found), "organisation")):
        if not found:
            empty(
                "No organisation is known yet.",
                "They come with Segment's group calls, with signals that name an account, or from a file: allears accounts import FILE",
            )
            return
        names = {row["account"]: row["name"] for row in found}
        table(
            ("Organisation", "Customers", "Part of", "First heard"),
            [
                (
                    partial(link, row["name"], f"/customers/accounts/{row['account']}"),
                    row["customers"],
                    names.get(row["parent"] or "", ""),
                    words.day(row["first_at"]),
                )
                for row in found[:SHOWN]
            ],
            right=(1,),
            caption="Organisations",
            classes="cards",
        )


def _one(found: dict[str, Any]) -> None:
    with card():
        facts(
            [
                ("Customers now", found["customers"]),
                ("Written as", found["written"] or "nothing: known by family name and address"),
                ("First heard", words.day(found["first_at"])),
                *((str(name), str(value)) for name, value in found["traits"].items()),
            ]
        )
        for side, rows in (("Part of", found["above"]), ("Below it", found["below"])):
            if rows:
                with tag("div", classes="row"):
                    tag("span", f"{side}:", "note")
                    for row in rows:
                        link(row["name"], f"/customers/accounts/{row['account']}")
    with card("Its people"):
        if not found["people"]:
            empty("Nobody is known to belong to it.")
            return
        table(
            ("Customer", "As", "Role", "Since", "Until"),
            [
                (
                    partial(link, p["customer"], f"/customers/{p['customer']}"),
                    p["relationship"],
                    p["role"],
                    words.day(p["valid_from"]),
                    words.day(p["valid_to"]) if p["valid_to"] is not None else "",
                )
                for p in found["people"][:SHOWN]
            ],
            caption="People of this organisation",
            classes="cards",
        )
