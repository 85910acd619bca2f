"""Locks on PostgreSQL that last as long as the process that took them: kill it, and they are free at once."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import InvalidRequestError, SQLAlchemyError
from sqlalchemy.orm import Session

from allears.desk.base import Desk
from allears.desk.postgres import told

LEAD = 0x616C6C65617274
PROFILES = 0x616C6C65617275
# A machine that vanishes says no goodbye: after about half a minute without an answer it counts as gone.
_KEEPALIVE = (
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 4",
)


class Held:
    """One process's own connection, and the locks it holds by it.

    Parameters
    ----------
    desk
        A desk on PostgreSQL.

    Notes
    -----
    `number` names the process for as long as the connection lasts. Whoever sees that number free knows that the process
    is gone, or has lost its connection and must not count on anything it held.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._turn = threading.RLock()
        self._connection: Connection | None = None
        self._leads = False
        self.number = 0
        self._connect()

    def check(self) -> None:
        """Make sure that the connection still stands; a new one has a new number."""
        with self._turn:
            try:
                self._run("SELECT 1")
            except SQLAlchemyError:
                self.close()
                self._connect()

    def lead(self) -> bool:
        """Whether this process leads: one of all that share the desk does, until it ends."""
        with self._turn:
            self.check()
            self._leads = self._leads or bool(self._run(f"SELECT pg_try_advisory_lock({LEAD})"))
            return self._leads

    @contextmanager
    def profiles(self) -> Iterator[None]:
        """Keep other processes from changing profiles meanwhile."""
        with self._turn, told(self._desk.engine):
            self._run(f"SELECT pg_advisory_lock({PROFILES})")
            try:
                yield
            finally:
                self._run(f"SELECT pg_advisory_unlock({PROFILES})")

    def close(self) -> None:
        """Give up everything that is held."""
        with self._turn:
            self._leads = False
            if self._connection is not None:
                with suppress(SQLAlchemyError):  # broken already: then nothing is held either
                    self._connection.close()
                self._connection = None

    def _connect(self) -> None:
        with told(self._desk.engine):
            self._connection = own_connection(self._desk)
            self.number = secrets.randbits(62)
            self._run(f"SELECT pg_advisory_lock({self.number})")

    def _run(self, statement: str) -> Any:
        if self._connection is None:
            raise InvalidRequestError("no connection")
        answer = self._connection.exec_driver_sql(statement)
        return answer.scalar() if answer.returns_rows else None


def own_connection(desk: Desk) -> Connection:
    """Open a connection that is never given to anybody else: what it holds ends with it."""
    connection = desk.engine.execution_options(held=True).connect()
    connection = connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()
    for setting in _KEEPALIVE:
        connection.exec_driver_sql(setting)
    return connection


def gone(session: Session, number: int) -> bool:
    """Whether the process with this number is gone."""
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(number))))
