"""Stewards: people who know better than the links. What they do is a link, a cut or a word of its own, and is undone without a trace.

A merge adds a steward's link between two customers' anchors; undoing it removes that link. A cut removes what events say of a
pair; undoing it puts that back. Who is kept apart is joined by no link until that is undone. Customers are clustered from the links each time, so after an undo they are exactly
what they would be had nothing been done - whatever arrived in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from allears.desk.identity import Edge, StewardAct
from allears.errors import NotFound, Refused
from allears.know import ledger
from allears.know.clusters import APART, REASONS
from allears.know.components import COUNTED, Components, Settled, keys_of
from allears.know.memory import Writer

MergeId = str


def merge(writer: Writer, left: str, right: str, why: str, actor: str, now: datetime) -> MergeId:
    """Make two customers one."""
    at = int(ledger.microseconds([now])[0])
    tried = _try(writer, left, right, at)
    if tried.forbidden:
        _take_back(writer, tried)
        raise Refused(f"a limit forbids this merge: {tried.forbidden}")
    writer.write(tried.settled, at, {tried.edge: f"steward {actor}"})
    _mark(writer, tried.edge, None)
    return _note(writer, "merge", tried.left, tried.right, why, actor, now)


def foresee(writer: Writer, left: str, right: str, now: datetime) -> tuple[str, str]:
    """Say which customer would stay after a merge, and which limit would forbid it, empty if none does; nothing is changed."""
    try:
        tried = _try(writer, left, right, int(ledger.microseconds([now])[0]))
    except Refused as no:
        return left, no.message
    stays = ledger.customers(writer.components, writer.components.owner([tried.left]))[0]
    _take_back(writer, tried)
    return stays, tried.forbidden


@dataclass(frozen=True)
class _Tried:
    """A merge in memory that nothing has written yet."""

    left: int
    right: int
    edge: int
    known: bool
    settled: Settled
    changes: int
    forbidden: str


def _try(writer: Writer, left: str, right: str, at: int) -> _Tried:
    components = writer.components
    a, b = (anchor_of(writer, customer) for customer in (left, right))
    if a == b:
        raise Refused("these are one customer already")
    if acts := components.kept_apart(a, b):
        raise Refused(f"{REASONS[APART]}; take that back first: {_named(acts)}")
    shared = components.nodes["shared"]
    if shared[a] or shared[b]:
        raise Refused("an identifier shared by many people joins nobody")
    before = components.changes
    both = np.concatenate([components.members(a), components.members(b)])
    edge = components.edge_between(a, b, steward=True)
    known = edge >= 0
    if known:
        components.remove(np.array([edge]), removed=False)
    else:
        edge = int(components.link(np.array([a]), np.array([b]), np.array([at]), steward=True)[0])
    settled = components.settle()
    forbidden = ""
    # Checked on all of both: a merge might hold and push an earlier one out.
    if len(set(components.owner(both).tolist())) > 1:
        near = np.isin(components.edges["left"], both) & np.isin(components.edges["right"], both)
        forbidden = REASONS[int(components.edges["state"][near].max())]
    return _Tried(a, b, edge, known, settled, before, forbidden)


def _take_back(writer: Writer, tried: _Tried) -> None:
    components = writer.components
    if tried.known:
        components.remove(np.array([tried.edge]))
    else:
        components.unlink(tried.edge)
    components.settle()
    components.changes = tried.changes  # links are the truth, so taking the link back took everything back


def cut(writer: Writer, left: str, right: str, why: str, actor: str, now: datetime) -> MergeId:
    """Take back what events say of two identifiers, by digest; seeing them together again changes nothing."""
    a, b = (_node_of(writer, digest) for digest in (left, right))
    edge = writer.components.edge_between(a, b, steward=False)
    if edge < 0 or writer.components.edges["removed"][edge]:
        raise NotFound("no link between these two identifiers")
    _switch(writer, edge, removed=True, now=now)
    return _note(writer, "cut", a, b, why, actor, now)


def disown(writer: Writer, customer: str, digest: str, why: str, actor: str, now: datetime) -> list[MergeId]:
    """Part one identifier from everything else of its customer, also from what it was not seen with yet."""
    node, components = _node_of(writer, digest), writer.components
    if components.owner([node])[0] != anchor_of(writer, customer):
        raise NotFound("this customer has no such identifier")
    others = [int(n) for n in components.members(node) if n != node]
    if not others:
        raise Refused("the customer is known by this identifier alone; put the right one in first")
    if any(_holds(components, components.edge_between(node, n, steward=True)) for n in others):
        raise Refused("this identifier was joined by hand: take that merge back")
    seen = [n for n in others if _holds(components, components.edge_between(node, n, steward=False))]
    at = int(ledger.microseconds([now])[0])
    # What names a person may be told with it tomorrow: those links are made, to be cut.
    near = [n for n in others if n not in seen and COUNTED[components.nodes["kind"][n]]]
    made = (
        components.link([node] * len(near), near, np.full(len(near), at)) if near else np.zeros(0, np.int64)
    )
    edges = np.r_[[components.edge_between(node, n, steward=False) for n in seen], made[made >= 0]].astype(
        np.int64
    )
    components.remove(edges)
    # Who was one person through it stays one person without it.
    kept = (
        components.link([seen[0]] * len(seen[1:]), seen[1:], np.full(len(seen[1:]), at))
        if seen[1:]
        else made[:0]
    )
    writer.settle(at, {int(edge): f"steward {actor}" for edge in np.r_[made, kept] if edge >= 0})
    for edge in edges.tolist():
        _mark(writer, edge, now)
    return [_note(writer, "cut", node, n, why, actor, now) for n in seen]


def keep_apart(writer: Writer, left: str, right: str, why: str, actor: str, now: datetime) -> MergeId:
    """Let nothing make two customers one: no link between any identifier of one and any of the other, through however many others."""
    components = writer.components
    a, b = (anchor_of(writer, customer) for customer in (left, right))
    if a == b:
        raise Refused(
            "these are one customer: part them first, by taking a merge back or parting two identifiers"
        )
    if acts := components.kept_apart(a, b):
        raise Refused(f"these are kept apart already ({_named(acts)})")
    act = _note(writer, "apart", a, b, why, actor, now)
    writer.keep_apart(_number(act), components.members(a), components.members(b))
    writer.settle(int(ledger.microseconds([now])[0]))
    return act


def undo(writer: Writer, act: MergeId, actor: str, now: datetime) -> None:
    """Undo a merge, a cut or a keeping apart."""
    row = writer.session.get(StewardAct, _number(act))
    # By its whole name: a pair of the queue knows its act by that.
    if row is None or f"{row.act}_{row.id}" != act:
        raise NotFound("no merge, cut or keeping apart of that id")
    if row.undone_at is not None:
        raise Refused("this was undone already")
    if row.act == "apart":
        row.undone_at, row.undone_by = now, actor
        writer.let_join(row.id)
        writer.settle(int(ledger.microseconds([now])[0]))
        return
    a, b = _node_of(writer, row.left), _node_of(writer, row.right)
    edge = writer.components.edge_between(a, b, steward=row.act == "merge")
    _switch(writer, edge, removed=row.act == "merge", now=now)
    row.undone_at, row.undone_by = now, actor


def anchor_of(writer: Writer, customer: str) -> int:
    """Give the anchor node of a customer, by today's or an earlier id."""
    node = int(writer.components.find(np.array([ledger.number_of(customer)], np.uint64))[0])
    if node < 0:
        raise NotFound("no customer of that id")
    return int(writer.components.owner([node])[0])


def _holds(components: Components, edge: int) -> bool:
    return edge >= 0 and not components.edges["removed"][edge]


def _switch(writer: Writer, edge: int, *, removed: bool, now: datetime) -> None:
    writer.components.remove(np.array([edge]), removed=removed)
    writer.settle(int(ledger.microseconds([now])[0]))
    _mark(writer, edge, now if removed else None)


def _mark(writer: Writer, edge: int, removed_at: datetime | None) -> None:
    edges = writer.components.edges
    key = tuple(edges[name][edge].item() for name in ("left", "right", "steward"))
    row = writer.session.get_one(Edge, key)
    row.removed_at = removed_at


def _note(writer: Writer, act: str, a: int, b: int, why: str, actor: str, now: datetime) -> MergeId:
    left, right = ledger.digests(writer.components, np.array([a, b]))
    row = StewardAct(act=act, left=left, right=right, why=why, actor=actor, done_at=now)
    writer.session.add(row)
    writer.session.flush()
    return f"{act}_{row.id}"


def _node_of(writer: Writer, digest: str) -> int:
    node = int(writer.components.find(keys_of([digest])[0])[0])
    if node < 0:
        raise NotFound("no identifier of that digest")
    return node


def _number(act: MergeId) -> int:
    number = act.rpartition("_")[2]
    # A larger number is none of any desk's.
    if not number.isdecimal() or len(number) > 9:
        raise NotFound("no merge, cut or keeping apart of that id")
    return int(number)


def _named(acts: list[int]) -> str:
    return ", ".join(f"apart_{act}" for act in acts)
