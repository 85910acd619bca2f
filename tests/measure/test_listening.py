"""Sources are held to what was set, and told met or missed only when that is sure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pytest

from allears.measure.freshness import delays
from allears.measure.listening import stands

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(("bad", "standing"), [(0, "meets it"), (10, "too close to tell"), (30, "misses it")])
def test_met_and_missed_are_said_only_when_the_interval_lies_on_one_side(bad: int, standing: str) -> None:
    for row in (stands("refused", bad, 1000, 0.01, ""), stands("fresh", bad, 1000, 0.99, "")):
        assert row["standing"] == standing
        assert row["budget_left"]["estimate"] == pytest.approx(100 * (1 - bad / 10))
        assert row["budget_left"]["low"] <= row["budget_left"]["estimate"] <= row["budget_left"]["high"]


def test_nothing_that_could_go_wrong_can_not_be_told() -> None:
    row = stands("heard", 0, 0, 0.99, "")
    assert (row["estimate"], row["budget_left"], row["standing"]) == (None, None, "can not be told")


def test_late_signals_are_counted_as_row_by_row() -> None:
    chance = np.random.default_rng(7)
    late = chance.exponential(900.0, 4000).round()
    late[:200] = 8 * 86_400  # came as history
    at = [MONDAY + timedelta(minutes=5 * n) for n in range(4000)]
    rows = pa.table(
        {
            "source": ["chat", "mail"] * 2000,
            "occurred_at": pa.array(at, pa.timestamp("us", tz="UTC")),
            "received_at": pa.array(
                [a + timedelta(seconds=s) for a, s in zip(at, late, strict=True)],
                pa.timestamp("us", tz="UTC"),
            ),
        }
    )
    week, limit = timedelta(days=7), timedelta(minutes=17)
    found = delays(ibis.memtable(rows), [limit], since=MONDAY, until=at[-1] + timedelta(1), live=week)
    for place, source in enumerate(("chat", "mail")):
        mine = late[place::2]
        mine = mine[mine <= 7 * 86_400]
        assert found[source].n == len(mine)
        assert found[source].within(limit) == (mine <= 17 * 60).sum()
        # 98 % of an exponential of fifteen minutes come within an hour, 63 % within a quarter of one.
        assert found[source].usual(0.95) == timedelta(hours=1)
