from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from tests.measure.conftest import MONDAY

import allears.measure.drivers as drivers_of
from allears.errors import NotReady, Refused
from allears.measure.drivers import _fit, drivers, shapley_shares
from allears.measure.objectives import Objective

END = MONDAY + timedelta(days=60)


def _rows(seed: int, answers: int = 700) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for i in range(answers):
        at = MONDAY + timedelta(days=float(rng.uniform(20, 55)))
        base = {"customer_key": f"c{i}"}
        late, failed, slow, idle, waited = rng.random(5) < (0.3, 0.2, 0.2, 0.3, 0.2)
        score = 0.8 - 0.2 * late - 0.3 * failed - 0.15 * waited + rng.normal(0, 0.15)
        rows.append(
            {**base, "occurred_at": at, "rating": float(np.clip(score, 0, 1)), "rating_scale": "csat-1-5"}
        )
        before = at - timedelta(days=3)
        if late:
            rows.append({**base, "occurred_at": before, "text": "late", "topics": ["late"]})
        if idle:
            rows.append({**base, "occurred_at": before, "text": "colour", "topics": ["colour"]})
        met = {**base, "occurred_at": before, "kind": "telemetry", "service": "pay"}
        rows.append({**met, "ok": not failed, "duration_ms": 900.0 if slow else 50.0})
        if waited:
            thread = {**base, "thread": f"t{i}", "text": "?"}
            rows.append({**thread, "occurred_at": before})
            rows.append(
                {
                    **thread,
                    "occurred_at": before + timedelta(days=2),
                    "direction": "out",
                    "customer_key": None,
                }
            )
    return rows


def test_true_drivers_are_found_with_their_size_and_others_are_not(signals: Callable[..., Any]) -> None:
    slow = Objective(service="pay", name="latency", below_ms=500)
    table = drivers(signals(_rows(0)), cutoff=END, objectives=[slow])
    found = {r["group"]: r for r in table.to_pylist()}
    assert {"topic=late", "failure=pay"} <= set(found) and "topic=colour" not in found
    assert found["topic=late"]["low"] < -20 < found["topic=late"]["high"] + 4
    assert found["failure=pay"]["estimate"] == pytest.approx(-30, abs=6)
    assert all("association" in r["method"] for r in found.values())


def test_long_waits_for_a_reply_are_seen(signals: Callable[..., Any]) -> None:
    found = {r["group"]: r["estimate"] for r in drivers(signals(_rows(1)), cutoff=END).to_pylist()}
    assert found["wait=long"] == pytest.approx(-15, abs=6)


def test_intervals_hold_the_truth_where_customers_answer_again_and_again() -> None:
    rng = np.random.default_rng(2)
    truth, held, naive, rounds = np.array([-12.0, 5.0]), np.zeros(2), np.zeros(2), 400
    for _ in range(rounds):
        who = np.repeat(np.arange(120), 5)
        # Both the driver and the mood belong to the customer, so five answers tell little more than one.
        x = np.column_stack([rng.random(120) < 0.4, rng.random(120) < 0.3]).astype(float)[who]
        y = x @ truth + rng.normal(0, 15, 120)[who] + rng.normal(0, 8, 600)
        beta, error = _fit(x, y, who)
        alone = _fit(x, y, np.arange(600))[1]
        held += np.abs(beta - truth) <= 1.96 * error
        naive += np.abs(beta - truth) <= 1.96 * alone
    assert np.all(held / rounds > 0.91) and np.all(naive / rounds < 0.8)


def test_of_very_many_answers_a_part_says_the_same(
    signals: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {f"c{i}": f"c_{i * 0x9E3779B97F4A7C15 % (1 << 64):016x}" for i in range(3000)}
    rows = [
        {**row, "customer_key": keys.get(row["customer_key"]), "thread": row.get("thread")}
        for row in _rows(7, 3000)
    ]
    whole = drivers(signals(rows), cutoff=END)
    monkeypatch.setattr(drivers_of, "ENOUGH_ANSWERS", 1000)
    part = drivers(signals(rows), cutoff=END)
    assert set(part["group"].to_pylist()) == set(whole["group"].to_pylist())
    for mine, all_of in zip(part.to_pylist(), whole.to_pylist(), strict=True):
        assert 0.25 < mine["n"] / all_of["n"] < 0.42
        # A third of the answers: an interval wider by the root of three, around the same truth.
        assert 1.4 < (mine["high"] - mine["low"]) / (all_of["high"] - all_of["low"]) < 2.1
        assert mine["low"] < all_of["estimate"] < mine["high"]


@pytest.mark.parametrize("spread", ["even", "one has half"])
def test_of_few_customers_with_very_many_answers_all_are_read_and_some_answers_of_each(
    signals: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, spread: str
) -> None:
    people, each = 60, 40
    rng = np.random.default_rng(5)
    names = [f"c_{i * 0x9E3779B97F4A7C15 % (1 << 64):016x}" for i in range(people)]
    rows: list[dict[str, Any]] = []
    for i, name in enumerate(names):
        for _ in range(each * people if spread != "even" and i == 0 else each):
            at = MONDAY + timedelta(days=float(rng.uniform(20, 55)))
            late = bool(rng.random() < 0.3) and i % 2 == 0
            rows.append(
                {"customer_key": name, "occurred_at": at, "rating": 0.8 - 0.3 * late, "rating_scale": "csat-1-5",
                 "text": "late" if late else "fine", "topics": ["late" if late else "fine"]}
            )  # fmt: skip
    monkeypatch.setattr(drivers_of, "ENOUGH_ANSWERS", 10 * people)
    read, _ = drivers_of._met_before(signals(rows), None, END, (), 14, timedelta(hours=24))
    counts = read["who"].value_counts()
    assert len(counts) == people and read.num_rows == 10 * people
    assert {one["counts"] for one in counts.to_pylist()} == {10}
    # A fair draw: as many early as late answers, within four standard errors.
    middle = (MONDAY + timedelta(days=37.5)).timestamp()
    assert abs(np.mean(read["at"].to_numpy() < middle) - 0.5) < 4 * 0.5 / np.sqrt(read.num_rows)
    assert drivers(signals(rows), cutoff=END).num_rows >= 0, "fewer than 50 customers would be refused"


def test_noise_has_hardly_any_driver(signals: Callable[..., Any]) -> None:
    rows = _rows(3)
    rng = np.random.default_rng(0)
    for row in rows:
        if "rating" in row:
            row["rating"] = float(rng.choice([0, 0.5, 1]))
    assert drivers(signals(rows), cutoff=END).num_rows <= 1


def test_too_few_answers_are_refused(signals: Callable[..., Any]) -> None:
    with pytest.raises(NotReady):
        drivers(signals(_rows(4, 50)), cutoff=END)
    few = [
        {**row, "customer_key": f"c{int(row['customer_key'][1:]) % 40}"}
        for row in _rows(4, 300)
        if row.get("customer_key")
    ]
    with pytest.raises(NotReady, match="customers"):
        drivers(signals(few), cutoff=END)


def test_shares_of_correlated_drivers_add_up_and_agree_with_all_orders() -> None:
    from itertools import permutations

    rng = np.random.default_rng(5)
    z = rng.normal(size=(3000, 1))
    x = z + rng.normal(size=(3000, 3))
    y = x @ np.array([1.0, 0.5, 0.0]) + rng.normal(size=3000)

    def r2(columns: tuple[int, ...]) -> float:
        if not columns:
            return 0.0
        a = np.column_stack([np.ones(3000), x[:, columns]])
        return 1 - np.var(y - a @ np.linalg.lstsq(a, y, rcond=None)[0]) / np.var(y)

    slow = np.zeros(3)
    for order in permutations(range(3)):
        for k, j in enumerate(order):
            slow[j] += (r2(order[: k + 1]) - r2(order[:k])) / 6
    share, explained = shapley_shares(x, y)
    assert share.sum() == pytest.approx(1) and explained == pytest.approx(slow.sum(), abs=1e-6)
    assert share * explained == pytest.approx(slow, abs=1e-6)
    with pytest.raises(Refused):
        shapley_shares(np.zeros((10, 13)), np.zeros(10))
