"""Keys: which programs may come in, what with, and when they last did; a new one is shown once."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
from nicegui import ui

from allears.errors import NotAllowed
from allears.guard.access import Action, Principal, Role, Scope, make_principal
from allears.guard.keys import KeyRecord, lasting, state_of
from allears.journey import seen
from allears.show import words
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import button, card, chip, empty, table, tag, titled

PATH = "/keys"
MEANINGS = {
    Scope.LISTEN: "send signals",
    Scope.READ: "figures, texts, customers, SQL",
    Scope.ACT: "cases, playbooks, refused rows",
    Scope.ORIGINALS: "sealed originals and exports",
    Scope.ADMIN: "keys, users, audit, erasing",
}


def register(door: Door) -> None:
    """Open the page."""
    door.page(PATH, "Keys", Action.MANAGE_KEYS, build, narrowed=True)


async def build(page: Page) -> None:
    """Draw it."""
    with tag("div", classes="head"):
        tag("h1", "Keys")
        tag("p", "What programs come in with. Only a hash is kept, so a key is shown once.", "lead")
    shown = tag("div", role="status")
    await page.fill("keys", page.space.keys.list, partial(_keys, page))
    _new(page, shown)


def _keys(page: Page, found: list[KeyRecord]) -> None:
    at = page.space.now()
    if not found:
        with card("No key yet"):
            empty(
                "A program needs one to send or to ask.",
                "Make one below, or: allears keys new --role engineer",
            )
        return
    open_ones = [key for key in found if state_of(key, at).startswith(("open", "until"))]
    never = sum(key.used_at is None for key in open_ones)
    told = f"{words.count(len(open_ones), 'key')} open" + (f", {never:,} of them never used" if never else "")
    with card(told):
        rows = [
            (
                partial(titled, key.name, "", key.id),
                partial(chip, state_of(key, at), "good" if key in open_ones else "quiet"),
                f"{key.role} {key.partner or key.sight or ''}",
                ", ".join(key.scopes) or "all of its role",
                f"{key.used_at:%Y-%m-%d}" if key.used_at else "never",
                f"{key.per_minute:,}" if key.per_minute else "no limit",
                partial(_end, page, key) if key in open_ones else "",
            )
            for key in sorted(found, key=lambda key: (key not in open_ones, key.made_at))
        ]
        table(
            ("Name", "State", "Role", "May", "Last used", "Requests a minute", "Next"),
            rows,
            caption="Keys",
            classes="cards",
        )


def _end(page: Page, key: KeyRecord) -> None:
    async def end() -> None:
        with ui.dialog() as dialog, tag("div"), card(f"End the key {key.name}?"):
            tag("p", "What uses it is turned away from then on. This cannot be undone.")
            with tag("div", classes="row"):
                button("End it", lambda: dialog.submit(True), "main")
                button("Keep it", lambda: dialog.submit(False))
        sure = await dialog
        dialog.delete()
        if sure:
            await page.act(Action.MANAGE_KEYS, revoke, f"{key.name} has ended")

    def revoke(principal: Principal) -> None:
        page.space.keys.revoke(key.id)
        page.space.ground.audit.record(principal.name, "key.revoke", key.id)

    button("End", end, "small")


def _new(page: Page, shown: Any) -> None:
    with card("Make a key", "It may do nothing that you may not, but for sending signals."):
        with tag("div", classes="fields"):
            with tag("label", "Name, such as the program's"):
                name = ui.input().props("outlined dense maxlength=64")
            with tag("label", "Role"):
                role = ui.select([str(r) for r in Role], value="sender").props("outlined dense")
            with tag("label", "Partner") as whose:
                partner = ui.input().props("outlined dense maxlength=64")
            whose.bind_visibility_from(role, "value", value="partner")
            with tag("label", "May only (nothing chosen: all of its role)"):
                choices = {str(s): f"{s}: {MEANINGS[s]}" for s in Scope}
                scopes = ui.select(choices, multiple=True).props("outlined dense")
            with tag("label", "Days until it ends (empty: never)"):
                days = ui.number(min=1, max=36_500).props("outlined dense")
            with tag("label", "Requests a minute (empty: no limit)"):
                pace = ui.number(min=1, max=1_000_000).props("outlined dense")

        def make(principal: Principal) -> str:
            # A key sees what its maker sees; a role that shows more than the maker's is refused.
            mine = seen.sight(page.space.ground, principal)
            whose = str(partner.value or "") or None if role.value == "partner" else None
            named = None if whose else mine.name or None
            if whose and mine.name:
                raise NotAllowed("who sees some rows only hands out no partner's key")
            wanted = make_principal("key", "", str(role.value), whose, named)
            if not seen.sight(page.space.ground, wanted).hidden >= mine.hidden:
                raise NotAllowed("a key may be shown no more than who makes it")
            text, record = page.space.keys.make(
                str(role.value),
                str(name.value or "").strip() or "script",
                partner=whose,
                sight=named,
                scopes=scopes.value or (),
                valid_for=lasting(days.value),
                per_minute=None if pace.value is None else int(pace.value),
                giver=msgspec.structs.replace(principal, sight=named),
            )
            page.space.ground.audit.record(
                principal.name,
                "key.new",
                record.id,
                detail={"role": record.role, "scopes": " ".join(record.scopes)},
            )
            return text

        async def add() -> None:
            text = await page.act(Action.MANAGE_KEYS, make, "Made")
            if text is None:
                return
            shown.clear()
            with shown, card("The new key, shown once"):
                tag("pre", text, "original")
                tag("p", "Note it now: it is kept nowhere in clear.", "note")

        with tag("div", classes="row"):
            button("Make it", add, "main")
