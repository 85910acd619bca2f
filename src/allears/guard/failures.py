"""Failures: what was tried in vain, and how long one has to wait before trying it again."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import delete
from sqlalchemy.orm import Session

from allears.clock import Clock
from allears.desk import Desk
from allears.desk.access import LoginFailure
from allears.errors import NotAllowed

LONGEST_WAIT = timedelta(minutes=15)
_FORGOTTEN = timedelta(days=1)
# A clock that is set right moves by seconds; one that moves back by more was wrong when it wrote.
_STEP = timedelta(minutes=5)


class Tried(NamedTuple):
    """Something that is tried: its mark, whose it is, and how many failures cost nothing."""

    mark: str
    name: str
    free: int


class Failures:
    """Counts failures, under keyed hashes: neither names nor addresses are in the desk.

    Parameters
    ----------
    desk
        Where they are counted.
    clock
        What time it is.
    key
        All processes of a space share it.
    """

    def __init__(self, desk: Desk, clock: Clock, key: bytes) -> None:
        self._desk, self._clock, self._key = desk, clock, key

    def mark(self, *parts: str) -> str:
        """Name something without telling it."""
        return hmac.digest(self._key, "\0".join(parts).encode("utf-8", "replace"), "sha256").hex()

    def wait_over(self, tries: Iterable[Tried]) -> None:
        """Insist that nothing of this has to wait.

        Raises
        ------
        NotAllowed
            It has; ``facts`` hold ``wait_seconds``.
        """
        now = self._clock.now()
        with self._desk.reading() as session:
            rows = [(session.get(LoginFailure, tried.mark), tried.free) for tried in tries]
        for row, free in rows:
            if row is None or row.count < free:
                continue
            wait = min(LONGEST_WAIT, timedelta(seconds=2 ** min(row.count - free, 12)))
            left = (wait - (now - row.last_at)).total_seconds()
            # A failure in the future: the clock was set back since, and nobody may be kept out until it catches up.
            if left > 0 and now - row.last_at > -_STEP:
                raise NotAllowed("too many failed log-ins, wait a while", wait_seconds=int(left) + 1)

    def add(self, tries: Iterable[Tried]) -> None:
        """Count one more failure of each."""
        now = self._clock.now()
        with self._desk.session() as session:
            session.execute(delete(LoginFailure).where(LoginFailure.last_at < now - _FORGOTTEN))
            for tried in tries:
                row = session.get(LoginFailure, tried.mark)
                if row is None:
                    session.add(LoginFailure(tried=tried.mark, name=tried.name, count=1, last_at=now))
                else:
                    row.count, row.last_at = row.count + 1, now

    def forget(self, tried: Tried) -> None:
        """Begin counting anew."""
        with self._desk.session() as session:
            session.execute(delete(LoginFailure).where(LoginFailure.tried == tried.mark))

    def forget_name(self, session: Session, name: str) -> None:
        """Begin counting anew for a marked name, wherever it was tried from, inside an open transaction."""
        session.execute(delete(LoginFailure).where(LoginFailure.name == name))


def network(address: str) -> str:
    """Name the place an address belongs to: itself, or for IPv6 the network of 64 bits, of which one customer has them all.

    Examples
    --------
    >>> network("192.0.2.7"), network("2001:db8::1") == network("2001:db8::2"), network("::ffff:192.0.2.7")
    ('192.0.2.7', True, '192.0.2.7')
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)
