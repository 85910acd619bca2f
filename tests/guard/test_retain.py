"""Periods: the most specific one counts, and each row is due in one class only."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from allears.errors import Refused
from allears.guard.retain import predicates, read_retention

TODAY = date(2026, 7, 1)
PERIODS = """
[[keep]]
what = "signals"
days = 100

[[keep]]
what = "signals"
days = 10
source = "it's chat"

[[keep]]
what = "signals"
source = "it's chat"
channel = "web"

[[keep]]
what = "signals"
days = 50
channel = "app"

[[keep]]
what = "texts"
days = 40

[[keep]]
what = "originals"
days = 20
"""


def due(
    day: str, source: str | None, channel: str | None, key: str = "c1", held: tuple[str, ...] = ()
) -> str:
    """Ask an engine which predicates hold for one row; at most one may."""
    row = duckdb.sql(
        "SELECT $day AS day, $source AS source, $channel AS channel, $key AS customer_key, 'a' AS text, 'b' AS sealed, NULL AS properties",
        params={"day": day, "source": source, "channel": channel, "key": key},
    )
    found = [
        what
        for what, predicate in predicates(read_retention(PERIODS), TODAY, held).items()
        if row.filter(predicate).fetchall()
    ]
    assert len(found) <= 1
    return "".join(found)


@pytest.mark.parametrize(
    ("day", "source", "channel", "expected"),
    [
        ("2026-03-22", "mail", "email", "signals"),
        ("2026-03-23", "mail", "email", "texts"),
        ("2026-05-22", "mail", "email", "originals"),
        ("2026-06-11", "mail", "email", ""),
        ("2026-05-11", "mail", "app", "signals"),
        ("2026-06-20", "it's chat", "app", "signals"),  # a source goes before a channel
        ("2020-01-01", "it's chat", "web", "texts"),  # kept for good as a signal, not its text
        ("2020-01-01", None, None, "signals"),
        ("2026-06-30", None, None, ""),
    ],
)
def test_the_most_specific_period_counts(
    day: str, source: str | None, channel: str | None, expected: str
) -> None:
    assert due(day, source, channel) == expected


def test_rows_under_hold_are_never_due() -> None:
    assert due("2020-01-01", "mail", "email", "c'9", ("c1", "c'9")) == ""
    assert due("2020-01-01", "mail", "email", "c2", ("c1", "c'9")) == "signals"


@pytest.mark.parametrize(
    "text",
    [
        "[[keep]]\nwhat = 'everything'",
        "[[keep]]\nwhat = 'texts'\ndays = 0",
        "[[keep]]\nwhat = 'texts'\ndays = 3\nsourse = 'a'",
        "[[keep]]\nwhat = 'texts'\ndays = 3\n[[keep]]\nwhat = 'texts'\ndays = 4",
        "[[keep]]\nwhat = 'deliveries'\ndays = 3\nsource = 'a'",
        "keep = 3",
        "[[keep",
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(Refused) as caught:
        read_retention(text)
    assert caught.value.place == "retention.toml"
