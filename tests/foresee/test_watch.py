from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from allears.foresee.watch import Watch, arrived_at
from allears.tables import TABLES

START = datetime(2026, 1, 5, tzinfo=UTC)
BURST = 20 * 24 + 10
NOTHING = TABLES["signals"].schema.empty_table()


def watch(shop, rules, days):
    return Watch(rules).advance(shop.table(), shop.at(days * 24))


def issues_about(found, ids):
    """Issues that hold any of these signals to a fifth; the budget leaves room for others by chance."""
    return [
        i
        for i in found.issues.to_pylist()
        if len(set(ids) & set(i["signal_ids"])) >= 0.2 * len(i["signal_ids"])
    ]


def test_a_burst_of_complaints_is_one_issue_within_hours(shop, rules):
    town = shop(1).background(24)
    ids = town.burst("payment/declined", BURST, 8, 60)
    [issue] = issues_about(watch(town, rules, 24), ids)
    assert issue["kind"] == "issue"
    assert issue["topics"][0] == "payment/declined"
    assert issue["detected_at"] <= town.at(BURST + 4)
    assert town.at(BURST - 12) <= issue["first_signal_at"] <= issue["detected_at"]
    assert len(set(ids) & set(issue["signal_ids"])) >= 55
    assert set(issue["exemplars"]) <= set(issue["signal_ids"])
    assert set(issue["terms"]) & set(town.vocabulary["payment/declined"])
    assert issue["customers"] <= issue["signals"]


def test_a_regional_failure_is_named_by_region_and_partner(shop, rules):
    town = shop(2).background(26)
    ids = town.burst("delivery/late", BURST, 30, 60, region="North", partner="Heron")
    found = issues_about(watch(town, rules, 26), ids)
    facets = json.loads(found[0]["facets"])
    assert (facets["region"], facets["partner"]) == ("North", "Heron")
    assert "North" in found[0]["title"] and "Heron" in found[0]["title"]


def test_failing_requests_are_found_and_growth_of_tries_is_not(shop, rules):
    town = shop(3).background(24, requests=12000)
    for _ in range(3000):  # many more visits, no more failures among them
        town.meet(12 * 24 + 24 * town.random.random(), ok=bool(town.random.random() > 0.01))
    ids = [town.meet(BURST + 5 * town.random.random(), service="checkout", ok=False) for _ in range(60)]
    everything = watch(town, rules, 24)
    found = issues_about(everything, ids)
    assert all(i["detected_at"] > town.at(BURST) for i in everything.issues.to_pylist() if not i["topics"])
    assert json.loads(found[0]["facets"])["service"] == "checkout"
    assert len(set(ids) & set(found[0]["signal_ids"])) >= 50


def test_quiet_weeks_raise_nothing(shop, rules):
    assert sum(watch(shop(seed).background(30), rules, 30).issues.num_rows for seed in (10, 11)) <= 1


def test_copies_from_many_accounts_count_once(shop, rules):
    town = shop(4).background(24)
    for account in range(200):
        town.say(
            "payment/declined",
            BURST + town.random.random() * 3,
            text=f"cards fail at this shop, share it! {account}",
            channel="social",
            source="social-in",
        )
    assert watch(town, rules, 24).issues.num_rows == 0


def test_one_loud_customer_is_one_voice(shop, rules):
    town = shop(5).background(24)
    town.burst("payment/declined", BURST, 8, 60, customer_key="c-loud")
    assert watch(town, rules, 24).issues.num_rows == 0


def test_a_season_that_lifts_everything_is_no_issue(shop, rules):
    town = shop(6).background(30)
    for row in shop(60).background(30).rows:  # as much again, drawn on its own
        if town.at(21 * 24) <= row["occurred_at"] < town.at(26 * 24):
            town.say(row["topics"][0], (row["occurred_at"] - town.at(0)) / timedelta(hours=1))
    during = [i for i in watch(town, rules, 30).issues.to_pylist() if i["detected_at"] > town.at(21 * 24)]
    assert len(during) <= 1


def test_a_channel_just_connected_is_not_judged(shop, rules):
    town = shop(7).background(20)
    for hour in range(15 * 24, 20 * 24):
        for topic in ("payment/declined", "product/broken", "praise/product"):
            for _ in range(2):
                town.say(topic, hour + town.random.random(), channel="video", source="video-in")
    assert watch(town, rules, 20).issues.num_rows == 0


def test_a_wish_that_keeps_rising_is_an_opportunity(shop, rules):
    town = shop(8).background(40)
    for part in np.sqrt(np.linspace(0.01, 1, 150)):
        town.say("wish/lockers", 24 * (22 + 18 * part) - 0.01)
    found = [i for i in watch(town, rules, 40).issues.to_pylist() if i["kind"] == "opportunity"]
    assert [i["topics"][0] for i in found] == ["wish/lockers"]


@pytest.mark.parametrize("steps", [(5, 24 * 25), (7, 7), (1, 13)])
def test_batch_by_batch_gives_the_same_issues_as_at_once(shop, rules, steps):
    town = shop(9).background(23, requests=4000)
    town.burst("payment/declined", BURST, 8, 60)
    town.burst("delivery/late", BURST + 20, 20, 50, region="North")
    at_once = watch(town, rules, 23)
    signals = town.table(town.random.permutation(len(town.rows)).tolist())
    hours = np.array([(m - town.at(0)) / timedelta(hours=1) for m in arrived_at(signals).to_pylist()])
    stepped, issues, surprises, begin, turn = Watch(rules), {}, 0, 0, 0
    while begin < 23 * 24:
        end = min(23 * 24, begin + (steps[turn % 2] if begin > 19 * 24 else 24))
        looked = stepped.advance(signals.filter(pa.array((hours >= begin) & (hours < end))), town.at(end))
        issues |= {i["issue"]: i for i in looked.issues.to_pylist()}
        surprises += looked.surprises.num_rows
        begin, turn = end, turn + 1
    expected = {i["issue"]: i for i in at_once.issues.to_pylist()}
    assert issues.keys() == expected.keys()
    for name, issue in expected.items():
        for key in ("title", "detected_at", "first_signal_at", "customers", "signals"):
            assert issues[name][key] == issue[key], key
        assert sorted(issues[name]["signal_ids"]) == sorted(issue["signal_ids"])
    assert surprises == at_once.surprises.num_rows


def test_an_issue_is_raised_once_and_then_updated(shop, rules):
    town = shop(1).background(24)
    town.burst("payment/declined", BURST, 30, 120)
    watching = Watch(rules)
    first = watching.advance(town.table(), town.at(BURST + 14)).issues.to_pylist()
    second = watching.advance(NOTHING, town.at(BURST + 30)).issues.to_pylist()
    assert [i["issue"] for i in first] == [i["issue"] for i in second]
    assert second[0]["customers"] > first[0]["customers"]
    assert watching.advance(NOTHING, town.at(BURST + 30)).issues.num_rows == 0


def test_a_backfill_counts_when_it_happened(shop, rules):
    town = shop(1).background(24)
    for hour in range(24 * 10):  # ten old days, imported in one hour
        town.say("payment/declined", hour, received_at=town.at(BURST))
    found = watch(town, rules, 24).issues.to_pylist()
    assert not [i for i in found if i["topics"][0] == "payment/declined"]


def test_what_the_company_says_is_not_counted(shop, rules):
    town = shop(1).background(24)
    ids = town.burst("payment/declined", BURST, 8, 60, direction="out")
    assert not issues_about(watch(town, rules, 24), ids)


def test_a_channel_that_falls_silent_is_a_drop(shop, rules):
    town = shop(1).background(24, scale=2)
    town.rows = [
        r for r in town.rows if r["occurred_at"] < town.at(BURST) or r["occurred_at"] > town.at(BURST + 30)
    ]
    drops = [s for s in watch(town, rules, 24).surprises.to_pylist() if s["direction"] == "drop"]
    assert drops and all(town.at(BURST) <= s["time"] <= town.at(BURST + 42) for s in drops)


def test_expectations_hold_the_middle_of_what_comes(shop, rules):
    town = shop(3).background(28)
    rows = watch(town, rules, 28).expectations.to_pylist()
    held = [r for r in rows if r["series"] == "all"]
    begin = held[0]["time"]
    assert len(held) == 24
    counts = np.zeros(24)
    for row in town.rows:
        hour = int((row["occurred_at"] - begin) // timedelta(hours=1))
        if 0 <= hour < 24:
            counts[hour] += 1
    inside = [r["low"] <= c <= r["high"] for r, c in zip(held, counts, strict=True)]
    assert np.mean(inside) >= 0.75


def test_signals_without_time_or_text_do_no_harm(rules):
    rows = TABLES["signals"].rows(
        [{"signal_id": "a", "kind": "feedback"}, {"signal_id": None, "kind": "event"}]
    )
    assert Watch(rules).advance(rows, datetime(1970, 1, 2, tzinfo=UTC)).issues.num_rows == 0


def polled(town, channel, every):
    """Let a channel's messages arrive together, every few hours, as a site brings them that is asked for news."""
    for row in town.rows:
        if row["channel"] == channel:
            hours = (row["occurred_at"] - START).total_seconds() / 3600
            row["received_at"] = START + timedelta(hours=(int(hours / every) + 1) * every)
    return town


def test_reviews_fetched_together_are_no_burst(shop, rules):
    raised = {1: 0, 8: 0}
    for seed in range(3):
        for every in raised:
            town = polled(shop(seed).background(28, scale=2.0), "review", every)
            raised[every] += watch(town, rules, 28).issues.num_rows
    assert raised[8] <= raised[1] + 1


def test_a_burst_among_reviews_fetched_together_is_found(shop, rules):
    town = shop(1).background(26)
    ids = town.burst("payment/declined", BURST, 8, 60, channel="review", source="review-in")
    found = issues_about(watch(polled(town, "review", 8), rules, 26), ids)
    assert found and found[0]["detected_at"] <= town.at(BURST + 9)
