"""Linking simulated people whose truth is known: typing mistakes, gaps, junk, other scripts."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from allears.errors import NotReady, Refused
from allears.know.link import Linked, Thresholds, evaluate, hold_out, link, score, tidy
from allears.know.link.blocks import block
from allears.know.link.columns import columns_of
from allears.know.link.decide import AUTOMATIC, QUEUE, decide
from allears.know.link.held import held_out
from allears.know.link.learn import learn
from allears.know.link.score import PAIRS

TODAY = date(2026, 11, 28)
GIVEN = [
    "anna",
    "bruno",
    "carla",
    "dario",
    "elena",
    "fabio",
    "greta",
    "hugo",
    "irene",
    "jakob",
    "klara",
    "luca",
    "marta",
    "nina",
    "otto",
    "paula",
    "quentin",
    "rosa",
    "silvio",
    "teresa",
]
FAMILY = [
    "rossi",
    "weber",
    "moreau",
    "garcia",
    "silva",
    "keller",
    "conti",
    "lang",
    "petit",
    "romero",
    "santos",
    "vogel",
    "marini",
    "roth",
    "girard",
    "ortega",
    "lopes",
    "huber",
    "greco",
    "kraus",
]
NUMBERED = "abcdefghijklmnopqrstuvwxyz"


def mistyped(word: str, dice: random.Random) -> str:
    at = dice.randrange(len(word))
    return dice.choice([word[:at] + word[at + 1 :], word[:at] + dice.choice(NUMBERED) + word[at + 1 :]])


def person(dice: random.Random) -> dict[str, Any]:
    given = dice.choice(GIVEN) + dice.choice(["", "", "", "bella", "ino"])
    surname = dice.choice(FAMILY) + dice.choice(["", "ni", "mann", "ez"])
    born = f"{dice.randrange(1940, 2006)}-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}"
    return {
        "first_name": given.title(), "last_name": surname.title(), "date_of_birth": born,
        "address": f"{dice.randrange(1, 180)} {dice.choice(FAMILY)} street", "postcode": f"{dice.randrange(10, 60)}0{dice.randrange(10, 99)}",
        "email": f"{given}.{surname}{dice.randrange(1000)}@example.org", "phone": f"0{dice.randrange(10**8, 10**9)}",
    }  # fmt: skip


def again(one: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    other = dict(one)
    for field in dice.sample(["first_name", "last_name", "address", "email"], 1):
        other[field] = mistyped(other[field], dice)
    for field in dice.sample(["date_of_birth", "address", "postcode", "email", "phone", "phone"], 2):
        other[field] = None
    return other


def town(people: int = 240, seed: int = 7) -> tuple[pa.Table, list[int]]:
    dice = random.Random(seed)
    rows, truth = [], []
    for number in range(people):
        one = person(dice)
        rows.append(one)
        truth.append(number)
        for _ in range(dice.choice([0, 0, 1, 2])):
            rows.append(again(one, dice))
            truth.append(number)
    order = list(range(len(rows)))
    dice.shuffle(order)
    return pa.Table.from_pylist([rows[i] for i in order]), [truth[i] for i in order]


@pytest.fixture(scope="module")
def known() -> tuple[pa.Table, list[int], Linked]:
    people, truth = town()
    return people, truth, link(people, today=TODAY)


def weigh(rows: list[dict[str, Any]], known: Any) -> tuple[list[tuple[int, int]], list[str], pa.Table]:
    """Add rows to the town, and give what is found among the added ones: pairs, decisions, weights."""
    people, _, linked = known
    added = pa.Table.from_pylist(
        [{f: row.get(f) for f in people.column_names} for row in rows], schema=people.schema
    )
    table = tidy(pa.concat_tables([people, added]), linked.columns, TODAY)
    first = people.num_rows
    pairs = score(table, linked.model, new=range(first, first + len(rows))).pairs
    pairs = pairs.filter(pc.greater_equal(pairs["left"], first))
    sides = [
        (a - first, b - first)
        for a, b in zip(pairs["left"].to_pylist(), pairs["right"].to_pylist(), strict=True)
    ]
    return sides, decide(pairs).to_pylist(), pairs


def test_people_mistyped_are_found_and_nobody_is_joined_to_somebody_else(known: Any) -> None:
    _, truth, linked = known
    found = evaluate(linked.clusters.tolist(), truth)
    assert found["pairs"]["precision"] >= 0.99, found
    assert found["pairs"]["recall"] >= 0.9, found
    assert found["over_merged"] == 0


def test_a_pair_says_why_and_the_parts_add_up(known: Any) -> None:
    people, _, linked = known
    row = linked.pairs.to_pylist()[0]
    assert sum(part["bits"] for part in row["why"]) == pytest.approx(row["bits"], abs=1e-6)
    assert {"given", "surname", "birth"} <= {part["field"] for part in row["why"]}
    said = str(linked.pairs["why"].to_pylist()) + str(linked.model)
    values = {str(v).lower() for column in people.columns for v in column.to_pylist() if v}
    assert not [v for v in values if len(v) > 6 and v in said.lower()], (
        "a value got into an explanation or the model"
    )


def test_a_name_alone_joins_nobody_and_is_not_shown(known: Any) -> None:
    rows = [{"first_name": "Zacharias", "last_name": "Quattrocchi"} for _ in range(5)]
    _, decisions, _ = weigh(rows, known)
    assert not {AUTOMATIC, QUEUE} & set(decisions)


def test_a_family_of_one_name_and_house_is_left_to_a_person(known: Any) -> None:
    home = {
        "last_name": "Quattrocchi",
        "address": "12 weber street",
        "postcode": "20121",
        "date_of_birth": "1991-02-03",
    }
    twins = [{"first_name": "Zacharias", **home}, {"first_name": "Oliviero", **home}]
    _, decisions, pairs = weigh(twins, known)
    assert decisions == [QUEUE]
    assert decide(pairs, Thresholds(families=False)).to_pylist() == [AUTOMATIC]


@pytest.mark.parametrize(
    ("number", "expected"),
    [("the same", AUTOMATIC), ("nearly the same", QUEUE), ("not known of both", QUEUE)],
)
def test_only_the_very_same_number_outweighs_another_given_name(number: str, expected: str) -> None:
    parts = [
        ("before comparing", "", -8.0),
        ("given", "different", -4.0),
        ("surname", "the same", 8.0),
        ("birth", "the same", 9.0),
    ]
    why = [{"field": f, "found": w, "bits": b} for f, w, b in [*parts, ("number", number, 9.0)]]
    pairs = pa.Table.from_pylist([{"left": 0, "right": 1, "bits": 14.0, "why": why}], schema=PAIRS)
    assert decide(pairs).to_pylist() == [expected]


def test_exchanged_names_are_one_person(known: Any) -> None:
    one = {
        "first_name": "Marta",
        "last_name": "Vogelmann",
        "date_of_birth": "1980-05-06",
        "email": "mv@example.org",
    }
    other = {**one, "first_name": "Vogelmann", "last_name": "Marta"}
    assert weigh([one, other], known)[1] == [AUTOMATIC]


def test_records_with_everything_missing_are_nobody(known: Any) -> None:
    full = {
        "first_name": "Rosa",
        "last_name": "Huber",
        "email": "rosa@example.org",
        "date_of_birth": "1977-01-09",
    }
    sides, decisions, _ = weigh([{}, {}, {}, full, full], known)
    assert (sides, decisions) == ([(3, 4)], [AUTOMATIC])


def test_names_in_other_scripts_are_compared_as_any(known: Any) -> None:
    rows = [
        {"first_name": "Ольга", "last_name": "Смирнова", "date_of_birth": "1985-03-04", "email": "olga@example.org"},
        {"first_name": "ОЛЬГА", "last_name": "Смирнова", "date_of_birth": "04.03.1985", "email": "olga@example.org"},
        {"first_name": "伟", "last_name": "王", "date_of_birth": "1990-01-01", "phone": "13800138000"},
        {"first_name": "伟", "last_name": "王", "date_of_birth": "1990-01-01", "phone": "+86 138 0013 8000"},
        {"first_name": "محمد", "last_name": "حسن", "date_of_birth": "1972-07-07"},
    ]  # fmt: skip
    sides, decisions, _ = weigh(rows, known)
    joined = {side for side, decision in zip(sides, decisions, strict=True) if decision == AUTOMATIC}
    assert joined == {(0, 1), (2, 3)}


def test_junk_is_missing_and_not_evidence() -> None:
    dice = random.Random(3)
    rows = [person(dice) for _ in range(60)]
    for at, row in enumerate(rows):
        if at % 3 == 0:
            row["email"] = "none@none.com"
        if at % 2:
            row["phone"] = "0300 111222"  # one shop's number on half of the records
        if at % 5 == 0:
            row["date_of_birth"] = "2093-01-01"
    people = pa.Table.from_pylist(rows)
    table = tidy(people, columns_of(people.column_names), TODAY)
    assert "none@none.com" not in table["email"].to_pylist()
    assert table["email"].null_count == 20
    assert table["phone"].null_count == 30
    assert table["birth"].null_count == 12


def test_nobody_is_joined_by_an_address_that_a_third_of_all_give() -> None:
    people, truth = town(120, seed=11)
    mails = [("none@none.com" if at % 3 == 0 else m) for at, m in enumerate(people["email"].to_pylist())]
    people = people.set_column(people.column_names.index("email"), "email", pa.array(mails))
    found = evaluate(link(people, today=TODAY).clusters.tolist(), truth)
    assert found["over_merged"] == 0


def test_new_records_get_the_same_weights_as_if_all_were_scored_at_once(known: Any) -> None:
    people, _, linked = known
    table = tidy(people, linked.columns, TODAY)
    new = set(range(0, table.num_rows, 9))
    whole = score(table, linked.model).pairs
    some = score(table, linked.model, new=new).pairs
    key = lambda t: {(r["left"], r["right"]): round(r["bits"], 6) for r in t.to_pylist()}  # noqa: E731
    wanted = {pair: bits for pair, bits in key(whole).items() if new & set(pair)}
    assert key(some) == wanted
    assert wanted


def test_the_number_of_pairs_stays_within_the_budget() -> None:
    rows = 20_000
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "record": pa.array(range(rows)),
            "surname": pa.array(
                np.where(rng.random(rows) < 0.5, "smith", rng.integers(0, 2000, rows).astype(str))
            ),
            "city": pa.array(["london"] * rows),
        }
    )
    blocked, pairs, _ = block(table, budget=50_000)
    assert sum(pairs.values()) <= 50_000
    assert "smith" not in {
        s
        for s, b in zip(blocked["surname"].to_pylist(), blocked["block_0"].to_pylist(), strict=True)
        if b is not None
    }


def test_dates_are_read_in_the_order_their_column_is_written_in() -> None:
    american = pa.table({"dob": ["03/25/1980", "12/11/1990", None]})
    european = pa.table({"dob": ["25.03.1980", "12.11.1990", None]})
    read = lambda t: tidy(t, columns_of(t.column_names), TODAY)["birth"].to_pylist()  # noqa: E731
    assert read(american) == ["19800325", "19901211", None]
    assert read(european) == ["19800325", "19901112", None]


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(Refused, match="no column says who"):
        link(pa.table({"colour": ["red"]}), today=TODAY)
    with pytest.raises(NotReady, match="at least 20"):
        link(pa.table({"email": ["a@x.example"]}), today=TODAY)
    with pytest.raises(Refused, match=r"0\.5"):
        Thresholds(0.9, 0.95)


def test_a_table_in_which_nobody_is_twice_joins_nobody() -> None:
    dice = random.Random(5)
    people = pa.Table.from_pylist([person(dice) for _ in range(40)])
    linked = link(people, today=TODAY)
    assert len(set(linked.clusters.tolist())) == 40


def test_learning_is_repeatable(known: Any) -> None:
    people, _, linked = known
    again_learned = learn(tidy(people, linked.columns, TODAY))
    for one, other in zip(linked.model["comparisons"], again_learned["comparisons"], strict=True):
        for a, b in zip(one["comparison_levels"][1:], other["comparison_levels"][1:], strict=True):
            assert a["m_probability"] == pytest.approx(b["m_probability"], rel=1e-6)


def test_intervals_count_people_and_not_pairs() -> None:
    # Ten people of ten records each, two of them not found at all.
    truth = [person for person in range(10) for _ in range(10)]
    found = [person if person > 1 else 100 + at for at, person in enumerate(truth)]
    judged = evaluate(found, truth)["pairs"]
    low, high = judged["intervals"]["recall"]
    assert judged["recall"] == 0.8 and judged["n"] == 450
    assert low < 0.55 and high > 0.92, "as wide as ten people allow, not 450 pairs"
    assert evaluate(truth, truth)["pairs"]["intervals"]["recall"][0] < 0.8


def test_groups_that_hang_together_by_either_side_are_one_unit() -> None:
    judged = evaluate([0, 0, 1, 1, 2, 3], [0, 1, 1, 2, 3, 3])
    assert judged["pairs"]["precision"] == 0.0 and judged["pairs"]["intervals"]["precision"][1] > 0.7
    assert judged["over_merged"] == 0.5
    low, high = judged["over_merged_interval"]
    assert low < 0.5 < high


def test_recall_is_estimated_by_hiding_an_identifier() -> None:
    people, truth = town()
    held = hold_out(people, "email", today=TODAY)
    recall = held["recall"]
    assert recall["units"] >= 30 and recall["low"] < recall["estimate"] <= recall["high"]
    real = evaluate(link(people.drop_columns(["email"]), today=TODAY).clusters.tolist(), truth)
    assert recall["low"] < real["pairs"]["recall"] <= recall["high"], (
        "the estimate misses what the labels say"
    )
    groups = {row["group"]: row for row in held["groups"]}
    assert groups["birth not told by both"]["n"] < recall["n"]
    assert groups["birth not told by both"]["estimate"] <= recall["estimate"]
    with pytest.raises(Refused, match="expected one of"):
        hold_out(people, "number", today=TODAY)
    with pytest.raises(NotReady, match="30 people"):
        hold_out(people.slice(0, 40), "email", today=TODAY)


def test_recall_by_letters_of_the_name() -> None:
    table = pa.table(
        {
            "name": [["ольга петрова", "анна rossi", None][at % 3] for at in range(120)],
            "birth": ["19800101"] * 120,
            "email": [f"e{at // 2}@example.org" for at in range(120)],
        }
    )
    held = held_out(table, "email", lambda rest: np.arange(120) // 2)
    groups = {row["group"]: row["estimate"] for row in held["groups"]}
    assert set(groups) == {"names in Latin letters", "name not told by both"}
    assert held["recall"]["estimate"] == 1.0 and held["recall"]["low"] < 0.95


HOME = {
    "first_name": "Zacharias", "last_name": "Quattrocchi", "date_of_birth": "1991-02-03",
    "address": "12 weber street", "postcode": "20121", "email": "zq@example.org",
}  # fmt: skip
MANY = 1500
"""More than a block may hold."""


def with_rows(rows: list[dict[str, Any]]) -> tuple[pa.Table, int]:
    """Give the town with more people in it, and where they begin."""
    people, _ = town()
    added = pa.Table.from_pylist(
        [{f: row.get(f) for f in people.column_names} for row in rows], people.schema
    )
    return pa.concat_tables([people, added]), people.num_rows


def test_however_many_equal_records_are_one_person() -> None:
    people, first = with_rows([HOME] * MANY + [{**HOME, "first_name": "Zachari"}])
    linked = link(people, today=TODAY)
    assert len(set(linked.clusters[first:].tolist())) == 1
    assert not set(linked.clusters[:first].tolist()) & set(linked.clusters[first:].tolist())
    of_them = linked.pairs.filter(pc.greater_equal(linked.pairs["left"], first))
    assert sorted(of_them["right"].to_pylist()) == list(range(first + 1, first + MANY + 1)), (
        "each with the first"
    )
    assert linked.left_out.records == 0


def test_equal_records_teach_no_more_than_one() -> None:
    people, truth = town()
    crowd, first = with_rows([HOME] * MANY)
    found = evaluate(link(crowd, today=TODAY).clusters[:first].tolist(), truth)["pairs"]
    alone = evaluate(link(people, today=TODAY).clusters.tolist(), truth)["pairs"]
    assert found["precision"] >= 0.99
    assert found["recall"] == pytest.approx(alone["recall"], abs=0.03)


def test_equal_records_with_nothing_but_a_name_or_nothing_at_all_stay_apart() -> None:
    named = {"first_name": "Zacharias", "last_name": "Quattrocchi"}
    people, first = with_rows([named] * MANY + [{}] * MANY)
    linked = link(people, today=TODAY)
    assert len(set(linked.clusters[first:].tolist())) == 2 * MANY
    assert not linked.pairs.filter(pc.greater_equal(linked.pairs["right"], first)).num_rows


def test_twins_that_are_there_many_times_stay_two() -> None:
    home = {**HOME, "email": None}
    people, first = with_rows([home, {**home, "first_name": "Oliviero"}] * MANY)
    clusters = link(people, today=TODAY).clusters[first:].tolist()
    assert clusters == clusters[:2] * MANY and clusters[0] != clusters[1]


def test_a_name_is_as_frequent_as_all_its_records_say(known: Any) -> None:
    other = {**HOME, "email": None, "first_name": "Zacharia"}
    rare = weigh([HOME, other], known)[2]["bits"].to_pylist()
    alike = {"last_name": "Quattrocchi", "postcode": "99999"}
    common = weigh([HOME, other] + [alike] * MANY, known)[2].to_pylist()
    bits = [
        row["bits"] for row in common if (row["right"] - row["left"], row["left"]) == (1, known[0].num_rows)
    ]
    assert len(rare) == len(bits) == 1 and bits[0] < rare[0] - 2


def test_new_copies_of_known_records_are_found(known: Any) -> None:
    people, _, linked = known
    table = tidy(pa.concat_tables([people, people.slice(0, 40), people.slice(0, 40)]), linked.columns, TODAY)
    new = set(range(people.num_rows + 10, table.num_rows)) | {3}
    whole, some = (score(table, linked.model, new=n).pairs.to_pylist() for n in (None, new))
    found = {(r["left"], r["right"]): round(r["bits"], 6) for r in some}
    assert found == {
        (r["left"], r["right"]): round(r["bits"], 6) for r in whole if new & {r["left"], r["right"]}
    }
    assert {(5, people.num_rows + 45), (3, people.num_rows + 3)} <= set(found)


def test_who_is_compared_with_nobody_is_counted() -> None:
    lone = [
        {"last_name": "Quattrocchi", "address": f"{NUMBERED[at % 26]}{at} {at**3} road"} for at in range(MANY)
    ]
    people, _ = with_rows(lone)
    left_out = link(people, today=TODAY).left_out
    assert left_out.records == left_out.by["surname"] > 1000
