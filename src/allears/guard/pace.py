"""Pace: how many requests a minute somebody may make. Even, with room for a burst: a bucket that fills by itself."""

from __future__ import annotations

import math
import time


class Pace:
    """Counts requests of each name in this process.

    Examples
    --------
    >>> pace = Pace()
    >>> [pace.wait("key:ab", 2, now=at) for at in (0.0, 0.0, 0.0, 30.0, 30.0)]
    [0, 0, 30, 0, 30]
    """

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}

    def wait(self, name: str, per_minute: int, *, now: float | None = None) -> int:
        """Count one request, or tell how many seconds to wait before it would be let through; 0 means go on.

        Parameters
        ----------
        per_minute
            How many a minute, at least 1; as many may come at once after a quiet minute.
        """
        moment = time.monotonic() if now is None else now
        left, at = self._left.get(name, (float(per_minute), moment))
        left = min(float(per_minute), left + (moment - at) * per_minute / 60)
        if left < 1:
            self._left[name] = (left, moment)
            return max(1, math.ceil((1 - left) * 60 / per_minute))
        self._left[name] = (left - 1, moment)
        return 0
