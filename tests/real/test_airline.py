"""The week of the airline tweets, through the Python door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from allears.journey import Receipt
from allears.space import Space

ROWS, AUTHORS = 10_262, 5_654


@dataclass
class Week:
    space: Space
    path: Path
    receipt: Receipt
    done: dict[str, int]
    issues: list[dict[str, Any]]


@pytest.fixture(scope="module")
def week(new_space: Callable[[], Space], shared_data: Path) -> Week:
    space, path = new_space(), shared_data / "airline" / "Tweets.csv.gz"
    receipt = space.listen(path, source="airline")
    done = space.digest(look=True)
    return Week(space, path, receipt, done, space.backtest().issues.to_pylist())


def test_all_rows_are_read_without_a_mapping(week: Week) -> None:
    assert (week.receipt.accepted, week.receipt.duplicates, week.receipt.refused) == (ROWS, 0, 0)
    assert (week.done["stored"], week.done["duplicates"], week.done["refused"]) == (ROWS, 0, 0)
    found = week.receipt.mapping
    assert (found["text"], found["occurred_at"], found["id"]) == ("text", "tweet_created", "tweet_id")


def test_customers_are_joined_by_handle(week: Week) -> None:
    [counted] = week.space.sql(
        "SELECT count(DISTINCT customer_key) AS n, count(customer_key) AS filled FROM signals"
    ).to_pylist()
    assert counted["filled"] == ROWS
    assert abs(counted["n"] - AUTHORS) <= AUTHORS // 200
    busiest = week.space.customers(limit=1)
    assert busiest


def test_times_keep_their_zone(week: Week) -> None:
    [span] = week.space.sql(
        "SELECT min(occurred_at) AS first, max(occurred_at) AS last FROM signals"
    ).to_pylist()
    assert span["first"] == datetime(2015, 2, 17, 7, 36, 5, tzinfo=UTC)
    assert span["last"] == datetime(2015, 2, 23, 7, 58, 41, tzinfo=UTC)


def test_the_same_file_twice_adds_nothing(week: Week) -> None:
    again = week.space.listen(week.path, source="airline")
    assert (again.accepted, again.duplicates, again.refused) == (0, ROWS, 0)
    assert week.space.digest(look=False)["stored"] == 0
    assert week.space.signals.count().to_pyarrow().as_py() == ROWS


def test_the_replay_lists_the_storm_of_the_weekend_and_little_else(week: Week) -> None:
    # Some 650 people who cannot reach anybody about a cancelled flight: the one event of these days.
    assert 1 <= len(week.issues) <= 4
    largest = max(week.issues, key=lambda issue: issue["customers"])
    assert largest["customers"] >= 400
    assert {"order/cancel", "support/wait"} & set(largest["topics"])
    assert (
        datetime(2015, 2, 21, tzinfo=UTC) <= largest["detected_at"] <= datetime(2015, 2, 22, 12, tzinfo=UTC)
    )


def test_the_late_collection_of_one_airline_is_no_issue(week: Week) -> None:
    from bench.journeys import about_the_jump, brand_of, without_the_late

    brands = brand_of(week.space)
    assert not [issue["title"] for issue in week.issues if about_the_jump(issue, brands)]
    others = {issue["issue"] for issue in without_the_late(week.space, brands)}
    assert {issue["issue"] for issue in week.issues} <= others


def test_a_space_a_week_old_shows_its_pulse_without_trust(week: Week) -> None:
    seen = week.space.pulse()
    assert seen["trust"] == {}
    assert seen["week"]["messages"] == ROWS
    assert seen["week"]["negative_share"]["n"] == ROWS


def test_topics_agree_with_the_reasons_people_gave(shared_data: Path) -> None:
    from bench.labelled import complaint_topics

    found = {one["measure"]: one for one in complaint_topics(shared_data)}
    taxonomy, discovered = (found[f"topics against reasons, {name}"] for name in ("taxonomy", "discovered"))
    assert taxonomy["figure"] > 0.2 > 2 * taxonomy["reference"]
    assert discovered["figure"] > 0.15 > 2 * discovered["reference"]
    assert found["reason right, discovered"]["figure"] > 48


def test_sentiment_learns_from_the_first_days_what_holds_on_the_last(shared_data: Path) -> None:
    from bench.labelled import LABELS, airline

    from allears.understand import Sentiment
    from allears.understand.scores import compare

    tweets = airline(shared_data)
    texts, labels = [t["text"] for t in tweets], [LABELS[t["airline_sentiment"]] for t in tweets]
    # The last 3,000 of the older tweets teach; the bench teaches all 8,209 and reaches 73.
    old, new = slice(5_209, 8_209), slice(8_209, None)
    base = compare(labels[new], Sentiment().chances(texts[new]))
    learned = compare(labels[new], Sentiment().learn(texts[old], labels[old]).chances(texts[new]))
    assert base.macro_f1 > 0.53
    assert learned.macro_f1 > 0.66
    assert learned.calibration_error < 0.06
