"""The tables ``identities`` and ``links`` as the desk holds them, and the refusals a steward reads."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from sqlalchemy import Executable, literal, select
from sqlalchemy.orm import Session, aliased

from allears.desk.identity import Edge, Identifier, IdentityHistory, StewardAct
from allears.know.clusters import FULL, REASONS
from allears.tables import table

REFUSALS = pa.schema(
    [
        ("left", pa.string()),
        ("right", pa.string()),
        ("types", pa.string()),
        ("reason", pa.string()),
        ("count", pa.int64()),
    ]
)
"""Links that were refused: a pair and why; ``right`` is null where an identifier had enough and links were only counted."""


def identities(session: Session) -> pa.Table:
    """Give who belongs to whom now, and to whom before."""
    kept = table("identities")
    now = select(
        Identifier.digest,
        Identifier.type,
        Identifier.customer,
        Identifier.relationship,
        Identifier.since,
        literal(None),
    )
    before = select(
        IdentityHistory.digest, IdentityHistory.type, IdentityHistory.customer, IdentityHistory.relationship,
        IdentityHistory.valid_from, IdentityHistory.valid_to,
    )  # fmt: skip
    schema = kept.schema
    return pa.concat_tables([_read(session, now, schema), _read(session, before, schema)])


def links(session: Session) -> pa.Table:
    """Give pairs that hold, or held until they were cut."""
    left, right = aliased(Identifier), aliased(Identifier)
    wanted = (
        select(
            left.digest, right.digest, Edge.weight_bits, Edge.source, Edge.seen_at, Edge.removed_at, left.type, right.type,
            Edge.steward,
        )
        .join(left, Edge.left == left.number)
        .join(right, Edge.right == right.number)
        .where(Edge.refused.is_(None))
        .order_by(Edge.left, Edge.right, Edge.steward)
    )  # fmt: skip
    rows = session.execute(wanted).all()
    why = [f"{s}" if hand else f"{a} and {b} seen together in {s}" for *_, s, _, _, a, b, hand in rows]
    columns: list[list[Any]] = [[row[i] for row in rows] for i in range(6)]
    columns[3] = why
    return _table(columns, table("links").schema)


def refusals(session: Session) -> pa.Table:
    """Give every link that was refused, and why."""
    left, right = aliased(Identifier), aliased(Identifier)
    pairs = (
        select(left.digest, right.digest, left.type + " and " + right.type, Edge.refused, literal(1))
        .join(left, Edge.left == left.number)
        .join(right, Edge.right == right.number)
        .where(Edge.refused.is_not(None), Edge.removed_at.is_(None))
    )
    counted = select(
        Identifier.digest, literal(None), Identifier.type, literal(REASONS[FULL]), Identifier.turned_away
    ).where(Identifier.turned_away > 0)
    return pa.concat_tables([_read(session, pairs, REFUSALS), _read(session, counted, REFUSALS)])


def acts(session: Session) -> list[dict[str, Any]]:
    """Give what stewards did, newest first: which customers it concerns today, who, why, and whether it was taken back."""
    left, right = aliased(Identifier), aliased(Identifier)
    wanted = (
        select(StewardAct, left.customer, right.customer)
        .outerjoin(left, StewardAct.left == left.digest)
        .outerjoin(right, StewardAct.right == right.digest)
        .order_by(StewardAct.id.desc())
    )
    kept = ("why", "actor", "done_at", "undone_at", "undone_by")
    return [
        {"act": f"{row.act}_{row.id}", "did": row.act, "left": one, "right": other}
        | {name: getattr(row, name) for name in kept}
        for row, one, other in session.execute(wanted)
    ]


def _read(session: Session, wanted: Executable, schema: pa.Schema) -> pa.Table:
    rows = session.execute(wanted).all()
    return _table([[row[i] for row in rows] for i in range(len(schema))], schema)


def _table(columns: list[list[Any]], schema: pa.Schema) -> pa.Table:
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
