"""The fast clustering against a slow obvious one, and its independence of order."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allears.errors import Refused
from allears.know.clusters import APART, KINDS, REASONS, SIZE, Apart, Edges, Nodes, anchors, cluster
from allears.know.components import Components, keys_of
from allears.know.identifiers import PEOPLE
from allears.know.limits import Limits

TIGHT = Limits(
    {"user_id": 1, "email": 2, "phone": 2, "handle": 2, "device": 2, "anonymous_id": 3}, size=5, shared_by=2
)
LOOSE = Limits(dict.fromkeys(PEOPLE, 50), devices_join_people=True)

seen_together = st.lists(
    st.tuples(st.integers(0, 13), st.integers(0, 13), st.integers(0, 6)).filter(lambda e: e[0] != e[1]),
    max_size=30,
)


def nodes_of(kinds: list[int], first: list[int] | None = None) -> Nodes:
    ties = np.random.default_rng(0).permutation(1000)[: len(kinds)].astype(np.uint64)
    return Nodes(np.array(kinds, np.int8), np.array(first or [0] * len(kinds)), ties)


def edges_of(pairs: list[tuple[int, int, int]]) -> Edges:
    columns = [np.array([p[i] for p in pairs], np.int64) for i in range(3)]
    return Edges(*columns, np.zeros(len(pairs), np.bool_))


words = st.lists(
    st.tuples(
        st.sets(st.integers(0, 13), min_size=1, max_size=3),
        st.sets(st.integers(0, 13), min_size=1, max_size=3),
    )
    .map(lambda both: (both[0], both[1] - both[0]))
    .filter(lambda both: bool(both[1])),
    max_size=4,
)
"""Who is not one: any of the first with any of the second."""


def apart_of(said: list[tuple[set[int], set[int]]]) -> Apart:
    rows = [(x, 2 * n + side) for n, both in enumerate(said) for side, some in enumerate(both) for x in some]
    return Apart(*(np.array([row[i] for row in rows], np.int64) for i in range(2)))


def slowly(
    nodes: Nodes, pairs: list[tuple[int, int, int]], limits: Limits, said: list[tuple[set[int], set[int]]]
) -> set[frozenset[int]]:
    """Constrained Kruskal in the plainest words."""
    people = [{i} for i in range(len(nodes.kind))]
    kind = nodes.kind.tolist()
    tie = nodes.tie.tolist()

    def strength(pair: tuple[int, int, int]) -> tuple[int, ...]:
        a, b, at = pair
        return max(kind[a], kind[b]), min(kind[a], kind[b]), at, min(tie[a], tie[b]), max(tie[a], tie[b])

    for a, b, _ in sorted(pairs, key=strength):
        one, other = (next(p for p in people if x in p) for x in (a, b))
        if one is other:
            continue
        if any((one | other) & left and (one | other) & right for left, right in said):
            continue
        held = [PEOPLE[kind[i]] for i in one | other]
        weak = {PEOPLE[kind[a]], PEOPLE[kind[b]]} & {"device", "anonymous_id"}
        sole = [
            t
            for t in ("user_id", "email", "phone")
            if all(any(PEOPLE[kind[i]] == t for i in p) for p in (one, other))
        ]
        if any(held.count(t) > n for t, n in limits.per_type.items()):
            continue
        if len(held) - held.count("anonymous_id") > limits.size or (
            weak and sole and not limits.devices_join_people
        ):
            continue
        people.remove(other)
        one |= other
    return {frozenset(p) for p in people}


def parts(label: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(label == x).tolist()) for x in set(label.tolist())}


def distinct(pairs: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    best: dict[tuple[int, int], int] = {}
    for a, b, at in pairs:
        key = min(a, b), max(a, b)
        best[key] = min(at, best.get(key, at))
    return [(*key, at) for key, at in best.items()]


@settings(deadline=None)
@given(st.lists(st.integers(0, KINDS - 1), min_size=14, max_size=14), seen_together, words)
def test_fast_and_slow_agree(
    kinds: list[int], pairs: list[tuple[int, int, int]], said: list[tuple[set[int], set[int]]]
) -> None:
    pairs = distinct(pairs)
    for limits in (TIGHT, LOOSE, Limits()):
        _, label, state = cluster(nodes_of(kinds), edges_of(pairs), limits, apart_of(said))
        assert parts(label) == slowly(nodes_of(kinds), pairs, limits, said)
        for left, right in said:
            assert not {label[x] for x in left} & {label[x] for x in right}
        for (a, b, _), code in zip(pairs, state.tolist(), strict=True):
            assert (code == 0) == (label[a] == label[b])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, KINDS - 1), min_size=14, max_size=14),
    seen_together,
    words,
    st.randoms(use_true_random=False),
    st.integers(1, 5),
)
def test_customers_do_not_depend_on_the_order_of_arrival(
    kinds: list[int],
    pairs: list[tuple[int, int, int]],
    said: list[tuple[set[int], set[int]]],
    chance: random.Random,
    batch: int,
) -> None:
    answers = []
    for _ in range(2):
        chance.shuffle(pairs)
        answers.append(grown(kinds, pairs, batch, chance, said))
    answers.append(grown(kinds, pairs, max(len(pairs), 1), chance, said))
    assert answers[0] == answers[1] == answers[2]


def grown(
    kinds: list[int],
    pairs: list[tuple[int, int, int]],
    batch: int,
    chance: random.Random,
    said: list[tuple[set[int], set[int]]],
) -> dict[str, tuple[str, bool]]:
    """Feed links in batches, identifiers numbered as they come, with words at any moment, some of them taken back; name everything by digest."""
    components = Components(TIGHT)
    known: dict[int, int] = {}
    waiting = list(enumerate(said))
    for start in range(0, len(pairs), batch):
        some = distinct(pairs[start : start + batch])
        names = list({x: None for a, b, _ in some for x in (a, b)})
        chance.shuffle(names)
        first = np.array([min(at for a, b, at in some if x in (a, b)) for x in names])
        high, low = keys_of([name_of(x) for x in names])
        nodes = components.find(high)
        new = nodes < 0
        nodes[new] = components.add(
            (high[new], low[new]), np.array([kinds[x] for x in names])[new], first[new]
        )
        components.seen(nodes, first, np.zeros(len(nodes), np.int8))
        place = dict(zip(names, nodes.tolist(), strict=True))
        components.link(
            [place[a] for a, _, _ in some], [place[b] for _, b, _ in some], [at for *_, at in some]
        )
        known |= place
        for act, both in list(waiting):
            if both[0] | both[1] <= known.keys() and chance.random() < 0.7:
                waiting.remove((act, both))
                say(components, act, both, known)
                if chance.random() < 0.5:  # said, heeded, taken back, and said again
                    components.settle()
                    components.let_join(act)
                    say(components, act + 100, both, known)
        components.settle()
    for act, both in waiting:
        if both[0] | both[1] <= known.keys():
            say(components, act, both, known)
    components.settle()
    high = components.nodes["high"]
    owner = components.nodes["owner"]
    return {
        hex(high[i]): (hex(high[owner[i]]), bool(components.nodes["shared"][i])) for i in range(len(high))
    }


def say(components: Components, act: int, both: tuple[set[int], set[int]], known: dict[int, int]) -> None:
    components.keep_apart(act, *(np.array([known[x] for x in side], np.int64) for side in both))


def name_of(x: int) -> str:
    return f"{(x * 2654435761) % 2**32:08x}" * 4


def test_the_oldest_identifier_names_the_customer_and_digests_break_ties() -> None:
    nodes = Nodes(np.array([1, 2, 3, 1]), np.array([5, 3, 3, 1]), np.array([1, 9, 4, 7], np.uint64))
    assert anchors(np.array([0, 0, 0, 3]), nodes).tolist() == [2, 2, 2, 3]


def test_a_stronger_link_that_comes_late_still_wins() -> None:
    user_a, user_b, mail, browser = 0, 0, 1, 5
    nodes = nodes_of([user_a, user_b, mail, browser])
    # The browser was first used by a, then by whoever owns the mail; much later the mail turns out to be b's.
    pairs = [(0, 3, 1), (2, 3, 2), (1, 2, 9)]
    _, label, state = cluster(nodes, edges_of(pairs), Limits())
    assert parts(label) == {frozenset({0, 3}), frozenset({1, 2})}
    assert REASONS[state[1]] == "too many of type user_id in one customer"


def test_a_customer_that_is_full_takes_no_more() -> None:
    limits = Limits(dict.fromkeys(PEOPLE, 50), size=4)
    nodes = nodes_of([3] * 6)
    _, label, state = cluster(nodes, edges_of([(0, i, i) for i in range(1, 6)]), limits)
    assert sorted(map(len, parts(label))) == [1, 1, 4]
    assert state.tolist() == [0, 0, 0, SIZE, SIZE]


def test_what_a_person_said_are_two_is_joined_through_nobody() -> None:
    mail, phone, handle = range(3)
    pairs = [(mail, handle, 1), (phone, handle, 2)]
    nodes, said = nodes_of([1, 2, 3]), apart_of([({mail}, {phone})])
    _, label, state = cluster(nodes, edges_of(pairs), Limits(), said)
    assert parts(label) == {frozenset({mail, handle}), frozenset({phone})}
    assert state.tolist() == [0, APART]


def test_limits_that_make_no_sense_are_refused() -> None:
    for wrong in ({"per_type": {"email": 1}}, {"size": 1}, {"shared_by": 0}, {"links_kept": 0}):
        with pytest.raises(Refused):
            Limits(**wrong)  # type: ignore[arg-type]
