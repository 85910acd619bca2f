"""When to try again, and when to leave a destination in peace for a while."""

from __future__ import annotations

import zlib
from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

_MINUTE, _HOUR = 60.0, 3600.0


class Patience(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a delivery is tried.

    The waits are those that Standard Webhooks recommend: ten attempts over three days.
    """

    retry_seconds: Annotated[
        tuple[float, ...], Meta(description="wait before the second, third ... attempt, seconds")
    ] = (
        5.0,
        5 * _MINUTE,
        30 * _MINUTE,
        2 * _HOUR,
        5 * _HOUR,
        10 * _HOUR,
        14 * _HOUR,
        20 * _HOUR,
        24 * _HOUR,
    )
    connect_seconds: Annotated[float, Meta(description="longest wait for a connection", gt=0)] = 5.0
    total_seconds: Annotated[float, Meta(description="longest attempt as a whole", gt=0)] = 10.0
    claim_seconds: Annotated[
        float, Meta(description="after this a silent worker is taken for dead", gt=0)
    ] = 60.0
    rest_after: Annotated[
        int, Meta(description="failures in a row after which a destination rests", ge=1)
    ] = 5
    rest_seconds: Annotated[
        float, Meta(description="first rest; doubles with every further failure", gt=0)
    ] = 60.0
    longest_rest_seconds: Annotated[float, Meta(description="longest rest", gt=0)] = _HOUR

    def __post_init__(self) -> None:
        """Refuse a claim that ends while an attempt may still be under way."""
        if self.claim_seconds <= self.total_seconds:
            raise ValueError("expected `claim_seconds` above `total_seconds`")

    def wait(self, attempts: int, key: str) -> timedelta | None:
        """Say how long to wait after so many attempts; None when it was the last.

        The wait is up to a tenth longer, by the delivery's own key, so that many do not come back at one moment.

        Examples
        --------
        >>> Patience().wait(1, "msg_1") < Patience().wait(2, "msg_1")
        True
        >>> Patience().wait(10, "msg_1") is None
        True
        """
        if attempts > len(self.retry_seconds):
            return None
        jitter = 1 + (zlib.crc32(f"{key}:{attempts}".encode()) % 1000) / 10_000
        return timedelta(seconds=self.retry_seconds[attempts - 1] * jitter)

    def rest(self, failures: int) -> timedelta | None:
        """Say how long a destination rests after so many failures in a row; None while it need not.

        Examples
        --------
        >>> [Patience().rest(n) for n in (4, 5, 6)]
        [None, datetime.timedelta(seconds=60), datetime.timedelta(seconds=120)]
        """
        if failures < self.rest_after:
            return None
        doubled = self.rest_seconds * 2.0 ** min(failures - self.rest_after, 30)
        return timedelta(seconds=min(doubled, self.longest_rest_seconds))
