"""Clusters: which identifiers are one customer, as a pure function of identifiers and links.

Where no limit is touched, a customer is a connected component. Where one is, links are taken strongest first
(then oldest, then by digest), and a link that would break a limit is refused: constrained Kruskal. What a person said are
two is such a limit. The answer depends on the set of links and of such words only, never on the order in which they came:
a link that comes late gives the same customers as one that came in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from allears.know.identifiers import PEOPLE
from allears.know.limits import PASSED_AROUND, SOLE, Limits

Ints = npt.NDArray[np.integer[Any]]
Flags = npt.NDArray[np.bool_]

KINDS = len(PEOPLE)
ANONYMOUS = PEOPLE.index("anonymous_id")
_SOLE = tuple(PEOPLE.index(t) for t in SOLE)
_PASSED = np.isin(np.arange(KINDS), [PEOPLE.index(t) for t in PASSED_AROUND])

HOLDS, SIZE, BRIDGE, SHARED = 0, KINDS + 1, KINDS + 2, KINDS + 3
REASONS = (
    "",
    *(f"too many of type {t} in one customer" for t in PEOPLE),
    "too many identifiers in one customer",
    "only a device or browser links two people",
    "identifier shared by many people",
    "identifier keeps no more links",
    "a person said that these are two",
)
"""Why a link was refused, by code; code 0 holds."""
FULL, APART = KINDS + 4, KINDS + 5


@dataclass(frozen=True)
class Nodes:
    """Identifiers: type (place in `PEOPLE`), when first seen (us), and a number from the digest that breaks ties."""

    kind: Ints
    first: Ints
    tie: Ints


@dataclass(frozen=True)
class Edges:
    """Links between nodes by position; ``steward`` links were made by hand and come first."""

    left: Ints
    right: Ints
    at: Ints
    steward: Flags


@dataclass(frozen=True)
class Apart:
    """Nodes that a person said are not one: each row a node, by position, and its side. What is on ``side`` never meets ``side ^ 1``."""

    node: Ints
    side: Ints


def cluster(
    nodes: Nodes, edges: Edges, limits: Limits, apart: Apart | None = None
) -> tuple[Ints, Ints, Ints]:
    """Find the customers.

    Returns
    -------
    reach, label, state
        Per node, its region (connected when limits are ignored) and its customer, each named by the position of one member;
        per edge, 0 or the code of the reason it was refused for.
    """
    reach = regions(len(nodes.kind), edges.left, edges.right)
    crowded = _crowded(nodes, edges, reach, limits)
    if apart is not None:
        sides = reach[apart.node].astype(np.int64) << 32 | apart.side
        crowded[reach[apart.node[np.isin(sides ^ 1, sides)]]] = True
    label = reach.copy()
    state = np.zeros(len(edges.left), np.int8)
    inner = np.flatnonzero(crowded[reach[edges.left]])
    if len(inner):
        members = np.flatnonzero(crowded[reach])
        label[members], state[inner] = _careful(nodes, edges, members, inner, limits, apart)
    return reach, label, state


def regions(n: int, left: Ints, right: Ints) -> Ints:
    """Label connected components of ``n`` nodes, each by the position of one member."""
    if not len(left):
        return np.arange(n)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(n, n))
    labels = connected_components(graph, directed=False)[1]
    member = np.zeros(n, np.int64)
    member[labels] = np.arange(n)
    return np.asarray(member[labels])


def anchors(label: Ints, nodes: Nodes) -> Ints:
    """Find each node's anchor: the member of its customer that was seen first, ties by digest."""
    order = np.lexsort((nodes.tie, nodes.first, label))
    starts = run_starts(label[order])
    oldest = np.zeros(len(label), np.int64)
    oldest[label[order][starts]] = order[starts]
    return oldest[label]


def run_starts(values: Ints) -> Ints:
    """Give the positions where a run of equal values starts.

    Examples
    --------
    >>> run_starts(np.array([4, 4, 7, 7, 7, 4])).tolist()
    [0, 2, 5]
    """
    return np.flatnonzero(np.r_[True, values[1:] != values[:-1]][: len(values)])


def _crowded(nodes: Nodes, edges: Edges, reach: Ints, limits: Limits) -> Flags:
    """Say which regions must be looked at link by link: a limit is passed, or a device might join two people."""
    n = len(reach)
    held = np.bincount(reach * KINDS + nodes.kind, minlength=n * KINDS).reshape(-1, KINDS)
    crowded = (held > limits.array()).any(axis=1) | (held.sum(axis=1) - held[:, ANONYMOUS] > limits.size)
    if not limits.devices_join_people:
        crowded |= (held[:, _SOLE] > 1).any(axis=1) & held[:, _PASSED].any(axis=1)
    return np.asarray(crowded, np.bool_)


def _careful(
    nodes: Nodes, edges: Edges, members: Ints, inner: Ints, limits: Limits, apart: Apart | None
) -> tuple[list[int], list[int]]:
    """Join link by link, best first, refusing what breaks a limit."""
    place = np.zeros(len(nodes.kind), np.int64)
    place[members] = np.arange(len(members))
    inner_order = inner[_best_first(nodes, edges, inner)]
    passed = _PASSED[nodes.kind]
    weak = (passed[edges.left] | passed[edges.right]) & ~edges.steward & (not limits.devices_join_people)
    forest = _Forest(nodes.kind[members].tolist(), limits)
    if apart is not None:
        mine = np.isin(apart.node, members)
        forest.keep_apart(place[apart.node[mine]].tolist(), apart.side[mine].tolist())
    state = dict(
        zip(
            inner_order.tolist(),
            map(
                forest.join,
                place[edges.left[inner_order]].tolist(),
                place[edges.right[inner_order]].tolist(),
                weak[inner_order].tolist(),
            ),
            strict=True,
        )
    )
    # Labels stay unique across regions because a node's own position names its customer.
    return [int(members[forest.root(i)]) for i in range(len(members))], [state[i] for i in inner.tolist()]


def _best_first(nodes: Nodes, edges: Edges, inner: Ints) -> Ints:
    left, right = edges.left[inner], edges.right[inner]
    kinds = np.stack([nodes.kind[left], nodes.kind[right]])
    ties = np.stack([nodes.tie[left], nodes.tie[right]])
    # The weaker end decides how far a link is believed.
    rank = np.where(edges.steward[inner], -1, kinds.max(axis=0).astype(np.int64) * KINDS + kinds.min(axis=0))
    return np.lexsort((ties.max(axis=0), ties.min(axis=0), edges.at[inner], rank))


class _Forest:
    """Union-find whose trees know what they hold."""

    def __init__(self, kinds: list[int], limits: Limits) -> None:
        self.parent = list(range(len(kinds)))
        self.held = [[int(kind == k) for k in range(KINDS)] for kind in kinds]
        self.limits = limits.array().tolist()
        self.size = limits.size
        self.sides: dict[int, set[int]] = {}

    def keep_apart(self, places: list[int], sides: list[int]) -> None:
        for place, side in zip(places, sides, strict=True):
            self.sides.setdefault(place, set()).add(side)

    def root(self, i: int) -> int:
        parent = self.parent
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def join(self, left: int, right: int, weak: bool) -> int:
        """Join two trees unless a limit forbids; return the code of the reason."""
        a, b = self.root(left), self.root(right)
        if a == b:
            return HOLDS
        reason = APART if self._kept_apart(a, b) else self.reason(self.held[a], self.held[b], weak)
        if reason == HOLDS:
            big, small = (a, b) if sum(self.held[a]) >= sum(self.held[b]) else (b, a)
            self.parent[small] = big
            self.held[big] = [x + y for x, y in zip(self.held[a], self.held[b], strict=True)]
            if small in self.sides:
                self.sides.setdefault(big, set()).update(self.sides.pop(small))
        return reason

    def _kept_apart(self, a: int, b: int) -> bool:
        if a not in self.sides or b not in self.sides:
            return False
        few, many = sorted((self.sides[a], self.sides[b]), key=len)
        return any(side ^ 1 in many for side in few)

    def reason(self, a: list[int], b: list[int], weak: bool) -> int:
        for kind, limit in enumerate(self.limits):
            if a[kind] + b[kind] > limit:
                return kind + 1
        if sum(a) + sum(b) - a[ANONYMOUS] - b[ANONYMOUS] > self.size:
            return SIZE
        if weak and any(a[kind] and b[kind] for kind in _SOLE):
            return BRIDGE
        return HOLDS
