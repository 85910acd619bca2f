"""What of the lake's tables one reader is shown: which rows, and which columns with something else in their place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa

READER = "sight_of_reader"
_VALUE = re.compile(r"\$(\w+)")


class Shown(NamedTuple):
    """Rows and columns of the lake for one reader.

    Parameters
    ----------
    where
        For a table, the condition its rows must meet; a table without one is shown whole.
    values
        What the conditions name as ``$name``; never pasted into them.
    instead
        For a table, what stands in the place of a column, as SQL.
    """

    where: Mapping[str, str] = {}
    values: Mapping[str, Any] = {}
    instead: Mapping[str, Mapping[str, str]] = {}

    def over(self, name: str, select: str) -> str:
        """Lay it over what would be shown of a table.

        Examples
        --------
        >>> Shown({"signals": "region = $here"}, {"here": "DE"}, {"signals": {"text": "NULL"}}).over("signals", "FROM s")
        'SELECT * REPLACE (NULL AS "text") FROM (SELECT * FROM (FROM s) WHERE region = (SELECT here FROM sight_of_reader))'
        """
        # The condition within: it must see the columns as they are.
        if name in self.where:
            condition = _VALUE.sub(rf"(SELECT \1 FROM {READER})", self.where[name])
            select = f"SELECT * FROM ({select}) WHERE {condition}"
        hidden = ", ".join(f'{sql} AS "{column}"' for column, sql in self.instead.get(name, {}).items())
        return f"SELECT * REPLACE ({hidden}) FROM ({select})" if hidden else select

    def held(self) -> pa.Table:
        """Give the values as a table of one row, for a view cannot be given values."""
        return pa.table({name: [value] for name, value in self.values.items()} or {"nothing": [None]})


EVERYTHING = Shown()
