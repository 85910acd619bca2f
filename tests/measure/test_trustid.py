"""TrustID answers are a sounding of stated trust, from the start or taken in later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
from tests.measure.conftest import MONDAY

from allears.measure.experience import experience
from allears.measure.reference import extend_reference
from allears.measure.trust import trust, trust_reference, trust_soundings

WEEKS = 10
END = MONDAY + timedelta(weeks=WEEKS)


def _answers(scale: str, first: int, *, fall: float = 0.0, seed: int = 1) -> list[dict[str, Any]]:
    """Forty answers a week; from the eighth week on they are lower by ``fall`` of the scale."""
    rng = np.random.default_rng(seed)
    return [
        {
            "customer_key": f"c{week}-{n}", "occurred_at": MONDAY + timedelta(weeks=week, hours=float(rng.uniform(0, 160))),
            "kind": "feedback", "rating_scale": scale,
            "rating": float(np.clip(rng.choice([0.5, 2 / 3, 5 / 6, 1.0]) - fall * (week >= 8), 0, 1)),
        }
        for week in range(first, WEEKS) for n in range(40)
    ]  # fmt: skip


def test_trustid_is_a_sounding_of_its_own(signals: Callable[..., Any]) -> None:
    table = signals(_answers("trustid-1-7", 0))
    names = set(trust_soundings(table, cutoff=END)["name"].to_pylist())
    assert "sounding trustid" in names
    rows = experience(table, cutoff=END).to_pylist()
    assert {r["name"] for r in rows} == {"trustid"}
    assert all(5.0 < r["estimate"] < 6.2 for r in rows)


def test_a_fall_in_trustid_alone_lowers_the_stated_part(signals: Callable[..., Any]) -> None:
    calm = trust(signals(_answers("trustid-1-7", 0)), cutoff=END).to_pylist()
    fallen = trust(signals(_answers("trustid-1-7", 0, fall=0.4)), cutoff=END).to_pylist()
    last = [
        next(r for r in reversed(rows) if r["part"] == "stated" and r["name"] == "trust")
        for rows in (calm, fallen)
    ]
    assert last[1]["high"] < last[0]["low"]


def test_a_scale_asked_later_enters_by_its_own_first_weeks_and_changes_nothing_else(
    signals: Callable[..., Any],
) -> None:
    before = signals(_answers("nps-0-10", 0))
    reference = trust_reference(before, cutoff=END)
    both = signals([*_answers("nps-0-10", 0), *_answers("trustid-1-7", 3, seed=2)])
    grown = extend_reference(both, reference, scales=["nps-0-10", "trustid-1-7"], cutoff=END)
    assert grown.levels["nps"] == reference.levels["nps"]
    assert 0.6 < grown.levels["trustid"] < 0.9
    assert grown.version != reference.version
    assert extend_reference(both, grown, scales=["nps-0-10", "trustid-1-7"], cutoff=END) == grown


def test_a_scale_asked_for_too_short_a_time_waits(signals: Callable[..., Any]) -> None:
    both = signals([*_answers("nps-0-10", 0), *_answers("trustid-1-7", 7, seed=2)])
    reference = trust_reference(signals(_answers("nps-0-10", 0)), cutoff=END)
    assert extend_reference(both, reference, scales=["trustid-1-7"], cutoff=END) == reference
