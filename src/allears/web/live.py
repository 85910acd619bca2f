"""The work that goes on while the server runs: digest, watch, act, deliver."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from allears.errors import AllearsError

if TYPE_CHECKING:
    from allears.space import Space

log = logging.getLogger("allears.live")
IDLE_SECONDS = 0.2
LOOK_SECONDS = 20.0
PUBLISH_SECONDS = 60.0
COMPACT_SECONDS = 3600.0


class Live:
    """Digests as signals arrive, looks for issues, sends what is due."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._stop = asyncio.Event()
        self.changed = 0
        self._reacted = space.now()
        self._due = {
            "look": 0.0,
            "publish": time.monotonic() + PUBLISH_SECONDS,
            "compact": time.monotonic() + COMPACT_SECONDS,
        }

    async def run(self) -> None:
        """Go on until `stop`."""
        deliver = asyncio.create_task(self._space.deliver(self._stop))
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

    def turn(self) -> bool:
        """Digest one micro-batch and do what is due; returns whether there was something to digest."""
        space = self._space
        part = space.digester.step()
        if part is not None and part.signals is not None:
            space.lookout.feed(part.signals)
            space.react(self._reacted)
            self._reacted = space.now()
            self.changed += part.stored
        now = time.monotonic()
        if now >= self._due["look"] and part is None:
            space.lookout.look()
            self._due["look"] = now + LOOK_SECONDS
        if now >= self._due["publish"]:
            space.publish()
            self._due["publish"] = now + PUBLISH_SECONDS
        if now >= self._due["compact"]:
            space.ground.store.compact("signals")
            self._due["compact"] = now + COMPACT_SECONDS
        return part is not None

    def stop(self) -> None:
        """End after the present turn."""
        self._stop.set()
