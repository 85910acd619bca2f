"""The surprise detector on series whose surprises are known, scored as the benchmark's authors score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def scored(shared_data: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    from bench.foresee import series

    from allears.foresee.volume import surprises

    known = series(shared_data / "nab")
    return known, {name: surprises(times, values) for name, (times, values, _) in known.items()}


def test_every_point_of_every_series_has_a_score(
    scored: tuple[dict[str, Any], dict[str, np.ndarray]],
) -> None:
    known, scores = scored
    assert len(known) == 41
    assert sum(map(len, scores.values())) == 137_366
    assert all(len(scores[name]) == len(values) for name, (_, values, _) in known.items())
    assert all(
        np.isfinite(score).all() and score.min() >= 0 and score.max() <= 1 for score in scores.values()
    )


@pytest.mark.parametrize(
    ("group", "floor"),
    [
        ("all 41", 60),
        ("realAWSCloudwatch", 60),
        ("realAdExchange", 62),
        ("realTraffic", 62),
        ("artificialWithAnomaly", 40),
    ],
)
def test_surprises_are_found(
    group: str, floor: float, scored: tuple[dict[str, Any], dict[str, np.ndarray]]
) -> None:
    from bench.foresee import PUBLISHED, nab_score

    known, scores = scored
    figure = nab_score(scores, known, "standard")[1][group]
    assert figure > floor
    windowed_gaussian = PUBLISHED[group][2]
    assert figure > windowed_gaussian


def test_a_score_needs_no_later_point(scored: tuple[dict[str, Any], dict[str, np.ndarray]]) -> None:
    from allears.foresee.volume import surprises

    known, scores = scored
    name = "realAdExchange/exchange-2_cpc_results.csv"
    times, values, _ = known[name]
    half = len(values) // 2
    assert np.allclose(surprises(times[:half], values[:half]), scores[name][:half])
