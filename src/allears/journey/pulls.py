"""All pulls of a space while the server runs: each in its own thread, with rests that grow while a place fails."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from datetime import timedelta

from allears.desk.pulling import Pull
from allears.errors import AllearsError, NotReady, WorldFailed
from allears.journey.ground import Ground
from allears.journey.pulling import pull, seen_of
from allears.lake import Seen
from allears.listen.pull.page import Patience
from allears.settings import PullSettings

log = logging.getLogger("allears.pulls")
FIRST_REST, LONGEST_REST = 30.0, 3600.0


class Pulls:
    """Pulls everything configured while the server runs: one thread for each, so that none waits for another."""

    def __init__(
        self, ground: Ground, environment: Mapping[str, str], patience: Patience | None = None
    ) -> None:
        self._ground, self._environment, self._patience = ground, environment, patience
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin."""
        for one in self._ground.settings.pull:
            thread = threading.Thread(target=self._go_on, args=(one,), name=f"pull-{one.name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds: float = 15.0) -> None:
        """End after the present page; a pull that does not answer in time is left: its cursor is safe."""
        self._stop.set()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _go_on(self, one: PullSettings) -> None:
        seen: Seen | None = None
        failures = 0
        while not self._stop.is_set():
            wait = one.every_seconds
            try:
                seen = seen or seen_of(self._ground, one.name, all_time=True)
                pull(
                    self._ground,
                    one.name,
                    self._environment,
                    follow=True,
                    stop=self._stop,
                    patience=self._patience,
                    seen=seen,
                )
                failures = 0
            except NotReady:
                wait = max(wait, FIRST_REST)
                seen = None  # the other process stores meanwhile
            except AllearsError as error:
                failures += 1
                wait = rest_seconds(one.every_seconds, failures, error)
                log.warning("pull %s rests %.0f s: %s", one.name, wait, error.message)
            except Exception as error:
                # A door: one place must not end the others; the cursor stands where its last durable page left it.
                failures += 1
                wait = rest_seconds(one.every_seconds, failures, None)
                log.exception("pull %s failed: %s", one.name, type(error).__name__)
            self._note_next(one.name, wait)
            self._stop.wait(wait)

    def _note_next(self, name: str, wait: float) -> None:
        with self._ground.desk.session() as session:
            row = session.get(Pull, name) or Pull(name=name, cursor="{}", failures=0)
            row.next_at = self._ground.clock.now() + timedelta(seconds=wait)
            session.add(row)


def rest_seconds(every: float, failures: int, error: AllearsError | None) -> float:
    """Say how long to rest after so many failures in a row; never less than the place asked for.

    Examples
    --------
    >>> [rest_seconds(10, n, None) for n in (1, 2, 20)]
    [30.0, 60.0, 3600.0]
    >>> rest_seconds(10, 1, WorldFailed("later", again=True, wait_seconds=900))
    900.0
    """
    grown = min(FIRST_REST * 2.0 ** min(failures - 1, 20), LONGEST_REST)
    asked = float(error.facts.get("wait_seconds", 0.0)) if error is not None else 0.0
    hopeless = LONGEST_REST if isinstance(error, WorldFailed) and not error.again else 0.0
    return max(min(every, LONGEST_REST), grown, asked, hopeless)
