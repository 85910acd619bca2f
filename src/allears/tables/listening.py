"""What the listening counts of itself: ``source_hours`` and ``source_fields``; nothing of any person."""

from __future__ import annotations

import pyarrow as pa

from allears.tables.column import TIME, Column, Table

SOURCE_HOURS = Table(
    "source_hours",
    "What each source brought, hour by hour; an hour in which a source brought nothing has no row.",
    (
        Column("source", pa.string(), "the configured source; null: Allears was looking in this hour"),
        Column("hour", TIME, "beginning of the hour in which it arrived; history: in which it happened"),
        Column("stored", pa.int64(), "signals stored"),
        Column("live", pa.int64(), "of those, how many arrived within a week of happening"),
        Column("known", pa.int64(), "of those stored, how many are of a known customer"),
        Column("duplicates", pa.int64(), "rows seen before"),
        Column("refused", pa.int64(), "rows not accepted"),
    ),
)

SOURCE_FIELDS = Table(
    "source_fields",
    "Which fields the signals of each source hold: at most 300 names of a source, never a value.",
    (
        Column("source", pa.string(), "the configured source"),
        Column("kind", pa.string(), "column, identifier or property"),
        Column("field", pa.string(), "its name"),
        Column("first_at", TIME, "when it was first held"),
        Column("last_at", TIME, "when it was last held"),
        Column("held", pa.int64(), "signals that held it; of a property, drawn up from a sample"),
    ),
)
