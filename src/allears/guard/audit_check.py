"""The whole audit checked from its first entry: the chain, the seals, the tree, every head and every signing key."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from allears.desk.audit import AuditEntry
from allears.guard import merkle
from allears.guard.audit_entry import RENEWED, START, chained, handover
from allears.guard.handover import handed_over
from allears.guard.heads import Signed, sound
from allears.guard.proof import entry_leaf


class Head(NamedTuple):
    """The newest entry: note it somewhere else, and nobody can cut the end off unseen."""

    number: int
    hash: str


class Verified(NamedTuple):
    """What a check of the whole log found."""

    ok: bool
    entries: int
    head: str
    first_bad: int | None
    root: str
    heads: int


def checked(
    rows: Iterable[AuditEntry],
    stored: Iterator[tuple[int, int, bytes]],
    heads: Iterable[Signed],
    *,
    key: str,
    sealed: Callable[[str], str],
    known: Head | None = None,
) -> Verified:
    """Check a log.

    Parameters
    ----------
    rows
        Its entries, oldest first.
    stored
        The subtrees the desk keeps, in the order in which entries complete them.
    heads
        Signed heads that the tree must have passed through.
    key
        What signed first.
    sealed
        Seals an entry's hash.
    known
        A head noted earlier: the chain must still contain it.
    """
    expected: dict[int, list[Signed]] = {}
    for head in heads:
        expected.setdefault(head.size, []).append(head)
    met, previous, count = 0, START, 0
    peaks: dict[tuple[int, int], bytes] = {}
    for row in rows:
        fits = row.number == count + 1 and row.previous == previous and row.hash == chained(row)
        if known and row.number == known.number:
            fits = fits and row.hash == known.hash
        if fits:
            peaks[0, count] = hashed = entry_leaf(row.hash)
            for level, position, made in merkle.completed(
                count, hashed, lambda level, position: peaks[level, position]
            ):
                fits = fits and next(stored, None) == (level, position, made)
                peaks[level, position] = made
                # Below a whole subtree nothing is asked for again.
                peaks.pop((level - 1, 2 * position)), peaks.pop((level - 1, 2 * position + 1))
        if not fits or not hmac.compare_digest(row.seal, sealed(row.hash)):
            return Verified(False, count, previous, count + 1, "", met)
        previous, count = row.hash, count + 1
        if row.action == RENEWED:
            change = handover(row)
            if change.old != key or change.number != count or not handed_over(change):
                return Verified(False, count, previous, count, "", met)
            key = change.new
        for head in expected.pop(count, ()):
            root = merkle.root(count, lambda level, position: peaks[level, position]).hex()
            if head.root != root or not sound(head, key):
                return Verified(False, count, previous, count, root, met)
            met += 1
    root = merkle.root(count, lambda level, position: peaks[level, position]).hex()
    cut = expected or (known and known.number > count) or next(stored, None) is not None
    return Verified(not cut, count, previous, count + 1 if cut else None, root, met)
