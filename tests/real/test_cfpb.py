"""Complaints to a public authority: one file without texts, one without dates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from allears.space import Space


@pytest.fixture(scope="module")
def complaints(new_space: Callable[[], Space], shared_data: Path) -> Space:
    space = new_space()
    table = space.listen(shared_data / "cfpb" / "cfpb_2013-2016.csv", source="table")
    told = space.listen(shared_data / "cfpb" / "cfpb_narratives.csv.gz", source="told")
    assert (table.accepted, table.refused) == (3_186, 0)
    assert (told.accepted, told.refused) == (3_947, 0)
    done = space.digest(look=False)
    assert (done["stored"], done["refused"]) == (7_133, 0)
    return space


def test_dates_are_read_month_first(complaints: Space) -> None:
    years = complaints.sql(
        "SELECT year(occurred_at) AS year, count(*) AS n FROM signals WHERE source = 'table' GROUP BY 1 ORDER BY 1"
    ).to_pylist()
    assert [(y["year"], y["n"]) for y in years] == [(2013, 350), (2016, 2_814), (2017, 22)]


def test_every_row_has_its_issue_and_most_their_state(complaints: Space) -> None:
    [row] = complaints.sql(
        "SELECT count(name) AS named, count(DISTINCT name) AS issues, count(region) AS placed FROM signals WHERE source = 'table'"
    ).to_pylist()
    assert (row["named"], row["issues"]) == (3_186, 80)
    assert row["placed"] >= 3_100


def test_narratives_are_understood(complaints: Space) -> None:
    [row] = complaints.sql(
        """SELECT count(text) AS texts, count(*) FILTER (WHERE language = 'en') AS english, avg(sentiment) AS mood,
                  count(*) FILTER (WHERE len(topics) > 0) AS about FROM signals WHERE source = 'told'"""
    ).to_pylist()
    assert row["texts"] == 3_947
    assert row["english"] >= 0.98 * 3_947
    assert row["about"] >= 0.8 * 3_947
    assert row["mood"] < -0.1


def test_marks_that_were_there_are_left_alone(complaints: Space, shared_data: Path) -> None:
    from bench.journeys import narratives

    kept = complaints.sql("SELECT text FROM signals WHERE source = 'told'")["text"].to_pylist()
    before = narratives(shared_data)
    # Of 35,558 marks one stands inside an address that is hidden as a whole.
    for mark in ("XXXX", "{$"):
        assert sum(text.count(mark) for text in kept) >= 0.999 * sum(text.count(mark) for text in before)
