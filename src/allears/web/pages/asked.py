"""Ask somebody for words, such as a reason, or for several answers, and then do something in their name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, NamedTuple

from nicegui import ui

from allears.errors import AllearsError
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


class Line(NamedTuple):
    """One answer of a form: what it is called, an example, and whether it is chosen, a day, or a yes."""

    label: str
    hint: str = ""
    kind: Literal["text", "date", "checkbox"] = "text"
    choices: Sequence[str] = ()


def ask_form(
    page: Page,
    text: str,
    title: str,
    lines: Sequence[Line],
    act: Callable[[Principal, list[str]], Any],
    done: str,
    action: Action = Action.SERVE_RIGHTS,
    *,
    then: Callable[[Any], Awaitable[None]] | None = None,
) -> None:
    """Put a button that asks several things first; as `ask_words`.

    Parameters
    ----------
    act
        What is done, by whom, with an answer for each line; a checkbox answers ``yes`` or nothing.
    then
        Awaited with what it gave, such as a file to hand out.
    """

    async def asked() -> None:
        with (
            ui.dialog() as dialog,
            tag("div", classes="asked"),
            card(title, "Your name is kept in the audit."),
        ):
            fields = [_field(line) for line in lines]
            with tag("div", classes="row"):
                button(text, lambda: dialog.submit([_said(f.value) for f in fields]), "main")
                button("Cancel", lambda: dialog.submit(None))
        said = await dialog
        dialog.delete()
        if said is None:
            return
        if then is None:
            await page.act(action, lambda principal: act(principal, said), done)
            return
        try:
            principal = await page.sure(action)
            found = await asyncio.to_thread(act, principal, said)
        except AllearsError as error:
            ui.notify(error.message, type="negative")
            return
        # Not drawn anew: that would take away what is shown next.
        ui.notify(done, type="positive")
        await then(found)

    button(text, asked, "small")


def _field(line: Line) -> Any:
    if line.kind == "checkbox":
        return ui.checkbox(line.label)
    tag("div", line.label, "note")
    if line.choices:
        field: Any = ui.select(list(line.choices), value=line.choices[0])
    else:
        field = ui.input(placeholder=line.hint).props(f"type={line.kind} autocomplete=off")
    field.props["aria-label"] = line.label
    return field.props("outlined dense")


def _said(value: Any) -> str:
    return ("yes" if value else "") if isinstance(value, bool) else str(value or "").strip()
