"""The organisations and households a customer belongs to, as a small tree: drawn from top to bottom, so that it reads on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allears.show.markup import Markup, tag
from allears.show.words import count

WIDTH, LINE, INDENT = 340, 18, 34
LONGEST = {13: 38, 12: 48}
_ARTICLES = {"employee": "employee of", "partner": "partner of"}


def relations_svg(customer: str, rows: Sequence[Mapping[str, Any]]) -> Markup:
    """Draw a customer and the organisations and households they belong to; what ended is dashed.

    Parameters
    ----------
    customer
        What the person is called, such as a pseudonym.
    rows
        As `allears.journey.person.Person.relations` lists them.

    Examples
    --------
    >>> drawn = relations_svg("c_1", [])
    >>> drawn.startswith("<svg"), "c_1" in drawn
    (True, True)
    """
    parts: list[Markup] = [_box(0, 0, 210, 32, solid=True), _text(10, 21, customer, weight="600")]
    top = 44
    for row in rows:
        said = _says(row)
        tall = 32 + LINE * len(said)
        line = tag(
            "path",
            d=f"M16 32V{top + tall // 2}H{INDENT}",
            fill="none",
            stroke="currentColor",
            **{"stroke-opacity": "0.4"},
        )
        parts += [
            line,
            _box(INDENT, top, WIDTH - INDENT - 1, tall, solid=row["valid_to"] is None),
            _text(INDENT + 10, top + 20, _title(row), weight="600"),
            *(_text(INDENT + 10, top + 20 + LINE * (n + 1), text, size=12) for n, text in enumerate(said)),
        ]
        top += tall + 12
    homes = sum(_home(row) for row in rows)
    told = f"{customer} belongs to {count(len(rows) - homes, 'organisation')} and {count(homes, 'household')}"
    return tag(
        "svg", *parts, viewBox=f"0 0 {WIDTH} {top}", width=str(WIDTH), role="img", **{"aria-label": told},
        style="max-width: 100%; height: auto; color: inherit",
    )  # fmt: skip


def _home(row: Mapping[str, Any]) -> bool:
    return bool(row["kind"] == "household")


def _title(row: Mapping[str, Any]) -> str:
    return f"Household with {count(row['colleagues'], 'other customer')}" if _home(row) else str(row["name"])


def _says(row: Mapping[str, Any]) -> list[str]:
    as_what = row["role"] or _ARTICLES.get(row["relationship"], "customer at")
    if row["role"] and row["relationship"] != "consumer":
        as_what = f"{as_what}, {row['relationship']}"
    if _home(row):
        as_what = "same family name and address"
    until = f"since {row['valid_from']:%b %Y}"
    if row["valid_to"] is not None:
        until = f"{row['valid_from']:%b %Y} to {row['valid_to']:%b %Y}"
    return [f"{as_what}, {until}", *(f"part of {above}" for above in row["above"][:1])]


def _box(x: int, y: int, width: int, tall: int, *, solid: bool) -> Markup:
    return tag(
        "rect", x=str(x + 0.5), y=str(y + 0.5), width=str(width - 1), height=str(tall - 1), rx="7", fill="none", stroke="currentColor",
        **{"stroke-opacity": "0.5", "stroke-dasharray": "" if solid else "4 3"},
    )  # fmt: skip


def _text(x: int, y: int, text: str, *, size: int = 13, weight: str = "") -> Markup:
    most = LONGEST[size]
    shown = text if len(text) <= most else text[: most - 1] + "…"
    return tag(
        "text",
        shown,
        x=str(x),
        y=str(y),
        fill="currentColor",
        **{"font-size": str(size), "font-weight": weight},
    )
