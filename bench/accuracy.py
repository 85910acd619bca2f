"""How right Allears is on public data, read where they lie: one table, each figure beside a reference. Prints no text of theirs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from allears.errors import NotFound
from bench import journeys, labelled
from bench.report import Row, row, shared_data


def rows() -> list[Row]:
    """Measure everything: about a minute and a half on one core of its own.

    Raises
    ------
    NotFound
        The data are not beside this checkout and ``ALLEARS_DATA`` does not say where they are.
    """
    data = shared_data()
    if data is None:
        raise NotFound(
            "the public data sets are not beside this checkout; say where they are", place="ALLEARS_DATA"
        )
    parts: tuple[Callable[[Path], list[Row]], ...] = (
        labelled.sentiment_of_airlines,
        labelled.sentiment_of_languages,
        labelled.languages,
        labelled.complaint_topics,
        labelled.few_shots,
        redaction,
        journeys.files,
        journeys.replay,
        surprises,
        forecasts,
        identity,
    )
    return [one for part in parts for one in part(data)]


def redaction(data: Path) -> list[Row]:
    """Recall and F2 of personal data by level; `allears bench redaction` tells more."""
    from bench.redaction import figures

    return [one for one in figures(data) if "all, " in one["data"]]


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
        source = f"reference: Numenta HTM; CAD OSE {other}, windowed Gaussian {plain}; data README; threshold chosen on the labels, as NAB does; {labelled.IN_VIEW}"
        found.append(
            row("NAB, standard profile", f"NAB {group}", float(figure), "score", reference=htm, source=source)
        )
    whole = "reference: Numenta HTM on all 58 series, data README"
    for profile, htm in (("low FP", 62.6), ("low FN", 75.2)):
        figure = float(nab_score(scored, known, profile)[1]["all 41"])
        found.append(
            row(f"NAB, {profile} profile", "NAB all 41", figure, "score", reference=htm, source=whole)
        )
    fixed = float(nab_score(scored, known, "standard", 0.5)[1]["all 41"])
    source = "as a user has it who has no labels; nothing published"
    return [*found, row("NAB, standard profile, threshold 0.5", "NAB all 41", fixed, "score", source=source)]


def forecasts(data: Path) -> list[Row]:
    """Forecast 24 hours ahead from 14 mornings of each hourly series long enough for it."""
    from allears.foresee.forecast import check_forecast
    from bench.foresee import series

    checked = [
        check_forecast(*_hourly(times, values))
        for name, (times, values, _) in series(data / "nab").items()
        if name.startswith("realAdExchange")
    ]
    where = "NAB realAdExchange, 6 hourly series in thousandths"
    ours, naive, held = (
        [getattr(one, name) for one in checked] for name in ("mase", "mase_seasonal_naive", "coverage")
    )
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
    figures = {
        "precision": (precision, 1.0),
        "recall": (recall, 0.755),
        "F1": (2 * precision * recall / (precision + recall), 0.861),
    }
    return [
        row(f"identity {name}", where, ours, "share", reference=splink, source=source)
        for name, (ours, splink) in figures.items()
    ]


def _hourly(times: Any, values: Any) -> tuple[Any, int]:
    """Put a series on whole hours, in whole thousandths; an hour without a value repeats the one before."""
    hours = times.astype("datetime64[h]").astype(np.int64)
    first = int(hours.min())
    last = np.zeros(hours.max() - first + 1, np.int64)
    last[hours - first] = np.arange(len(hours))
    return np.round(1000 * values[np.maximum.accumulate(last)]), first


def _pairs(groups: Sequence[Any]) -> set[tuple[int, int]]:
    members: dict[Any, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    return {pair for one in members.values() for pair in combinations(one, 2)}
