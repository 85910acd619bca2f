"""Locks of a space by name: among processes of one machine by a file, among machines that share a desk on PostgreSQL by that."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from allears.desk.base import Desk
from allears.desk.held import own_connection
from allears.desk.postgres import told


@contextmanager
def only(desk: Desk, folder: Path, name: str, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of this name, a file below the space's folder; it ends with the process, however that ends.

    Raises
    ------
    BlockingIOError
        Somebody else holds it, and ``wait`` is false.
    """
    with (folder / name).open("ab") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        if not desk.shared:
            yield
            return
        number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True)
        with told(desk.engine):
            connection = own_connection(desk)
            try:
                kind = "pg_advisory_lock" if wait else "pg_try_advisory_lock"
                if connection.exec_driver_sql(f"SELECT {kind}({number})").scalar() is False:
                    raise BlockingIOError(name)
            except BaseException:
                connection.close()
                raise
        try:
            yield
        finally:
            # Said aloud: the server notices a closed connection a moment later, when the next one was refused already.
            with suppress(SQLAlchemyError):
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({number})")
            connection.close()
