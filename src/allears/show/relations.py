"""Where a customer belongs, as a small tree: drawn from top to bottom, so that it reads on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allears.show.markup import Markup, tag

WIDTH, TALL, STEP, INDENT = 340, 50, 64, 34
LONGEST = {13: 38, 12: 48}
_ARTICLES = {"employee": "employee of", "partner": "partner of"}


def relations_svg(customer: str, rows: Sequence[Mapping[str, Any]]) -> Markup:
    """Draw a customer and the organisations they belong to; what ended is dashed.

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
    tall = 36 + len(rows) * STEP
    parts: list[Markup] = [_box(0, 0, 210, 32, solid=True), _text(10, 21, customer, weight="600")]
    for place, row in enumerate(rows):
        top = 44 + place * STEP
        holds = row["valid_to"] is None
        parts.append(
            tag(
                "path",
                d=f"M16 32V{top + 22}H{INDENT}",
                fill="none",
                stroke="currentColor",
                **{"stroke-opacity": "0.4"},
            )
        )
        parts += [
            _box(INDENT, top, WIDTH - INDENT - 1, TALL, solid=holds),
            _text(INDENT + 10, top + 20, row["name"], weight="600"),
            _text(INDENT + 10, top + 38, _says(row), size=12),
        ]
    told = f"{customer} belongs to {len(rows)} organisations"
    return tag(
        "svg", *parts, viewBox=f"0 0 {WIDTH} {tall + 14}", width=str(WIDTH), role="img", **{"aria-label": told},
        style="max-width: 100%; height: auto; color: inherit",
    )  # fmt: skip


def _says(row: Mapping[str, Any]) -> str:
    words = [
        row["role"] or _ARTICLES.get(row["relationship"], "customer at"),
        f"since {row['valid_from']:%b %Y}",
    ]
    if row["valid_to"] is not None:
        words[-1] = f"{row['valid_from']:%b %Y} to {row['valid_to']:%b %Y}"
    if row["above"]:
        words.append(f"part of {row['above'][0]}")
    return ", ".join(words)


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
