from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec import structs

from allears.errors import NotReady
from allears.foresee.backtest import backtest
from allears.tables import TABLES

BURST = 20 * 24 + 10


def test_what_would_have_been_raised_is_told_by_week(shop, rules):
    town = shop(21).background(28)
    ids = town.burst("payment/declined", BURST, 10, 80)
    past = backtest(town.table(), rules)
    assert past.weeks == pytest.approx(4, abs=0.05)
    assert past.alarms_per_week == pytest.approx(past.issues.num_rows / past.weeks)
    assert past.forecast is not None and past.forecast.mase < 1.1
    assert any(set(ids) & set(held) for held in past.issues["signal_ids"].to_pylist())
    assert (past.sources, past.judged) == (5, 5)


def test_what_was_detected_before_the_start_is_left_out(shop, rules):
    town = shop(23).background(24)
    town.burst("payment/declined", BURST - 72, 6, 60)
    later = backtest(town.table(), rules, start=town.at(BURST + 40))
    assert backtest(town.table(), rules).issues.num_rows > later.issues.num_rows


def test_a_history_too_short_to_judge_says_so(shop, rules):
    town = shop(24).background(6)
    town.burst("payment/declined", 100, 8, 60)
    past = backtest(town.table(), rules)
    assert (past.issues.num_rows, past.sources, past.judged) == (0, 5, 0)
    assert backtest(town.table(), structs.replace(rules, settle_days=2)).judged == 5


def test_a_source_that_joined_late_is_not_counted_as_judged(shop, rules):
    town = shop(25).background(20)
    for hour in range(15 * 24, 20 * 24):
        town.say("praise/product", hour, source="video-in")
    past = backtest(town.table(), rules)
    assert (past.sources, past.judged) == (6, 5)
    assert past.weeks == pytest.approx(timedelta(days=20) / timedelta(days=7), abs=0.05)


def test_nothing_arrived_is_said(rules):
    with pytest.raises(NotReady):
        backtest(TABLES["signals"].schema.empty_table(), rules)
