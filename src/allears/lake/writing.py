"""How the files of a table are written: partitions, row groups, filters, and what the log keeps of each."""

from __future__ import annotations

from deltalake import BloomFilterProperties, ColumnProperties, WriterProperties

PARTITIONS = {"signals": ["day"]}
# The log keeps the smallest and largest value of a column for each file; of texts that would outlive their deletion.
CONFIGURATION = {"signals": {"delta.dataSkippingStatsColumns": "occurred_at,received_at"}}

# Which parts of a file hold a customer: a question about one skips the others. Filters hold no key, only bits of hashes.
SOUGHT = {"signals": "customer_key"}
GROUP_ROWS = 16_384
_FALSE_HITS = 0.01


def writing(name: str, rows: int = GROUP_ROWS) -> WriterProperties:
    """Say how files of a table are written; a filter is as large as the rows it is for."""
    sought = SOUGHT.get(name)
    if sought is None:
        return WriterProperties(compression="ZSTD", compression_level=1)
    bloom = BloomFilterProperties(True, fpp=_FALSE_HITS, ndv=max(1, min(rows, GROUP_ROWS)))
    return WriterProperties(
        compression="ZSTD",
        compression_level=1,
        max_row_group_size=GROUP_ROWS,
        column_properties={sought: ColumnProperties(bloom_filter_properties=bloom)},
    )
