from __future__ import annotations

import pytest

from allears.errors import NotReady
from allears.foresee.backtest import Truth, backtest, match
from allears.tables import TABLES

BURST = 20 * 24 + 10


def test_what_happened_is_found_with_its_lead_and_the_rest_counted_as_false(shop, rules):
    town = shop(21).background(28)
    ids = town.burst("payment/declined", BURST, 10, 80)
    signals = town.table()
    past = backtest(signals, rules)
    assert past.weeks == pytest.approx(4, abs=0.05)
    assert past.forecast is not None and past.forecast.mase < 1.1
    happened = Truth("outage", town.at(BURST), town.at(BURST + 10), signals=ids, peak_at=town.at(BURST + 5))
    never = Truth("nothing", town.at(0), town.at(5), signals=["unknown"])
    matched = match(past.issues, [happened, never], past.weeks, signals)
    assert matched.recall == 0.5
    assert matched.found[0].issue in past.issues["issue"].to_pylist()
    assert 0 < matched.found[0].lead_hours < 5
    assert matched.found[1].detected_at is None
    assert matched.false_alarms_per_week == pytest.approx(len(matched.unmatched) / past.weeks)


def test_a_truth_can_be_told_by_customers(shop, rules):
    town = shop(22).background(24)
    people = [f"hit{i}" for i in range(60)]
    for person in people:
        town.say("app/crash", BURST + 6 * town.random.random(), customer_key=person)
    past = backtest(town.table(), rules, start=town.at(10 * 24))
    truth = Truth("crash", town.at(BURST), town.at(BURST + 6), customers=people)
    assert match(past.issues, [truth], past.weeks, town.table()).recall == 1.0


def test_what_was_detected_before_the_start_is_left_out(shop, rules):
    town = shop(23).background(24)
    town.burst("payment/declined", BURST - 72, 6, 60)
    assert (
        backtest(town.table(), rules).issues.num_rows
        > backtest(town.table(), rules, start=town.at(BURST + 40)).issues.num_rows
    )


def test_nothing_arrived_is_said(rules):
    with pytest.raises(NotReady):
        backtest(TABLES["signals"].schema.empty_table(), rules)


def test_times_are_compared_not_only_signals(shop, rules):
    town = shop(21).background(26)
    ids = town.burst("payment/declined", BURST, 10, 80)
    past = backtest(town.table(), rules)
    late = Truth("later", town.at(BURST + 100), town.at(BURST + 120), signals=ids)
    assert match(past.issues, [late], past.weeks).found[0].issue is None
