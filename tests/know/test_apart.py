"""Who is kept apart by hand stays two, whatever arrives and in whatever order, until that is taken back."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people_rows import arrivals, digest, household, keys, partition

from allears.clock import SetClock
from allears.desk import Desk
from allears.errors import NotFound, Refused
from allears.know.components import Components
from allears.know.graph import Graph
from allears.know.limits import Limits

MAIL, PHONE = {"email": "ada@x.example"}, {"phone": "+12025550143"}
SAID = "a person said that these are two"


def two(graph: Graph) -> tuple[str, str]:
    one, other = keys(graph, MAIL, PHONE)
    return str(one), str(other)


def one(graph: Graph) -> bool:
    return graph.customer_of("email", MAIL["email"]) == graph.customer_of("phone", PHONE["phone"])


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_any_history_taken_back_leaves_customers_as_if_it_had_never_been(
    tmp_path_factory: pytest.TempPathFactory,
    desk_in: Callable[[Path], Desk],
    clock: SetClock,
    chance: random.Random,
) -> None:
    desks = [desk_in(tmp_path_factory.mktemp("desk")) for _ in range(2)]
    # The others are processes of one desk.
    plain, handled, other, anew = (
        Graph(desks[n], digest, clock=clock, limits=Limits(shared_by=4)) for n in (0, 1, 1, 1)
    )
    acts: list[str] = []
    sides: dict[str, tuple[set[str], set[str]]] = {}
    for start in range(6):
        events = household(chance, 8)
        for graph in (plain, chance.choice((handled, other))):
            graph.identify(arrivals(*(ids for _, ids in events), at=[at + start for at, _ in events]))
        before = partition(handled)
        everybody = sorted(set(before.values()))
        if len(everybody) < 2:
            continue
        pair = chance.sample(everybody, 2)
        deed = chance.choice(("merge", "keep_apart", "keep_apart"))
        try:
            act = getattr(chance.choice((handled, other)), deed)(*pair, "because", "sam")
        except Refused:
            assert partition(other) == before
            continue
        if deed == "keep_apart":
            assert partition(other) == before, "two who are two stay as they are"
            sides[act] = tuple({d for d, c in before.items() if c == customer} for customer in pair)  # type: ignore[assignment]
        if chance.random() < 0.3:
            chance.choice((handled, other)).unmerge(act)
            sides.pop(act, None)
            assert partition(handled) == before
        else:
            acts.append(act)
        now = partition(other)
        for left, right in sides.values():
            assert not {now[d] for d in left} & {now[d] for d in right}
    assert partition(handled) == partition(other) == partition(anew)
    chance.shuffle(acts)
    for act in acts:
        chance.choice((handled, other)).unmerge(act)
    assert partition(handled) == partition(other) == partition(plain)


@pytest.mark.both_desks
def test_an_identifier_both_are_seen_with_joins_nobody_who_is_kept_apart(
    graph: Graph, open_graph: Callable[..., Graph]
) -> None:
    ada, bob = two(graph)
    elsewhere = open_graph()
    assert elsewhere.kept_apart(ada, bob) == []
    act = graph.keep_apart(ada, bob, "two sisters", "sam")
    assert elsewhere.kept_apart(bob, ada) == graph.kept_apart(ada, bob) == [act]
    before = partition(graph)
    shared = {"handle": "net:both"}
    keys(elsewhere, MAIL | PHONE, MAIL | shared, PHONE | shared)
    assert not one(graph) and not one(elsewhere) and not one(open_graph())
    assert {d: c for d, c in partition(graph).items() if d in before} == before
    assert set(graph.refusals()["reason"].to_pylist()) == {SAID}
    with pytest.raises(Refused, match=f"{SAID}; take that back first: {act}"):
        graph.merge(ada, bob, "I know better", "kim")
    assert graph.foresee(ada, bob)[1].startswith(SAID)
    elsewhere.unmerge(act, "kim")
    assert one(graph) and one(open_graph()), "taken back, what was seen counts"
    assert graph.refusals().num_rows == 0 and graph.kept_apart(ada, bob) == []
    told = graph.acts()[0]
    assert (told["did"], told["why"], told["undone_by"]) == ("apart", "two sisters", "kim")


def test_who_becomes_one_with_either_is_kept_from_the_other(graph: Graph) -> None:
    ada, bob = two(graph)
    act = graph.keep_apart(ada, bob, "two sisters", "sam")
    third, fourth = (
        str(k) for k in keys(graph, {"handle": "net:carla"}, {"handle": "net:dora"}, at=[-20, -10])
    )
    graph.merge(ada, third, "her handle", "sam")  # the third is older: the customer has another name now
    graph.merge(bob, fourth, "hers too", "sam")
    with pytest.raises(Refused, match=SAID):
        graph.merge(third, fourth, "they look alike", "sam")
    assert graph.kept_apart(third, fourth) == [act]
    # Whoever parts from one of the two is kept from the other as before.
    graph.unmerge(next(a["act"] for a in graph.acts() if a["act"].startswith("merge")))
    assert graph.kept_apart(third, bob) == [act]
    assert graph.kept_apart(third, fourth) == []


def test_all_that_was_known_of_either_is_kept_apart_and_not_the_oldest_alone(graph: Graph) -> None:
    # A browser is the oldest of her identifiers, and the one that is let go first.
    keys(graph, {"anonymous_id": "b1"}, {"anonymous_id": "b1"} | MAIL, PHONE)
    ada, bob = graph.customer_of("email", MAIL["email"]), graph.customer_of("phone", PHONE["phone"])
    graph.keep_apart(str(ada), str(bob), "two sisters", "sam")
    keys(graph, MAIL | PHONE)
    assert not one(graph)
    assert graph.customer_of("anonymous_id", "b1") == graph.customer_of("email", MAIL["email"])


def test_who_cannot_be_kept_apart_is_said(graph: Graph) -> None:
    ada, bob = two(graph)
    with pytest.raises(NotFound):
        graph.keep_apart(ada, "c_0123456789abcdef", "", "sam")
    act = graph.keep_apart(ada, bob, "", "sam")
    with pytest.raises(Refused, match=f"already .{act}"):
        graph.keep_apart(bob, ada, "", "sam")
    graph.unmerge(act)
    with pytest.raises(Refused, match="already"):
        graph.unmerge(act)
    graph.merge(ada, bob, "", "sam")
    with pytest.raises(Refused, match="one customer: part them first"):
        graph.keep_apart(ada, bob, "", "sam")
    assert graph.kept_apart(ada, "c_0123456789abcdef") == graph.kept_apart(ada, bob) == []


@pytest.mark.both_desks
def test_erasing_somebody_forgets_whom_they_were_kept_from(
    graph: Graph, desk: Desk, open_graph: Callable[..., Graph]
) -> None:
    ada, bob = two(graph)
    third = str(keys(graph, {"handle": "net:carla"})[0])
    graph.keep_apart(ada, bob, "two sisters", "sam")
    graph.keep_apart(bob, third, "two brothers", "sam")
    with desk.session() as session:
        assert graph.forget(session, ada)["acts"] == 1
    assert [a["why"] for a in graph.acts()] == ["two brothers"]
    keys(graph, MAIL | PHONE)  # numbers of the erased are given out again
    for one_graph in (graph, open_graph()):
        assert one(one_graph)
        assert len(one_graph.kept_apart(bob, third)) == 1


def test_who_was_one_of_two_and_is_erased_alone_leaves_the_others_apart(graph: Graph, desk: Desk) -> None:
    ada, bob = two(graph)
    third = str(keys(graph, {"handle": "net:carla"}, at=[-10])[0])
    merge = graph.merge(ada, third, "her handle", "sam")
    act = graph.keep_apart(ada, bob, "two sisters", "sam")  # named by the handle, which is older
    graph.unmerge(merge)
    with desk.session() as session:
        graph.forget(session, third)
    assert graph.kept_apart(ada, bob) == [act]
    told = next(a for a in graph.acts() if a["act"] == act)
    assert {told["left"], told["right"]} == {ada, bob}


def test_a_word_whose_one_side_is_erased_keeps_nobody_apart_under_the_number_of_another(
    graph: Graph, desk: Desk, open_graph: Callable[..., Graph]
) -> None:
    ada, bob = two(graph)
    third, fourth = (str(k) for k in keys(graph, {"handle": "net:carla"}, {"handle": "net:dora"}))
    gone = graph.keep_apart(ada, bob, "two sisters", "sam")
    with desk.session() as session:
        graph.forget(session, ada)
    # Nor is its name given out again: it stands in the audit, and with whoever was told it.
    assert graph.keep_apart(third, fourth, "two brothers", "sam") != gone
    with pytest.raises(NotFound):
        graph.unmerge(gone)
    for one_graph in (graph, open_graph()):
        assert one_graph.kept_apart(third, bob) == one_graph.kept_apart(fourth, bob) == []
    graph.merge(third, bob, "her handle", "sam")


def test_a_desk_is_read_in_as_many_steps_however_many_are_kept_apart(
    graph: Graph, open_graph: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [str(k) for k in keys(graph, *({"handle": f"net:h{n}"} for n in range(9)))]
    steps = []
    touch = Components._touch
    monkeypatch.setattr(Components, "_touch", lambda self, *nodes: [steps.append(1), touch(self, *nodes)][1])
    taken: list[int] = []
    for left, right in pairwise(people):
        graph.keep_apart(left, right, "two friends", "sam")
        steps.clear()
        anew = open_graph()
        assert anew.kept_apart(left, right)
        taken.append(len(steps))
    assert len(set(taken)) == 1, taken
    assert all(anew.kept_apart(left, right) for left, right in pairwise(people))
