"""How right Allears is on public data, read where they lie: one table, each figure beside a reference. Prints no text of theirs."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from allears.errors import NotFound
from bench import labelled
from bench.report import Row, row, shared_data

if TYPE_CHECKING:
    from allears.foresee.backtest import Backtest
    from allears.space import Space

LATE_BRAND, ITS_DAY = "American", datetime(2015, 2, 22, 8, tzinfo=UTC)
"""Collection of this airline began on that day (midnight on the Pacific coast): a jump that is no event."""


def rows() -> list[Row]:
    """Measure everything: about three minutes on one core.

    Raises
    ------
    NotFound
        The data are not beside this checkout and ``ALLEARS_DATA`` does not say where they are.
    """
    data = shared_data()
    if data is None:
        raise NotFound("the public data sets are not beside this checkout; say where they are", place="ALLEARS_DATA")
    parts: tuple[Callable[[Path], list[Row]], ...] = (
        labelled.sentiment_of_airlines,
        labelled.sentiment_of_languages,
        labelled.languages,
        labelled.complaint_topics,
        labelled.few_shots,
        redaction,
        files,
        replay,
        surprises,
        forecasts,
        identity,
    )
    return [one for part in parts for one in part(data)]


def redaction(data: Path) -> list[Row]:
    """Recall and F2 of personal data, per kind and together; leak rate; marks that are already there."""
    from allears.guard.redact import redact
    from bench.redaction import NOT_SOUGHT, STRUCTURED, f2, measure

    texts = json.loads((data / "pii" / "generated_large.json").read_text("utf-8"))
    hits, leaks, false = measure(texts)
    where = f"synthetic personal data, {len(texts):,} sentences"
    sought = [kind for kind in hits if kind not in NOT_SOUGHT]
    found = []
    for kind in sorted(sought, key=lambda k: -hits[k][1]):
        hit, total = hits[kind]
        share = (false.get(OURS[kind], 0),) if kind in OURS else ()
        exact = hit / max(1, hit + sum(share))
        found.append(
            row(f"redaction F2, {kind}", f"{where}, {total} spans", f2(exact, hit / total), "F2", source=f"recall {hit / total:.3f}, precision {exact:.3f}")
        )
    bare = {kind: hits[kind] for kind in STRUCTURED if kind in hits}
    wrong = sum(false.get(OURS[kind], 0) for kind in bare if kind in OURS)
    for name, chosen, bad, reference, source in (
        ("structured", list(bare), wrong, 0.989, "reference: rules written with the set in view, methods notes"),
        ("all that is sought", sought, false["all"], None, "names and addresses included; towns, firms, titles, dates are not sought"),
        ("all spans", list(hits), false["all"], 0.845, "reference: tuned Presidio; as shipped 0.618; both on another set of the same source, data README"),
    ):
        hit, total = (sum(hits[kind][i] for kind in chosen) for i in (0, 1))
        exact = hit / max(1, hit + bad)
        found.append(
            row(f"redaction F2, {name}", where, f2(exact, hit / total), "F2", reference=reference, source=f"recall {hit / total:.3f}, precision {exact:.3f}; {source}")
        )
    found.append(row("leak rate", where, leaks / len(texts), "share", reference=0.0, source="sentences with at least one sought span missed; reference: the aim"))
    asked = [text for text, _ in labelled.banking(data)]
    marked = sum(map(bool, redact(asked).spans)) / len(asked)
    found.append(row("false marks", f"Banking77, {len(asked):,} questions without personal data", marked, "share", reference=0.0, source="reference: the aim"))
    return found


OURS = {
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "US_SSN": "ID",
    "IP_ADDRESS": "IP",
    "PERSON": "NAME",
    "ADDRESS": "ADDRESS",
}
"""Our mark for each kind of the data set; kinds without one have no false marks of their own."""


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
            found.append(row("rows read without a mapping", name, receipt.accepted, "rows", reference=expected, source=f"reference: rows of the file; {receipt.refused} refused"))
        space.digest(look=False)
        read = space.ground.engine.query("SELECT signal_id, thread, direction FROM signals WHERE source = 'twcs'").to_pylist()
        kept = space.ground.engine.query("SELECT text FROM signals WHERE source = 'cfpb-narratives'")["text"].to_pylist()
    threads = conversations(data)
    whole = whole_threads(threads, {one["signal_id"]: one["thread"] for one in read})
    inward = sum(one["direction"] == "in" for one in read)
    masks = sum(text.count("XXXX") for text in kept) / sum(text.count("XXXX") for text in _narratives(data))
    return [
        *found,
        row("threads kept whole and apart", "twcs, 1,312 threads by reply links", whole / len(threads), "share", reference=1.0, source="reference: the links themselves; nothing published"),
        row("customers and brands told apart", "twcs, messages from customers", inward, "messages", reference=2_778, source="reference: the column inbound"),
        row("masks left as they were", "CFPB narratives, XXXX", masks, "share", reference=1.0, source="redaction must not touch what is masked already"),
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
            row("rows read without a mapping", "airline", receipt.accepted, "rows", reference=10_262, source=f"reference: rows of the file; {receipt.refused} refused"),
            row("rows counted twice", "airline, the same file again", again.accepted, "rows", reference=0, source=f"{again.duplicates:,} recognised"),
            row("customers joined by handle", "airline", _count(space, "count(DISTINCT customer_key)"), "customers", reference=5_654, source="reference: authors, data README"),
            *_raised(space, "airline, no mapping"),
        ]
        columns = receipt.mapping
    with _space() as space:
        from allears.listen.mapping import Mapping

        space.listen(path, source="airline", mapping=msgspec.convert({**columns, "service": "airline"}, Mapping))
        space.digest(look=False)
        found += _raised(space, "airline, the brand mapped to service")
    return found


def _raised(space: Space, where: str) -> list[Row]:
    lived = space.backtest()
    brands = brand_of(space)
    told = [_in_words(issue, brands) for issue in lived.issues.to_pylist()]
    jumps = sum(map(about_the_jump, lived.issues.to_pylist(), [brands] * lived.issues.num_rows))
    days = 7 * lived.weeks
    return [
        row("issues raised a week", where, lived.alarms_per_week, "issues/week", reference=1.0, source=f"{lived.issues.num_rows} in {days:.1f} days: {'; '.join(told) or 'none'}; reference: budget of false alarms"),
        row("late collection of one airline raised as an issue", where, jumps, "issues", reference=0, source="982 American tweets on 22 February, 4 before; it must not be raised"),
    ]


def brand_of(space: Space) -> dict[str, str]:
    """Name the airline of each signal: by its service where that was mapped, else by what was kept of the row."""
    read = space.ground.engine.query("SELECT signal_id, coalesce(service, json_extract_string(properties, '$.airline')) AS brand FROM signals")
    return dict(zip(read["signal_id"].to_pylist(), read["brand"].to_pylist(), strict=True))


def about_the_jump(issue: dict[str, Any], brands: dict[str, str]) -> bool:
    """Tell whether an issue is mostly about the airline whose collection began late."""
    held = Counter(brands[signal] for signal in issue["signal_ids"])
    return issue["detected_at"] >= ITS_DAY and held[LATE_BRAND] > held.total() / 2


def _in_words(issue: dict[str, Any], brands: dict[str, str]) -> str:
    share = Counter(brands[signal] for signal in issue["signal_ids"])[LATE_BRAND] / issue["signals"]
    return f"{issue['title']}, {issue['detected_at']:%d %b %H h} UTC, {issue['customers']} customers, {share:.0%} {LATE_BRAND}"


def surprises(data: Path) -> list[Row]:
    """Score the surprise detector on NAB, as its authors score."""
    from allears.foresee.volume import surprises as detect
    from bench.foresee import PUBLISHED, nab_score, series

    known = series(data / "nab")
    scored = {name: detect(times, values) for name, (times, values, _) in known.items()}
    _, groups = nab_score(scored, known, "standard")
    found = []
    for group, figure in groups.items():
        other, htm, plain = PUBLISHED[group]
        source = f"reference: Numenta HTM; CAD OSE {other}, windowed Gaussian {plain}; data README; threshold chosen on the labels, as NAB does"
        found.append(row("NAB, standard profile", f"NAB {group}", figure, "score", reference=htm, source=source))
    for profile, htm in (("low FP", 62.6), ("low FN", 75.2)):
        figure = nab_score(scored, known, profile)[1]["all 41"]
        found.append(row(f"NAB, {profile} profile", "NAB all 41", figure, "score", reference=htm, source="reference: Numenta HTM on all 58 series, data README"))
    return found


def forecasts(data: Path) -> list[Row]:
    """Forecast 24 hours ahead from 14 mornings of each hourly series long enough for it."""
    from allears.foresee.forecast import check_forecast
    from bench.foresee import series

    checked = [check_forecast(*_hourly(times, values)) for name, (times, values, _) in series(data / "nab").items() if name.startswith("realAdExchange")]
    where = "NAB realAdExchange, 6 hourly series in thousandths"
    ours, naive, held = ([getattr(one, name) for one in checked] for name in ("mase", "mase_seasonal_naive", "coverage"))
    return [
        row("forecast MASE, 24 h ahead", where, float(np.mean(ours)), "ratio", low=min(ours), high=max(ours), reference=round(float(np.mean(naive)), 3),
            source="reference: seasonal naive, same origins; best of nine methods on other mention counts 0.899, methods notes; low/high: series"),
        row("forecast coverage of 90 % intervals", where, 100 * float(np.mean(held)), "%", low=100 * min(held), high=100 * max(held), reference=90.0,
            source="reference: what the interval promises; the count series of trend-counts are shorter than the 15 days needed; low/high: series"),
    ]  # fmt: skip


def identity(data: Path) -> list[Row]:
    """Join people by e-mail alone: the only identifier in these sets that the graph joins by."""
    from allears.know.resolve import resolve

    with (data / "linkage" / "splink" / "fake_1000.csv").open(encoding="utf-8", newline="") as file:
        people = list(csv.DictReader(file))
    said = _pairs(resolve([{"email": one["email"] or None} for one in people]))
    truth = _pairs([one["cluster"] for one in people])
    right = len(said & truth)
    precision, recall = right / max(1, len(said)), right / len(truth)
    blank = sum(not one["email"] for one in people)
    where = f"fake_1000, e-mail only, {blank} of {len(people):,} without one"
    source = "reference: Splink with names, birth date, city and e-mail, data README; FEBRL holds neither e-mail nor phone and is left out"
    return [
        row("identity precision", where, precision, "share", reference=1.0, source=source),
        row("identity recall", where, recall, "share", reference=0.755, source=source),
        row("identity F1", where, 2 * precision * recall / (precision + recall), "share", reference=0.861, source=source),
    ]


def conversations(data: Path) -> list[set[str]]:
    """Group the ids of the support tweets by their reply links: the truth about threads."""
    with (data / "twcs-5000" / "twcs.csv").open(encoding="utf-8", newline="") as file:
        tweets = {one["tweet_id"]: one for one in csv.DictReader(file)}
    group = {own: {own} for own in tweets}
    for own, tweet in tweets.items():
        answered = [tweet["in_response_to_tweet_id"].removesuffix(".0"), *tweet["response_tweet_id"].split(",")]
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


def _narratives(data: Path) -> list[str]:
    import gzip

    with gzip.open(data / "cfpb" / "cfpb_narratives.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return [one["Consumer complaint narrative"] for one in csv.DictReader(file)]


def _hourly(times: Any, values: Any) -> tuple[Any, int]:
    """Put a series on whole hours, in whole thousandths; an hour without a value repeats the one before."""
    hours = times.astype("datetime64[h]").astype(np.int64)
    first = int(hours.min())
    last = np.maximum.accumulate(np.bincount(hours - first, minlength=hours.max() - first + 1) * 0)
    last[hours - first] = np.arange(len(hours))
    return np.round(1000 * values[np.maximum.accumulate(last)]), first


def _pairs(groups: Sequence[Any]) -> set[tuple[int, int]]:
    members: dict[Any, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    return {pair for one in members.values() for pair in combinations(one, 2)}
