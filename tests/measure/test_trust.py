from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.measure.conftest import MONDAY

from allears.errors import NotReady, Refused
from allears.measure.reference import Reference
from allears.measure.trust import trust, trust_reference, trust_soundings

WEEKS = 9
END = MONDAY + timedelta(weeks=WEEKS)


def _town(
    seed: int,
    *,
    rating: float = 0.0,
    active: float = 0.0,
    customers: int = 300,
    groups: int = 1,
    only: str | None = None,
) -> list[dict[str, Any]]:
    """Nine weeks; from the seventh on, ratings and activity fall by these shares (in one group, or in all)."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for c in range(customers):
        region = f"r{c % groups}"
        for week in range(WEEKS):
            bad = week >= 6 and only in (None, region)
            base = {"customer_key": f"c{c}", "region": region}
            at = MONDAY + timedelta(weeks=week, hours=float(rng.uniform(0, 160)))
            if rng.random() < 0.55 * (1 - active * bad):
                rows.append({**base, "occurred_at": at, "kind": "event", "name": "Order Completed"})
            if rng.random() < 0.3:
                score = float(rng.choice([0, 0.25, 0.5, 0.75, 1.0], p=[0.08, 0.08, 0.14, 0.35, 0.35]))
                if bad and rng.random() < rating:
                    score = 0.0
                rows.append({**base, "occurred_at": at, "rating": score, "rating_scale": "csat-1-5"})
            if rng.random() < 0.3:
                rows.append({**base, "occurred_at": at, "kind": "telemetry", "ok": bool(rng.random() < 0.97)})
    return rows


def _by_week(table: Any, part: str, name: str = "trust") -> dict[int, dict[str, Any]]:
    return {
        (r["time"] - MONDAY).days // 7: r
        for r in table.to_pylist()
        if r["part"] == part and r["name"] == name
    }


def test_the_reference_period_stands_at_fifty(signals: Callable[..., Any]) -> None:
    table = trust(signals(_town(0)), cutoff=END)
    for part in ("stated", "behavioural", "composite"):
        weeks = _by_week(table, part)
        assert np.mean([weeks[w]["estimate"] for w in weeks if w < 4]) == pytest.approx(50, abs=4)
        assert all(0 <= r["low"] < r["estimate"] < r["high"] <= 100 for r in weeks.values())
    assert len({r["method"].split(",")[0] for r in table.to_pylist() if r["name"] == "trust"}) == 1


def test_intervals_hold_a_level_that_does_not_move(signals: Callable[..., Any]) -> None:
    held = total = 0
    for seed in range(6):
        table = trust(signals(_town(seed, customers=200)), cutoff=END)
        weeks = list(_by_week(table, "stated").values())
        held += sum(r["low"] <= 50 <= r["high"] for r in weeks)
        total += len(weeks)
    assert held / total >= 0.88


def test_words_and_deeds_are_told_apart(signals: Callable[..., Any]) -> None:
    said = trust(signals(_town(1, rating=0.5)), cutoff=END)
    assert _by_week(said, "stated")[7]["high"] < 48
    assert _by_week(said, "behavioural")[7]["low"] < 50 < _by_week(said, "behavioural")[7]["high"]
    assert "disagree" in _by_week(said, "composite")[7]["method"]
    assert _by_week(said, "composite", "trust divergence")[7]["high"] < 0
    did = trust(signals(_town(2, active=0.6)), cutoff=END)
    assert _by_week(did, "behavioural")[7]["high"] < 48
    assert _by_week(did, "stated")[7]["low"] < 50


def test_a_stored_reference_gives_the_same_index_and_survives_json(signals: Callable[..., Any]) -> None:
    rows = signals(_town(3))
    stored = msgspec.json.decode(msgspec.json.encode(trust_reference(rows, cutoff=END)), type=Reference)
    assert trust(rows, cutoff=END, reference=stored).equals(trust(rows, cutoff=END))
    later = trust(rows, cutoff=END, since=MONDAY + timedelta(weeks=4), reference=stored)
    assert _by_week(later, "stated")[8] == _by_week(trust(rows, cutoff=END), "stated")[8]
    with pytest.raises(Refused):
        trust(rows, cutoff=END, every="day", reference=stored)


def test_a_changed_reference_is_another_version(signals: Callable[..., Any]) -> None:
    stored = trust_reference(signals(_town(3)), cutoff=END)
    assert msgspec.structs.replace(stored, levels={**stored.levels, "csat": 0.5}).version != stored.version


def test_small_groups_borrow_and_the_prior_is_shown(signals: Callable[..., Any]) -> None:
    rows = _town(4, customers=480, groups=6, rating=0.8, only="r0")
    table = trust(signals(rows), by="region", cutoff=END)
    week = {
        r["group"]: r
        for r in table.to_pylist()
        if r["part"] == "stated" and r["time"] == MONDAY + timedelta(weeks=7)
    }
    assert len(week) == 6 and min(week, key=lambda g: week[g]["estimate"]) == "region=r0"
    assert any("prior worth" in r["method"] or "groups alike" in r["method"] for r in week.values())


def test_a_missing_part_widens_the_composite(signals: Callable[..., Any]) -> None:
    rows = _town(5)
    whole = _by_week(trust(signals(rows), cutoff=END), "composite")[5]
    said_only = _by_week(trust(signals([r for r in rows if "rating" in r]), cutoff=END), "composite")[5]
    assert said_only["high"] - said_only["low"] > whole["high"] - whole["low"]
    assert said_only["mark"] == "low data"


def test_the_soundings_beneath_are_shown(signals: Callable[..., Any]) -> None:
    rows = _town(6)
    for i in range(40):
        at = MONDAY + timedelta(weeks=5, hours=i)
        rows.append({"customer_key": f"c{i}", "occurred_at": at, "kind": "event", "name": "Unsubscribed"})
        rows.append({"customer_key": f"c{i}", "occurred_at": at, "kind": "event", "name": "Order Refunded"})
        rows += [
            {"customer_key": f"c{i}", "occurred_at": at + timedelta(days=d), "text": "Where is it?"}
            for d in (0, 3)
        ]
    found = {
        r["name"]: r
        for r in trust_soundings(signals(rows), cutoff=END).to_pylist()
        if r["time"] == MONDAY + timedelta(weeks=5)
    }
    assert set(found) == {
        f"sounding {n}" for n in ("csat", "repeat", "staying", "kept", "settled", "unfailed")
    }
    assert found["sounding settled"]["estimate"] == pytest.approx(50)
    assert found["sounding staying"]["estimate"] < 90 and found["sounding kept"]["estimate"] < 90


def test_too_short_a_history_has_no_reference(signals: Callable[..., Any]) -> None:
    with pytest.raises(NotReady):
        trust(signals(_town(7)), cutoff=MONDAY + timedelta(weeks=3))
    with pytest.raises(NotReady):
        trust(signals([]), cutoff=END)
