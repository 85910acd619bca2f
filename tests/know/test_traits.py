"""Traits: which value counts where sources differ, and where each came from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from allears.know.traits import Rule, Rules, Told, reconcile, told_by

START = datetime(2026, 5, 1, tzinfo=UTC)


def at(days: float) -> datetime:
    return START + timedelta(days=days)


TOLD = [
    Told("plan", "gold", "crm", at(0)),
    Told("plan", "gold", "billing", at(1)),
    Told("plan", "silver", "crm", at(2)),
    Told("plan", "free", "app", at(8)),
    *(Told("plan", "free", "app", at(8 + n / 1000)) for n in range(50)),
]


@pytest.mark.parametrize(
    ("rule", "value", "source"),
    [("recent", "free", "app"), ("trusted", "silver", "crm"), ("frequent", "gold", "billing")],
)
def test_each_rule_chooses_by_its_own_word(rule: Rule, value: str, source: str) -> None:
    for told in (TOLD, TOLD[::-1]):
        [plan] = reconcile(told, Rules(rule, trusted=("crm", "app")))
        assert (plan.value, plan.source, plan.differs, plan.rule) == (value, source, True, rule)
        assert {(c.value, c.source) for c in plan.told} == {
            ("gold", "crm"), ("gold", "billing"), ("silver", "crm"), ("free", "app"),
        }  # fmt: skip
        assert plan.told[0].value == value


def test_a_source_that_repeats_itself_all_day_is_not_more_frequent() -> None:
    [plan] = reconcile(TOLD, Rules("frequent"))
    assert (plan.value, next(c for c in plan.told if c.source == "app").days) == ("gold", 1)


def test_a_trait_may_have_a_rule_of_its_own_and_untrusted_sources_come_last() -> None:
    told = [*TOLD, Told("city", "Rome", "app", at(1)), Told("city", "Milan", "web", at(2))]
    found = {t.trait: t for t in reconcile(told, Rules("recent", {"plan": "trusted"}, ("billing",)))}
    assert (found["plan"].value, found["plan"].rule) == ("gold", "trusted")
    assert (found["city"].value, found["city"].rule) == ("Milan", "recent")
    [city] = reconcile(told[-2:], Rules("trusted", trusted=("crm",)))
    assert city.value == "Milan"


def test_true_and_one_are_two_values_and_agreement_is_no_difference() -> None:
    [vip] = reconcile([Told("vip", True, "a", at(0)), Told("vip", 1, "b", at(1))])
    assert vip.value == 1 and vip.value is not True and vip.differs and len(vip.told) == 2
    [same] = reconcile([Told("vip", True, "a", at(0)), Told("vip", True, "b", at(1))])
    assert not same.differs and {c.source for c in same.told} == {"a", "b"}


def test_only_what_profiles_say_of_the_person_is_a_trait() -> None:
    rows = [
        (
            "profile",
            "identify",
            '{"plan": "gold", "traits": {"seats": 3}, "page_path": "/x", "nested": {"a": 1}}',
        ),
        ("profile", "group", '{"industry": "freight"}'),
        ("event", "Opened", '{"plan": "free"}'),
        ("profile", "identify", "not json"),
        ("profile", "identify", "[1]"),
        ("profile", None, None),
    ]
    table = pa.table(
        {
            "kind": [r[0] for r in rows],
            "name": pa.array([r[1] for r in rows], pa.string()),
            "source": ["app"] * len(rows),
            "occurred_at": [START] * len(rows),
            "properties": pa.array([r[2] for r in rows], pa.string()),
        }
    )
    assert {(t.trait, t.value) for t in told_by(table)} == {("plan", "gold"), ("seats", 3)}
