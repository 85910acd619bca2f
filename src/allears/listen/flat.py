"""Nested rows laid flat: one dotted path for each value."""

from __future__ import annotations

from typing import Any

from allears.listen.reading import DEEP, BadRow

DEEPEST = 40
LONGEST_LIST = 24


def flatten(row: dict[str, Any]) -> dict[str, Any]:
    """Lay a row flat; lists of objects are walked into, lists of plain values stay whole.

    Raises
    ------
    BadRow
        The row is nested deeper than 40 levels.

    Examples
    --------
    >>> flatten({"a": {"b": 1}, "c": [{"d": 2}], "e": ["x", "y"]})
    {'a.b': 1, 'c.0.d': 2, 'e': ['x', 'y']}
    """
    if not any(isinstance(value, dict | list) for value in row.values()):
        return row
    found: dict[str, Any] = {}
    _walk("", row, found, 0)
    return found


def _walk(prefix: str, held: dict[str, Any], found: dict[str, Any], depth: int) -> None:
    if depth > DEEPEST:
        raise BadRow(DEEP)
    for key, value in held.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            _walk(f"{path}.", value, found, depth + 1)
        elif (
            isinstance(value, list)
            and value
            and isinstance(value[0], dict | list)
            and len(value) <= LONGEST_LIST
        ):
            _walk(f"{path}.", {str(i): inner for i, inner in enumerate(value)}, found, depth + 1)
        else:
            found[path] = value
