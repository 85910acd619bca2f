"""The ledger: components written to the desk and read back, one transaction per batch, with what changed and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from allears.desk.identity import (
    Apart,
    Edge,
    Identifier,
    IdentityHistory,
    IdentityRevision,
    Profile,
    StewardAct,
)
from allears.know import clusters
from allears.know.clusters import HOLDS, REASONS, Ints
from allears.know.components import Components, Settled, keys_of
from allears.know.identifiers import PEOPLE
from allears.know.limits import EVIDENCE_BITS, RULE_VERSION
from allears.know.relationship import STANDINGS

STEWARD_BITS = 20.0
"""What a steward's word is worth, log2 of the odds."""
_BITS = np.array([EVIDENCE_BITS[t] for t in PEOPLE])
_KIND_OF = {t: i for i, t in enumerate(PEOPLE)}


def lock(session: Session) -> IdentityRevision:
    """Take the writer's turn and give the current revision."""
    row = session.scalars(select(IdentityRevision).with_for_update()).first()
    if row is None:
        row = IdentityRevision(id=1, revision=0, forgotten=0)
        session.add(row)
    return row


def read(session: Session, components: Components, since: int) -> None:
    """Take in what was written after a revision; the caller settles."""
    columns = select(
        Identifier.number, Identifier.digest, Identifier.type, Identifier.customer, Identifier.relationship, Identifier.told,
        Identifier.first_seen_at, Identifier.since, Identifier.shared, Identifier.turned_away,
    )  # fmt: skip
    rows = session.execute(columns.where(Identifier.revision > since)).all()
    if rows:
        _read_nodes(components, list(zip(*rows, strict=True)))
    links = select(Edge.left, Edge.right, Edge.steward, Edge.seen_at, Edge.refused, Edge.removed_at)
    edges = session.execute(links.where(Edge.revision > since)).all()
    if edges:
        left, right, steward, at, refused, removed = zip(*edges, strict=True)
        codes = {reason: code for code, reason in enumerate(REASONS)} | {None: HOLDS}
        components.load_edges(
            np.array(left), np.array(right), np.array(steward, np.bool_), microseconds(at),
            np.array([codes.get(r, -1) for r in refused], np.int8), np.array([r is not None for r in removed]),
        )  # fmt: skip
    _read_aparts(session, components, since)


def _read_aparts(session: Session, components: Components, since: int) -> None:
    wanted = (
        select(Apart.act, Apart.identifier, Apart.right, StewardAct.undone_at)
        .join(StewardAct, StewardAct.id == Apart.act)
        .where(Apart.revision > since)
    )
    rows = session.execute(wanted).all()
    if rows:
        acts, nodes, right, undone_at = zip(*rows, strict=True)
        holds = np.array([at is None for at in undone_at])
        sides = 2 * np.array(acts, np.int64) + np.array(right, np.int64)
        said = clusters.Apart(np.array(nodes, np.int64)[holds], sides[holds])
        components.load_aparts(np.unique(sides >> 1), said)


def keep_apart(session: Session, act: int, left: Ints, right: Ints, revision: int) -> None:
    """Write down who is kept apart."""
    sides = ((False, left), (True, right))
    _insert(session, Apart, [
        {"act": act, "identifier": node, "right": side, "revision": revision} for side, nodes in sides for node in nodes.tolist()
    ])  # fmt: skip


def let_join(session: Session, act: int, revision: int) -> None:
    """Tell those who read later that an act keeps nobody apart any more."""
    session.execute(update(Apart).where(Apart.act == act).values(revision=revision))


def _read_nodes(components: Components, columns: list[tuple[Any, ...]]) -> None:
    numbers, digests, types, customers, relationships, told, first, since, shared, turned_away = columns
    high, low = keys_of(digests)
    components.load_nodes(
        np.array(numbers), high=high, low=low,
        kind=np.array([_KIND_OF[t] for t in types], np.int8),
        told=np.array([STANDINGS.index(t) for t in told], np.int8),
        standing=np.array([STANDINGS.index(r) for r in relationships], np.int8),
        first=microseconds(first), since=microseconds(since),
        shared=np.array(shared, np.bool_), turned_away=np.array(turned_away),
    )  # fmt: skip
    anchors = components.find(np.array([int(c[2:], 16) for c in customers], np.uint64))
    components.nodes["owner"][np.array(numbers)] = anchors


@dataclass(frozen=True)
class Batch:
    """What a write needs to know: when, under which revision, and the source of each new edge by position."""

    at: int
    revision: int
    sources: Mapping[int, str]
    known_nodes: int
    known_edges: int


def write(session: Session, components: Components, settled: Settled, batch: Batch) -> None:
    """Write what changed."""
    _close_history(session, components, settled, batch.at)
    components.nodes["since"][settled.moved] = batch.at
    nodes = np.concatenate([settled.moved, settled.noted])
    _insert(session, Identifier, _node_rows(components, nodes[nodes >= batch.known_nodes], batch))
    old = _node_rows(components, nodes[nodes < batch.known_nodes], batch)
    _update(session, Identifier, old, ("number",))
    edges = settled.edges
    _insert(session, Edge, _edge_rows(components, edges[edges >= batch.known_edges], batch))
    _update(
        session,
        Edge,
        _edge_rows(components, edges[edges < batch.known_edges], batch),
        ("left", "right", "steward"),
    )


def _close_history(session: Session, components: Components, settled: Settled, at: int) -> None:
    known = settled.was_owner >= 0
    moved, was = settled.moved[known], settled.was_owner[known]
    if not len(moved):
        return
    rows = zip(
        digests(components, moved),
        components.nodes["kind"][moved].tolist(),
        customers(components, was),
        settled.was_standing[known].tolist(),
        moments(components.nodes["since"][moved]),
        strict=True,
    )
    until = moments(np.array([at]))[0]
    _insert(session, IdentityHistory, [
        {"digest": d, "type": PEOPLE[k], "customer": c, "relationship": STANDINGS[s], "valid_from": f, "valid_to": until}
        for d, k, c, s, f in rows
    ])  # fmt: skip
    # A profile learnt under an identifier's own name follows that identifier.
    now = zip(customers(components, moved), customers(components, components.owner(moved)), strict=True)
    _update(session, Profile, [{"subject": s, "customer": c} for s, c in now], ("subject",))


def _node_rows(components: Components, nodes: Ints, batch: Batch) -> list[dict[str, Any]]:
    get = components.nodes
    columns = zip(
        nodes.tolist(),
        digests(components, nodes),
        get["kind"][nodes].tolist(),
        customers(components, get["owner"][nodes]),
        get["standing"][nodes].tolist(),
        get["told"][nodes].tolist(),
        moments(get["first"][nodes]),
        moments(get["since"][nodes]),
        get["shared"][nodes].tolist(),
        get["turned_away"][nodes].tolist(),
        strict=True,
    )
    return [
        {
            "number": number, "digest": digest, "type": PEOPLE[kind], "customer": customer, "relationship": STANDINGS[standing],
            "told": STANDINGS[told], "first_seen_at": first, "since": since, "shared": shared, "turned_away": turned_away,
            "revision": batch.revision,
        }
        for number, digest, kind, customer, standing, told, first, since, shared, turned_away in columns
    ]  # fmt: skip


def _edge_rows(components: Components, edges: Ints, batch: Batch) -> list[dict[str, Any]]:
    get, kind = components.edges, components.nodes["kind"]
    left, right, steward = get["left"][edges], get["right"][edges], get["steward"][edges]
    bits = np.where(steward, STEWARD_BITS, np.minimum(_BITS[kind[left]], _BITS[kind[right]]))
    columns = zip(
        edges.tolist(), left.tolist(), right.tolist(), steward.tolist(), moments(get["at"][edges]), bits.tolist(),
        get["state"][edges].tolist(), strict=True,
    )  # fmt: skip
    rows = []
    for edge, a, b, by_hand, at, weight, state in columns:
        row = {
            "left": a, "right": b, "steward": by_hand, "seen_at": at, "rule_version": RULE_VERSION, "weight_bits": weight,
            "refused": REASONS[state] or None, "revision": batch.revision,
        }  # fmt: skip
        if edge >= batch.known_edges:
            row["source"] = batch.sources.get(edge, "")
        rows.append(row)
    return rows


def erase(session: Session, components: Components, nodes: Ints, edges: Ints) -> None:
    """Delete identifiers, their links, and what keeps them apart from others."""
    get = components.edges
    ends = zip(
        get["left"][edges].tolist(), get["right"][edges].tolist(), get["steward"][edges].tolist(), strict=True
    )
    found = [{"a": a, "b": b, "c": c} for a, b, c in ends]
    if found:
        table = Edge.__table__
        where = (
            table.c.left == bindparam("a"),
            table.c.right == bindparam("b"),
            table.c.steward == bindparam("c"),
        )
        session.connection().execute(delete(Edge).where(*where), found)
    numbers = nodes.tolist()
    parted: set[int] = set()
    for start in range(0, len(numbers), 500):  # databases limit the parameters of one statement
        some = numbers[start : start + 500]
        parted |= set(session.scalars(delete(Apart).where(Apart.identifier.in_(some)).returning(Apart.act)))
        session.execute(delete(Identifier).where(Identifier.number.in_(some)))
    for act in parted:
        _name_anew(session, act)


def _name_anew(session: Session, act: int) -> None:
    """Name what keeps people apart by identifiers that remain; where one side has none, nobody is kept apart any more."""
    left = (
        select(Apart.right, func.min(Identifier.digest))
        .join(Identifier, Identifier.number == Apart.identifier)
        .where(Apart.act == act)
        .group_by(Apart.right)
    )
    known: dict[bool, str] = dict(session.execute(left).all())
    if len(known) == 2:
        named = update(StewardAct).where(StewardAct.id == act)
        session.execute(named.values(left=known[False], right=known[True]))
    else:
        session.execute(delete(Apart).where(Apart.act == act))


def ends(components: Components, edges: Ints, nodes: Ints) -> list[int]:
    """Say of each link at which of some sorted nodes it ends: the place in that list."""
    left, right = components.edges["left"][edges], components.edges["right"][edges]
    inside = np.isin(left, nodes)
    found: list[int] = np.searchsorted(nodes, np.where(inside, left, right)).tolist()
    return found


def digests(components: Components, nodes: Ints) -> list[str]:
    """Give nodes' digests as text."""
    both = np.stack([components.nodes["high"][nodes], components.nodes["low"][nodes]], axis=1)
    text = both.astype(">u8").tobytes().hex()
    return [text[i : i + 32] for i in range(0, len(text), 32)]


def customers(components: Components, anchors: Ints) -> list[str]:
    """Give the customer ids that anchor nodes stand for."""
    text = components.nodes["high"][anchors].astype(">u8").tobytes().hex()
    return ["c_" + text[i : i + 16] for i in range(0, len(text), 16)]


def number_of(customer: str) -> int:
    """Read a customer id; 0, which is nobody's, where it is none."""
    try:
        return int(customer[2:], 16) if len(customer) == 18 and customer.startswith("c_") else 0
    except ValueError:
        return 0


def microseconds(times: Iterable[datetime]) -> npt.NDArray[np.int64]:
    """Turn times in UTC into microseconds since 1970."""
    return np.array([t.replace(tzinfo=None) for t in times], "M8[us]").astype(np.int64)


def moments(times: Ints) -> list[datetime]:
    """Turn microseconds since 1970 into times in UTC."""
    plain: list[datetime] = times.astype("M8[us]").tolist()
    return [t.replace(tzinfo=UTC) for t in plain]


def _insert(session: Session, model: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        session.connection().execute(insert(model), list(rows))


def _update(session: Session, model: Any, rows: Sequence[dict[str, Any]], keys: tuple[str, ...]) -> None:
    if not rows:
        return
    table = model.__table__
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in rows[0] if name not in keys}
    change = update(table).where(*(table.c[k] == bindparam(f"key_{k}") for k in keys)).values(values)
    given = [{f"key_{n}" if n in keys else f"new_{n}": v for n, v in row.items()} for row in rows]
    session.connection().execute(change, given)
