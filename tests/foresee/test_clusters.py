from __future__ import annotations

import random

import numpy as np
import pytest

from allears.foresee.clusters import Clusters
from allears.foresee.near import NearDuplicates
from allears.foresee.rows import Names, read_rows
from allears.foresee.watch import Watch

BURST = 20 * 24 + 10
ZIPPER = ("zipper", "rucksack", "jammed", "teeth", "splitting", "seam")
FILLER = [
    "honestly",
    "again",
    "today",
    "really",
    "while",
    "after",
    "three",
    "walks",
    "with",
    "kids",
    "along",
    "beach",
    "never",
    "before",
    "why",
]


def zipper(dice: random.Random) -> str:
    """One person's own words about a fault no topic knows."""
    words = [*dice.sample(ZIPPER, 4), *dice.sample(FILLER, 5)]
    dice.shuffle(words)
    return " ".join(words)


def unknown(town, count=30, hours=10.0, **given):
    """Complaints without any topic."""
    dice = random.Random(7)
    return [
        town.say(
            "", BURST + hours * town.random.random(), **{"text": zipper(dice), "sentiment": -0.5} | given
        )
        for _ in range(count)
    ]


def raised(town, rules, days=24):
    return Watch(rules).advance(town.table(), town.at(days * 24)).issues.to_pylist()


def test_a_burst_in_words_no_topic_knows_is_one_issue_that_names_it(shop, rules):
    town = shop(31).background(24)
    ids = unknown(town)
    [issue] = [i for i in raised(town, rules) if set(ids) & set(i["signal_ids"])]
    assert len(set(ids) & set(issue["signal_ids"])) >= 24
    assert len(set(issue["signal_ids"]) - set(ids)) <= 3
    assert issue["topics"] == []
    assert len(set(ZIPPER) & set(issue["terms"])) >= 4
    assert any(word in issue["title"].lower() for word in ZIPPER)
    assert town.at(BURST) <= issue["first_signal_at"] <= issue["detected_at"] <= town.at(BURST + 8)
    assert set(issue["exemplars"]) <= set(ids)


def test_copies_and_one_loud_voice_are_no_crowd(shop, rules):
    for given in (
        {"text": "this rucksack zipper jammed, teeth splitting at the seam, share it"},
        {"customer_key": "c-loud"},
    ):
        town = shop(32).background(24, scale=0.5)
        ids = unknown(town, 60, **given)
        assert not [i for i in raised(town, rules) if set(ids) & set(i["signal_ids"])], given


def test_what_people_are_glad_about_is_no_issue(shop, rules):
    for feeling in (0.7, 0.05):
        town = shop(33).background(24, scale=0.5)
        ids = unknown(town, sentiment=feeling)
        assert not [i for i in raised(town, rules) if set(ids) & set(i["signal_ids"])], feeling


def test_what_was_always_said_is_no_issue(shop, rules):
    town = shop(34).background(24)
    dice = random.Random(3)
    ids = [town.say("", h + dice.random(), text=zipper(dice), sentiment=-0.5) for h in range(0, 24 * 24, 3)]
    assert not [i for i in raised(town, rules) if set(ids) & set(i["signal_ids"])]


def test_a_topic_that_catches_half_of_it_is_merged_with_the_rest(shop, rules):
    town = shop(37).background(24)
    dice = random.Random(5)
    ids = [
        town.say(
            "",
            BURST + 10 * dice.random(),
            text=zipper(dice),
            sentiment=-0.5,
            topics=["product/broken"] if at % 2 else [],
        )
        for at in range(60)
    ]
    [issue] = [i for i in raised(town, rules) if set(ids) & set(i["signal_ids"])]
    assert issue["topics"] == ["product/broken"]
    assert len(set(ids) & set(issue["signal_ids"])) >= 45


def clusters_of(rows, steps):
    lane, copies, found = Clusters(), NearDuplicates(), []
    at, last = int(rows.hour.min()) // 24 * 24, int(rows.hour.max()) + 1
    turn = 0
    while at < last:
        if at % 24 == 0:
            lane.start_day(at // 24)
        until = min(last, (at // 24 + 1) * 24, at + steps[turn % len(steps)])
        part = rows.take((rows.hour >= at) & (rows.hour < until))
        groups = copies.groups(part.text.tolist(), part.hour)
        lane.take(part, groups, np.ones(len(part), bool))
        judged = lane.judge(at, until, 0.1, 5)
        found += list(
            zip(judged.cell.tolist(), judged.hour.tolist(), judged.score.round(9).tolist(), strict=True)
        )
        at, turn = until, turn + 1
    return found, [(c.label, sorted(c.signals)) for c in lane.cells]


@pytest.mark.parametrize("steps", [(1,), (5, 2)])
def test_hour_by_hour_gives_the_same_clusters_as_day_by_day(shop, steps):
    town = shop(38).background(23)
    unknown(town)
    rows = read_rows(town.table(), Names())
    at_once = clusters_of(rows, (24,))
    assert at_once[0]
    assert clusters_of(rows, steps) == at_once


def test_what_comes_later_changes_nothing_before(shop):
    town = shop(39).background(23)
    unknown(town)
    rows = read_rows(town.table(), Names())
    whole, _ = clusters_of(rows, (24,))
    cut = int(rows.hour.min()) + BURST + 6
    part, _ = clusters_of(rows.take(rows.hour < cut), (24,))
    assert part == [alarm for alarm in whole if alarm[1] < cut]
