"""Pace: how many anonymous answers one address may give in an hour. Addresses are forgotten within the hour."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict

HOUR = 3600.0
MOST = 50_000


class Pace:
    """Counts what came from each address in the last hour, under a salt of this process.

    Examples
    --------
    >>> pace = Pace()
    >>> [pace.allow("192.0.2.1", 2, now=60.0 * n) for n in range(3)], pace.allow("192.0.2.1", 2, now=3601.0)
    ([True, True, False], True)
    """

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(16)
        self._seen: OrderedDict[bytes, list[float]] = OrderedDict()

    def allow(self, address: str, an_hour: int, *, now: float | None = None) -> bool:
        """Tell whether one more may come from there, and count it if so."""
        moment = time.monotonic() if now is None else now
        key = hashlib.blake2b(address.encode(), key=self._salt, digest_size=8).digest()
        recent = [at for at in self._seen.pop(key, []) if at > moment - HOUR]
        allowed = len(recent) < an_hour
        self._seen[key] = [*recent, moment] if allowed else recent
        while len(self._seen) > MOST:
            self._seen.popitem(last=False)
        return allowed
