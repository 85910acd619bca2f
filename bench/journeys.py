"""Public files taken in through the Python door and lived through: rows, threads, customers, issues. Keeps figures, never a text."""

from __future__ import annotations

import csv
import gzip
import os
import tempfile
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from bench.report import Row, row

if TYPE_CHECKING:
    from allears.space import Space

LATE_BRAND, ITS_DAY = "American", datetime(2015, 2, 22, 8, tzinfo=UTC)
"""Collection of this airline began on that day (midnight on the Pacific coast): a jump that is no event."""


def files(data: Path) -> list[Row]:
    """Rows read without a mapping, and threads kept whole."""
    found = []
    with _space() as space:
        for name, path, expected in (
            ("CFPB", "cfpb/cfpb_2013-2016.csv", 3_186),
            ("CFPB narratives", "cfpb/cfpb_narratives.csv.gz", 3_947),
            ("twcs", "twcs-5000/twcs.csv", 5_000),
        ):
            receipt = space.listen(data / path, source=name.lower().replace(" ", "-"))
            found.append(
                row(
                    "rows read without a mapping",
                    name,
                    receipt.accepted,
                    "rows",
                    reference=expected,
                    source=f"reference: rows of the file; {receipt.refused} refused",
                )
            )
        space.digest(look=False)
        read = space.ground.engine.query(
            "SELECT signal_id, thread, direction FROM signals WHERE source = 'twcs'"
        ).to_pylist()
        kept = space.ground.engine.query("SELECT text FROM signals WHERE source = 'cfpb-narratives'")[
            "text"
        ].to_pylist()
    threads = conversations(data)
    whole = whole_threads(threads, {one["signal_id"]: one["thread"] for one in read})
    inward = sum(one["direction"] == "in" for one in read)
    masks = sum(text.count("XXXX") for text in kept) / sum(text.count("XXXX") for text in narratives(data))
    return [
        *found,
        row(
            "threads kept whole and apart",
            "twcs, 1,312 threads by reply links",
            whole / len(threads),
            "share",
            reference=1.0,
            source="reference: the links themselves; nothing published",
        ),
        row(
            "customers and brands told apart",
            "twcs, messages from customers",
            inward,
            "messages",
            reference=2_778,
            source="reference: the column inbound",
        ),
        row(
            "masks left as they were",
            "CFPB narratives, XXXX",
            masks,
            "share",
            reference=1.0,
            source="redaction must not touch what is masked already",
        ),
    ]


def replay(data: Path) -> list[Row]:
    """Live through the week of the airline tweets: who is who, what is raised, and what must not be."""
    found = []
    path = data / "airline" / "Tweets.csv.gz"
    with _space() as space:
        receipt = space.listen(path, source="airline")
        again = space.listen(path, source="airline")
        space.digest(look=False)
        found = [
            row(
                "rows read without a mapping",
                "airline",
                receipt.accepted,
                "rows",
                reference=10_262,
                source=f"reference: rows of the file; {receipt.refused} refused",
            ),
            row(
                "rows counted twice",
                "airline, the same file again",
                again.accepted,
                "rows",
                reference=0,
                source=f"{again.duplicates:,} recognised",
            ),
            row(
                "customers joined by handle",
                "airline",
                _count(space, "count(DISTINCT customer_key)"),
                "customers",
                reference=5_654,
                source="reference: authors, data README",
            ),
            *_raised(space, "airline, no mapping"),
        ]
        columns = receipt.mapping
    with _space() as space:
        from allears.listen.mapping import Mapping

        space.listen(
            path, source="airline", mapping=msgspec.convert({**columns, "service": "airline"}, Mapping)
        )
        space.digest(look=False)
        found += _raised(space, "airline, the brand mapped to service")
    return found


def _raised(space: Space, where: str) -> list[Row]:
    lived, brands = space.backtest(), brand_of(space)
    raised = lived.issues.to_pylist()
    told = "; ".join(_in_words(issue, brands) for issue in raised)
    owed = {issue["issue"] for issue in raised} - {
        issue["issue"] for issue in without_the_late(space, brands)
    }
    jumps = [issue for issue in raised if issue["issue"] in owed or about_the_jump(issue, brands)]
    return [
        row("issues raised a week", where, lived.alarms_per_week, "issues/week", reference=1.0,
            source=f"{len(raised)} in {7 * lived.weeks:.1f} days: {told or 'none'}; reference: budget of false alarms, and these days held a storm"),
        row("late collection of one airline raised as an issue", where, len(jumps), "issues", reference=0,
            source="982 American tweets on 22 February, 4 before; counted: issues mostly about it on that day, or not raised without its rows"),
    ]  # fmt: skip


def brand_of(space: Space) -> dict[str, tuple[str, datetime]]:
    """Name airline and time of each signal; the airline by its service where that was mapped, else by what was kept of the row."""
    read = space.ground.engine.query(
        "SELECT signal_id, coalesce(service, json_extract_string(properties, '$.airline')) AS brand, occurred_at FROM signals"
    )
    return {one["signal_id"]: (one["brand"], one["occurred_at"]) for one in read.to_pylist()}


def about_the_jump(issue: dict[str, Any], brands: dict[str, tuple[str, datetime]]) -> bool:
    """Tell whether what an issue gathered on that day is mostly about the airline whose collection began late."""
    held = Counter(brand for brand, at in map(brands.__getitem__, issue["signal_ids"]) if at >= ITS_DAY)
    return held[LATE_BRAND] > held.total() / 2


def without_the_late(space: Space, brands: dict[str, tuple[str, datetime]]) -> list[dict[str, Any]]:
    """Live through the same days without that airline: what is raised then is not owed to its collection."""
    from allears.foresee.backtest import backtest

    signals = space.ground.engine.query("SELECT * FROM signals")
    others = [brands[signal][0] != LATE_BRAND for signal in signals["signal_id"].to_pylist()]
    rules = msgspec.structs.replace(space.lookout.rules(), settle_days=3)
    found: list[dict[str, Any]] = backtest(signals.filter(pa.array(others)), rules).issues.to_pylist()
    return found


def _in_words(issue: dict[str, Any], brands: dict[str, tuple[str, datetime]]) -> str:
    share = Counter(brands[signal][0] for signal in issue["signal_ids"])[LATE_BRAND] / issue["signals"]
    return f"{issue['title']}, {issue['detected_at']:%d %b %H h} UTC, {issue['customers']} customers, {share:.0%} {LATE_BRAND}"


def conversations(data: Path) -> list[set[str]]:
    """Group the ids of the support tweets by their reply links: the truth about threads."""
    with (data / "twcs-5000" / "twcs.csv").open(encoding="utf-8", newline="") as file:
        tweets = {one["tweet_id"]: one for one in csv.DictReader(file)}
    group = {own: {own} for own in tweets}
    for own, tweet in tweets.items():
        answered = [
            tweet["in_response_to_tweet_id"].removesuffix(".0"),
            *tweet["response_tweet_id"].split(","),
        ]
        for other in filter(tweets.__contains__, answered):
            if group[own] is not group[other]:
                small, large = sorted((group[own], group[other]), key=len)
                large |= small
                group.update(dict.fromkeys(small, large))
    return list({id(members): members for members in group.values()}.values())


def whole_threads(truth: Iterable[set[str]], thread: dict[str, str]) -> int:
    """Count the threads whose messages share one thread that holds no other."""
    held: dict[str, set[str]] = {}
    for signal, name in thread.items():
        held.setdefault(name, set()).add(signal.rpartition(":")[2])
    kept = {frozenset(members) for members in held.values()}
    return sum(frozenset(members) in kept for members in truth)


def _space() -> Space:
    """A space in a folder that goes when it is closed."""
    from allears.space import Space

    class Passing(Space):
        folder: tempfile.TemporaryDirectory[str]

        def close(self) -> None:
            super().close()
            self.folder.cleanup()

    folder = tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR"))
    space = Passing.open(Path(folder.name) / "space")
    assert isinstance(space, Passing)
    space.folder = folder
    return space


def _count(space: Space, what: str) -> int:
    return int(space.ground.engine.query(f"SELECT {what} AS n FROM signals")["n"][0].as_py())


def narratives(data: Path) -> list[str]:
    """Read the complaints in their own words."""
    with gzip.open(data / "cfpb" / "cfpb_narratives.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return [one["Consumer complaint narrative"] for one in csv.DictReader(file)]
