"""What a customer agreed to: shown purpose by purpose, and noted when they say yes or no."""

from __future__ import annotations

from functools import partial
from typing import Any

from nicegui import ui

from allears.guard.access import Action
from allears.journey import consent
from allears.show import words
from allears.web.pages.frame import Page
from allears.web.pages.merges import who_did
from allears.web.pages.pieces import chip, table, tag

STATES = {"given": "Yes", "refused": "No", "withdrawn": "Withdrawn", "unknown": "Nothing said"}
TONES = {"given": "good", "refused": "bad", "withdrawn": "bad"}
MAY = (Action.SERVE_RIGHTS, Action.WORK_CASES)
"""Who may note what a customer said: who serves rights, and who speaks with customers."""


async def draw_consent(page: Page, customer: str) -> None:
    """Draw what holds of a customer for each purpose, every word behind it, and the way to note one."""
    action = next((one for one in MAY if page.may(one)), None)

    def draw(found: dict[str, Any]) -> None:
        heeded = [row for row in found["purposes"] if row["heeds"]]
        with tag("details", classes="card"):
            tag("summary", _said(heeded))
            rows = [
                (
                    row["purpose"].capitalize(),
                    partial(_state, row),
                    _since(row),
                    "yes" if row["allowed"] else f"no: {row['rule']}",
                )
                for row in heeded
            ]
            table(("Purpose", "Said", "Since", "May be used"), rows, caption="Consent", classes="cards")
            for word in reversed(found["history"]):
                tag("div", _word(word), "note")
            if action is not None and heeded:
                _form(page, customer, heeded, action)

    ask = partial(consent.consents, page.space.ground, customer)
    await page.fill(f"consent:{customer}", ask, draw, lines=1, live=False)


def _said(heeded: list[dict[str, Any]]) -> str:
    said = [row for row in heeded if row["state"] != "unknown"]
    if not said:
        return "Consent: nothing said yet"
    return "Consent: " + ", ".join(_told(row) for row in said)


def _told(row: dict[str, Any]) -> str:
    verb = {"given": "yes to", "refused": "no to", "withdrawn": "withdrew"}[row["state"]]
    return f"{verb} {row['purpose']}"


def _state(row: dict[str, Any]) -> None:
    chip(STATES[row["state"]], TONES.get(row["state"], "quiet"))


def _since(row: dict[str, Any]) -> str:
    return words.time(row["since"]) if row["since"] else ""


def _word(word: dict[str, Any]) -> str:
    parts = [
        f"{words.time(word['said_at'])}: {_told(word)}",
        word["source"],
        f"text {word['version']}" if word["version"] else "",
        word["how"],
        f"noted by {who_did(word['actor'])}",
    ]
    return "; ".join(part for part in parts if part)


def _form(page: Page, customer: str, heeded: list[dict[str, Any]], action: Action) -> None:
    with tag("form", classes="search stacked") as form:
        # Reasons go over the page's own connection, never into an address.
        with tag("select", aria_label="Purpose"):
            for row in heeded:
                tag("option", row["purpose"].capitalize(), value=row["purpose"])
        with tag("select", aria_label="What they said"):
            tag("option", "No: stop using it for this", value="withdrawn")
            tag("option", "Yes: they agree", value="given")
        tag(
            "input",
            type="text",
            placeholder="How they told you, such as: on the phone, case 1234",
            aria_label="How they told",
        )
        tag(
            "input",
            type="text",
            placeholder="Which text they agreed to, if any",
            aria_label="Version of the text",
        )
        tag("button", "Note it", "button main", type="submit")

    async def note(event: Any) -> None:
        purpose, state, why, version = (str(value or "").strip() for value in event.args)
        done = await page.act(
            action,
            lambda principal: consent.say(
                page.space.ground, customer, purpose, state, why=why, version=version, actor=principal.name
            ),
            "Noted; it counts from now on",
        )
        if done is not None:
            ui.navigate.to(f"/customers/{customer}")

    form.on(
        "submit.prevent",
        note,
        js_handler="(e) => { emit([...e.target.querySelectorAll('input, select')].map(i => i.value)); e.target.reset(); }",
    )
