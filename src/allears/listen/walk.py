"""Bodies with lists in lists, laid out as events: each sees what is above it, and none of its neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from allears.listen.expressions import Expression
from allears.listen.reading import BadRow

Scope = dict[str, Any]
MOST_EVENTS = 10_000
_PLAIN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")


def walk(levels: list[tuple[str, Expression]], scope: Scope, place: str) -> Iterator[tuple[str, Scope]]:
    """Walk into lists, level by level; each member sees its own branch of what is above it, and no neighbour.

    Examples
    --------
    >>> levels = [("entry", Expression("body.entry")), ("change", Expression("entry.changes"))]
    >>> body = {"entry": [{"id": 1, "changes": ["a", "b"]}, {"id": 2, "changes": ["c"]}]}
    >>> [(place, s["entry"]["id"], s["change"]) for place, s in walk(levels, {"body": body}, "$")]
    [('$.entry[0].change[0]', 1, 'a'), ('$.entry[0].change[1]', 1, 'b'), ('$.entry[1].change[0]', 2, 'c')]
    """
    if not levels:
        yield place, scope
        return
    (name, expression), deeper = levels[0], levels[1:]
    found = expression.of(scope)
    if found is None:
        return
    members = found if isinstance(found, list) else [found]
    if len(members) > MOST_EVENTS:
        raise BadRow(f"more than {MOST_EVENTS:,} events in one body")
    for number, member in enumerate(members):
        inner = _narrow(scope, expression.text, [member] if isinstance(found, list) else member)
        yield from walk(deeper, {**inner, name: member}, f"{place}.{name}[{number}]")


def _narrow(scope: Scope, path: str, member: Any) -> Scope:
    # What is kept of a refused event must not hold its neighbours: the list on the way is cut to the one member.
    if not _PLAIN.match(path):
        return scope
    narrowed = here = dict(scope)
    *steps, last = path.split(".")
    for step in steps:
        here[step] = dict(here[step])
        here = here[step]
    here[last] = member
    return narrowed
