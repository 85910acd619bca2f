"""Standings: kept up with, they are what they would be if worked out anew, whatever happened and in whichever process."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.conftest import keyed
from tests.know.people_rows import arrivals, digest

from allears.desk import Desk
from allears.desk.identity import Identifier
from allears.desk.rights import Restriction
from allears.errors import NotFound, Refused
from allears.guard import standings, word_columns
from allears.guard.consent import RANKS, STATES, State, Word, forget_words, note_words, standing
from allears.guard.permit import Gate
from allears.guard.purpose import Purpose
from allears.guard.standings import Standings, Stood, coverage
from allears.know.graph import Graph

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)
PURPOSES: tuple[Purpose, ...] = ("marketing", "analytics")
NAMES = [("email", f"p{n}@x.example") for n in range(8)] + [("device", f"device{n}") for n in range(8)]


def hashed(name: tuple[str, str]) -> str:
    return digest(name[0], [name[1]])[0]


class Process:
    """What one process knows of a desk that others change too."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.graph = desk, Graph(desk, digest)
        self.gate = Gate(desk, today=self.graph.resolve_keys)


class History:
    """Random acts, each by one of several processes."""

    def __init__(self, desks: list[Desk], chance: random.Random) -> None:
        self.processes = [Process(desk) for desk in desks]
        self.chance, self.merges, self.n = chance, list[str](), 0
        self.words: dict[str, set[tuple[datetime, State, Purpose]]] = {}

    @property
    def any(self) -> Process:
        return self.chance.choice(self.processes)

    def act(self) -> None:
        act = self.chance.choices(
            [self.say, self.meet, self.merge, self.undo, self.erase, self.restrict, self.lift],
            [8, 5, 4, 3, 2, 1, 1],
        )[0]
        act()

    def say(self) -> None:
        names = self.chance.sample(NAMES, self.chance.randint(1, 3))
        digests = tuple(map(hashed, names))
        state, purpose = self.chance.choice(STATES), self.chance.choice(PURPOSES)
        self.n += 1
        at = NOON + timedelta(hours=self.chance.randint(0, 3))
        with self.any.desk.session() as session:
            note_words(session, [Word(digests, purpose, state, at, "test", "test", str(self.n))], NOON)
        for one in digests:
            self.words.setdefault(one, set()).add((at, state, purpose))

    def meet(self) -> None:
        """Identifiers are seen together, or one for the first time."""
        self.n += 1
        some = dict(self.chance.sample(NAMES, self.chance.randint(1, 2)))
        self.any.graph.identify(arrivals(some, at=[self.n]))

    def _customers(self) -> list[str]:
        with self.processes[0].desk.reading() as session:
            return sorted(set(session.scalars(select(Identifier.customer))))

    def merge(self) -> None:
        customers = self._customers()
        if len(customers) > 1:
            try:
                self.merges.append(self.any.graph.merge(*self.chance.sample(customers, 2), "one", "sam"))
            except (Refused, NotFound):  # one of the two is gone, or a limit forbids it
                return

    def undo(self) -> None:
        if self.merges:
            merge = self.merges.pop(self.chance.randrange(len(self.merges)))
            try:
                self.any.graph.unmerge(merge)
            except (Refused, NotFound):  # one of the two was erased, or the number given again
                return

    def erase(self) -> None:
        customers = self._customers()
        if customers:
            going, process = self.chance.sample(customers, min(2, len(customers))), self.any
            digests = {d: c for c in going for d in process.graph.digests_of(c)}
            with process.desk.session() as session:
                forget_words(session, digests)
                process.graph.forget_each(session, {c: c for c in going})
            for one in digests:
                self.words.pop(one, None)

    def restrict(self) -> None:
        one = hashed(self.chance.choice(NAMES))
        name = f"r{self.chance.getrandbits(60):x}"
        with self.any.desk.session() as session:
            session.add(Restriction(id=name, digests=[one], why="", actor="test", since=NOON))

    def lift(self) -> None:
        with self.any.desk.session() as session:
            open_ones = session.scalars(select(Restriction).where(Restriction.lifted_at.is_(None))).all()
            if open_ones:
                self.chance.choice(open_ones).lifted_at = NOON

    def truth(self, purpose: Purpose) -> dict[str, str]:
        """Work out from the words alone how everybody stands."""
        said: dict[str, list[tuple[datetime, int]]] = {}
        with self.processes[0].desk.reading() as session:
            whose = dict(session.execute(select(Identifier.digest, Identifier.customer)).all())
        for one, words in self.words.items():
            if one in whose:
                said.setdefault(whose[one], []).extend((at, RANKS[s]) for at, s, p in words if p == purpose)
        return {
            customer: "withdrawn"
            if max(words)[1] and any(not rank for _, rank in words)
            else STATES[max(words)[1]]
            for customer, words in said.items()
            if words
        }


def told(stood: Stood) -> dict[str, str]:
    assert stood.customers.tolist() == sorted(set(stood.customers.tolist()))
    return {
        c.decode(): STATES[s] for c, s in zip(stood.customers.tolist(), stood.states.tolist(), strict=True)
    }


@pytest.fixture
def second(desk: Desk, tmp_path: Path) -> Iterator[Desk]:
    """The same desk as another process has it."""
    other = keyed(Desk(address(desk), tmp_path))
    yield other
    other.close()


def address(desk: Desk) -> str:
    return desk.engine.url.render_as_string(hide_password=False)


@pytest.mark.both_desks
@pytest.mark.parametrize("seed", range(4))
def test_kept_up_with_they_are_as_if_worked_out_anew(
    desk: Desk, second: Desk, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_up = list[int]()
    changed = standings._changed
    monkeypatch.setattr(
        standings, "_changed", lambda *given: kept_up.append(len(given[3])) or changed(*given)
    )
    monkeypatch.setattr(word_columns, "PAGE", 3)
    chance = random.Random(seed)
    history = History([desk, second], chance)
    kept = {
        (n, p): Standings(process.desk, p) for n, process in enumerate(history.processes) for p in PURPOSES
    }
    for _ in range(50):
        history.act()
        if chance.random() < 0.5:
            continue  # several acts between two looks
        for (n, purpose), standings_ in kept.items():
            assert told(standings_.now()) == history.truth(purpose), (n, purpose)
        fresh = Process(desk)
        for purpose in PURPOSES:
            expected = fresh.gate.bounds(purpose)
            for process in history.processes:
                assert process.gate.bounds(purpose) == expected
            reached = {
                key
                for customer, state in history.truth(purpose).items()
                if (state == "given") == expected.only
                for key in fresh.graph.keys_of(customer)
            }
            back = {
                key
                for one in fresh.gate.restricted(purpose)
                if one.startswith("c_")
                for key in fresh.graph.keys_of(one)
            }
            assert {*expected.keys.to_pylist()} == (reached - back if expected.only else reached | back)
    assert len(kept_up) > 10 and max(kept_up) > 1


def noted(desk: Desk, *names: tuple[str, str], state: State = "given", hour: int = 0) -> None:
    digests = tuple(map(hashed, names))
    with desk.session() as session:
        note_words(
            session, [Word(digests, "marketing", state, NOON + timedelta(hours=hour), "test", "test")], NOON
        )


@pytest.mark.both_desks
def test_after_a_word_a_merge_or_an_erasure_those_alone_whom_it_concerns_are_asked_about(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = Graph(desk, digest)
    graph.identify(arrivals(*({kind: value} for kind, value in NAMES), at=list(range(16))))
    for name in NAMES:
        noted(desk, name)
    kept = Standings(desk, "marketing")
    assert kept.now().counted() == {"given": 16, "refused": 0, "withdrawn": 0}
    asked = list[list[str]]()
    real = standings.standing_in
    monkeypatch.setattr(
        standings, "standing_in", lambda s, p, who: asked.append(list(who)) or real(s, p, who)
    )
    ids = [graph.customer_of(*name) or "" for name in NAMES]
    before = kept.now()
    noted(desk, NAMES[3], state="refused", hour=1)
    assert asked == [] and kept.now().counted() == {"given": 15, "refused": 0, "withdrawn": 1}
    assert kept.now() is not before and asked.pop() == [ids[3]]
    merge = graph.merge(ids[3], ids[4], "one", "sam")
    assert told(kept.now()).keys() == {*ids} - {ids[4]} and sorted(asked.pop()) == sorted([ids[3], ids[4]])
    graph.unmerge(merge)
    assert told(kept.now())[ids[4]] == "given" and sorted(asked.pop()) == sorted([ids[3], ids[4]])
    with desk.session() as session:
        forget_words(session, {hashed(NAMES[5]): ids[5]})
        graph.forget(session, ids[5])
    assert told(kept.now()).keys() == {*ids} - {ids[5]} and asked.pop() == [ids[5]]
    before = kept.now()
    graph.identify(arrivals({"email": "new@x.example"}, at=[20]))
    assert kept.now() is before and asked == [], "somebody came who never said anything"


@pytest.mark.both_desks
def test_a_number_given_twice_is_noticed(desk: Desk) -> None:
    """SQLite gives the number of the newest row again once it is deleted."""
    graph = Graph(desk, digest)
    graph.identify(arrivals(*({kind: value} for kind, value in NAMES[:3]), at=[1, 2, 3]))
    noted(desk, NAMES[0])
    noted(desk, NAMES[1])
    kept = Standings(desk, "marketing")
    ids = [graph.customer_of(*name) or "" for name in NAMES[:3]]
    assert told(kept.now()) == {ids[0]: "given", ids[1]: "given"}
    with desk.session() as session:
        forget_words(session, {hashed(NAMES[1]): ids[1]})
        graph.forget(session, ids[1])
    noted(desk, NAMES[2], state="refused")
    assert told(kept.now()) == {ids[0]: "given", ids[2]: "refused"}


@pytest.mark.both_desks
def test_whoever_comes_back_under_the_same_id_counts(desk: Desk) -> None:
    graph = Graph(desk, digest)
    graph.identify(arrivals(*({kind: value} for kind, value in NAMES[:2]), at=[1, 2]))
    kept = Standings(desk, "marketing")
    noted(desk, NAMES[0])
    noted(desk, NAMES[1])
    ids = [graph.customer_of(*name) or "" for name in NAMES[:2]]
    assert told(kept.now()) == dict.fromkeys(ids, "given")
    with desk.session() as session:
        forget_words(session, {hashed(NAMES[0]): ids[0]})
        graph.forget(session, ids[0])
    noted(desk, NAMES[0], state="refused")
    assert told(kept.now()) == {ids[1]: "given"}, "nobody is known by that yet"
    graph.identify(arrivals(dict(NAMES[:1]), at=[3]))
    assert told(kept.now()) == {ids[0]: "refused", ids[1]: "given"}


@pytest.mark.both_desks
def test_what_is_told_of_everybody_is_what_is_told_of_each(desk: Desk) -> None:
    chance = random.Random(3)
    history = History([desk], chance)
    for _ in range(80):
        history.act()
    for purpose in PURPOSES:
        everybody = told(Standings(desk, purpose).now())
        each = standing(desk, purpose, history._customers())
        assert everybody == {customer: held.state for customer, held in each.items()}
        counted = coverage(desk, Standings(desk, purpose).now())
        assert counted["n"] == len(history._customers()) == sum(counted[s] for s in (*STATES, "unknown"))


WRITER = """
import sys, random
from pathlib import Path
from tests.conftest import keyed
from tests.guard.test_standings import History
from allears.desk import Desk
url, folder, seed = sys.argv[1:]
desk = keyed(Desk(url, Path(folder)))
history = History([desk], random.Random(int(seed)))
for _ in range(25):
    history.act()
desk.close()
"""


@pytest.mark.both_desks
def test_others_write_at_the_same_time(desk: Desk, tmp_path: Path) -> None:
    mine = Process(desk)
    kept = {p: Standings(desk, p) for p in PURPOSES}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, address(desk), str(tmp_path), str(seed)], cwd=ROOT)
        for seed in (1, 2, 3)
    ]
    while any(writer.poll() is None for writer in writers):
        for purpose in PURPOSES:
            kept[purpose].now()
            mine.gate.bounds(purpose)
        time.sleep(0.02)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    mine.graph.identify(arrivals(dict(NAMES[:1]), at=[1_000]))
    noted(desk, NAMES[0], hour=9)
    for purpose in PURPOSES:
        assert told(kept[purpose].now()) == told(Standings(desk, purpose).now())
        assert mine.gate.bounds(purpose) == Process(desk).gate.bounds(purpose)
    customer = mine.graph.customer_of(*NAMES[0]) or ""
    assert told(kept["marketing"].now())[customer] == "given"
