"""Markup for the brief: text becomes markup here and nowhere else, escaped always."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Turn anything into markup: escaped, unless it is markup already.

    Examples
    --------
    >>> text("<script>"), text(Markup("<b>"))
    ('&lt;script&gt;', '<b>')
    """
    return value if isinstance(value, Markup) else Markup(escape("" if value is None else str(value)))


def tag(name: str, *inside: object, **attributes: str) -> Markup:
    """Wrap parts in an element.

    Examples
    --------
    >>> tag("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    told = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items() if value)
    return Markup(f"<{name}{told}>{''.join(text(part) for part in inside)}</{name}>")


def join(parts: Iterable[object]) -> Markup:
    """Put parts after one another."""
    return Markup("\n".join(text(part) for part in parts))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> Markup:
    """Build a table."""
    side = ["number" if place in right else "" for place in range(len(columns))]
    head = tag("tr", *(tag("th", name, class_=side[i], scope="col") for i, name in enumerate(columns)))
    body = [tag("tr", *(tag("td", cell, class_=side[i]) for i, cell in enumerate(row))) for row in rows]
    return tag("table", tag("thead", head), tag("tbody", *body))
