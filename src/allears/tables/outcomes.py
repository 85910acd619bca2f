"""What was done and whether it worked: ``refused``, ``cases``, ``moves``, ``verdicts``, ``measures``."""

from __future__ import annotations

import pyarrow as pa

from allears.tables.column import TIME, Column, Table

REFUSED = Table(
    "refused",
    "What was not accepted, where and why; replayable.",
    (
        Column("refused", pa.string(), "id of the refused row"),
        Column("source", pa.string(), "the configured source"),
        Column("place", pa.string(), "a JSON path, or file and line"),
        Column("reason", pa.string(), "what kind of thing is wrong; never the value"),
        Column("received_at", TIME, "when it came"),
        Column("replayed_at", TIME, "when it was accepted after all"),
    ),
)

CASES = Table(
    "cases",
    "Work for one department.",
    (
        Column("case", pa.string(), "stable id"),
        Column("issue", pa.string(), "the issue it serves"),
        Column("title", pa.string(), "what to do"),
        Column("department", pa.string(), "who"),
        Column("priority", pa.string(), "P1..P4"),
        Column("state", pa.string(), "open, acknowledged, fixed, closed"),
        Column("opened_at", TIME, "when it was opened"),
        Column("acknowledge_by", TIME, "first clock"),
        Column("resolve_by", TIME, "second clock"),
        Column("acknowledged_at", TIME, "when somebody took it"),
        Column("fixed_at", TIME, "when the cause was mended"),
        Column("closed_at", TIME, "when it was closed"),
        Column("why", pa.string(), "the rule that routed it"),
    ),
)

MOVES = Table(
    "moves",
    "Actions proposed or taken.",
    (
        Column("move", pa.string(), "id"),
        Column("decision", pa.string(), "what was decided at once, for all it concerns"),
        Column("playbook", pa.string(), "which playbook"),
        Column("customer", pa.string(), "for whom; null when for a team"),
        Column("issue", pa.string(), "because of which issue"),
        Column("action", pa.string(), "what"),
        Column("target", pa.string(), "department, destination, message or question"),
        Column("state", pa.string(), "proposed, approved, dismissed, sent, failed, held out, suppressed"),
        Column("at", TIME, "when decided"),
        Column("due_at", TIME, "when it is to be done"),
        Column("why", pa.string(), "the rule in words"),
        Column("held_by", pa.string(), "the rule that held it back"),
    ),
)

VERDICTS = Table(
    "verdicts",
    "Whether a fix brought trust back.",
    (
        Column("issue", pa.string(), "which issue"),
        Column("part", pa.string(), "stated, behavioural or both"),
        Column("said", pa.string(), "regained, not regained, cannot tell"),
        Column("damage", pa.float64(), "effect between start and fix, points of the measure"),
        Column("damage_low", pa.float64(), "95 % interval"),
        Column("damage_high", pa.float64(), "95 % interval"),
        Column("gap", pa.float64(), "gap to the counterfactual after the fix, points"),
        Column("gap_low", pa.float64(), "90 % interval"),
        Column("gap_high", pa.float64(), "90 % interval"),
        Column("n", pa.int64(), "customers or answers used"),
        Column("needs", pa.int64(), "how many more would settle it; null when settled"),
        Column("method", pa.string(), "method and version"),
        Column("cutoff", TIME, "data cut-off"),
        Column("why", pa.string(), "the verdict in a sentence"),
    ),
)

MEASURES = Table(
    "measures",
    "Every figure, with its interval.",
    (
        Column("name", pa.string(), "nps, csat, ces, stars, trust, availability ..."),
        Column("group", pa.string(), "all, or dimension=value"),
        Column("part", pa.string(), "stated, behavioural, composite for trust; else empty"),
        Column("time", TIME, "start of the period"),
        Column("estimate", pa.float64(), "in the measure's unit"),
        Column("low", pa.float64(), "lower end of the 95 % interval"),
        Column("high", pa.float64(), "upper end of the 95 % interval"),
        Column("n", pa.int64(), "answers, customers or requests behind it"),
        Column("mark", pa.string(), "ok, low data, or suppressed (estimate null)"),
        Column("method", pa.string(), "method and version"),
        Column("cutoff", TIME, "data cut-off"),
    ),
)
