"""Who: ``identities`` (identifier -> customer) and ``links`` (why two identifiers are one customer)."""

from __future__ import annotations

import pyarrow as pa

from allears.tables.column import TIME, Column, Table

IDENTITIES = Table(
    "identities",
    "Which customer an identifier belongs to, with history.",
    (
        Column("digest", pa.string(), "keyed digest of the identifier"),
        Column("type", pa.string(), "email, phone, user_id, anonymous_id, handle, account, device"),
        Column("customer", pa.string(), "stable customer id"),
        Column("relationship", pa.string(), "consumer, employee, partner"),
        Column("valid_from", TIME, "since when"),
        Column("valid_to", TIME, "until when; null means now"),
    ),
)

LINKS = Table(
    "links",
    "Pairs of identifiers known to be one customer, and why.",
    (
        Column("left", pa.string(), "keyed digest"),
        Column("right", pa.string(), "keyed digest"),
        Column("weight_bits", pa.float64(), "evidence, log2 of the odds"),
        Column("why", pa.string(), "rule and source"),
        Column("seen_at", TIME, "first time they were seen together"),
        Column("removed_at", TIME, "when the link was cut; null while it holds"),
    ),
)
