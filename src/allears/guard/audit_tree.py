"""The audit's Merkle tree as the desk keeps it: leaves are the entries' hashes, whole subtrees are rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from allears.desk.audit import AuditEntry, AuditNode
from allears.guard import merkle
from allears.guard.proof import entry_leaf

_PAGE = 5_000
_SPAN = 2_000


def grow(session: Session, rows: Sequence[AuditEntry]) -> None:
    """Keep every subtree that new entries complete."""
    new: dict[tuple[int, int], bytes] = {}

    def node(level: int, position: int) -> bytes:
        held = new.get((level, position))
        return held if held is not None else _node(session, level, position)

    for row in rows:
        new[0, row.number - 1] = hashed = entry_leaf(row.hash)
        for level, position, made in merkle.completed(row.number - 1, hashed, node):
            new[level, position] = made
    session.add_all(
        AuditNode(level=level, position=position, hash=made)
        for (level, position), made in new.items()
        if level
    )


def _node(session: Session, level: int, position: int) -> bytes:
    if level == 0:
        return entry_leaf(session.get_one(AuditEntry, position + 1).hash)
    return session.get_one(AuditNode, (level, position)).hash


def nodes(session: Session) -> merkle.Nodes:
    """Look leaves and subtrees up one by one."""
    return lambda level, position: _node(session, level, position)


def near(session: Session, numbers: Sequence[int]) -> dict[tuple[int, int], bytes]:
    """Look up the leaves and subtrees beside entries that follow each other; whatever lies elsewhere is looked up when it is asked for."""
    low, high = numbers[0] - 1, numbers[-1] - 1
    if high - low > _SPAN:
        return {}
    leaves = select(AuditEntry.number, AuditEntry.hash).where(AuditEntry.number.between(low, high + 2))
    found = {(0, row.number - 1): entry_leaf(row.hash) for row in session.execute(leaves)}
    levels = [
        and_(AuditNode.level == level, AuditNode.position.between((low >> level) - 1, (high >> level) + 1))
        for level in range(1, high.bit_length() + 1)
    ]
    if levels:
        columns = select(AuditNode.level, AuditNode.position, AuditNode.hash).where(or_(*levels))
        found |= {(row.level, row.position): row.hash for row in session.execute(columns)}
    return found


def stored_nodes(session: Session) -> Iterator[tuple[int, int, bytes]]:
    """Give the stored subtrees in the order in which entries complete them."""
    # The last leaf under a subtree says when it was completed; of those, the smaller came first.
    ends = (AuditNode.position + 1).op("<<")(AuditNode.level)
    query = select(AuditNode.level, AuditNode.position, AuditNode.hash).order_by(ends, AuditNode.level)
    for row in session.execute(query.execution_options(yield_per=_PAGE)):
        yield row.level, row.position, row.hash
