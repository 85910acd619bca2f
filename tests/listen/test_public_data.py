"""Measured on real exports where they lie; nothing of them is kept here but counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from allears.listen import FORMATS, Context, plan_file, read_file
from allears.listen.reading import Reading


def read(path: Path, context: Context) -> tuple[list[Reading], dict[str, str]]:
    plan = plan_file(path)
    mapping = {plan.mapping.text: "text", plan.mapping.occurred_at: "time", plan.mapping.id: "id"}
    return list(read_file(plan, context)), {
        k: v for k, v in mapping.items() if k is not None
    } | plan.mapping.identifiers


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("airline/Tweets.csv.gz", 10_262),
        ("cfpb/cfpb_2013-2016.csv", 3_186),
        ("cfpb/cfpb_narratives.csv.gz", 3_947),
        ("twcs-5000/twcs.csv", 5_000),
        ("banking77/train.csv", 9_996),
        ("vader-amazon/amazonReviewSnippets.tsv", 3_708),
        ("umsab/arabic/train_text.txt", 1_839),
    ],
)
def test_every_row_is_read(name: str, count: int, shared_data: Path, context: Context) -> None:
    readings, _ = read(shared_data / name, context)
    assert sum(r.arrivals.num_rows for r in readings) == count
    assert [x for r in readings for x in r.refused] == []
    assert len({i for r in readings for i in r.arrivals.column("signal_id").to_pylist()}) == count


def test_the_columns_of_the_airline_export_are_found(shared_data: Path, context: Context) -> None:
    _, mapping = read(shared_data / "airline" / "Tweets.csv.gz", context)
    assert mapping == {"text": "text", "tweet_created": "time", "tweet_id": "id", "name": "handle"}
    assert plan_file(shared_data / "airline" / "Tweets.csv.gz").mapping.reach == ("retweet_count",)


def test_support_conversations_come_whole(shared_data: Path, context: Context) -> None:
    readings, _ = read(shared_data / "twcs-5000" / "twcs.csv", context)
    threads = [thread for r in readings for thread in r.arrivals.column("thread").to_pylist()]
    directions = [d for r in readings for d in r.arrivals.column("direction").to_pylist()]
    assert len(set(threads)) == 1_312
    assert (directions.count("in"), directions.count("out")) == (2_778, 2_222)


def test_every_vendor_payload_gives_rows(shared_data: Path, context: Context) -> None:
    empty = []
    for path in sorted((shared_data / "payloads").glob("*.json")):
        format = FORMATS["segment" if path.name.startswith("segment") else "rows"]
        checked = format.check(path.read_bytes(), context)
        assert checked.refused == [], path.name
        reading = format.read(checked.keep, context)
        if reading.arrivals.num_rows == 0 or reading.refused:
            empty.append(path.name)
    assert empty == []
