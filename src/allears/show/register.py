"""The register of processing as sections: one form for Markdown, for a page of its own, and for the page in the browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from allears.show import words
from allears.show.brief import STYLE
from allears.show.markup import join, table, tag, text

Told = Mapping[str, Any]
_OF_CONTROLLER = {
    "name": "Name", "contact": "Contact", "joint": "Joint controllers", "representative": "Representative in the Union",
    "officer": "Data protection officer", "authority": "Supervisory authority",
}  # fmt: skip


class Section(NamedTuple):
    """One part of the register: what it is, which paragraph of article 30 asks for it, and its rows."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def sections(told: Told) -> list[Section]:
    """Give the register in the order of article 30(1)."""
    return [
        Section("Controller", "article 30(1)(a)", ("", "Stated"), [(_OF_CONTROLLER[n], v) for n, v in told["controller"].items()]),
        Section(
            "Purposes", "article 30(1)(b)", ("Purpose", "Basis", "What is done", "Kept for it alone", "Playbooks", "People", "Data", "Note"),
            [
                (p["purpose"] + ("" if p["on"] else " (switched off)"), p["basis"], p["says"], ", ".join(p["sources"]), ", ".join(p["playbooks"]), p["people"], p["data"], p["note"])
                for p in told["purposes"]
            ],
        ),
        Section("People", "article 30(1)(c), counted now", ("Category", "People"), [(p["category"], p["n"]) for p in told["people"]]),
        Section("Data", "article 30(1)(c), counted now", ("Category", "Records", "Kept"), [(d["category"], d["n"], d["kept"]) for d in told["data"]]),
        Section(
            "Sources", "where it comes from", ("Source", "Signals", "First", "Last"),
            [(s["source"], s["signals"], words.day(s["first_at"]), words.day(s["last_at"])) for s in told["sources"]],
        ),
        Section(
            "Recipients and transfers", "article 30(1)(d) and (e): destinations that are configured, and whoever was stated",
            ("Recipient", "How", "Gets", "Who it is", "Does", "Country", "Transfer rests on"),
            [tuple(r[n] for n in ("name", "way", "gets", "who", "does", "country", "safeguard")) for r in told["recipients"]],
        ),
        Section(
            "Kept for", "article 30(1)(f)", ("What", "Of", "Days"),
            [(r["what"], r["of"], r["days"] or "until it is erased") for r in told["retention"]],
        ),
        Section("Measures", "article 30(1)(g)", ("Measure", "From"), [(m["measure"], m["from"]) for m in told["measures"]]),
    ]  # fmt: skip


def write_markdown(told: Told) -> str:
    r"""Write it in Markdown.

    Examples
    --------
    >>> _cells(("a|b", 1200, None))
    '| a\\|b | 1,200 |  |'
    """
    lines = [f"# Register of processing: {told['company']}", "", _made(told), ""]
    for section in sections(told):
        lines += [f"## {section.title} {section.note}", ""]
        if not section.rows:
            lines += ["None.", ""]
            continue
        lines += [_cells(section.columns), _cells(["---"] * len(section.columns))]
        lines += [*map(_cells, section.rows), ""]
    lines += ["## Not stated yet", "", *(f"- {name}" for name in told["not_stated"] or ["nothing"]), ""]
    return "\n".join(lines)


def write_html(told: Told) -> str:
    """Write it as one HTML document: nothing fetched, no script, everything escaped."""
    parts: list[object] = [
        tag("h1", f"Register of processing: {told['company']}"),
        tag("p", _made(told), class_="lead"),
    ]
    for section in sections(told):
        parts.append(tag("h2", f"{section.title} ", tag("span", section.note, class_="note")))
        rows = [[_shown(cell) for cell in row] for row in section.rows]
        parts.append(table(section.columns, rows) if rows else tag("p", "None."))
    missing = told["not_stated"] or ["nothing"]
    parts += [tag("h2", "Not stated yet"), tag("ul", *(tag("li", name) for name in missing))]
    title = text(f"Register of processing: {told['company']}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body>{join(parts)}</body></html>\n"
    )


def _made(told: Told) -> str:
    return f"Article 30 GDPR; generated {told['made_at']:%Y-%m-%d %H:%M} UTC from what is configured and stored ({told['version']})."


def _cells(row: Sequence[Any]) -> str:
    return "| " + " | ".join(_shown(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |"


def _shown(cell: Any) -> str:
    return "" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)
