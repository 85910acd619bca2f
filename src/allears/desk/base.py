"""The operational store's ground: one engine, short transactions, times always aware."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, MetaData, TypeDecorator, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import DeclarativeBase, Session

from allears.desk import aliases as made
from allears.desk import postgres, sqlite
from allears.errors import Refused

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Moment(TypeDecorator[datetime]):
    """A time in UTC: aware going in, aware coming out, on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone, turn the others into UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise Refused("expected a time with zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give back an aware time."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Base(DeclarativeBase):
    """All models of the operational store."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: Moment}


class Desk:
    """The operational store of a space: SQLite, or PostgreSQL.

    Parameters
    ----------
    url
        An SQLAlchemy URL; a relative SQLite path is taken from ``folder``.
    folder
        The space's folder.
    entry
        What PostgreSQL asks before it lets anybody in.

    Raises
    ------
    Refused
        It is neither, or PostgreSQL's driver is not installed.

    Notes
    -----
    Writers take turns, on both: SQLite locks its file, on PostgreSQL each writing transaction waits for one lock. What
    is read and written back within a transaction is therefore never somebody else's older value, and no statement need
    know which database it is for. A reader waits for nobody and sees one moment.
    """

    def __init__(self, url: str, folder: Path, entry: postgres.Entry | None = None) -> None:
        parsed = _parsed(url)
        if parsed.drivername == postgres.DRIVER:
            self.engine: Engine = postgres.engine(parsed, entry or postgres.Entry())
            return
        if parsed.database not in (None, "", ":memory:"):
            parsed = parsed.set(database=str(folder / str(parsed.database)))
        # An error shows the statement, never the values: those are somebody's.
        self.engine = create_engine(parsed, hide_parameters=True)
        sqlite.set_up(self.engine)

    @property
    def shared(self) -> bool:
        """Whether several processes may digest by it."""
        return self.engine.dialect.name == "postgresql"

    @property
    def aliases(self) -> made.Aliases:
        """What turns digests into aliases and back; it knows the space's key.

        Raises
        ------
        Refused
            The desk was opened without it.
        """
        return made.known(self.engine.dialect)

    @aliases.setter
    def aliases(self, aliases: made.Aliases) -> None:
        made.introduce(self.engine.dialect, aliases)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a transaction: commits at the end, rolls back on an error. Objects stay readable afterwards."""
        with (
            postgres.told(self.engine),
            Session(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a transaction that only reads: it waits for no writer."""
        with (
            postgres.told(self.engine),
            Session(self.engine.execution_options(reading=True), expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # its text may repeat a part of what was given
        parsed = None
    if parsed is None or not (parsed.get_backend_name() == "sqlite" or parsed.drivername == postgres.DRIVER):
        raise Refused(
            f"expected `sqlite:///FILE` or `{postgres.DRIVER}://USER@HOST/DATABASE`", place=postgres.PLACE
        )
    return parsed
