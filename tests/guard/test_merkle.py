from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allears.errors import Refused
from allears.guard import merkle

# The leaves and heads that implementations of Certificate Transparency test with.
LEAVES = [bytes.fromhex(h) for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]  # fmt: skip
HEADS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


class Tree:
    """The obvious version: whole subtrees kept as they are completed."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        for index, data in enumerate(leaves):
            self.nodes[0, index] = merkle.leaf(data)
            for level, position, hashed in merkle.completed(index, self.nodes[0, index], self.node):
                self.nodes[level, position] = hashed

    def node(self, level: int, position: int) -> bytes:
        return self.nodes[level, position]


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_heads_are_those_of_the_known_vectors(size: int) -> None:
    assert merkle.root(size, Tree(LEAVES).node).hex() == HEADS[size - 1]


def test_the_proofs_are_those_of_the_known_vectors() -> None:
    node = Tree(LEAVES).node
    assert [h.hex()[:8] for h in merkle.inclusion(0, 8, node)] == ["96a296d2", "5f083f0a", "6b47aaf2"]
    assert [h.hex()[:8] for h in merkle.consistency(6, 8, node)] == ["0ebc5d34", "ca854ea1", "d37ee418"]


sizes = st.integers(1, 70)


@given(sizes)
def test_a_head_is_what_the_definition_says(size: int) -> None:
    leaves = [n.to_bytes(2, "big") for n in range(size)]
    assert merkle.root(size, Tree(leaves).node) == by_definition(leaves)


@given(sizes, st.data())
def test_every_leaf_can_be_proven_and_no_other(size: int, data: st.DataObject) -> None:
    leaves = [n.to_bytes(2, "big") for n in range(size)]
    tree, head = Tree(leaves), by_definition(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion(index, size, tree.node)
    assert merkle.included(merkle.leaf(leaves[index]), index, size, path, head)
    assert not merkle.included(merkle.leaf(b"forged"), index, size, path, head)
    other = data.draw(st.integers(-1, size + 1).filter(lambda n: n != index))
    assert not merkle.included(merkle.leaf(leaves[index]), other, size, path, head)
    if path:
        place = data.draw(st.integers(0, len(path) - 1))
        bad = [*path]
        bad[place] = bytes([bad[place][0] ^ 1]) + bad[place][1:]
        assert not merkle.included(merkle.leaf(leaves[index]), index, size, bad, head)
    assert not merkle.included(merkle.leaf(leaves[index]), index, size, [*path, head], head)


@given(sizes, sizes, st.data())
def test_growth_can_be_proven_and_a_rewrite_cannot(old: int, more: int, data: st.DataObject) -> None:
    new = old + more - 1
    leaves = [n.to_bytes(2, "big") for n in range(new)]
    tree, before, after = Tree(leaves), by_definition(leaves[:old]), by_definition(leaves)
    path = merkle.consistency(old, new, tree.node)
    assert merkle.consistent(old, new, path, before, after)
    rewritten = data.draw(st.integers(0, old - 1))
    forged = by_definition([*leaves[:rewritten], b"forged", *leaves[rewritten + 1 : old]])
    assert not merkle.consistent(old, new, path, forged, after)
    if path:
        place = data.draw(st.integers(0, len(path) - 1))
        bad = [*path]
        bad[place] = bytes([bad[place][0] ^ 1]) + bad[place][1:]
        assert not merkle.consistent(old, new, bad, before, after)
        assert not merkle.consistent(old, new, path[:-1], before, after)


def test_what_is_not_there_cannot_be_proven() -> None:
    node = Tree(LEAVES).node
    with pytest.raises(Refused, match="entry of 1 to 8"):
        merkle.inclusion(8, 8, node)
    with pytest.raises(Refused, match="size of 1 to 8"):
        merkle.consistency(9, 8, node)
