"""Merkle trees as RFC 6962 hashes them: roots, and short proofs that something is in, or only grew.

Nodes of whole subtrees are looked up, not recomputed: `Nodes` gives the hash of the subtree over leaves
``[position * 2**level, (position + 1) * 2**level)``, so that a root or a proof costs about log2(n) look-ups.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from allears.errors import Refused

Nodes = Callable[[int, int], bytes]


def leaf(data: bytes) -> bytes:
    """Hash a leaf: SHA-256 of a zero byte and the data (RFC 6962 section 2.1).

    Examples
    --------
    >>> leaf(b"").hex()
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'
    """
    return hashlib.sha256(b"\0" + data).digest()


def join(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one: SHA-256 of a one byte and both hashes."""
    return hashlib.sha256(b"\1" + left + right).digest()


def completed(index: int, hashed: bytes, node: Nodes) -> list[tuple[int, int, bytes]]:
    """Return the whole subtrees that leaf ``index`` completes, as ``(level, position, hash)``, from level 1 up.

    Parameters
    ----------
    index
        Zero-based; all leaves before it are there.
    hashed
        Its leaf hash.
    node
        Looks up the subtrees to its left.

    Examples
    --------
    >>> [(level, position) for level, position, _ in completed(3, leaf(b"d"), lambda level, position: leaf(b"x"))]
    [(1, 1), (2, 0)]
    """
    made, level = [], 0
    while index & 1:
        hashed = join(node(level, index - 1), hashed)
        index, level = index >> 1, level + 1
        made.append((level, index, hashed))
    return made


def root(size: int, node: Nodes) -> bytes:
    """Return the head of a tree of ``size`` leaves; of none: the hash of nothing.

    Examples
    --------
    >>> root(0, lambda level, position: b"").hex()[:16]
    'e3b0c44298fc1c14'
    """
    return _subtree(0, size, node) if size else hashlib.sha256().digest()


def inclusion(index: int, size: int, node: Nodes) -> list[bytes]:
    """Prove that leaf ``index`` is in the tree of ``size`` leaves (RFC 6962 section 2.1.1).

    Raises
    ------
    Refused
        There is no such leaf.
    """
    if not 0 <= index < size:
        raise Refused(f"expected an entry of 1 to {size}", place="entry")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _largest_power_below(end - start)
        if index < middle:
            path.append(_subtree(middle, end, node))
            end = middle
        else:
            path.append(_subtree(start, middle, node))
            start = middle
    return path[::-1]


def consistency(old: int, new: int, node: Nodes) -> list[bytes]:
    """Prove that the tree of ``new`` leaves begins with the tree of ``old`` (RFC 6962 section 2.1.2).

    Raises
    ------
    Refused
        Not ``0 < old <= new``.
    """
    if not 0 < old <= new:
        raise Refused(f"expected an earlier size of 1 to {new}", place="size")
    path: list[bytes] = []
    start, end, known = 0, new, True
    while start + old != end:
        middle = start + _largest_power_below(end - start)
        if start + old <= middle:
            path.append(_subtree(middle, end, node))
            end = middle
        else:
            path.append(_subtree(start, middle, node))
            old -= middle - start
            start, known = middle, False
    if not known:
        path.append(_subtree(start, end, node))
    return path[::-1]


def included(hashed: bytes, index: int, size: int, path: Sequence[bytes], head: bytes) -> bool:
    """Check an inclusion proof against a head (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last = index, size - 1
    for part in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            hashed = join(part, hashed)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            hashed = join(hashed, part)
        place, last = place >> 1, last >> 1
    return last == 0 and hashed == head


def consistent(old: int, new: int, path: Sequence[bytes], old_head: bytes, new_head: bytes) -> bool:
    """Check that a head only grew into another one (RFC 9162 section 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_head == new_head
    parts = [old_head, *path] if old & (old - 1) == 0 else list(path)
    if not parts:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = parts[0]
    for part in parts[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = join(part, before), join(part, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = join(after, part)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_head and after == new_head


def _subtree(start: int, end: int, node: Nodes) -> bytes:
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    middle = start + _largest_power_below(size)
    return join(_subtree(start, middle, node), _subtree(middle, end, node))


def _largest_power_below(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)
