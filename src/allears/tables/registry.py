"""All tables by name."""

from __future__ import annotations

from allears.errors import NotFound
from allears.tables.column import Table
from allears.tables.findings import EXPECTATIONS, ISSUES, SURPRISES, TOPICS
from allears.tables.listening import SOURCE_FIELDS, SOURCE_HOURS
from allears.tables.outcomes import CASES, MEASURES, MOVES, REFUSED, VERDICTS
from allears.tables.people import IDENTITIES, LINKS
from allears.tables.signals import ARRIVALS, SIGNALS

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        ARRIVALS,
        SIGNALS,
        REFUSED,
        SOURCE_HOURS,
        SOURCE_FIELDS,
        IDENTITIES,
        LINKS,
        TOPICS,
        EXPECTATIONS,
        SURPRISES,
        ISSUES,
        CASES,
        MOVES,
        VERDICTS,
        MEASURES,
    )
}


def table(name: str) -> Table:
    """Find a table's definition by name.

    Raises
    ------
    NotFound
        No table has that name.

    Examples
    --------
    >>> table("signals").schema.names[0]
    'signal_id'
    """
    if name not in TABLES:
        raise NotFound(f"no table of that name; there are {', '.join(TABLES)}")
    return TABLES[name]
