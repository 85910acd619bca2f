"""A desk on PostgreSQL: how it is reached, how writers take turns, and what is said when it fails."""

from __future__ import annotations

import importlib.util
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError

from allears.errors import Refused, WorldFailed

DRIVER = "postgresql+pg8000"
PLACE = "allears.toml [desk] url"
WAIT = "15s"
"""How long a writer waits for its turn, as on SQLite."""
TURN = 0x616C6C65617273  # one lock in each database: advisory locks belong to the database they are taken in
# By SQLSTATE, from the five characters or their class; what PostgreSQL itself says may quote values.
SAID = {
    "28": "the database does not let this user in: its name, password or address",
    "3D000": "there is no such database on that server",
    "42501": "this user may not do that in the database; it must own its schema",
    "53": "the database has no room for another connection, or no disk or memory left",
    "55P03": "another process has held the desk for too long",
    "57": "the database is shutting down or starting up",
    "08": "the database cannot be reached",
}
_PLACES = ("S", "C", "s", "t", "c", "n")  # severity, SQLSTATE, schema, table, column, constraint


@dataclass(frozen=True)
class Entry:
    """What it takes to get in. The password is in no ``repr``."""

    password: str | None = field(default=None, repr=False)
    tls: str = "auto"
    ca_file: Path | None = None


def engine(url: URL, entry: Entry) -> Engine:
    """Make the engine; nothing is connected yet.

    Raises
    ------
    Refused
        The driver is not installed, or the certificates cannot be read.
    """
    if importlib.util.find_spec("pg8000") is None:
        raise Refused("a desk on PostgreSQL needs `pip install 'allears[postgres]'`", place=PLACE)
    made = create_engine(
        url.set(password=entry.password),
        hide_parameters=True,
        # A connection that broke while nobody used it is replaced before anybody does.
        pool_pre_ping=True,
        connect_args={"ssl_context": _tls(url, entry), "application_name": "allears"},
    )
    # The driver sends one row after the other; SQLAlchemy can send a thousand in one statement.
    made.dialect.use_insertmanyvalues_wo_returning = True
    event.listen(made, "connect", _ready)
    event.listen(made, "begin", _begin)
    event.listen(made, "handle_error", _hide)
    return made


def _tls(url: URL, entry: Entry) -> ssl.SSLContext | bool:
    near = url.host in (None, "localhost", "127.0.0.1", "::1")
    if entry.tls == "off" or (entry.tls == "auto" and near):
        return False
    try:
        return ssl.create_default_context(cafile=entry.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Refused(
            f"the certificates cannot be read ({type(error).__name__})", place="allears.toml [desk] ca_file"
        ) from None


def _ready(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SET TIME ZONE 'UTC'")
    cursor.execute(f"SET lock_timeout = '{WAIT}'")
    cursor.close()
    connection.commit()


def _begin(connection: Any) -> None:
    if connection.get_execution_options().get("held", False):
        return  # asks and writes nothing, see `allears.desk.held`
    if connection.get_execution_options().get("reading", False):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    else:
        # Gone with the transaction, and with the connection when the process is killed.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({TURN})")


def _hide(context: ExceptionContext) -> DBAPIError | None:
    """Leave of PostgreSQL's message what names places: its text and detail quote the values of the row."""
    error, given = context.original_exception, _given(context.original_exception)
    told: BaseException | None = error
    while told is not None:  # the driver raises it twice, and a traceback shows both
        if held := _given(told):
            told.args = ({name: held[name] for name in _PLACES if name in held},)
        told = told.__context__
    if not isinstance(context.sqlalchemy_exception, DBAPIError):
        return None
    # The driver calls broken unique constraints alone broken integrity.
    kind = IntegrityError if given.get("C", "").startswith("23") else type(context.sqlalchemy_exception)
    return kind(
        context.statement,
        None,
        error,
        hide_parameters=True,
        connection_invalidated=context.is_disconnect,
    )


def _given(error: BaseException | None) -> dict[str, str]:
    given = error.args[0] if error is not None and error.args else None
    return given if isinstance(given, dict) else {}


@contextmanager
def told(engine: Engine) -> Iterator[None]:
    """Say in plain words when PostgreSQL is away or refuses; other errors, and SQLite's, pass as they are."""
    try:
        yield
    except DBAPIError as error:
        said = _said(error) if engine.dialect.name == "postgresql" else None
        if said is None:
            raise
        raise WorldFailed(said, place=PLACE, again=True) from None


def _said(error: DBAPIError) -> str | None:
    state = _given(error.orig).get("C", "")
    if said := SAID.get(state) or SAID.get(state[:2]):
        return said
    return SAID["08"] if error.connection_invalidated or isinstance(error, InterfaceError) else None
