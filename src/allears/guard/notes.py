"""Notes: small things to write down that nobody may wait for, such as that a key was used today."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

log = logging.getLogger("allears.guard")


class Notes:
    """Writes on a thread of its own, one after the other; a door never waits for a writer.

    Examples
    --------
    >>> notes, seen = Notes(), []
    >>> notes.take(lambda: seen.append(1)); notes.close(); seen
    [1]
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None
        self._lock = Lock()

    def take(self, write: Callable[[], None]) -> None:
        """Have something written soon. What fails is logged by its kind: it is a note, not the act."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, "allears-notes")
            self._last = self._pool.submit(_written, write)

    def settle(self) -> None:
        """Wait until all that was taken is written."""
        if self._last is not None:
            self._last.result()

    def close(self) -> None:
        """Write what waits, and stop."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()


def _written(write: Callable[[], None]) -> None:
    try:
        write()
    except Exception as error:
        # A thread of its own is a door too: nobody else would hear of it.
        log.error("a note was not written: %s", type(error).__name__)
