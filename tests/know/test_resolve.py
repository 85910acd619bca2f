from __future__ import annotations

import random

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from allears.know import Limits, resolve
from allears.know.identifiers import PEOPLE
from allears.know.resolve import FIELDS


def test_records_that_share_an_identifier_through_others_are_one_person() -> None:
    people = [
        {"Email": "Ada@x.example"},
        {"email": "bob@x.example", "mobile": "(202) 555-0143"},
        {"e-mail": "ada@x.example", "phone": "+12025550143"},
        {"name": "Ada", "email": None},
        {"email": ["", "bob@x.example"], "user_id": 17},
        {"customer_id": "17"},
    ]
    assert resolve(people) == [0, 0, 0, 1, 0, 0]


def test_names_and_unknown_fields_join_nobody() -> None:
    assert resolve([{"name": "李明", "city": "Ulm"}, {"name": "李明", "city": "Ulm"}, {}]) == [0, 1, 2]


def test_a_table_is_read_like_its_rows() -> None:
    table = pa.table({"email": ["a@x.example", None, "A@x.example"], "n": [1, 2, 3]})
    assert resolve(table) == resolve(table.to_pylist()) == [0, 1, 0]
    assert resolve([]) == resolve(table.slice(0, 0)) == []


def test_two_user_ids_stay_two_and_limits_can_be_set() -> None:
    same = [{"user_id": f"u{i}", "email": "home@x.example"} for i in range(2)]
    assert resolve(same) == [0, 1]
    loose = Limits(Limits().per_type | {"user_id": 5})
    assert resolve(same, limits=loose) == [0, 0]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["email", "phone", "user_id"]), st.integers(0, 4), max_size=3),
        max_size=12,
    ),
    st.randoms(),
)
def test_the_order_of_records_changes_no_cluster(drawn: list[dict[str, int]], chance: random.Random) -> None:
    forms = {"email": "p{}@x.example", "phone": "+1202555014{}", "user_id": "u{}"}
    records = [{k: forms[k].format(v) for k, v in one.items()} for one in drawn]
    order = list(range(len(records)))
    chance.shuffle(order)
    straight, shuffled = resolve(records), resolve([records[i] for i in order])
    pairs = {(straight[i], shuffled[place]) for place, i in enumerate(order)}
    assert len(pairs) == len(set(straight)) == len(set(shuffled))


def test_each_type_of_person_has_fields() -> None:
    assert set(FIELDS) == set(PEOPLE)
