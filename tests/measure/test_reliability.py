from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.measure.conftest import MONDAY

from allears.errors import Refused
from allears.measure.hit import hit
from allears.measure.objectives import Objective, objectives_from
from allears.measure.reliability import reliability

NOW = MONDAY + timedelta(days=28)


def _requests(service: str, per_day: int, failed: float = 0.0, ms: float = 120.0) -> list[dict[str, Any]]:
    return [
        {
            "occurred_at": MONDAY + timedelta(days=d, minutes=i),
            "kind": "telemetry",
            "service": service,
            "ok": i >= per_day * failed,
            "duration_ms": ms,
            "customer_key": f"c{i}",
        }
        for d in range(28)
        for i in range(per_day)
    ]


def test_objectives_are_those_a_service_usually_keeps(signals: Callable[..., Any]) -> None:
    rows = _requests("good", 50) + _requests("bad", 100, failed=0.04, ms=700)
    found = {(o.service, o.name): o for o in objectives_from(signals(rows), cutoff=NOW)}
    assert found["good", "availability"].target == 0.995
    assert found["bad", "availability"].target == 0.95
    assert found["good", "latency"].below_ms == 200 and found["bad", "latency"].below_ms == 1000


def test_one_bad_day_loosens_no_objective(signals: Callable[..., Any]) -> None:
    rows = _requests("shop", 50)
    for row in rows[:50]:
        row |= {"ok": False, "duration_ms": 20_000.0}
    found = {o.name: o for o in objectives_from(signals(rows), cutoff=NOW)}
    assert (found["availability"].target, found["latency"].below_ms) == (0.995, 200)


def test_hardly_used_services_get_no_objective(signals: Callable[..., Any]) -> None:
    assert objectives_from(signals(_requests("rare", 5)), cutoff=NOW) == []


def test_availability_budget_and_apdex(signals: Callable[..., Any]) -> None:
    rows = _requests("shop", 100, failed=0.01, ms=100) + _requests("slow", 100, ms=900)
    wanted = [
        Objective(service="shop", name="availability", target=0.98),
        Objective(service="slow", name="latency", below_ms=500, target=0.95),
    ]
    table = reliability(signals(rows), wanted, now=NOW)
    found = {(r["name"], r["group"]): r for r in table.to_pylist()}
    shop = found["availability", "service=shop"]
    assert shop["estimate"] == pytest.approx(99.0) and shop["low"] < 99 < shop["high"] and shop["n"] == 2800
    budget = found["error budget left", "service=shop"]
    assert budget["estimate"] == pytest.approx(50.0) and budget["low"] < 50 < budget["high"]
    assert found["latency", "service=slow"]["estimate"] == 0
    assert found["apdex", "service=slow"]["estimate"] == 0.5
    assert ("apdex", "service=shop") not in found


def test_periods_are_added_when_asked(signals: Callable[..., Any]) -> None:
    objective = Objective(service="shop", name="availability")
    table = reliability(signals(_requests("shop", 20)), [objective], now=NOW, every="week")
    availability = [r for r in table.to_pylist() if r["name"] == "availability"]
    assert sorted(r["n"] for r in availability) == [140, 140, 140, 140, 560]


def test_events_that_failed_count_as_requests(signals: Callable[..., Any]) -> None:
    rows = [{**r, "kind": "event", "name": "Payment"} for r in _requests("pay", 20, failed=0.5)]
    table = reliability(signals(rows), [Objective(service="pay", name="availability")], now=NOW)
    assert table.filter(table["name"].to_numpy() == "availability")["estimate"].to_pylist() == [50.0]


def test_who_was_hit_and_who_said_nothing(signals: Callable[..., Any]) -> None:
    at = MONDAY + timedelta(hours=5)
    base = {"occurred_at": at, "kind": "telemetry", "service": "pay"}
    rows: list[dict[str, Any]] = [
        {**base, "customer_key": "loud", "ok": False, "duration_ms": 5.0},
        {**base, "customer_key": "silent", "ok": False, "duration_ms": 5.0},
        {**base, "customer_key": "silent", "ok": False, "duration_ms": 5.0},
        {**base, "customer_key": "slow", "ok": True, "duration_ms": 5000.0},
        {**base, "customer_key": "fine", "ok": True, "duration_ms": 5.0},
        {**base, "customer_key": "later", "ok": False, "occurred_at": at + timedelta(days=2)},
        {**base, "customer_key": "elsewhere", "ok": False, "service": "search"},
        {**base, "customer_key": "order", "ok": False, "kind": "event", "name": "Payment"},
        {"occurred_at": at + timedelta(hours=9), "customer_key": "loud", "text": "It does not work"},
        {
            "occurred_at": at + timedelta(hours=9),
            "customer_key": "silent",
            "text": "We are sorry",
            "direction": "out",
        },
    ]
    table = hit(signals(rows), "pay", MONDAY, MONDAY + timedelta(days=1), slow_ms=1000)
    found = {r["customer"]: (r["failed"], r["slow"], r["silent"]) for r in table.to_pylist()}
    assert found == {
        "silent": (2, 0, True),
        "loud": (1, 0, False),
        "order": (1, 0, True),
        "slow": (0, 1, True),
    }
    assert table["customer"].to_pylist()[0] == "silent"


def test_who_was_hit_through_a_partner(signals: Callable[..., Any]) -> None:
    rows = [
        {
            "occurred_at": MONDAY,
            "kind": "event",
            "name": "Parcel",
            "partner": "swift",
            "ok": False,
            "customer_key": "c",
        }
    ]
    end = MONDAY + timedelta(days=1)
    assert hit(signals(rows), "swift", MONDAY, end, of="partner").num_rows == 1
    with pytest.raises(Refused):
        hit(signals(rows), "x", MONDAY, end, of="text")
    with pytest.raises(Refused):
        hit(signals(rows), "x", end, MONDAY)
