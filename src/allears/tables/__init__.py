"""The tables handed over from stage to stage: one definition each, schema and meaning of every column."""

from allears.tables.column import Column, Table
from allears.tables.registry import TABLES, table

__all__ = ["TABLES", "Column", "Table", "table"]
