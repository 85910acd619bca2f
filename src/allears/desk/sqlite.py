"""A desk in a file of SQLite's: how each connection is set up, and what is said when the file or its disk fails."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from allears.errors import WorldFailed

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=15000", "foreign_keys=ON", "temp_store=MEMORY")  # fmt: skip
DAMAGED = "the desk is damaged; bring a backup back with `allears restore`, and keep this file: what can be saved of it, `sqlite3 desk.db .recover` shows"
_CLOSED = "the desk cannot be opened or written: look at who owns the folder and its files, and whether it is a file at all"
SAID = {
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_CANTOPEN: _CLOSED,
    sqlite3.SQLITE_READONLY: _CLOSED,
    sqlite3.SQLITE_PERM: _CLOSED,
    sqlite3.SQLITE_FULL: "no room on the desk's disk",
    sqlite3.SQLITE_IOERR: "the desk's disk fails",
}


def set_up(engine: Engine) -> None:
    """Have an engine's connections set up, and its errors told."""
    event.listen(engine, "connect", _ready)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", _tell, retval=True)


def told(error: BaseException | None, file: str) -> WorldFailed | None:
    """Say in plain words that the file or its disk failed; None: it is another kind of error.

    Examples
    --------
    >>> error = sqlite3.DatabaseError("file is not a database")
    >>> error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
    >>> told(error, "/srv/shop/desk.db").place
    'desk.db'
    >>> told(ValueError(), "desk.db") is None
    True
    """
    # The lower byte is the kind; the rest says which of them.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return WorldFailed(SAID[code], place=Path(file).name) if code in SAID else None


def _tell(context: ExceptionContext) -> WorldFailed | None:
    return told(context.original_exception, str(context.engine.url.database if context.engine else "desk"))


def _ready(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy sends BEGIN itself, see below
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Any) -> None:
    # IMMEDIATE: a writer waits its turn instead of failing half-way when it upgrades from reading.
    reads = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
