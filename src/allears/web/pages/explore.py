"""Explore: questions in SQL, answers as a table and a chart."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import time
from datetime import date, datetime
from typing import Any

from nicegui import ui

from allears.errors import AllearsError
from allears.guard.access import Action
from allears.guard.mask import mask_columns
from allears.journey import people
from allears.journey.leave import FORMULA
from allears.show import figures, words
from allears.tables import TABLES
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import button, card, chart, empty, tag

EXAMPLES = {
    "Messages a day": "SELECT date_trunc('day', occurred_at) AS date, count(*) AS messages\nFROM signals\nWHERE kind = 'feedback' AND direction = 'in'\nGROUP BY date ORDER BY date",
    "Topics by mood": "SELECT unnest(topics) AS topic, count(*) AS messages, round(avg(sentiment), 2) AS mood\nFROM signals WHERE direction = 'in'\nGROUP BY topic HAVING count(*) > 10 ORDER BY messages DESC LIMIT 20",
    "Failed requests by service": "SELECT service, count(*) AS requests, count(*) FILTER (WHERE NOT ok) AS failed\nFROM signals WHERE kind = 'telemetry'\nGROUP BY service ORDER BY failed DESC",
    "Unhappiest channels": "SELECT channel, count(sentiment) AS n, round(100 * avg(CASE WHEN sentiment < -0.2 THEN 1 ELSE 0 END), 1) AS unhappy_percent\nFROM signals WHERE sentiment IS NOT NULL\nGROUP BY channel ORDER BY unhappy_percent DESC",
    "How fast issues were noticed": "SELECT title, customers, date_diff('minute', first_signal_at, detected_at) / 60 AS hours\nFROM issues ORDER BY hours",
}
ASKABLE = (
    "signals",
    "issues",
    "cases",
    "topics",
    "surprises",
    "expectations",
    "source_hours",
    "source_fields",
    "identities",
    "links",
    "refused",
)
MOST_ROWS = 2000
MOST_POINTS = 1000
KINDS = {"line": "Line", "columns": "Columns", "dots": "Dots"}


def register(door: Door) -> None:
    """Open the page."""
    door.page("/explore", "Explore", Action.ASK_SQL, build, narrowed=True)


async def build(page: Page) -> None:
    """Draw it."""
    with tag("div", classes="head"):
        tag("h1", "Explore")
        tag(
            "p",
            "Any question in SQL, read only: personal data stays sealed, and answers take 30 seconds at most.",
            "note",
        )
        hidden = sorted(mask_columns(page.sight.hidden) & set(TABLES["signals"].schema.names))
        if hidden:
            tag("p", f"Hidden from your role: {', '.join(hidden)}.", "note")
        if page.sight.name:
            tag("p", f"Only rows of {page.sight.name}; tables that tell of all rows are empty.", "note")
    with tag("div", classes="grid"):
        with card(classes="two-thirds"):
            field = (
                ui.textarea(value=EXAMPLES["Messages a day"])
                .props("borderless autogrow aria-label='SQL'")
                .classes("sql")
            )
            with tag("div", classes="spread"):
                with tag("div", classes="row"):
                    run = button("Ask", lambda: ask(), "main")
                    tag("span", "or Ctrl + Enter", "note")
                asked = tag("span", "", "note", role="status")
            field.on("keydown.ctrl.enter", lambda: ask())
            with tag("div", classes="row"):
                tag("span", "Try:", "note")
                for name, text in EXAMPLES.items():
                    button(name, lambda text=text: ask(text), "small")
        with card("Tables", "Open one to see its columns", classes="third"):
            _tables()
    answer = tag("div", classes="stack")

    async def ask(text: str | None = None) -> None:
        if text is not None:
            field.value = text
        run.props["disabled"] = True
        asked.text = "asking…"
        started = time.monotonic()
        try:
            principal = await page.sure(Action.ASK_SQL)
            permit = page.space.permit("analytics")
            found = await asyncio.to_thread(
                people.sql, page.space.ground, permit, principal, str(field.value)
            )
        except AllearsError as error:
            asked.text = ""
            answer.clear()
            with answer, card("That question has no answer"):
                tag("pre", error.message, "sql")
            return
        finally:
            del run.props["disabled"]
        asked.text = f"{words.count(found.num_rows, 'row')} in {time.monotonic() - started:.2f} s"
        answer.clear()
        with answer:
            _answer(found)

    await ask()


def _tables() -> None:
    for name in ASKABLE:
        table = TABLES[name]
        with tag("details"):
            tag("summary", name)
            tag("p", table.meaning, "note")
            for column in table.columns:
                if column.name != "sealed":
                    with tag("div"):
                        tag("strong", column.name)
                        tag("span", f" {column.meaning}", "note")


def _answer(found: Any) -> None:
    rows = found.slice(0, MOST_ROWS).to_pylist()
    names = list(found.column_names)
    if not rows:
        with card():
            empty("No row answers that.")
        return
    numbers = [
        n for n in names if isinstance(next((r[n] for r in rows if r[n] is not None), None), int | float)
    ]
    if numbers and len(names) > 1:
        _chart(rows, names, numbers)
    with card():
        columns = [
            {
                "name": n,
                "label": n,
                "field": n,
                "align": "right" if n in numbers else "left",
                "sortable": True,
            }
            for n in names
        ]
        shown = [{"#": place, **{n: _cell(r[n]) for n in names}} for place, r in enumerate(rows)]
        ui.table(columns=columns, rows=shown, row_key="#", pagination=25).props("flat dense").style(
            "width: 100%"
        )
        with tag("div", classes="spread"):
            tag(
                "span",
                f"The first {MOST_ROWS:,} of {found.num_rows:,} rows"
                if found.num_rows > MOST_ROWS
                else "All rows",
                "note",
            )
            button(
                "Download as CSV", lambda: ui.download(_csv(names, rows), "answer.csv", "text/csv"), "small"
            )


def _chart(rows: list[dict[str, Any]], names: list[str], numbers: list[str]) -> None:
    over_time = [n for n in names if isinstance(rows[0][n], datetime | date)]
    x = (over_time or [n for n in names if n not in numbers] or names)[0]
    y = next((n for n in numbers if n != x), numbers[0])
    chosen = {"kind": "line" if over_time else "columns", "x": x, "y": y}
    with card():
        with tag("div", classes="row"):
            for part, choices in (
                ("kind", KINDS),
                ("x", {n: n for n in names}),
                ("y", {n: n for n in numbers}),
            ):
                ui.select(
                    choices,
                    value=chosen[part],
                    label={"kind": "Chart", "x": "Across", "y": "Up"}[part],
                    on_change=lambda e, part=part: again(part, e.value),
                ).props("outlined dense").style("min-width: 150px")
        place = tag("div")

    def again(part: str, value: str) -> None:
        chosen[part] = value
        draw()

    def draw() -> None:
        place.clear()
        with place:
            options = figures.free(rows[:MOST_POINTS], kind=chosen["kind"], x=chosen["x"], y=chosen["y"])
            chart(options, said=f"{chosen['y']} by {chosen['x']}", height=300)

    draw()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S" if value.second else "%Y-%m-%d %H:%M")
    if isinstance(value, float):
        return round(value, 4)
    return value if isinstance(value, str | int | None) else str(value)


def _csv(names: list[str], rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    out = csv.writer(text)
    out.writerow(names)
    out.writerows([[_safe(_cell(r[n])) for n in names] for r in rows])
    return text.getvalue().encode()


def _safe(value: Any) -> Any:
    # A spreadsheet must not take a customer's text for a formula.
    return f"'{value}" if isinstance(value, str) and re.match(FORMULA, value) else value
