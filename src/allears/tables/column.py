"""What a table is: named columns, each with a type and a meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
TEXTS = pa.list_(pa.string())


@dataclass(frozen=True)
class Column:
    """One column: what it is called, what it holds, what that means."""

    name: str
    type: pa.DataType
    meaning: str


@dataclass(frozen=True)
class Table:
    """One table handed over between stages.

    Examples
    --------
    >>> people = Table("people", "who", (Column("name", pa.string(), "what they are called"),))
    >>> people.rows([{"name": "x"}]).num_rows
    1
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, column order as defined."""
        return pa.schema([pa.field(c.name, c.type) for c in self.columns])

    def rows(self, rows: Iterable[Mapping[str, Any]]) -> pa.RecordBatch:
        """Build a batch from dictionaries; missing keys are null, unknown keys are refused by Arrow's schema."""
        return pa.RecordBatch.from_pylist(list(rows), schema=self.schema)

    def arrays(self, arrays: Mapping[str, Any], length: int) -> pa.RecordBatch:
        """Build a batch of ``length`` rows from columns; columns not given are null, unknown ones an error."""
        unknown = set(arrays) - set(self.schema.names)
        if unknown:
            raise KeyError(f"{self.name} has no column {sorted(unknown)}")
        built = []
        for field in self.schema:
            given = arrays.get(field.name)
            if given is None:
                built.append(pa.nulls(length, field.type))
            elif isinstance(given, pa.ChunkedArray):
                built.append(given.combine_chunks().cast(field.type))
            elif isinstance(given, pa.Array):
                built.append(given if given.type == field.type else given.cast(field.type))
            else:
                built.append(pa.array(given, field.type))
        return pa.RecordBatch.from_arrays(built, schema=self.schema)

    def empty(self) -> pa.RecordBatch:
        """Return a batch of no rows."""
        return self.arrays({}, 0)
