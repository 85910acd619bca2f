"""Print answers: tables for people, JSON for scripts."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pyarrow as pa

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

NARROWEST = 24
"""Characters that the column of text keeps; with less, rows are printed as lines."""


def as_json(value: Any) -> None:
    """Print one JSON value."""
    sys.stdout.write(
        msgspec.json.format(msgspec.json.encode(plain(value), enc_hook=str), indent=2).decode() + "\n"
    )


def plain(value: Any) -> Any:
    """Turn Arrow tables into lists of rows; leave the rest."""
    return value.to_pylist() if hasattr(value, "to_pylist") else value


def rows(
    found: Sequence[Mapping[str, Any]] | pa.Table,
    columns: Sequence[str] = (),
    *,
    title: str = "",
    empty: str = "nothing yet",
    json: bool = False,
) -> None:
    """Print rows as a table, numbers to the right, times short; or for scripts as JSON."""
    if json:
        as_json(found)
        return
    listed: Sequence[Mapping[str, Any]] = plain(found)
    if not listed:
        out.print(empty)
        return
    names = list(columns) or list(listed[0])
    cells = [[cell(row.get(name)) for name in names] for row in listed]
    widths = [max(len(name), *(len(row[at]) for row in cells)) for at, name in enumerate(names)]
    widest = widths.index(max(widths))
    others = sum(widths) - widths[widest] + 2 * (len(names) - 1)
    if others + min(widths[widest], NARROWEST) > out.width:
        _stacked(names, cells, title)
        return
    grid = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for at, name in enumerate(names):
        number = all(
            isinstance(r.get(name), int | float | type(None)) and not isinstance(r.get(name), bool)
            for r in listed
        )
        # Only the widest column folds: an id or a time in two halves cannot be read or copied.
        grid.add_column(
            name.replace("_", " "),
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=at != widest,
        )
    for row in cells:
        grid.add_row(*(Text(value) for value in row))
    out.print(grid)


def _stacked(names: Sequence[str], cells: Sequence[Sequence[str]], title: str) -> None:
    """Print each row as lines of its own, where the columns do not fit beside each other."""
    if title:
        out.print(title, style="italic")
    for number, row in enumerate(cells):
        grid = Table(box=None, pad_edge=False, show_header=False)
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in zip(names, row, strict=True):
            if value:
                grid.add_row(name.replace("_", " "), Text(value))
        if number:
            out.print()
        out.print(grid)


def cell(value: Any) -> str:
    """Write one value for a person.

    Examples
    --------
    >>> cell(0.12345), cell(None), cell(1234567), cell(["a", "b"])
    ('0.123', '', '1,234,567', 'a, b')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, dict):
        return ", ".join(f"{k} {cell(v)}" for k, v in value.items() if v not in (None, 0, ""))
    if isinstance(value, list | tuple):
        return ", ".join(cell(v) for v in value)
    # Control characters of a hostile message must not reach the terminal.
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in str(value))


class Failed(Exception):
    """The answer was printed whole and says what is wrong; only the exit code is still missing."""


def complain(code: str, message: str, place: str, *, as_json: bool) -> None:
    """Say what went wrong and where: on standard error, or as the answer when JSON was asked for."""
    if as_json:
        sys.stdout.write(
            msgspec.json.encode({"error": {"code": code, "message": message, "place": place}}).decode() + "\n"
        )
        return
    err.print(
        Text("allears: ", style="bold red")
        + Text(message)
        + Text(f" - at {place}" if place else "", style="dim"),
        soft_wrap=True,
    )
