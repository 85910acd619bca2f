"""Pairs of customers that are probably one person: which wait, why, what would follow, and the steward's decision."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from nicegui import ui

from allears.errors import AllearsError, NotFound
from allears.guard.access import Action, Principal
from allears.journey import people
from allears.show import words
from allears.show.waterfall import waterfall
from allears.web.pages.aparts import draw_aparts
from allears.web.pages.frame import Door, Page
from allears.web.pages.merges import take_back, who_did
from allears.web.pages.pieces import button, card, chip, empty, facts, figure, link, table, tabs, tag
from allears.web.pages.why import ask_why

PATH = "/customers/links"
STATES = {
    "waiting": ("Waiting", "warn"),
    "joined": ("One person", "good"),
    "refused": ("Two people", "quiet"),
    "forbidden": ("Kept apart by a limit", "quiet"),
}
FIELDS = {
    "name": "Name", "given": "Given name", "surname": "Family name", "birth": "Birthday", "address": "Address", "place": "Postcode and city",
    "postcode": "Postcode", "city": "City", "email": "E-mail", "phone": "Phone", "number": "Number", "before comparing": "Before comparing",
}  # fmt: skip
MOST = 50
ANSWERS = {True: "One customer now; it can be taken back here", False: "Refused; it can be taken back here"}


def register(door: Door) -> None:
    """Open the pages."""
    door.page(PATH, "Probably one person", Action.MERGE_CUSTOMERS, build, narrowed=True)
    door.page(PATH + "/{pair}", "Are these one person?", Action.MERGE_CUSTOMERS, build_pair, narrowed=True)


async def build(page: Page) -> None:
    """Draw the queue."""
    state = page.request.query_params.get("state", "waiting")
    state = state if state in STATES else "waiting"
    with tag("div", classes="head"):
        link("Customers", "/customers", "over")
        tag("h1", "Probably one person")
    tabs(
        [(text, f"{PATH}?state={key}", key == state) for key, (text, _) in STATES.items()],
        "State of the pairs",
    )
    if state == "refused":
        await draw_aparts(page, PATH)
    await page.fill(
        f"links:{state}{page.eyes}",
        lambda: people.concerned(page.space.ground, page.principal, _asked(page, state), "left", "right"),
        partial(_listed, state),
    )


def _asked(page: Page, state: str) -> list[dict[str, Any]]:
    if state != "refused":
        return page.space.link_queue(state, limit=MOST + 1)
    # Those that are kept apart are listed as such.
    return [pair for pair in page.space.link_queue(state, limit=10_000) if not pair["act"]]


def _listed(state: str, found: list[dict[str, Any]]) -> None:
    if state == "refused" and not found:
        return
    many = f"{MOST}+" if len(found) > MOST else f"{len(found)}"
    if state == "refused":
        title = f"Refused, and one customer by other links: {many}"
    elif state != "waiting":
        title = f"{STATES[state][0]}: {many}"
    elif found:
        title = f"{many} pairs wait for a decision" if len(found) > 1 else "1 pair waits for a decision"
    else:
        title = "No pair waits for a decision"
    with card(
        title,
        "Surest first. Pairs that are surer than 99 % are joined without asking, and can be taken back.",
    ):
        if not found:
            empty("Nothing here.", "allears link looks for customers that are probably one person.")
            return
        table(
            ("Pair", "Chance", "Because", "Found"),
            [
                (
                    partial(link, f"Pair {pair['pair']}", f"{PATH}/{pair['pair']}"),
                    chance(pair["probability"]),
                    because(pair["why"]),
                    words.time(pair["found_at"]),
                )
                for pair in found[:MOST]
            ],
            right=(1,),
            caption="Pairs of customers",
            classes="cards",
        )


async def build_pair(page: Page, pair: str) -> None:
    """Draw one pair."""
    if not pair.isdecimal():
        raise NotFound("no pair of that number in the queue")
    number = int(pair)
    found = await asyncio.to_thread(people.pair, page.space.ground, page.principal, number)
    with tag("div", classes="head"):
        link("Probably one person", PATH, "over")
        tag("h1", "Are these one person?")
        with tag("div", classes="row"):
            chip(*STATES[found["state"]])
            if found["decided_by"]:
                tag("span", f"by {_who(found['decided_by'])}, {words.time(found['decided_at'])}", "note")
            if found["note"]:
                tag("span", found["note"], "note")
    _sides(page, found)
    with tag("div", classes="grid"):
        _chart(found)
        _consequences(found)
    _decide(page, found)


def _sides(page: Page, found: dict[str, Any]) -> None:
    sides = found["customers"]
    if len(sides) == 1:
        with card("They are one customer today"):
            link(sides[0]["customer"], f"/customers/{sides[0]['customer']}")
            if found["state"] != "joined":
                tag(
                    "p",
                    "Other links make them one. Who finds that wrong parts an identifier first: allears part.",
                    "note",
                )
        return
    with card(
        _sentence(because(found["why"]) or "nothing that both told agrees"),
        "What they told stays sealed until you say why you look; your name and reason are kept in the audit.",
    ):
        place = tag("div")
        below = tag("div", classes="row")

    def draw(values: dict[str, list[str | None]] | None) -> None:
        place.clear()
        with place:
            table(
                ("", "First", "Second", "Compared"),
                [
                    ("Customer", *(partial(link, one["customer"], f"/customers/{one['customer']}") for one in sides), ""),
                    ("Kind", *(one["relationship"] for one in sides), ""),
                    ("Known since", *(words.time(one["known_since"]) for one in sides), ""),
                    ("Last heard", *(words.time(one["last_seen"]) if one["last_seen"] else "never" for one in sides), ""),
                    ("Signals", *(f"{one['signals']:,}" for one in sides), ""),
                    ("Channels", *(", ".join(one["channels"]) or "none" for one in sides), ""),
                    ("Known by", *(one["identifiers"] for one in sides), ""),
                    *(
                        (FIELDS.get(why["field"], why["field"]), *_values(values, why), partial(_found, why))
                        for why in found["why"][1:]
                    ),
                ],
                caption="The two side by side",
                classes="cards sides",
            )  # fmt: skip

    async def reveal() -> None:
        why = await ask_why()
        if why is None:
            return
        try:
            principal = await page.sure(Action.OPEN_SEALED)
            await asyncio.to_thread(people.pair, page.space.ground, principal, found["pair"])
            draw(await asyncio.to_thread(page.space.link_told, found["pair"], principal, why))
        except AllearsError as error:
            ui.notify(error.message, type="negative")

    draw(None)
    if page.may(Action.OPEN_SEALED):
        with below:
            button("Show what they told", reveal, "small")


def _values(values: dict[str, list[str | None]] | None, why: dict[str, Any]) -> tuple[str, str]:
    if values is None:
        shown = "•••" if why["found"] != "not known of both" else ""
        return shown, shown
    left, right = values.get(why["field"], [None, None])
    return left or "not told", right or "not told"


def _found(why: dict[str, Any]) -> None:
    tone = "" if not why["bits"] else "good" if why["bits"] > 0 else "bad"
    chip(why["found"], tone or "quiet")


def _chart(found: dict[str, Any]) -> None:
    told = [why for why in found["why"] if why["bits"]]
    rows = [
        {
            "label": FIELDS.get(why["field"], why["field"]),
            "value": why["bits"],
            "tip": f"{FIELDS.get(why['field'], why['field'])}: {why['found']}\n{times(why['bits'])}",
        }
        for why in told
    ]
    figure(
        waterfall(rows, unit="doublings of the odds", together="Together"),
        title=f"{chance(found['probability'])} that they are one person",
        note="Each step to the right doubles the odds, each to the left halves them. Two customers taken at random are hardly ever one: that is the first bar. "
        "What each field is worth was learned from all customers, without examples.",
        height=56 + 34 * (len(rows) + 1),
        classes="half",
    )


def _consequences(found: dict[str, Any]) -> None:
    known = found["consequences"]
    held = ", ".join(f"{count:,} {kind}" for kind, count in known["identifiers"].items())
    with card(_sentence(found["outcome"]), classes="half"):
        if len(found["customers"]) == 2:
            facts(
                [
                    ("Customer that stays", partial(link, known["stays"], f"/customers/{known['stays']}")),
                    ("Signals together", known["signals"]),
                    ("Known by", held),
                    ("Kind", " and ".join(known["relationships"])),
                ]
            )
            if len(known["relationships"]) > 1:
                tag("p", "They are known in different roles: who may see the one will see the other.", "note")
            tag(
                "p",
                "As two: they are never proposed again, and nothing that both are seen with joins them. As one: figures that count customers change by one; signals and texts stay as they are.",
                "note",
            )
        tag("p", "Either way it can be taken back exactly, and is in the audit.", "note")


def _decide(page: Page, found: dict[str, Any]) -> None:
    joined, one = found["state"] == "joined", len(found["customers"]) == 1
    if found["state"] == "refused" and found["act"]:
        with (
            card("They are kept apart", "Taken back, the pair waits for a decision again."),
            tag("div", classes="row"),
        ):
            button("Take it back", partial(take_back, page, found["act"], f"{PATH}/{found['pair']}"), "main")
            link("Leave it; back to the list", PATH)
        return
    if one and not joined:
        return
    with card("Your decision"):
        field = (
            ui.input(label="Why; kept in the audit").props("outlined dense maxlength=1000").classes("reason")
        )

        def decide(same: bool, who: Principal) -> Any:
            people.pair(page.space.ground, who, found["pair"])
            return page.space.settle_link(
                found["pair"], same=same, why=str(field.value or ""), actor=who.name
            )

        async def settle(same: bool) -> None:
            done = await page.act(
                Action.MERGE_CUSTOMERS,
                partial(decide, same),
                ANSWERS[same],
            )
            if done is not None:
                ui.navigate.to(f"{PATH}/{found['pair']}")

        with tag("div", classes="row"):
            if not joined and not found["consequences"]["forbidden"]:
                button("One person: join them", partial(settle, True), "main")
            if joined:
                button("Two people: part them again", partial(settle, False), "main")
            else:
                button("Two people: keep them apart", partial(settle, False))
            link("Leave it; back to the list", PATH)


def chance(probability: float) -> str:
    """Say a chance, with more digits near certainty.

    Examples
    --------
    >>> chance(0.934), chance(0.99995)
    ('93.4 %', '99.995 %')
    """
    shown = 100 * probability
    return f"{shown:.1f} %" if shown < 99 else f"{shown:.5g} %"


def times(bits: float) -> str:
    """Say what a weight does to the odds.

    Examples
    --------
    >>> times(10), times(-1)
    ('1,024 times likelier', '2.0 times less likely')
    """
    factor = 2.0 ** abs(bits)
    shown = f"{factor:.1f}" if factor < 10 else f"{factor:,.0f}"
    return f"{shown} times likelier" if bits >= 0 else f"{shown} times less likely"


def because(why: list[dict[str, Any]]) -> str:
    """Say in one line what speaks for a pair and what against it.

    Examples
    --------
    >>> because([{"field": "before comparing", "found": "", "bits": -9.0}, {"field": "birth", "found": "the same", "bits": 7.0}])
    'birthday the same'
    """
    told = sorted((w for w in why[1:] if w["bits"]), key=lambda w: -abs(w["bits"]))
    for_it = [f"{FIELDS.get(w['field'], w['field']).lower()} {w['found']}" for w in told if w["bits"] > 0]
    against = [f"{FIELDS.get(w['field'], w['field']).lower()} {w['found']}" for w in told if w["bits"] < 0]
    return ", ".join(for_it) + (f"; but {', '.join(against)}" if against else "")


def _who(actor: str) -> str:
    return "Allears itself" if actor == "link" else who_did(actor)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
