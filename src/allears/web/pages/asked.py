"""Ask somebody for words, such as a reason, and then do something in their name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from allears.guard.access import Action, Principal
from allears.web.pages.frame import Page
from allears.web.pages.pieces import button, card, tag


def ask_words(
    page: Page,
    text: str,
    title: str,
    hint: str,
    act: Callable[[Principal, str], Any],
    done: str,
    action: Action = Action.SERVE_RIGHTS,
) -> None:
    """Put a button that asks for words first.

    Parameters
    ----------
    text
        What the button says.
    title
        The question.
    hint
        An example of an answer.
    act
        What is done, by whom, with what was said.
    done
        What the reader is told then.
    action
        The right it needs at that moment.
    """

    async def asked() -> None:
        with (
            ui.dialog() as dialog,
            tag("div"),
            card(title, "Your name and what you write are kept in the audit."),
        ):
            field = ui.input(placeholder=hint).props("autofocus outlined dense")
            with tag("div", classes="row"):
                button(text, lambda: dialog.submit(str(field.value or "").strip() or None), "main")
                button("Cancel", lambda: dialog.submit(None))
        said = await dialog
        dialog.delete()
        if said:
            await page.act(action, lambda principal: act(principal, str(said)), done)

    button(text, asked, "small")
