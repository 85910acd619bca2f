"""Asking for the reason of a look."""

from __future__ import annotations

from nicegui import ui

from allears.web.pages.pieces import button, card, tag


async def ask_why(
    title: str = "Why do you need to see it?",
    note: str = "Your name, the reason and the time are kept in the audit.",
    *,
    do: str = "Open",
) -> str | None:
    """Ask for the reason, which the audit keeps beside the look."""
    with ui.dialog() as dialog, tag("div"), card(title, note):
        field = ui.input(placeholder="Such as: refund for case 1234").props("autofocus outlined dense")
        with tag("div", classes="row"):
            button(do, lambda: dialog.submit(str(field.value or "").strip() or None), "main")
            button("Cancel", lambda: dialog.submit(None))
    reason = await dialog
    dialog.delete()
    return str(reason) if reason else None
