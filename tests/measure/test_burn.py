from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.measure.conftest import MONDAY

from allears.measure.burn import burn_rows, burning, burns
from allears.measure.objectives import Objective

NOW = MONDAY + timedelta(days=4)
STRICT = Objective(service="shop", name="availability", target=0.999)


def _buckets(minutes: int = 4320) -> np.ndarray:
    return NOW.timestamp() - 300.0 * np.arange(minutes // 5, 0, -1)


def _severities(bad: np.ndarray, total: float = 1000.0, objective: Objective = STRICT) -> list[str]:
    starts = _buckets()
    return [b.severity for b in burns(starts, np.full(len(starts), total), bad, objective, NOW)]


def test_all_is_quiet_within_the_budget() -> None:
    assert _severities(np.full(864, 0.9)) == []


def test_a_total_outage_pages_within_minutes() -> None:
    bad = np.zeros(864)
    bad[-2:] = 1000
    assert "page" in _severities(bad)


def test_one_per_cent_errors_fire_the_six_hour_row_after_three_and_a_half_hours() -> None:
    # 10 times the budget: not 14.4, so the 6 h row, once 10 x w / 6 h passes 6.
    def pages(buckets: int) -> bool:
        bad = np.zeros(864)
        bad[-buckets:] = 10
        starts = _buckets()
        return any(b.long_minutes == 360 for b in burns(starts, np.full(864, 1000.0), bad, STRICT, NOW))

    fired = next(k for k in range(1, 80) if pages(k))
    assert 3.3 <= fired * 5 / 60 <= 4.2


def test_what_has_stopped_resets() -> None:
    bad = np.zeros(864)
    bad[-20:-8] = 500
    assert "page" not in [
        b.severity for b in burns(_buckets(), np.full(864, 1000.0), bad, STRICT, NOW) if b.long_minutes == 60
    ]


@given(st.integers(1, 4), st.integers(1, 4000))
def test_fewer_than_five_bad_requests_page_nobody(failures: int, traffic: int) -> None:
    starts = _buckets()
    total = np.zeros(len(starts))
    total[-12:] = max(traffic // 12, 1)
    bad = np.zeros(len(starts))
    bad[-failures:] = 1
    assert burns(starts, total, bad, STRICT, NOW) == []


def test_a_rate_that_may_be_chance_pages_nobody() -> None:
    # 6 of 50 is 12 % against a limit of 7.2 %: likely, not sure.
    objective = Objective(service="s", name="availability", target=0.995)
    starts = _buckets(60)
    total, bad = [4] * 11 + [6], [0] * 6 + [1] * 6
    assert 60 not in [b.long_minutes for b in burns(starts, total, bad, objective, NOW)]
    assert 60 in [b.long_minutes for b in burns(starts, [40] * 12, [0] * 6 + [10] * 6, objective, NOW)]


def test_rows_that_can_never_fire_are_dropped_and_named() -> None:
    rows, notes = burn_rows(Objective(service="s", name="latency", target=0.8))
    assert [r.rate for r in rows] == [1.0] and len(notes) == 2
    assert burn_rows(STRICT)[1] == []
    assert len(burn_rows(Objective(service="s", name="a", target=0.9305))[1]) == 1


def test_an_alert_says_since_when_and_how_fast() -> None:
    bad = np.zeros(864)
    bad[-6:] = 500
    worst = burns(_buckets(), np.full(864, 1000.0), bad, STRICT, NOW)[0]
    assert worst.began_at == NOW - timedelta(minutes=30)
    assert worst.rate > 14.4 and worst.certainty > 0.95 and "shop" in worst.why


def test_signals_and_counts_agree(signals: Callable[..., Any]) -> None:
    rows = [
        {
            "occurred_at": NOW - timedelta(minutes=m, seconds=s),
            "kind": "telemetry",
            "service": "shop",
            "ok": not (m < 30 and s < 30),
            "duration_ms": 900.0 if m < 30 else 20.0,
        }
        for m in range(1, 240)
        for s in range(0, 60, 10)
    ]
    slow = Objective(service="shop", name="latency", below_ms=300, target=0.95)
    found = burning(signals(rows), [STRICT, slow], now=NOW)
    assert {(b.objective, b.severity) for b in found} >= {("availability", "page"), ("latency", "ticket")}
    hour = next(b for b in found if b.objective == "availability" and b.long_minutes == 60)
    assert hour.bad == 29 * 3 and hour.severity == "page"
    assert burning(signals(rows), [], now=NOW) == []
