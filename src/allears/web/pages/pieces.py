"""Pieces that pages are made of. All text goes in as text, never as markup."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from allears.show.axes import Options
from allears.show.words import STATES

_LONGEST_WORD = 40
Cell = str | int | float | Callable[[], Any] | None


def tag(name: str, text: object = "", classes: str = "", **props: object) -> Any:
    """Put an HTML element with a text; use it with ``with`` to put others inside."""
    element = TextElement(tag=name, text=str(text))
    if classes:
        element.classes(classes)
    for key, value in props.items():
        element.props[key.rstrip("_").replace("_", "-")] = value
    return element


def link(text: object, target: str, classes: str = "") -> Any:
    """Put a link."""
    return tag("a", text, classes, href=target)


def titled(text: object, target: str = "", note: str = "") -> None:
    """Put a name, linked if it leads somewhere, with a note under it."""
    if target:
        link(text, target)
    else:
        tag("span", text)
    if note:
        tag("span", note, "note")


def card(title: str = "", note: str = "", classes: str = "") -> Any:
    """Put a card; its heading says what was found, its note how sure that is."""
    box = tag("section", classes=f"card {classes}")
    with box:
        if title:
            tag("h2", title)
        if note:
            tag("p", note, "note")
    return box


def figure(options: Options, *, title: str, note: str = "", height: int = 260, classes: str = "") -> Any:
    """Put a chart under the finding it shows."""
    box = tag("figure", classes=f"card {classes}")
    with box:
        with tag("figcaption"):
            tag("h2", title)
            if note:
                tag("p", note, "note")
        chart(options, said=title, height=height)
    return box


def chart(options: Options, *, said: str, height: int = 220) -> Any:
    """Put a chart alone; readers of screens are told the finding."""
    drawn = ui.echart(options, renderer="svg").classes("chart").style(f"height: {height}px")
    drawn.props["role"], drawn.props["aria-label"] = "img", said
    return drawn


def empty(text: str, step: str = "") -> None:
    """Say that there is nothing yet, and what would change that."""
    with tag("div", classes="empty"):
        tag("p", text)
        if step:
            tag("p", step, "note")


def chip(text: object, tone: str = "") -> Any:
    """Put a small label."""
    return tag("span", text, f"chip {tone}")


def state(name: str) -> Any:
    """Put the state of an issue or case."""
    tone = {"open": "bad", "acknowledged": "warn", "fixed": "good"}.get(name, "quiet")
    return chip(STATES.get(name, name), tone)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    right: Sequence[int] = (),
    caption: str = "",
    classes: str = "",
) -> Any:
    """Put a table. A cell is a text, a number, or something that draws itself.

    Parameters
    ----------
    right
        Which columns hold numbers.
    caption
        What the table is, for readers of screens.
    """
    with (
        tag("div", classes="scroll", tabindex="0", role="region", aria_label=caption or "table"),
        tag("table", classes=classes) as whole,
    ):
        if caption:
            tag("caption", caption)
        with tag("thead"), tag("tr"):
            for place, name in enumerate(columns):
                tag("th", name, "number" if place in right else "", scope="col")
        with tag("tbody"):
            for row in rows:
                with tag("tr"):
                    for place, (cell, name) in enumerate(zip(row, columns, strict=True)):
                        _cell(cell, name, "number" if place in right else "")
    return whole


def _cell(cell: Cell, name: str, classes: str) -> None:
    if callable(cell):
        with tag("td", classes=classes, data_name=name):
            cell()
    else:
        shown = "" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)
        # One word without an end, such as an address, would push what follows out of sight.
        endless = any(len(word) > _LONGEST_WORD for word in shown.split())
        tag("td", shown, f"{classes} endless" if endless else classes, data_name=name)


def facts(pairs: Iterable[tuple[str, Cell]]) -> None:
    """Put a list of facts."""
    with tag("dl", classes="facts"):
        for name, value in pairs:
            with tag("div"):
                tag("dt", name)
                if callable(value):
                    with tag("dd"):
                        value()
                else:
                    tag("dd", "" if value is None else f"{value:,}" if isinstance(value, int) else value)


def tabs(choices: Sequence[tuple[str, str, bool]], said: str) -> None:
    """Put links of which one is chosen: text, target, whether it is the present one."""
    with tag("nav", classes="tabs", aria_label=said):
        for text, target, chosen in choices:
            here = link(text, target, "chosen" if chosen else "")
            if chosen:
                here.props["aria-current"] = "page"


def skeleton(lines: int = 4) -> None:
    """Hold the place of what is being asked."""
    with tag("div", classes="skeleton", role="status", aria_label="Loading"):
        for _ in range(lines):
            tag("div")


def button(text: str, act: Callable[..., Any], classes: str = "") -> Any:
    """Put a button."""

    async def pressed() -> None:
        # In the page's own place: drawing the button's surroundings anew ends neither what was begun nor its dialog.
        with ui.context.client:
            done = act()
            if inspect.isawaitable(done):
                await done

    put = tag("button", text, f"button {classes}", type="button")
    put.on("click", pressed)
    return put
