"""Scores: what answers to our own surveys came to, question by question, each with its interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from allears.measure.figures import mark
from allears.measure.intervals import Estimate, mean, nps, wilson

METHOD = "scores/1"
STEPS = {"ces-1-7": 6.0, "trustid-1-7": 6.0, "stars-1-5": 4.0}
"""Scales told as a mean, and how many steps lie between their ends; they begin at 1."""


def scores(rows: Iterable[tuple[str, str, float, int]], *, at: datetime) -> list[dict[str, Any]]:
    """Give each question's score: NPS, share satisfied (CSAT, percent), or the mean on the question's own scale.

    Those who are invited answer once, so answers count as independent; at a public survey the same reader may answer
    again. Fewer than ten answers give no score: it would say little, and could say who.

    Parameters
    ----------
    rows
        Question (``survey.question``), its scale, a rating from 0 to 1, and how many gave it.
    at
        Data cut-off.

    Returns
    -------
    list of dict
        question, measure, scale, estimate, low, high, n, mark, method, cutoff; by question.

    Examples
    --------
    >>> from datetime import UTC
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> [row] = scores([("nps.recommend", "nps-0-10", 1.0, 30), ("nps.recommend", "nps-0-10", 0.5, 10)], at=day)
    >>> row["estimate"], row["n"]
    (50.0, 40)
    """
    given: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for question, scale, rating, count in rows:
        given[question, scale].append((rating, count))
    found = []
    for (question, scale), answers in sorted(given.items()):
        n = sum(count for _, count in answers)
        shown = mark(n) != "suppressed"
        value = _score(scale, answers, n) if shown else None
        found.append(
            {
                "question": question,
                "measure": scale.partition("-")[0],
                "scale": scale,
                "estimate": value.estimate if value else None,
                "low": value.low if value else None,
                "high": value.high if value else None,
                "n": n,
                "mark": mark(n),
                "method": METHOD,
                "cutoff": at,
            }
        )
    return found


def _score(scale: str, answers: list[tuple[float, int]], n: int) -> Estimate:
    # Ratings come back from 0-1: half a step is far more than what rounding moves them.
    if scale == "nps-0-10":
        promoters = sum(count for rating, count in answers if rating > 0.85)
        return nps(promoters, sum(count for rating, count in answers if rating < 0.65), n)
    if scale not in STEPS:
        return wilson(sum(count for rating, count in answers if rating > 0.7), n).scaled(100)
    on_scale = [(1 + STEPS[scale] * rating, count) for rating, count in answers]
    total = sum(value * count for value, count in on_scale)
    return mean(total, sum(value * value * count for value, count in on_scale), n)
