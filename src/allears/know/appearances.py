"""Appearances: which identifiers appear in which row of a batch, normalised and digested, each different value once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from allears.know.clusters import Ints, run_starts
from allears.know.components import Components, keys_of
from allears.know.identifiers import ACCOUNT, HANDLE, PEOPLE, TYPES, domain_of, former, normalise
from allears.know.relationship import Rules

Digest = Callable[[str, Sequence[str]], Sequence[str]]
"""``digest(purpose, values)``: keyed digests, hexadecimal, at least 32 digits."""

KIND_OF = {name: place for place, name in enumerate(TYPES)}
KIND_OF_ACCOUNT = KIND_OF[ACCOUNT]


@dataclass(frozen=True)
class Values:
    """The different identifiers of a batch: place in `TYPES`, digest, its two halves as numbers, and the rank its domain proves.

    ``formerly`` holds the places of handles whose network was worked out, ``former`` the keys of those handles alone.
    """

    kind: Ints
    digests: list[str]
    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]
    told: Ints
    formerly: Ints
    former: npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Appearances:
    """Pairs of row and value: by row, then strongest type first, then by digest; no pair twice."""

    values: Values
    row: Ints
    value: Ints

    def people(self) -> Appearances:
        """Leave out accounts: they say where somebody belongs, not who it is."""
        keep = self.values.kind[self.value] != KIND_OF_ACCOUNT
        return Appearances(self.values, self.row[keep], self.value[keep])

    def starts(self) -> Ints:
        """Give the position of the first pair of each row that has one."""
        return run_starts(self.row)


@dataclass(frozen=True)
class Woven:
    """A batch in the components: the node of each value (-1 for accounts), edges, and the row each edge was first seen in."""

    nodes: Ints
    edges: Ints
    edge_row: Ints


def appearances(identifiers: pa.Array, digest: Digest, region: str, rules: Rules) -> Appearances:
    """Read a column ``list<struct<type, value>>``."""
    flat = pc.list_flatten(identifiers)
    rows = pc.list_parent_indices(identifiers).to_numpy(zero_copy_only=False)
    kinds = pc.fill_null(pc.index_in(pc.struct_field(flat, [0]), value_set=pa.array(TYPES)), -1).to_numpy(
        zero_copy_only=False
    )
    texts = pc.struct_field(flat, [1]).dictionary_encode()
    codes = pc.fill_null(texts.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    usable = (kinds >= 0) & (codes >= 0)
    width = len(texts.dictionary) + 1
    raw, inverse = np.unique(kinds[usable].astype(np.int64) * width + codes[usable], return_inverse=True)
    values, place = _values(raw // width, texts.dictionary.take(pa.array(raw % width)), digest, region, rules)
    value, row = place[inverse], rows[usable].astype(np.int64)
    row, value = row[value >= 0], value[value >= 0]
    order = np.lexsort((values.high[value], values.kind[value], row))
    row, value = row[order], value[order]
    fresh = np.r_[True, (row[1:] != row[:-1]) | (value[1:] != value[:-1])][: len(row)]
    return Appearances(values, row[fresh], value[fresh])


def weave(components: Components, seen: Appearances, at: Ints, told: Ints) -> Woven:
    """Take a batch into the components; the caller settles.

    Parameters
    ----------
    at, told
        Per row, when it happened (us) and the rank it tells of its person, which goes to the row's strongest identifier.
    """
    people = seen.people()
    values = seen.values
    first = np.full(len(values.kind), np.iinfo(np.int64).max)
    np.minimum.at(first, people.value, at[people.row])
    ranks = values.told.astype(np.int8)
    starts = people.starts()
    np.maximum.at(ranks, people.value[starts], told[people.row[starts]].astype(np.int8))
    nodes = np.where(values.kind == KIND_OF_ACCOUNT, -1, components.find(values.high))
    new = np.flatnonzero((nodes < 0) & (values.kind != KIND_OF_ACCOUNT))
    nodes[new] = components.add((values.high[new], values.low[new]), values.kind[new], first[new])
    known = np.flatnonzero(nodes >= 0)
    components.seen(nodes[known], first[known], ranks[known])
    left, right, row = _pairs(people, at)
    edges = components.link(nodes[left], nodes[right], at[row])
    olds, old_row = _link_former(components, people, nodes, first)
    return Woven(nodes, np.r_[edges, olds], np.r_[row, old_row])


def _link_former(components: Components, people: Appearances, nodes: Ints, first: Ints) -> tuple[Ints, Ints]:
    """Tie a handle to the same handle as an earlier version knew it, without its network, so that nobody is parted by an upgrade."""
    values = people.values
    old = components.find(values.former)
    mine = values.formerly[old >= 0]
    edges = components.link(nodes[mine], old[old >= 0], first[mine])
    place = np.zeros(len(values.kind), np.int64)
    place[people.value[::-1]] = people.row[::-1]
    return edges, place[mine]


def _values(
    kinds: Ints, texts: pa.Array, digest: Digest, region: str, rules: Rules
) -> tuple[Values, npt.NDArray[np.int64]]:
    """Normalise and digest different values; give each its place, -1 for the blocked."""
    place = np.full(len(kinds), -1)
    digests: list[str] = []
    told: list[int] = []
    sizes = []
    formerly: list[int] = []
    alone: list[str] = []
    for kind, name in enumerate(TYPES):
        mine = np.flatnonzero(kinds == kind)
        forms = [normalise(name, text, region) for text in texts.take(pa.array(mine)).to_pylist()]
        different = {
            form: i for i, form in enumerate(dict.fromkeys(f for f in forms if f is not None), len(digests))
        }
        place[mine] = [-1 if form is None else different[form] for form in forms]
        digests += digest(name, list(different)) if different else []
        if name == HANDLE:
            olds = {
                different[form]: old
                for form, text in zip(forms, texts.take(pa.array(mine)).to_pylist(), strict=True)
                if form is not None
                for old in former(text, region)
            }
            formerly, alone = list(olds), list(digest(name, list(olds.values()))) if olds else []
        told += _told(different, rules) if name == "email" else [0] * len(different)
        sizes.append(len(different))
    high, low = keys_of(digests)
    kind_of = np.repeat(np.arange(len(TYPES)), sizes)
    return (
        Values(
            kind_of,
            digests,
            high,
            low,
            np.array(told, np.int8),
            np.array(formerly, np.int64),
            keys_of(alone)[0],
        ),
        place,
    )


def _told(emails: dict[str, int], rules: Rules) -> list[int]:
    if not rules.rules:
        return [0] * len(emails)
    domains = [domain_of(e) for e in emails]
    rank = {d: rules.of_domain(d) for d in set(domains)}
    return [rank[d] for d in domains]


def _pairs(people: Appearances, at: Ints) -> tuple[Ints, Ints, Ints]:
    """Pair each row's two strongest identifiers with all others of the row: each pair once, with the row it was first seen in.

    Two, so that the rest stay together when the strongest turns out to be shared.
    """
    starts = people.starts()
    start = np.repeat(starts, np.diff(np.r_[starts, len(people.row)]))
    place = np.arange(len(people.row)) - start
    later, third = np.flatnonzero(place >= 1), np.flatnonzero(place >= 2)
    one = people.value[np.r_[start[later], start[third] + 1]]
    other = people.value[np.r_[later, third]]
    row = people.row[np.r_[later, third]]
    key = np.minimum(one, other) * np.int64(len(people.values.kind)) + np.maximum(one, other)
    order = np.lexsort((row, at[row], key))
    fresh = order[run_starts(key[order])]
    return one[fresh], other[fresh], row[fresh]


__all__ = ["KIND_OF", "PEOPLE", "Appearances", "Digest", "Values", "Woven", "appearances", "weave"]
