"""Verdicts as they were measured: the newest counts, the older ones stay."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from sqlalchemy import select

from allears.desk.base import Desk
from allears.desk.work import Verdict
from allears.tables import table


def record_verdicts(desk: Desk, verdicts: pa.Table | pa.RecordBatch) -> int:
    """Write down rows of the ``verdicts`` table; one known for the same issue, part and cut-off is replaced."""
    names = table("verdicts").schema.names
    with desk.session() as session:
        for given in verdicts.to_pylist():
            same = (
                Verdict.issue == given["issue"],
                Verdict.part == given["part"],
                Verdict.cutoff == given["cutoff"],
            )
            row = session.scalar(select(Verdict).where(*same)) or Verdict()
            for name in names:
                value = given.get(name)
                setattr(row, name, "" if value is None and name in ("method", "why") else value)
            session.add(row)
            session.flush()
    return int(verdicts.num_rows)


def verdicts(desk: Desk, issue: str | None = None, *, newest: bool = True) -> list[dict[str, Any]]:
    """List verdicts, newest cut-off first; by default one per issue and part."""
    query = select(Verdict).order_by(Verdict.cutoff.desc(), Verdict.id.desc())
    query = query.where(Verdict.issue == issue) if issue is not None else query
    names = table("verdicts").schema.names
    with desk.reading() as session:
        rows = [{name: getattr(row, name) for name in names} for row in session.scalars(query)]
    if not newest:
        return rows
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        kept.setdefault((row["issue"], row["part"]), row)
    return list(kept.values())
