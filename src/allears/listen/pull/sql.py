"""A table or view of any database SQLAlchemy knows, read on by a column that grows; nothing is ever written there.

Rows that share the last value are read again each time, and so are those a little before it (``late``): a transaction that
began earlier may commit later. Ids keep them from counting twice. Rows whose column is NULL are read each time.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    MetaData,
    String,
    Table,
    and_,
    create_engine,
    inspect,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchTableError, SQLAlchemyError

from allears.errors import NotFound, Refused, WorldFailed
from allears.listen.flat import flatten
from allears.listen.guess import SAMPLE_ROWS
from allears.listen.mapping import Mapping, infer, read_mapping, write_mapping
from allears.listen.pull.page import Ask, Cursor, Page, Row, map_rows

_GROWS = (int, float, Decimal, datetime, date, str, UUID)


class SqlOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the kind ``sql``."""

    table: Annotated[str, Meta(description="Table or view; `schema.table` for another schema.", min_length=1)]
    cursor: Annotated[
        str, Meta(description="Column that grows: a number, a time or a sortable text.", min_length=1)
    ]
    id: Annotated[
        str | None, Meta(description="Column that is different in each row; null: the primary key.")
    ] = None
    columns: Annotated[tuple[str, ...], Meta(description="Only these columns; none: all.")] = ()
    late: (
        Annotated[
            float,
            Meta(
                description="How far behind the last value is read again: seconds for times (null: 600), else a number (null: 0).",
                ge=0,
            ),
        ]
        | None
    ) = None
    batch: Annotated[int, Meta(description="Rows read at once.", ge=1, le=100_000)] = 5000


class Sql:
    """Reads one table."""

    relists = True

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._options = ask.options_as(SqlOptions)
        self._url = _url(ask)
        self.mapping = ask.mapping

    def pages(self, cursor: Cursor) -> Generator[Page, None, None]:
        """Read what came after the cursor, then rows whose column is NULL."""
        if self.mapping is None and "mapping" in cursor:
            self.mapping = read_mapping(str(cursor["mapping"]), self._ask.place)
        try:
            engine = create_engine(self._url)
            try:
                with engine.connect() as connection:
                    yield from self._read(connection, cursor)
            finally:
                engine.dispose()
        except NoSuchTableError:
            raise NotFound(f"no table `{self._options.table}` there", place=self._ask.place) from None
        except ImportError as error:
            raise Refused(
                f"the database's driver is not installed: {error.name}", place=self._ask.place
            ) from None
        except SQLAlchemyError as error:
            # The kind only: the library's own words hold rows and addresses.
            raise WorldFailed(
                f"the database failed: {type(error).__name__}", place=self._ask.place, again=True
            ) from None

    def _read(self, connection: Connection, cursor: Cursor) -> Iterator[Page]:
        schema, _, name = self._options.table.rpartition(".")
        table = Table(name, MetaData(), schema=schema or None, autoload_with=connection)
        grows, key = self._grows(connection, table), self._key(connection, table)
        wanted = [self._column(table, one) for one in self._options.columns] or list(table.columns)
        last = _thawed(cursor["value"]) if "value" in cursor else None
        start = _before(last, self._options.late)
        position: tuple[Any, Any] | None = None
        while True:
            query = (
                select(*wanted, grows.label("_grows"), key.label("_key"))
                .where(grows.is_not(None))
                .order_by(grows, key)
                .limit(self._options.batch)
            )
            if position is not None:
                query = query.where(or_(grows > position[0], and_(grows == position[0], key > position[1])))
            elif start is not None:
                query = query.where(grows >= start)
            rows = connection.execute(query).mappings().all()
            if not rows:
                break
            position = (rows[-1]["_grows"], rows[-1]["_key"])
            last = self._later(last, position[0])
            yield self._page([dict(row) for row in rows], last)
        yield from self._nulls(connection, wanted, grows, key, last)

    def _later(self, last: Any, value: Any) -> Any:
        if not isinstance(value, _GROWS):
            raise Refused(
                f"column `{self._options.cursor}` cannot be the cursor: it holds neither numbers, times nor texts",
                place=self._ask.place,
            )
        try:
            # A value read again because it may be late must not move the cursor back.
            return value if last is None else max(last, value)
        except TypeError:  # SQLite keeps what it is given, whatever the column was declared as
            raise Refused(
                f"column `{self._options.cursor}` holds values of several kinds, which have no order",
                place=self._ask.place,
            ) from None

    def _nulls(
        self,
        connection: Connection,
        wanted: list[Column[Any]],
        grows: ColumnElement[Any],
        key: Column[Any],
        last: Any,
    ) -> Iterator[Page]:
        after: Any = None
        while True:
            query = (
                select(*wanted, key.label("_key"))
                .where(grows.is_(None))
                .order_by(key)
                .limit(self._options.batch)
            )
            rows = connection.execute(query if after is None else query.where(key > after)).mappings().all()
            if not rows:
                return
            after = rows[-1]["_key"]
            yield self._page([dict(row) for row in rows], last)

    def _page(self, rows: list[Row], last: Any) -> Page:
        clean = [
            {f"{name}": _plain(value) for name, value in row.items() if name not in ("_grows", "_key")}
            for row in rows
        ]
        if self.mapping is None:
            self.mapping = self._inferred(clean)
        moved: Cursor = {"value": _frozen(last)} if last is not None else {}
        if self._ask.mapping is None:
            moved["mapping"] = write_mapping(self.mapping)
        return Page(map_rows(clean, self.mapping, self._ask.context(), "row"), moved)

    def _inferred(self, rows: list[Row]) -> Mapping:
        found = infer([flatten(row) for row in rows[:SAMPLE_ROWS]])
        names = set(rows[0])
        if found.id is None and self._options.id in names:
            found = msgspec.structs.replace(found, id=self._options.id)
        return found

    def _key(self, connection: Connection, table: Table) -> Column[Any]:
        if self._options.id is not None:
            return self._column(table, self._options.id)
        keys = inspect(connection).get_pk_constraint(table.name, schema=table.schema)["constrained_columns"]
        if len(keys) != 1:
            raise Refused(
                "option `id` is needed: a column that is different in each row", place=self._ask.place
            )
        return table.columns[keys[0]]

    def _grows(self, connection: Connection, table: Table) -> ColumnElement[Any]:
        column = self._column(table, self._options.cursor)
        # SQLite keeps times as text, in whatever form the writer chose: compared as they stand.
        timed = connection.dialect.name == "sqlite" and isinstance(column.type, DateTime | Date)
        return type_coerce(column, String) if timed else column

    def _column(self, table: Table, name: str) -> Column[Any]:
        if name not in table.columns:
            raise Refused(
                f"no column `{name}`; there are {', '.join(table.columns.keys())}", place=self._ask.place
            )
        return table.columns[name]


def _url(ask: Ask) -> URL:
    try:
        url = make_url(ask.needed_url())
    except ArgumentError:
        raise Refused(
            "expected an SQLAlchemy URL, such as postgresql+psycopg://user@host/database", place=ask.place
        ) from None
    if url.password is not None:
        raise Refused("a password does not belong in the url: seal it, or name a variable", place=ask.place)
    if url.get_backend_name() == "sqlite":
        path = ask.folder / str(url.database)
        if not path.is_file():
            raise NotFound("no such database file", place=ask.place)
        # A database of SQLite is a file: opened so that nothing can be written to it.
        return URL.create(url.drivername, database=f"file:{path}", query={"mode": "ro", "uri": "true"})
    return url.set(password=ask.secret) if ask.secret else url


def _before(last: Any, late: float | None) -> Any:
    if isinstance(last, datetime | date):
        return last - timedelta(seconds=600 if late is None else late)
    if isinstance(last, str):
        return _text_before(last, timedelta(seconds=600 if late is None else late))
    if isinstance(last, int | float | Decimal) and late:
        return float(last) - late if isinstance(last, float) else last - int(late)
    return last


def _text_before(last: str, late: timedelta) -> str:
    """Take a time written as text back a little, in the form it was written in; other texts stay."""
    try:
        moment = datetime.fromisoformat(last)
    except ValueError:
        return last
    return (moment - late).replace(tzinfo=None).isoformat(sep=last[10]) if late and len(last) > 10 else last


def _frozen(value: Any) -> list[str]:
    """Write a value of the growing column so that it comes back as the same type."""
    if isinstance(value, datetime):
        return ["time", value.isoformat()]
    if isinstance(value, date):
        return ["date", value.isoformat()]
    return [type(value).__name__, str(value)]


def _thawed(held: list[str]) -> Any:
    kind, text = held
    reads: dict[str, Any] = {
        "time": datetime.fromisoformat,
        "date": date.fromisoformat,
        "int": int,
        "float": float,
        "Decimal": Decimal,
        "UUID": UUID,
    }
    return reads.get(kind, str)(text)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return None
    if isinstance(value, Decimal):
        whole = value.is_finite() and value == value.to_integral_value()
        return int(value) if whole else float(value)
    return (
        value.isoformat()
        if isinstance(value, datetime | date)
        else str(value)
        if isinstance(value, UUID)
        else value
    )
