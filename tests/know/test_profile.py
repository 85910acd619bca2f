from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from people_rows import arrivals, keys

from allears.desk import Desk
from allears.know.correct import correct
from allears.know.graph import Graph
from allears.know.profile import Profiles

pytestmark = pytest.mark.both_desks


class Box:
    """A vault that hides with a mask, counts what it sealed and can lose a key."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.sealed, self.lost = desk, 0, set[str]()

    def seal(self, subjects: Sequence[str], plain: Sequence[bytes | None], field: str) -> list[bytes | None]:
        with (
            self.desk.session()
        ):  # as the real one: its keys are in the same desk, so it needs the desk's turn
            self.sealed += len(subjects)
        return [None if p is None else self._mask(s, p) for s, p in zip(subjects, plain, strict=True)]

    def open(self, subjects: Sequence[str], sealed: Sequence[bytes | None], field: str) -> list[bytes | None]:
        with self.desk.session():
            return [
                None if s in self.lost or b is None else self._mask(s, b)
                for s, b in zip(subjects, sealed, strict=True)
            ]

    def _mask(self, subject: str, data: bytes) -> bytes:
        key = subject.encode()
        return bytes(b ^ key[i % len(key)] for i, b in enumerate(data))


@pytest.fixture
def box(desk: Desk) -> Box:
    return Box(desk)


@pytest.fixture
def open_profiles(desk: Desk, box: Box) -> Callable[..., Profiles]:
    def make(**options: Any) -> Profiles:
        return Profiles(desk, box.seal, box.open, **options)

    return make


def told(*values: tuple[str, str]) -> list[dict[str, str]]:
    return [{"type": t, "value": v} for t, v in values]


def test_what_was_told_is_known_in_another_process_and_nowhere_in_clear(
    graph: Graph, desk: Desk, open_profiles: Callable[..., Profiles]
) -> None:
    rows = [
        {"email": "ada@x.example", "user_id": "u-17"},
        {"user_id": "u-17", "handle": "net:@ada_l"},
        {"user_id": "u-18"},
    ]
    batch = arrivals(
        *rows,
        personal=[told(("name", "Ada Lovelace")), told(("name", "李明"), ("address", "1 High St")), None],
    )
    found = graph.identify(batch).customer_key
    assert open_profiles().learn(batch, found) == 1
    ada, again, other = open_profiles().known(found)
    assert set(ada or ()) == {
        ("name", "Ada Lovelace"), ("name", "李明"), ("address", "1 High St"), ("email", "ada@x.example"), ("handle", "ada_l"),
    }  # fmt: skip
    assert ada == again and other == []
    with desk.engine.connect() as connection:
        dump = str(list(connection.exec_driver_sql("SELECT * FROM identity_profiles")))
    assert "Ada" not in dump and "ada@" not in dump


def test_only_what_changed_is_sealed_again(
    graph: Graph, box: Box, open_profiles: Callable[..., Profiles]
) -> None:
    rows = [{"email": f"p{i}@x.example"} for i in range(50)]
    batch = arrivals(*rows)
    found = graph.identify(batch).customer_key
    profiles = open_profiles()
    assert profiles.learn(batch, found) == 50
    assert profiles.learn(batch, found) == 0
    one = arrivals(rows[0], personal=[told(("name", "Ada"))])
    assert open_profiles().learn(one, found.slice(0, 1)) == 1
    assert box.sealed == 51


def test_no_type_grows_without_end_and_the_oldest_value_goes(
    graph: Graph, open_profiles: Callable[..., Profiles]
) -> None:
    batch = arrivals(*[{"user_id": "u-17"}] * 40, personal=[told(("name", f"Name {i}")) for i in range(40)])
    found = graph.identify(batch).customer_key
    profiles = open_profiles(values_per_type=12)
    profiles.learn(batch, found)
    assert profiles.of(str(found[0]))["name"] == [f"Name {i}" for i in range(28, 40)]


def test_junk_and_overlong_values_are_not_learnt(
    graph: Graph, open_profiles: Callable[..., Profiles]
) -> None:
    row = [("user_id", "u-17"), ("email", "none@none.com"), ("handle", "@")]
    batch = arrivals(
        row, personal=[told(("name", " n/a "), ("name", ""), ("name", "y" * 600), ("phone", " 555-0143 "))]
    )
    found = graph.identify(batch).customer_key
    profiles = open_profiles()
    profiles.learn(batch, found)
    assert profiles.of(str(found[0])) == {"phone": ["555-0143"]}


def test_customers_that_become_one_are_known_together_and_parted_again(
    graph: Graph, open_profiles: Callable[..., Profiles]
) -> None:
    batch = arrivals({"email": "ada@x.example"}, {"handle": "net:ada_l"})
    found = graph.identify(batch).customer_key
    old, young = found.to_pylist()
    profiles = open_profiles()
    profiles.learn(batch, found)
    merge = graph.merge(old, young, "", "sam")
    assert profiles.of(old) == {"email": ["ada@x.example"], "handle": ["ada_l"]}
    assert profiles.of(young) == {}
    graph.unmerge(merge)
    assert profiles.of(old) == {"email": ["ada@x.example"]}
    assert profiles.of(young) == {"handle": ["ada_l"]}


def test_forgetting_takes_the_profile_out_of_desk_and_memory(
    graph: Graph, desk: Desk, open_profiles: Callable[..., Profiles]
) -> None:
    batch = arrivals({"email": "ada@x.example"}, {"email": "bob@x.example"})
    found = graph.identify(batch).customer_key
    profiles = open_profiles()
    profiles.learn(batch, found)
    with desk.session() as session:
        assert graph.forget(session, str(found[0]))["profiles"] == 1
    assert profiles.known(found) == [[], [("email", "bob@x.example")]]


def test_a_destroyed_key_hides_the_profile_and_breaks_nothing(
    graph: Graph, box: Box, open_profiles: Callable[..., Profiles]
) -> None:
    batch = arrivals({"email": "ada@x.example"})
    found = graph.identify(batch).customer_key
    open_profiles().learn(batch, found)
    box.lost = {str(found[0])}
    assert open_profiles().known(found) == [[]]


def test_rows_of_nobody_know_what_they_say_themselves(open_profiles: Callable[..., Profiles]) -> None:
    batch = arrivals({}, {}, personal=[told(("name", "Ada")), None])
    nobody = pa.nulls(2, pa.string())
    assert open_profiles().known(nobody) == [None, None]
    assert open_profiles().known(nobody, batch) == [[("name", "Ada")], None]
    assert open_profiles().learn(batch, nobody) == 0


def test_memory_stays_bounded_and_what_left_it_comes_back(
    graph: Graph, open_profiles: Callable[..., Profiles]
) -> None:
    batch = arrivals(*({"email": f"p{i}@x.example"} for i in range(1200)))
    found = graph.identify(batch).customer_key
    profiles = open_profiles(remembered=10)
    profiles.learn(batch, found)
    assert profiles.known(found) == [[("email", f"p{i}@x.example")] for i in range(1200)]
    assert len(profiles._subjects) == 10


def test_a_seal_that_fails_teaches_nothing(graph: Graph, desk: Desk, box: Box) -> None:
    def broken(*_: object) -> list[bytes | None]:
        raise OSError("no key")

    batch = arrivals({"email": "ada@x.example"})
    found = graph.identify(batch).customer_key
    profiles = Profiles(desk, broken, box.open)
    with pytest.raises(OSError, match="no key"):
        profiles.learn(batch, found)
    assert profiles.known(found) == [[]]
    assert keys(graph, {"email": "ada@x.example"}) == found.to_pylist()


def test_a_correction_between_reading_and_writing_is_not_written_over(
    graph: Graph, desk: Desk, box: Box, open_profiles: Callable[..., Profiles]
) -> None:
    profiles = open_profiles()

    def learn(name: str) -> str:
        batch = arrivals({"email": "ada@x.example"}, personal=[told(("name", name))])
        who = graph.identify(batch).customer_key
        profiles.learn(batch, who)
        return str(who[0])

    customer, seal, done = learn("Ada Wrong"), box.seal, list[int]()

    def meanwhile(*given: Any) -> list[bytes | None]:
        sealed = seal(*given)
        if not done:
            done.append(1)
            correct(
                desk,
                seal,
                box.open,
                customer,
                "name",
                wrong="ada wrong",
                right="Ada Right",
                region="US",
                at=datetime.now(UTC),
                note=lambda s, n: done.append(n),
            )
        return sealed

    profiles._seal = meanwhile
    learn("Ada Third")
    assert done == [1, 1]
    assert open_profiles().of(customer)["name"] == profiles.of(customer)["name"] == ["Ada Right", "Ada Third"]
