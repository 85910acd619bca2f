"""Print answers: tables for people, JSON for scripts."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
import pyarrow as pa
from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def as_json(value: Any) -> None:
    """Print one JSON value."""
    sys.stdout.write(
        msgspec.json.format(msgspec.json.encode(plain(value), enc_hook=str), indent=2).decode() + "\n"
    )


def plain(value: Any) -> Any:
    """Turn Arrow tables into lists of rows; leave the rest."""
    if isinstance(value, pa.Table | pa.RecordBatch):
        return value.to_pylist()
    return value


def rows(
    found: Sequence[Mapping[str, Any]] | pa.Table,
    columns: Sequence[str] = (),
    *,
    title: str = "",
    empty: str = "nothing yet",
) -> None:
    """Print rows as a table; numbers to the right, times short."""
    listed: Sequence[Mapping[str, Any]] = found.to_pylist() if isinstance(found, pa.Table) else found
    if not listed:
        out.print(empty)
        return
    names = list(columns) or list(listed[0])
    grid = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for name in names:
        number = all(
            isinstance(r.get(name), int | float | type(None)) and not isinstance(r.get(name), bool)
            for r in listed
        )
        grid.add_column(name.replace("_", " "), justify="right" if number else "left", overflow="fold")
    for row in listed:
        grid.add_row(*(Text(cell(row.get(name))) for name in names))
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


def complain(code: str, message: str, place: str, *, as_json: bool) -> None:
    """Say on standard error what went wrong and where."""
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
