"""Support conversations on a social network: whole, and who spoke."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from allears.space import Space


@pytest.fixture(scope="module")
def talks(new_space: Callable[[], Space], shared_data: Path) -> Space:
    space = new_space()
    receipt = space.listen(shared_data / "twcs-5000" / "twcs.csv", source="twcs")
    assert (receipt.accepted, receipt.refused) == (5_000, 0)
    assert space.digest(look=False)["stored"] == 5_000
    return space


def test_threads_are_kept_whole_and_apart(talks: Space, shared_data: Path) -> None:
    from bench.journeys import conversations, whole_threads

    truth = conversations(shared_data)
    assert len(truth) == 1_312
    read = talks.sql("SELECT signal_id, thread FROM signals").to_pylist()
    assert whole_threads(truth, {one["signal_id"]: one["thread"] for one in read}) == 1_312


def test_customers_and_brands_are_told_apart(talks: Space) -> None:
    counted = talks.sql(
        "SELECT direction, count(*) AS n, count(sentiment) AS felt FROM signals GROUP BY 1 ORDER BY 1"
    ).to_pylist()
    assert [(c["direction"], c["n"]) for c in counted] == [("in", 2_778), ("out", 2_222)]
    # What the company itself says is never read as a customer's mood.
    assert [c["felt"] for c in counted] == [2_778, 0]


def test_a_customer_is_one_through_all_conversations(talks: Space) -> None:
    [row] = talks.sql(
        "SELECT count(DISTINCT customer_key) AS people, count(customer_key) AS filled FROM signals WHERE direction = 'in'"
    ).to_pylist()
    assert row["filled"] == 2_778
    assert 1_300 <= row["people"] <= 1_500


def test_one_message_of_years_ago_does_not_stretch_the_replay(talks: Space) -> None:
    # A tweet of 2011 and two of 2016 stand before two months of 2017: the empty years between are not lived through.
    lived = talks.backtest()
    assert 1 < lived.weeks < 30
