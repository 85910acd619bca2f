"""What was understood and foreseen: ``topics``, ``expectations``, ``surprises``, ``issues``."""

from __future__ import annotations

import pyarrow as pa

from allears.tables.column import TEXTS, TIME, Column, Table

TOPICS = Table(
    "topics",
    "What people talk about; ids never change their meaning.",
    (
        Column("topic", pa.string(), "stable id, such as payment/declined, my/returns or found/7f3a"),
        Column("label", pa.string(), "words a person understands"),
        Column("origin", pa.string(), "taxonomy, taught or found"),
        Column("terms", TEXTS, "words that carry it"),
        Column("department", pa.string(), "who usually answers for it"),
        Column("first_at", TIME, "first seen"),
        Column("size", pa.int64(), "messages when it was last learned"),
    ),
)

EXPECTATIONS = Table(
    "expectations",
    "What volume was expected.",
    (
        Column("series", pa.string(), "canonical name, such as topic=payment/declined|channel=chat"),
        Column("time", TIME, "start of the hour or day"),
        Column("low", pa.float64(), "lower end of the 90 % interval, count"),
        Column("mid", pa.float64(), "median, count"),
        Column("high", pa.float64(), "upper end of the 90 % interval, count"),
        Column("method", pa.string(), "method and version"),
        Column("made_at", TIME, "data cut-off"),
    ),
)

SURPRISES = Table(
    "surprises",
    "Where a count left what was expected.",
    (
        Column("series", pa.string(), "canonical name"),
        Column("time", TIME, "start of the hour"),
        Column("detected_at", TIME, "when it could first be known, by arrival"),
        Column("observed", pa.float64(), "different authors counted"),
        Column("expected", pa.float64(), "mean expected"),
        Column("high", pa.float64(), "upper bound expected at the budgeted false-alarm rate"),
        Column("score", pa.float64(), "-log10 of the calibrated tail probability"),
        Column("direction", pa.string(), "rise or drop"),
        Column("method", pa.string(), "method and version"),
    ),
)

ISSUES = Table(
    "issues",
    "A problem (or wish) many signals share.",
    (
        Column("issue", pa.string(), "stable id"),
        Column("title", pa.string(), "words a person understands"),
        Column("kind", pa.string(), "issue or opportunity"),
        Column("topics", TEXTS, "stable topic ids it gathers"),
        Column(
            "facets",
            pa.string(),
            "JSON: channel, service, release, platform, region, partner shared by most signals",
        ),
        Column("terms", TEXTS, "what sets these messages apart"),
        Column("exemplars", TEXTS, "signal ids of typical messages, most typical first"),
        Column("signal_ids", TEXTS, "all signals gathered"),
        Column("first_signal_at", TIME, "first gathered signal occurred"),
        Column("detected_at", TIME, "when the alarm could first be raised, by arrival"),
        Column("signals", pa.int64(), "signals gathered"),
        Column("customers", pa.int64(), "different authors"),
        Column("expected", pa.float64(), "signals expected in the same time without it"),
        Column("growth", pa.float64(), "last hour's authors over the expected, ratio"),
        Column("score", pa.float64(), "burst x severity x breadth x novelty"),
        Column("factors", pa.string(), "JSON: each factor of the score"),
        Column("method", pa.string(), "method and version"),
    ),
)
