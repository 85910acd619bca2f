"""The work that goes on while the server runs: digest, watch, act, deliver."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from allears.errors import AllearsError

if TYPE_CHECKING:
    from allears.space import Space

log = logging.getLogger("allears.live")
IDLE_SECONDS = 0.2
LOOK_SECONDS = 20.0
PUBLISH_SECONDS = 60.0
DAILY_SECONDS = 1800.0
COMPACT_COMMITS = 64
TIDY_SECONDS = 3600.0


class Live:
    """Digests as signals arrive, looks for issues, sends what is due."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._stop = asyncio.Event()
        self.changed = 0
        self._commits = 0
        start = time.monotonic()
        self._due = {
            "look": 0.0,
            "sign": 0.0,
            "segments": 0.0,
            "publish": start + PUBLISH_SECONDS,
            "tidy": start + TIDY_SECONDS,
        }

    async def run(self) -> None:
        """Go on until `stop`."""
        deliver = asyncio.create_task(self._space.deliver(self._stop))
        daily = asyncio.create_task(self._daily())
        while not self._stop.is_set():
            try:
                busy = await asyncio.to_thread(self.turn)
            except AllearsError as error:
                log.warning("the digest rests: %s", error.message)
                busy = False
            except Exception as error:
                # A door: the loop must outlive one bad batch; what it holds stays in the inbox.
                log.exception("the digest failed: %s", type(error).__name__)
                busy = False
                await asyncio.sleep(5)
            if not busy:
                await asyncio.sleep(IDLE_SECONDS)
        await deliver
        await daily

    async def _daily(self) -> None:
        """Do the day's work beside the digest, one step after the other."""
        while not self._stop.is_set():
            try:
                await asyncio.to_thread(self.day)
            except AllearsError as error:
                log.warning("the day's work rests: %s", error.message)
            except Exception as error:
                # A door: the loop must outlive one bad step; it is tried again in a while.
                log.exception("the day's work failed: %s", type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), DAILY_SECONDS)

    def day(self) -> None:
        """Follow promises up, and do the day's work if it is due; ends early when told to stop. The one that leads does it."""
        if not self._space.leads():
            return
        self._space.follow_promises_up()
        if self._space.daily_due():
            for step in self._space.daily():
                log.info("done: %s", step)
                if self._stop.is_set():
                    return

    def turn(self) -> bool:
        """Digest one micro-batch and do what is due; returns whether there was something to digest."""
        part = self._space.digester.step()
        oldest = self._space.tell(part)
        self.changed += part.stored if part is not None else 0
        if self._space.leads():
            self._lead(oldest, committed=part is not None)
        return part is not None

    def _lead(self, oldest: datetime | None, *, committed: bool) -> None:
        """React to what arrived since, and do what is due."""
        space = self._space
        if oldest is not None:
            # From the oldest arrival on: a signal may have waited while the last turn was still running.
            space.react(oldest - timedelta(seconds=1))
        now = time.monotonic()
        if now >= self._due["look"]:
            seen = space.lookout.look()
            space.react(space.now(), seen.changes, space.burning())
            self._due["look"] = now + LOOK_SECONDS
        if now >= self._due["publish"]:
            space.publish()
            self._due["publish"] = now + PUBLISH_SECONDS
        if now >= self._due["segments"]:
            space.follow_segments()
            self._due["segments"] = now + 60 * space.settings.know.segments_minutes
        if now >= self._due["sign"]:
            space.sign_audit()
            self._due["sign"] = now + 60 * space.ground.settings.guard.heads_minutes
        self._commits += committed
        if self._commits >= COMPACT_COMMITS or now >= self._due["tidy"]:
            space.tidy()
            self._commits, self._due["tidy"] = 0, now + TIDY_SECONDS

    def stop(self) -> None:
        """End after the present turn."""
        self._stop.set()
