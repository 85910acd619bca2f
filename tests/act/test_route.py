from __future__ import annotations

from typing import Any

import pytest

from allears.act.route import Conditions, Rule, default_rules, describe, explain, matches, read_rules, route
from allears.errors import Refused

ISSUE: dict[str, Any] = {
    "title": "late parcels", "kind": "issue", "topics": ["delivery/late"], "terms": ["parcel", "late"], "facets": {"partner": "Swift Parcels"},
    "score": 6.0, "customers": 12, "growth": 3.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "department", "priority"),
    [
        ({}, "logistics", "P3"),
        ({"customers": 40}, "logistics", "P2"),
        ({"terms": ["burned", "hand"]}, "safety", "P1"),
        ({"title": "Battery exploding"}, "safety", "P1"),
        ({"terms": ["my details", "shown"]}, "privacy", "P1"),
        ({"terms": ["lawyer"]}, "legal", "P1"),
        ({"topics": ["payment/declined"]}, "payments", "P2"),
        ({"topics": ["payment/declined"], "customers": 80}, "payments", "P1"),
        ({"topics": ["app/crash"], "customers": 80}, "engineering", "P1"),
        ({"topics": ["found/7f3a"]}, "service", "P3"),
        ({"topics": [], "terms": None, "facets": None}, "service", "P3"),
        ({"topics": ["support/wait"], "customers": 80}, "service", "P2"),
        ({"topics": ["price/wrong"]}, "marketing", "P3"),
        ({"kind": "opportunity"}, "logistics", "P4"),
        ({"kind": "opportunity", "topics": ["product/wish"], "terms": ["product recall"]}, "product", "P4"),
    ],
)
def test_the_rules_that_come_along_send_work_where_it_belongs(
    change: dict[str, Any], department: str, priority: str
) -> None:
    routed = route(default_rules(), ISSUE | change)
    assert (routed.departments[0], routed.priority) == (department, priority)
    assert routed.why.startswith(routed.rule)


def test_the_first_rule_that_matches_decides() -> None:
    rules = read_rules(
        """
        rule = [
            { name = "one", department = "a", priority = "P2", when = { partner = ["swift parcels"] } },
            { name = "two", department = "b", priority = "P1", when = { topics = ["delivery/"] } },
            { name = "rest", department = "c", priority = "P4" },
        ]
        """
    )
    assert route(rules, ISSUE).rule == "one"
    assert route(rules, ISSUE | {"facets": {"partner": "another"}}).rule == "two"
    assert route(rules, ISSUE | {"facets": {}, "topics": []}).rule == "rest"
    assert "because no other rule applies" in route(rules, ISSUE | {"facets": {}, "topics": []}).why


def test_a_facet_may_be_one_several_or_shares() -> None:
    when = Conditions(channel=("chat",))
    for value, held in (
        ("chat", True),
        (["app", "Chat"], True),
        ({"chat": 0.8}, True),
        ("email", False),
        (None, False),
    ):
        assert (matches(when, ISSUE | {"facets": {"channel": value}}) is not None) is held


def test_words_match_whole_unless_starred() -> None:
    assert matches(Conditions(terms=("sue",)), ISSUE | {"terms": ["issue", "ensue"]}) is None
    assert matches(Conditions(terms=("injur*",)), ISSUE | {"terms": ["INJURED"]}) is not None
    assert matches(Conditions(terms=("on fire",)), ISSUE | {"title": "phone on fire!"}) is not None


def test_every_condition_is_said_and_explained() -> None:
    when = Conditions(
        topics=("delivery",), kind="issue", service=("s",), partner=("p",), region=("r",), channel=("c",), release=("1",),
        platform=("ios",), terms=("late",), min_score=5.0, min_customers=10, min_growth=2.0,
    )  # fmt: skip
    facets = {
        "service": "s",
        "partner": "p",
        "region": "r",
        "channel": "c",
        "release": "1",
        "platform": "ios",
    }
    assert len(describe(when)) == 12
    assert len(matches(when, ISSUE | {"facets": facets}) or []) == 12
    assert explain(
        Rule("r", "d", "P3", when), ISSUE | {"facets": facets | {"region": "x"}, "score": 1.0}
    ) == ("r: does not apply: the region is not r and the score is 1, fewer than 5")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rule = [", "not TOML"),
        ("rule = []", "last rule must ask nothing"),
        ('rule = [{ name = "a", department = "b", priority = "P5" }]', r"\$\.rule\[0\]\.priority"),
        (
            'rule = [{ name = "a", department = "b", priority = "P1", when = { topic = ["x"] } }]',
            r"\$\.rule\[0\]\.when",
        ),
        (
            'rule = [{ name = "a", department = "b", priority = "P1", when = { min_customers = 0 } }]',
            "min_customers",
        ),
        (
            'rule = [{ name = "a", department = "b", priority = "P1", when = { kind = "issue" } }]',
            "last rule must ask nothing",
        ),
        (
            'rule = [{ name = "a", department = "b", priority = "P1" }, { name = "c", department = "b", priority = "P1" }]',
            r"rule\[0\]",
        ),
    ],
)
def test_wrong_rules_are_refused_and_the_place_named(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        read_rules(text)
