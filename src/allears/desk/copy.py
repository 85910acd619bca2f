"""Copy a desk whole into another, from one database to the other: how one on PostgreSQL gets into a backup, and out of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, MetaData, Table, func, insert, select, text, tuple_

from allears.desk.aliases import Aliased
from allears.desk.base import Base, Desk
from allears.desk.postgres import PLACE
from allears.desk.upgrade import load_models, upgrade
from allears.errors import Refused

ROWS = 2000


def copy(source: Desk, target: Desk) -> None:
    """Copy every table as it is at one moment, in one transaction: all of it or nothing. Others may write meanwhile.

    Parameters
    ----------
    source
        A desk of today's form.
    target
        An empty database, or one that holds a desk of nothing; it gets today's form first.

    Raises
    ------
    Refused
        The target is not empty.
    """
    load_models()
    upgrade(target)
    with source.reading() as from_there, target.session() as to_here:
        if any(to_here.execute(select(table).limit(1)).first() for table in Base.metadata.sorted_tables):
            raise Refused("this database is not empty; a desk needs one of its own", place=PLACE)
        for table in Base.metadata.sorted_tables:
            _copy(_as_kept(table), from_there.connection(), to_here.connection())


def _as_kept(table: Table) -> Table:
    """Give a table whose aliases stay what they are: copying needs no key."""
    kept = table.to_metadata(MetaData())
    for column in kept.columns:
        if isinstance(column.type, Aliased):
            column.type = column.type.kept
    return kept


def _copy(table: Table, source: Connection, target: Connection) -> None:
    # By pages of the key: PostgreSQL's driver would otherwise hold a whole table in memory.
    key = list(table.primary_key.columns)
    last: tuple[Any, ...] | None = None
    while True:
        page = select(table).order_by(*key).limit(ROWS)
        if last is not None:
            page = page.where(tuple_(*key) > last)
        rows = source.execute(page).mappings().all()
        if rows:
            target.execute(insert(table), [dict(row) for row in rows])
            last = tuple(rows[-1][column.key] for column in key)
        if len(rows) < ROWS:
            break
    if target.dialect.name == "postgresql":
        _count_on(table, target)


def _count_on(table: Table, target: Connection) -> None:
    """Let numbers that the database gives out begin behind those that were copied."""
    for column in table.primary_key.columns:
        sequence = target.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
        if sequence is None:
            continue
        highest = target.scalar(select(func.max(column)))
        if highest is not None:
            target.execute(text("SELECT setval(:name, :at)"), {"name": sequence, "at": highest})
