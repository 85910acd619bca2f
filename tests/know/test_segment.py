"""Segments: what may be asked, what is refused and where, and that members are those a slow obvious reading finds."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from allears.errors import NotFound, Refused
from allears.know.members import World, members, trait_of
from allears.know.segment import Segment, example_text, examples, explain, read_segment
from allears.tables import table

NOW = datetime(2026, 5, 6, 12, tzinfo=UTC)
HEAD = 'name = "s"\nsays = "x"\npurpose = "service"\n'


def segment(where: str, *, unless: str = "", relationship: str = "consumer") -> Segment:
    return read_segment(f'{HEAD}relationship = "{relationship}"\nwhere = [{where}]\nunless = [{unless}]\n')


def world(rows: Sequence[dict[str, Any]], **changed: Any) -> World:
    base = {
        "occurred_at": NOW - timedelta(days=1),
        "kind": "feedback",
        "channel": "chat",
        "direction": "in",
        "relationship": "consumer",
    }
    full = [base | {"signal_id": f"s{i}"} | row for i, row in enumerate(rows)]
    full = [row | {"day": f"{row['occurred_at']:%Y-%m-%d}"} for row in full]
    made = World(
        ibis.memtable(pa.Table.from_batches([table("signals").rows(full)])),
        NOW,
        lambda keys: pc.if_else(pc.equal(keys, "c_b_old"), "c_b", keys),
        lambda types: ["c_a"] if "email" in types else [],
        lambda topics: ["c_b_old"],
        lambda purpose: {"given": pa.array(["c_a"]), "withdrawn": pa.array(["c_b"])},
        lambda account: f"digest of {account}",
    )
    return made._replace(**changed)


def found(chosen: Segment, asked: World) -> list[str]:
    return sorted(members(chosen, asked).to_pylist())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('where = [{ about = "weather" }]', "where[0]"),
        ('where = [{ about = "signals" }, { about = "signals", chanel = ["chat"] }]', "where[1]"),
        ('where = [{ about = "signals", within_days = -1 }]', "where[0].within_days"),
        ('where = [{ about = "signals", at_least = 5, at_most = 2 }]', "where[0]"),
        ('where = [{ about = "signals", at_least = 0 }]', "where[0].at_least"),
        ('where = [{ about = "experience", of = "mood" }]', "where[0]"),
        ('where = [{ about = "experience", of = "mood", at_most = 0, scale = ["nps-0-10"] }]', "where[0].scale"),
        ('where = [{ about = "experience", of = "joy", at_most = 0 }]', "where[0].of"),
        ('where = [{ about = "trait", trait = "plan", is_in = [] }]', "where[0].is_in"),
        ('where = [{ about = "consent", purpose = "spam" }]', "where[0].purpose"),
        ('where = [{ about = "known by", types = ["name"] }]', "where[0].types"),
        ('where = [{ about = "customer for" }]', "where[0]"),
        ("where = []", "where"),
        ('where = [{ about = "open issue" }]\nunless = [{ about = "open issue", topic = ["x"] }]', "unless[0]"),
        ("where = [", "not TOML"),
    ],
)  # fmt: skip
def test_a_wrong_condition_is_named_by_its_place(text: str, says: str) -> None:
    with pytest.raises(Refused) as refused:
        read_segment(HEAD + text, "segments/s.toml")
    assert says in str(refused.value) and "segments/s.toml" in str(refused.value)


def test_a_purpose_must_be_named() -> None:
    with pytest.raises(Refused, match="purpose"):
        read_segment('name = "s"\nsays = "x"\nwhere = [{ about = "open issue" }]')


@pytest.mark.parametrize("name", examples())
def test_what_ships_can_be_read_and_said(name: str) -> None:
    read = read_segment(example_text(name))
    assert read.name == name
    assert explain(read).count("\n") >= 2


def test_a_segment_that_does_not_ship_is_not_found() -> None:
    with pytest.raises(NotFound):
        example_text("../access")


def test_a_customers_keys_count_together() -> None:
    rows = [{"customer_key": "c_b_old"}, {"customer_key": "c_b"}, {"customer_key": "c_a"}]
    assert found(segment('{ about = "signals", at_least = 2 }'), world(rows)) == ["c_b"]


def test_none_at_all_is_fewer_than_any_limit() -> None:
    rows = [{"customer_key": "c_a", "kind": "event"}, {"customer_key": "c_b"}]
    none = '{ about = "signals", kind = ["feedback"], at_most = 0 }'
    assert found(segment(none), world(rows)) == ["c_a"]
    assert found(segment(none.replace("at_most = 0", "at_most = 1, at_least = 0")), world(rows)) == [
        "c_a",
        "c_b",
    ]


def test_dates_in_the_future_make_nobody_a_member() -> None:
    rows = [{"customer_key": "c_a", "occurred_at": NOW + timedelta(days=400)}]
    assert found(segment('{ about = "signals" }'), world(rows)) == []


def test_what_an_employee_says_at_work_is_in_no_segment_of_consumers() -> None:
    rows = [
        {"customer_key": "c_a", "relationship": "employee", "sentiment": -0.9},
        {"customer_key": "c_a", "relationship": "employee", "sentiment": -0.9},
        {"customer_key": "c_a", "relationship": "consumer", "sentiment": 0.9},
        {"customer_key": "c_a", "relationship": "consumer", "sentiment": 0.9},
    ]
    unhappy = '{ about = "experience", of = "mood", at_most = -0.3 }'
    assert found(segment(unhappy), world(rows)) == []
    assert found(segment(unhappy, relationship="employee"), world(rows)) == ["c_a"]


def test_the_last_told_trait_counts_and_true_is_not_one() -> None:
    def told(customer: str, days: int, **traits: Any) -> dict[str, Any]:
        at = NOW - timedelta(days=days)
        return {
            "customer_key": customer,
            "kind": "profile",
            "occurred_at": at,
            "properties": json.dumps(traits),
        }

    rows = [
        told("c_a", 1, plan="gold"),
        told("c_a", 9, plan="free"),
        told("c_b_old", 9, plan="gold"),
        told("c_b", 1, plan="free"),
        told("c_c", 1, plan=True),
        told("c_d", 1, plan=["gold"]),
        told("c_e", 1, traits={"plan": "gold"}),
    ]
    plan = '{{ about = "trait", trait = "plan", is_in = [{}] }}'
    assert found(segment(plan.format('"gold"')), world(rows)) == ["c_a", "c_e"]
    assert found(segment(plan.format("1")), world(rows)) == []
    assert found(segment(plan.format("true")), world(rows)) == ["c_c"]
    assert trait_of("[1]", "plan") is None


def test_other_sources_of_truth_are_asked() -> None:
    rows = [
        {"customer_key": c, "account": "digest of acme" if c == "c_c" else None}
        for c in ("c_a", "c_b", "c_c")
    ]
    asked = {
        '{ about = "known by", types = ["email"] }': ["c_a"],
        '{ about = "open issue" }': ["c_b"],
        '{ about = "consent", purpose = "marketing" }': ["c_a"],
        '{ about = "consent", purpose = "marketing", state = ["never said", "withdrawn"] }': ["c_b", "c_c"],
        '{ about = "account", accounts = ["acme"] }': ["c_c"],
        '{ about = "customer for", at_most_days = 2 }': ["c_a", "c_b", "c_c"],
        '{ about = "customer for", at_least_days = 2 }': [],
    }
    assert {text: found(segment(text), world(rows)) for text in asked} == asked


@pytest.mark.parametrize("seed", range(4))
def test_members_are_those_a_slow_obvious_reading_finds(seed: int) -> None:
    drawn = random.Random(seed)
    rows = [
        {
            "customer_key": f"c_{drawn.randrange(12)}",
            "channel": drawn.choice(["chat", "email", "web"]),
            "kind": drawn.choice(["feedback", "event", "telemetry"]),
            "topics": drawn.choice([None, [], ["delivery/late"], ["price/high", "delivery/lost"]]),
            "ok": drawn.choice([None, True, False]),
            "sentiment": drawn.choice([None, -0.8, 0.1, 0.7]),
            "relationship": drawn.choice(["consumer", "employee"]),
            "occurred_at": NOW - timedelta(days=drawn.random() * 60),
        }
        for _ in range(250)
    ]
    chosen = segment(
        '{ about = "signals", channel = ["chat", "web"], topics = ["delivery/"], at_least = 2, at_most = 9, within_days = 40 }, '
        '{ about = "experience", of = "mood", at_most = 0.2, signals = 3, within_days = 50 }',
        unless='{ about = "signals", failed = true, kind = ["telemetry"], within_days = 5 }',
    )  # fmt: skip

    def lately(row: dict[str, Any], days: float) -> bool:
        return row["occurred_at"] > NOW - timedelta(days=days)

    expected = []
    for customer in {row["customer_key"] for row in rows}:
        mine = [r for r in rows if r["customer_key"] == customer and r["relationship"] == "consumer"]
        about = [
            r for r in mine
            if lately(r, 40) and r["channel"] in ("chat", "web") and any(t.startswith("delivery/") for t in r["topics"] or [])
        ]  # fmt: skip
        moods = [r["sentiment"] for r in mine if lately(r, 50) and r["sentiment"] is not None]
        failed = [r for r in mine if lately(r, 5) and r["kind"] == "telemetry" and r["ok"] is False]
        if 2 <= len(about) <= 9 and len(moods) >= 3 and sum(moods) / len(moods) <= 0.2 and not failed:
            expected.append(customer)
    assert found(chosen, world(rows, today=lambda keys: keys)) == sorted(expected)
