"""Our own SQL in Spark's words."""

from __future__ import annotations

import pytest

from allears.errors import Refused
from allears.lake.spark.words import in_sparks_words

VIEWS = {"signals": "lake_signals", "identities": "lake_identities"}


@pytest.mark.parametrize(
    ("ours", "lists", "theirs"),
    [
        ("SELECT kind FROM signals WHERE day >= $day", (), "SELECT kind FROM lake_signals AS signals WHERE day >= :day"),
        ("SELECT s.kind FROM signals s", (), "SELECT s.kind FROM lake_signals AS s"),
        ("WITH signals AS (SELECT 1 AS a) SELECT a FROM signals", (), "WITH signals AS (SELECT 1 AS a) SELECT a FROM signals"),
        ("SELECT len(topics) AS n, len(text) AS m FROM signals", (), "SELECT ARRAY_SIZE(topics) AS n, LENGTH(text) AS m FROM lake_signals AS signals"),
        ("SELECT epoch_us(occurred_at) AS t FROM signals", (), "SELECT UNIX_MICROS(occurred_at) AS t FROM lake_signals AS signals"),
        ("SELECT 1 AS a FROM signals WHERE list_has_any(topics, $t)", ("t",), "SELECT 1 AS a FROM lake_signals AS signals WHERE ARRAYS_OVERLAP(topics, :t)"),
        ("SELECT 1 AS a FROM signals WHERE list_contains($t, account)", ("t",), "SELECT 1 AS a FROM lake_signals AS signals WHERE account IN (SELECT value FROM given_t)"),
        ("SELECT kind FROM signals ORDER BY kind", (), "SELECT kind FROM lake_signals AS signals ORDER BY kind NULLS LAST"),
    ],
)  # fmt: skip
def test_a_question_keeps_its_meaning(ours: str, lists: tuple[str, ...], theirs: str) -> None:
    assert in_sparks_words(ours, VIEWS, lists).text == theirs


def test_lists_side_by_side_are_one_table() -> None:
    asked = in_sparks_words(
        "SELECT issue FROM signals JOIN (SELECT unnest($i) AS issue, unnest($s) AS signal_id) USING (signal_id)",
        VIEWS,
        ("i", "s"),
    )
    assert asked.given == {"given_i_s": {"issue": "i", "signal_id": "s"}}
    assert "(SELECT issue, signal_id FROM given_i_s)" in asked.text


@pytest.mark.parametrize("sql", ["SELECT hash(signal_id) AS h FROM signals", "SELECT FROM WHERE"])
def test_what_has_no_counterpart_is_refused(sql: str) -> None:
    with pytest.raises(Refused):
        in_sparks_words(sql, VIEWS)
