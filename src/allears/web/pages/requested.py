"""Requests by right on the Privacy desk: their clocks, and what each asks for, done at the push of a button."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from nicegui import ui

from allears.guard.access import Action, Principal
from allears.guard.erasures import Scope
from allears.guard.purpose import OWED, PURPOSES
from allears.journey import access, objecting, requests, restricting
from allears.journey.erasure import erase_customer, rehearse
from allears.journey.rectifying import KINDS as CORRECTED
from allears.journey.rectifying import rectify_asker
from allears.journey.rules import purposes
from allears.show import words
from allears.tables.signals import CHANNELS
from allears.web.pages.asked import Line, ask_form, ask_words
from allears.web.pages.frame import Page
from allears.web.pages.pieces import button, card, chip, empty, link, table, tag

SOON_DAYS = 7
KINDS = {
    "access": "Access: a copy of everything",
    "rectification": "Rectification: something is wrong",
    "erasure": "Erasure: be forgotten",
    "objection": "Objection to a use",
    "restriction": "Restriction of use",
}
_EVERY, _ANY = "every channel", "whatever it is held for"
ENDING = tuple(use for use in PURPOSES if use not in OWED)


def draw_requests(page: Page, waiting: list[dict[str, Any]]) -> None:
    """Draw the open requests, each with its clock and what may be done."""
    with card(
        "Requests by right",
        "Each has a month from the day it came; two more may be taken once, with a reason.",
    ):
        if not waiting:
            empty("Nobody waits for an answer.")
            return
        table(
            ("Due", "What", "Of whom", "Identity", "Next"),
            [
                (
                    partial(_clock, r),
                    partial(_what, r),
                    partial(draw_whom, r["customers"]),
                    r["identity"] or "not checked yet",
                    partial(_steps, page, r),
                )
                for r in waiting
            ],
            caption="Open requests",
            classes="cards",
        )


def _clock(request: dict[str, Any]) -> None:
    left = request["days_left"]
    tone = "bad" if left < 0 else "warn" if left < SOON_DAYS else "quiet"
    chip("late" if left < 0 else words.count(left, "day") + " left", tone)
    tag("div", words.day(request["due_at"]), "note")


def _what(request: dict[str, Any]) -> None:
    tag("div", KINDS[request["kind"]])
    came = f"received {words.day(request['received_at'])}" + (
        f" by {request['via']}" if request["via"] else ""
    )
    tag("div", came, "note")
    for told in (request["note"], request["extended"] and f"More time: {request['extended']}"):
        if told:
            tag("div", told, "note")


def draw_whom(customers: list[str]) -> None:
    """Draw links to the customers something concerns today."""
    if not customers:
        tag("span", "nobody any more", "note")
    for customer in customers:
        link(customer, f"/customers/{customer}")


def _steps(page: Page, request: dict[str, Any]) -> None:
    ground, name, kind = page.space.ground, request["request"], request["kind"]
    with tag("div", classes="row"):
        if request["identity"] is None:
            ask_words(
                page, "Note identity check", "How was it made sure who asks?", "Such as: called back on the number we know",
                lambda who, said: requests.check_identity(ground, name, said, actor=who.name), "Noted",
            )  # fmt: skip
            return
        if kind == "erasure" and len(request["customers"]) == 1:
            ask_words(
                page, "Erase", "Destroy this customer's keys for good?", "The reason, for the receipt and the audit",
                lambda who, said: erase_customer(ground, request["customers"][0], actor=who.name, why=said), "Erased; the request is closed",
                Action.ERASE,
            )  # fmt: skip
            _part(page, request["customers"][0])
        if kind == "rectification" and len(request["customers"]) == 1:
            _rectify(page, name)
        if kind == "objection" and len(request["customers"]) == 1:
            _object(page, name)
        if kind == "access" and len(request["customers"]) == 1:
            _export(page, name)
        if kind == "restriction" and len(request["customers"]) == 1:
            ask_words(
                page, "Restrict use", "Keep this customer's data and use it for nothing?", "What it rests on, such as: contests that the address is right",
                lambda who, said: restricting.restrict_asker(ground, name, actor=who.name, why=said), "Restricted; the request is closed",
            )  # fmt: skip
        if request["extended"] is None and request["days_left"] >= 0:
            ask_words(
                page, "More time", "Why are two more months needed?", "The asker must be told within the first month",
                lambda who, said: requests.extend(ground, name, said, actor=who.name), "Put off",
            )  # fmt: skip
        ask_words(
            page, "Done", "What became of it?", "Such as: sent to the address we know",
            lambda who, said: requests.close(ground, name, said, actor=who.name), "Closed",
        )  # fmt: skip


def _part(page: Page, customer: str) -> None:
    ask_form(
        page, "Erase a part", "What of it goes? The request stays open until you say what became of it.",
        (Line("Channel", choices=(_EVERY, *CHANNELS)), Line("Held for this purpose alone", choices=(_ANY, *ENDING)), Line("From this day", kind="date"), Line("Before this day", kind="date"),
         Line("Why", "The reason, for the receipt and the audit")),
        partial(_erase_part, page, customer), "That part is erased", Action.ERASE,
    )  # fmt: skip
    ask_form(
        page, "What would go", "How much would go of a part? Choose what; nothing is changed.",
        (Line("Channel", choices=(_EVERY, *CHANNELS)), Line("Held for this purpose alone", choices=(_ANY, *ENDING)), Line("From this day", kind="date"),
         Line("Before this day", kind="date")),
        lambda who, said: rehearse(page.space.ground, customer, _scope(said)), "Counted", then=_would_go,
    )  # fmt: skip


async def _would_go(found: dict[str, int]) -> None:
    with ui.dialog() as dialog, tag("div", classes="asked"), card("What would go"):
        rows = [(table.replace("_", " ").capitalize(), n) for table, n in found.items() if n]
        if rows:
            table(("Of", "Rows"), rows, right=(1,), caption="What would go")
        else:
            tag("p", "Nothing is held of that.")
        with tag("div", classes="row"):
            button("Close", dialog.close, "main")
    await dialog
    dialog.delete()


def _scope(said: Sequence[str]) -> Scope:
    channel, purpose, since, until = said[:4]
    first, end = (datetime.fromisoformat(day).replace(tzinfo=UTC) if day else None for day in (since, until))
    ending = next((use for use in ENDING if use == purpose), None)
    return Scope(channel if channel in CHANNELS else None, first, end, ending)


def _erase_part(page: Page, customer: str, principal: Principal, said: Sequence[str]) -> None:
    erase_customer(page.space.ground, customer, actor=principal.name, why=said[-1], scope=_scope(said))


def _rectify(page: Page, request: str) -> None:
    ask_form(
        page, "Correct", "What is wrong, and what is right? The request stays open: there may be more than one thing.",
        (Line("What", choices=CORRECTED), Line("Wrong", "Struck out for good, in any spelling; may stay empty"), Line("Right", "Put in; may stay empty"),
         Line("Why", "Such as: passport shown")),
        lambda who, said: rectify_asker(page.space.ground, request, said[0], wrong=said[1], right=said[2], why=said[3], actor=who.name),
        "Corrected; recipients are told",
    )  # fmt: skip


def _object(page: Page, request: str) -> None:
    found = purposes(page.space.ground)
    heeded = tuple(use for use in PURPOSES if found[use].heeds)
    ask_form(
        page, "Stop these uses", "Which uses of their data do they object to? It counts at once, and closes the request.",
        tuple(Line(f"{use.capitalize()}: {found[use].says}", kind="checkbox") for use in heeded),
        lambda who, said: objecting.object_asker(
            page.space.ground, request, [use for use, yes in zip(heeded, said, strict=True) if yes], actor=who.name
        ),
        "Noted; the request is closed",
    )  # fmt: skip


def _export(page: Page, request: str) -> None:
    async def made(file: access.Made) -> None:
        ui.download.content(file.content, f"{request}.age", "application/octet-stream")
        if file.passphrase is None:
            return
        with ui.dialog() as dialog, tag("div", classes="asked"), card("The passphrase, shown this once"):
            tag("p", file.passphrase, "secret")
            tag(
                "p",
                "It is kept nowhere. Tell it to the asker by another way than the file; `age -d` opens it.",
            )
            with tag("div", classes="row"):
                button("I have noted it", dialog.close, "main")
        await dialog
        dialog.delete()

    ask_form(
        page, "Export", "Everything held of the asker, originals opened, signed and sealed. Each look is in the audit.",
        (Line("Public key of age", "age1...; left empty, a passphrase is made"),),
        lambda who, said: access.make(page.space.ground, who, request, recipient=said[0] or None), "Made", Action.OPEN_SEALED, then=made,
    )  # fmt: skip


def draw_new(page: Page) -> None:
    """Draw the form that notes a new request."""
    with tag("details", classes="card"):
        tag("summary", "Note a new request")
        with tag("form", classes="search stacked") as form:
            # What is written here goes over the page's own connection, never into an address.
            tag(
                "input",
                type="text",
                placeholder="E-mail, phone, user id or handle the asker showed",
                aria_label="Whose",
            )
            with tag("select", aria_label="What is asked"):
                for kind, says in KINDS.items():
                    tag("option", says, value=kind)
            tag("input", type="text", placeholder="How it came, such as email", aria_label="How it came")
            tag("input", type="text", placeholder="What exactly is asked", aria_label="What exactly is asked")
            tag("button", "Note it", "button main", type="submit")

    async def note(event: Any) -> None:
        who, kind, via, said = (str(value or "").strip() for value in event.args)
        await page.act(
            Action.SERVE_RIGHTS,
            lambda principal: requests.receive(
                page.space.ground, who, kind, actor=principal.name, via=via, note=said
            ),
            "Noted; its month runs",
        )

    form.on(
        "submit.prevent",
        note,
        js_handler="(e) => { emit([...e.target.querySelectorAll('input, select')].map(i => i.value)); e.target.reset(); }",
    )
