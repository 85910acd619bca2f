"""Components: identifiers and links as they grow, and the customers they form. No desk, no keys, no clock.

Links are the truth, and with them what a person said are two; customers follow from them. After each batch only the regions that were touched are clustered
again, from all their links, so the result is what clustering everything at once would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from allears.errors import Refused
from allears.know.clusters import SHARED, Apart, Edges, Flags, Ints, Nodes, anchors, cluster
from allears.know.column_store import Columns, Index
from allears.know.identifiers import PEOPLE
from allears.know.limits import Limits

COUNTED = np.isin(np.arange(len(PEOPLE)), [PEOPLE.index(t) for t in ("user_id", "email", "phone", "handle")])
"""Neighbours that show how many people share an identifier; one person has many browsers and devices."""
USER_ID = PEOPLE.index("user_id")


@dataclass(frozen=True)
class Settled:
    """What changed.

    ``moved`` are identifiers whose customer or relationship is new, beside what it was (owner -1: not known before);
    ``noted`` those with other news (seen earlier, quarantined, links turned away); ``edges`` are new or judged anew.
    """

    moved: Ints
    was_owner: Ints
    was_standing: Ints
    noted: Ints
    edges: Ints


class Components:
    """Identifiers, links between them, and the customer of each.

    Parameters
    ----------
    limits
        How much one customer may hold.

    Examples
    --------
    >>> people = Components(Limits())
    >>> mail, phone, other = people.add(keys_of(["aa" * 16, "bb" * 16, "cc" * 16]), [1, 2, 2], [10, 5, 7])
    >>> _ = people.link([mail], [phone], [12])
    >>> _ = people.settle()
    >>> people.owner([mail, phone, other]).tolist() == [phone, phone, other]
    True
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        # standing and told: 0 consumer, 1 partner, 2 employee; told is this identifier's own, standing its customer's.
        self.nodes = Columns(
            high=np.uint64, low=np.uint64, kind=np.int8, first=np.int64, owner=np.int64, reach=np.int64,
            told=np.int8, standing=np.int8, since=np.int64,
            shared=np.bool_, gone=np.bool_, links=np.int64, turned_away=np.int64,
        )  # fmt: skip
        self.edges = Columns(
            left=np.int64,
            right=np.int64,
            at=np.int64,
            steward=np.bool_,
            state=np.int8,
            removed=np.bool_,
            gone=np.bool_,
        )
        self.changes = (
            0  # grows with every change, so that who must take one back knows whether there was any
        )
        self._apart = Apart(np.zeros(0, np.int64), np.zeros(0, np.int64))
        self._by_key = Index()
        self._by_ends = Index()
        self._touched: list[Ints] = []
        self._changed_edges: list[Ints] = []
        self._noted: list[Ints] = []

    def find(self, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """Give the node of each identifier key (first 64 bits of the digest), -1 when unknown."""
        return self._by_key.find(keys)

    def owner(self, nodes: Ints | Sequence[int]) -> Ints:
        """Give the anchor node of each node's customer."""
        return np.asarray(self.nodes["owner"][np.asarray(nodes)])

    def add(
        self,
        keys: tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]],
        kind: Ints | Sequence[int],
        first: Ints | Sequence[int],
    ) -> npt.NDArray[np.int64]:
        """Take in identifiers not known before."""
        places = np.arange(len(self.nodes), len(self.nodes) + len(keys[0]))
        self.nodes.append(
            len(places), high=keys[0], low=keys[1], kind=kind, first=first, owner=-1, reach=places
        )
        self._by_key.add(keys[0], places)
        self._touch(places)
        return places

    def seen(self, nodes: Ints, first: Ints, told: Ints) -> None:
        """Note when known identifiers were seen and what was told of them, each given once."""
        news = (first < self.nodes["first"][nodes]) | (told > self.nodes["told"][nodes])
        changed = nodes[news]
        self.nodes["first"][changed] = np.minimum(self.nodes["first"][changed], first[news])
        self.nodes["told"][changed] = np.maximum(self.nodes["told"][changed], told[news])
        self._touch(changed)
        self._noted.append(changed)

    def link(
        self,
        left: Ints | Sequence[int],
        right: Ints | Sequence[int],
        at: Ints | Sequence[int],
        steward: bool = False,
    ) -> Ints:
        """Link pairs, each pair given once; return for each the edge's position, -1 when it was turned away."""
        low, high, at = np.minimum(left, right), np.maximum(left, right), np.asarray(at, np.int64)
        ends = self._ends(low, high, np.full(len(low), steward))
        edges = self._by_ends.find(ends)
        known = edges >= 0
        earlier = known & (at < np.where(known, self.edges["at"][edges] if len(self.edges) else 0, 0))
        self.edges["at"][edges[earlier]] = at[earlier]
        full = (
            ~known
            & (not steward)
            & (np.maximum(self.nodes["links"][low], self.nodes["links"][high]) >= self.limits.links_kept)
        )
        for end in (low[full], high[full]):
            busy = end[self.nodes["links"][end] >= self.limits.links_kept]
            np.add.at(self.nodes["turned_away"], busy, 1)
            self._noted.append(busy)
            self.changes += len(busy)
        new = ~known & ~full
        edges[new] = self.edges.append(
            int(new.sum()), left=low[new], right=high[new], at=at[new], steward=steward
        )
        self._by_ends.add(ends[new], edges[new])
        for end in (low[new], high[new]):
            np.add.at(self.nodes["links"], end, 1)
        self._touch(low[new | earlier], high[new | earlier])
        self._changed_edges.append(edges[new | earlier])
        return edges

    def remove(self, edges: Ints, removed: bool = True) -> None:
        """Cut links, or put them back; a cut link stays cut however often its ends are seen together again."""
        self.edges["removed"][edges] = removed
        self._touch(self.edges["left"][edges], self.edges["right"][edges])
        self._changed_edges.append(edges)

    def unlink(self, edge: int) -> None:
        """Take out a link that was never written, as if it had not been tried."""
        one = np.array([edge])
        left, right = self.edges["left"][one], self.edges["right"][one]
        self._by_ends.drop(self._ends(left, right, self.edges["steward"][one]))
        self.edges["gone"][one] = True
        self.nodes["links"][np.r_[left, right]] -= 1
        self._touch(left, right)

    def keep_apart(self, act: int, left: Ints, right: Ints) -> None:
        """Let nothing join identifiers on the left with any on the right; ``act`` names the word that says so."""
        apart = self._apart
        sides = np.r_[np.full(len(left), 2 * act), np.full(len(right), 2 * act + 1)]
        self._apart = Apart(np.r_[apart.node, left, right], np.r_[apart.side, sides])
        self._touch(left, right)

    def let_join(self, act: int) -> None:
        """Take such a word back."""
        self.load_aparts(np.array([act]), Apart(np.zeros(0, np.int64), np.zeros(0, np.int64)))

    def kept_apart(self, one: int, other: int) -> list[int]:
        """Give the acts that keep the customers of two nodes apart."""
        owner, apart = self.nodes["owner"], self._apart
        sides = apart.side[np.isin(owner[apart.node], owner[[one, other]])]
        acts: list[int] = np.unique(sides[np.isin(sides ^ 1, sides)] >> 1).tolist()
        return acts

    def forget(self, nodes: Ints) -> Ints:
        """Take identifiers and all their links out for good; return the links."""
        flag = np.zeros(len(self.nodes), np.bool_)
        flag[nodes] = True
        left, right = self.edges["left"], self.edges["right"]
        edges = np.flatnonzero((flag[left] | flag[right]) & ~self.edges["gone"])
        self._touch(np.flatnonzero(self._in_regions([nodes])))
        self._by_ends.drop(self._ends(left[edges], right[edges], self.edges["steward"][edges]))
        self._by_key.drop(self.nodes["high"][nodes])
        np.subtract.at(self.nodes["links"], left[edges], 1)
        np.subtract.at(self.nodes["links"], right[edges], 1)
        self.edges["gone"][edges] = True
        self.nodes["gone"][nodes] = True
        apart = self._apart
        stays = ~flag[apart.node]
        # Where one side is gone, nobody is kept apart any more, and its number may name another word tomorrow.
        stays &= np.isin(apart.side ^ 1, apart.side[stays])
        self._apart = Apart(apart.node[stays], apart.side[stays])
        return edges

    def members(self, node: int) -> Ints:
        """Give all identifiers of a node's customer."""
        return np.flatnonzero((self.nodes["owner"] == self.nodes["owner"][node]) & ~self.nodes["gone"])

    def members_each(self, nodes: Ints) -> list[Ints]:
        """Do the same for many nodes, in one pass over all identifiers."""
        owner = self.nodes["owner"]
        inside = np.flatnonzero(np.isin(owner, owner[nodes]) & ~self.nodes["gone"])
        inside = inside[np.argsort(owner[inside], kind="stable")]
        starts = np.searchsorted(owner[inside], owner[nodes], "left")
        ends = np.searchsorted(owner[inside], owner[nodes], "right")
        return [inside[start:end] for start, end in zip(starts, ends, strict=True)]

    def settle(self) -> Settled:
        """Cluster the touched regions again.

        Notes
        -----
        Costs one pass of a flag over all identifiers and links, then work in the touched regions only.
        """
        inside = np.flatnonzero(self._in_regions(self._touched) & ~self.nodes["gone"])
        near = self._live_edges(inside)
        self._find_shared(inside, near)
        shared = self.nodes["shared"]
        held = near[~(shared[self.edges["left"][near]] | shared[self.edges["right"][near]])]
        states = self._cluster(inside, held)
        changed_edges = self._restate(near, held, states)
        was_owner, was_standing = self.nodes["owner"][inside].copy(), self.nodes["standing"][inside].copy()
        owner = inside[self._anchors(inside)]
        self.nodes["owner"][inside] = owner
        self.nodes["standing"][inside] = self._standing(inside, owner)
        moved = (owner != was_owner) | (self.nodes["standing"][inside] != was_standing)
        noted = np.setdiff1d(np.concatenate([np.zeros(0, np.int64), *self._noted]), inside[moved])
        self._touched, self._changed_edges, self._noted = [], [], []
        return Settled(inside[moved], was_owner[moved], was_standing[moved], noted, changed_edges)

    def load_nodes(self, numbers: Ints, **values: npt.NDArray[Any]) -> None:
        """Take in identifiers as they were kept, under their old numbers; numbers never used stay gone."""
        missing = int(numbers.max(initial=-1)) + 1 - len(self.nodes)
        if missing > 0:
            places = self.nodes.append(missing, gone=True)
            self.nodes["reach"][places] = places
        new = numbers[self.nodes["gone"][numbers]]
        for name, column in values.items():
            self.nodes[name][numbers] = column
        self.nodes["gone"][numbers] = False
        self._by_key.add(self.nodes["high"][new], new)
        self._touch(numbers)

    def load_edges(
        self, left: Ints, right: Ints, steward: Flags, at: Ints, state: Ints, removed: Flags
    ) -> None:
        """Take in links as they were kept."""
        ends = self._ends(left, right, steward)
        edges = self._by_ends.find(ends)
        new = edges < 0
        edges[new] = self.edges.append(int(new.sum()), left=left[new], right=right[new], steward=steward[new])
        self._by_ends.add(ends[new], edges[new])
        for end in (left[new], right[new]):
            np.add.at(self.nodes["links"], end, 1)
        self.edges["at"][edges], self.edges["state"][edges], self.edges["removed"][edges] = at, state, removed
        self._touch(left, right)

    def load_aparts(self, acts: Ints, said: Apart) -> None:
        """Take in what words say as they were kept, all at once; what these acts said before counts no more."""
        apart = self._apart
        stays = ~np.isin(apart.side >> 1, acts)
        self._apart = Apart(np.r_[apart.node[stays], said.node], np.r_[apart.side[stays], said.side])
        self._touch(apart.node[~stays], said.node)

    def edge_between(self, left: int, right: int, steward: bool) -> int:
        """Give the position of one link, -1 when there is none."""
        low, high = np.array([min(left, right)]), np.array([max(left, right)])
        return int(self._by_ends.find(self._ends(low, high, np.array([steward])))[0])

    def _touch(self, *nodes: Ints) -> None:
        self._touched += nodes
        self.changes += sum(map(len, nodes))

    def _ends(self, low: Ints, high: Ints, steward: Flags) -> npt.NDArray[np.uint64]:
        pair = (low.astype(np.uint64) << np.uint64(33)) | (high.astype(np.uint64) << np.uint64(1))
        return np.asarray(pair | steward.astype(np.uint64), np.uint64)

    def _in_regions(self, touched: Sequence[Ints]) -> Flags:
        """Flag all nodes of the regions that hold these nodes."""
        reach = self.nodes["reach"]
        flag = np.zeros(len(reach), np.bool_)
        for nodes in touched:
            flag[reach[nodes]] = True
        return np.asarray(flag[reach])

    def _live_edges(self, inside: Ints) -> Ints:
        flag = np.zeros(len(self.nodes), np.bool_)
        flag[inside] = True
        dead = self.edges["removed"] | self.edges["gone"]
        return np.flatnonzero((flag[self.edges["left"]] | flag[self.edges["right"]]) & ~dead)

    def _find_shared(self, inside: Ints, near: Ints) -> None:
        """Put into quarantine what too many people share. It stays there: letting go of one link proves nothing."""
        seen = near[~self.edges["steward"][near]]
        ends = np.r_[self.edges["left"][seen], self.edges["right"][seen]]
        others = self.nodes["kind"][np.r_[self.edges["right"][seen], self.edges["left"][seen]]]
        place = np.full(len(self.nodes), -1)
        place[inside] = np.arange(len(inside))
        use = COUNTED[others] & (place[ends] >= 0)
        counts = np.bincount(
            place[ends[use]] * len(PEOPLE) + others[use], minlength=len(inside) * len(PEOPLE)
        )
        many = (counts.reshape(-1, len(PEOPLE)) > self.limits.shared_by).any(axis=1)
        # A user id is the business's own word for one person: its surplus links are refused by the limits instead.
        newly = inside[many & (self.nodes["kind"][inside] != USER_ID) & ~self.nodes["shared"][inside]]
        self.nodes["shared"][newly] = True
        self._noted.append(newly)

    def _cluster(self, inside: Ints, held: Ints) -> Ints:
        """Cluster the nodes inside over the links held; leaves region and customer with the nodes."""
        place = np.zeros(len(self.nodes), np.int64)
        place[inside] = np.arange(len(inside))
        edges = self.edges
        local = Edges(
            place[edges["left"][held]], place[edges["right"][held]], edges["at"][held], edges["steward"][held]
        )
        reach, self._label, states = cluster(
            self._local(inside), local, self.limits, self._near(inside, place)
        )
        self.nodes["reach"][inside] = inside[reach]
        return states

    def _near(self, inside: Ints, place: Ints) -> Apart | None:
        if not len(self._apart.node):
            return None
        mine = np.isin(self._apart.node, inside)
        return Apart(place[self._apart.node[mine]], self._apart.side[mine]) if mine.any() else None

    def _local(self, inside: Ints) -> Nodes:
        return Nodes(self.nodes["kind"][inside], self.nodes["first"][inside], self.nodes["high"][inside])

    def _anchors(self, inside: Ints) -> Ints:
        return anchors(self._label, self._local(inside))

    def _restate(self, near: Ints, held: Ints, states: Ints) -> Ints:
        """Write why links are refused; return the links that are new or whose state changed."""
        now = np.full(len(self.edges), SHARED, np.int8)
        now[held] = states
        changed = near[now[near] != self.edges["state"][near]]
        self.edges["state"][near] = now[near]
        return np.unique(np.concatenate([changed, *self._changed_edges]))

    def _standing(self, inside: Ints, owner: Ints) -> Ints:
        best = np.zeros(len(self.nodes), np.int8)
        np.maximum.at(best, owner, self.nodes["told"][inside])
        return best[owner]


def keys_of(digests: Sequence[str]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Read hexadecimal digests as two 64-bit numbers each.

    The first names the identifier in memory; two of ten million identifiers share one with a chance of 3 in a million.
    """
    text = "".join(d[:32] for d in digests)
    if len(text) != 32 * len(digests):
        raise Refused("expected digests of at least 32 hexadecimal digits")
    raw = bytes.fromhex(text)
    both = np.frombuffer(raw, ">u8").astype(np.uint64).reshape(-1, 2)
    return both[:, 0].copy(), both[:, 1].copy()
