from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.measure.conftest import MONDAY

import allears.measure.panel as panel_of
from allears.errors import Refused
from allears.measure.panel import PANEL, panel_from
from allears.measure.verdict import verdict

BEGAN = MONDAY + timedelta(days=30, hours=9)
FIXED = BEGAN + timedelta(days=1)
CUT = MONDAY + timedelta(days=60)


def _event(customer: str, day: float, name: str = "Order Completed", **more: Any) -> dict[str, Any]:
    return {
        "occurred_at": MONDAY + timedelta(days=day),
        "customer_key": customer,
        "kind": "event",
        "name": name,
        **more,
    }


def _rows(panel: Any, customer: str | None) -> set[tuple[int, str, int, float]]:
    first = MONDAY.date().toordinal()
    return {
        (r["day"].toordinal() - first, r["what"], r["n"], r["total"])
        for r in panel.to_pylist()
        if r["customer"] == customer
    }


def test_days_hold_what_was_done_and_said(signals: Callable[..., Any]) -> None:
    rows = [
        _event("a", 3),
        _event("a", 3.1, "Session Started"),
        _event("a", 3.2, "Session Started"),
        _event("a", 4, "Unsubscribed"),
        _event("a", 5, "Payment", ok=False),
        _event("a", 30.5),
        {
            "occurred_at": MONDAY + timedelta(days=6),
            "customer_key": "a",
            "rating": 0.75,
            "rating_scale": "csat-1-5",
        },
        {"occurred_at": MONDAY + timedelta(days=7), "customer_key": "a", "sentiment": -1.0},
        {"occurred_at": MONDAY + timedelta(days=8), "customer_key": "a", "kind": "telemetry", "ok": True},
    ]
    panel = panel_from(signals(rows), ["a"], BEGAN, FIXED, CUT)
    assert panel.schema.equals(PANEL)
    assert {r for r in _rows(panel, "a") if r[1] != "seen"} == {
        (3, "activity", 2, 2.0), (4, "leaving", 1, 1.0), (6, "csat-1-5", 1, 75.0), (7, "sentiment", 1, 0.0),
        (8, "visits", 1, 1.0), (30, "activity", 1, 1.0),
    }  # fmt: skip
    assert (3, "activity", 2, 2.0) in _rows(panel, None)


def test_all_were_known_before_and_those_of_other_incidents_are_left_out(signals: Callable[..., Any]) -> None:
    rows = [
        _event("hit", 10), _event("hit", 30.5), _event("peer", 12), _event("elsewhere", 12), _event("new", 30.6),
    ]  # fmt: skip
    panel = panel_from(signals(rows), ["hit"], BEGAN, FIXED, CUT, others=["elsewhere"])
    assert set(panel["customer"].to_pylist()) == {"hit", "peer", None}
    assert {r["customer"] for r in panel.to_pylist() if r["exposed"]} == {"hit"}


def test_of_very_many_a_part_is_read_on_each_side_and_everybody_is_still_counted(
    signals: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    who = [f"c_{i * 0x9E3779B97F4A7C15 % (1 << 64):016x}" for i in range(1200)]
    rows = [_event(name, day) for name in who for day in (10, 20)]
    monkeypatch.setattr(panel_of, "ENOUGH", 100)
    panel = panel_from(signals(rows), who[:400], BEGAN, FIXED, CUT)
    seen = {r["customer"]: r["exposed"] for r in panel.to_pylist() if r["customer"] is not None}
    exposed = sum(seen.values())
    assert (60 < exposed < 140) and (60 < len(seen) - exposed < 140)
    assert all(hit == (name in who[:400]) for name, hit in seen.items())
    assert (10, "seen", 1200, 1200.0) in _rows(panel, None)
    few = panel_from(signals(rows), who[:50], BEGAN, FIXED, CUT)
    assert {r["customer"] for r in few.to_pylist() if r["exposed"]} == set(who[:50])


def test_exposed_ones_who_were_never_seen_before_do_not_count(
    signals: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    who = [f"c_{i * 0x9E3779B97F4A7C15 % (1 << 64):016x}" for i in range(3000)]
    rows = [_event(name, day) for name in who[:1000] for day in (10, 20)]
    monkeypatch.setattr(panel_of, "ENOUGH", 100)
    panel = panel_from(signals(rows), [*who[:80], *who[1000:]], BEGAN, FIXED, CUT)
    seen = {r["customer"]: r["exposed"] for r in panel.to_pylist() if r["customer"] is not None}
    assert sum(seen.values()) == 80 and 60 < len(seen) - 80 < 140


def test_what_customers_undergo_is_not_what_they_do(signals: Callable[..., Any]) -> None:
    rows = [
        _event("a", 3, "Order Delivered"),
        _event("a", 4, "Checkout Failed"),
        _event("a", 5, "Email Sent"),
    ]
    panel = panel_from(signals(rows), ["a"], BEGAN, FIXED, CUT)
    assert set(panel["what"].to_pylist()) == {"seen"}


def test_the_day_each_met_it_is_kept_when_told(signals: Callable[..., Any]) -> None:
    rows = [_event("hit", 10), _event("hit", 30.5)]
    panel = panel_from(signals(rows), {"hit": BEGAN, "stranger": BEGAN}, BEGAN, FIXED, CUT)
    assert (30, "met", 1, 1.0) in _rows(panel, "hit")
    assert set(panel["customer"].to_pylist()) == {"hit", None}


def test_arrow_rows_of_signals_go_straight_to_a_verdict(signals: Callable[..., Any]) -> None:
    rows = [_event(f"c{i}", d + i % 3 / 10) for i in range(60) for d in range(0, 60, 2)]
    table = signals(rows).to_pyarrow()
    out = verdict(
        table, issue="i", began_at=BEGAN, fixed_at=FIXED, cutoff=CUT, exposed=[f"c{i}" for i in range(20)]
    )
    assert out["part"].to_pylist() == ["stated", "behavioural", "both"]
    assert set(out["said"].to_pylist()) == {"cannot tell"}


def test_times_out_of_order_are_refused(signals: Callable[..., Any]) -> None:
    with pytest.raises(Refused):
        panel_from(signals([_event("a", 1)]), ["a"], CUT, FIXED, CUT)
