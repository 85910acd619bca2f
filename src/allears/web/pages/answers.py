"""Answers that all readers share: asked once however many look, asked again when signals came in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from allears.space import Space
    from allears.web.live import Live

REST = 10.0
"""A question that took a second is asked again after ten at the soonest, however fast signals come in."""
FRESH_SECONDS = 4.0
LONGEST_SECONDS = 120.0
MOST = 200


class _Kept:
    def __init__(self, mark: object, task: asyncio.Task[Any]) -> None:
        self.mark, self.task, self.asked, self.took = mark, task, time.monotonic(), 0.0


class Answers:
    """Asks questions in threads, so that no page holds up another, and keeps what was answered."""

    def __init__(self, space: Space, live: Live) -> None:
        self._space, self._live = space, live
        self._kept: dict[str, _Kept] = {}
        self._changes = 0
        self._stored, self._looked = 0, -LONGEST_SECONDS

    async def mark(self) -> tuple[int, int, int]:
        """Say how far the space has come: moves when signals were stored or somebody acted.

        The count of what is stored is looked up too, because another process may digest.
        """
        now = time.monotonic()
        if now - self._looked > FRESH_SECONDS:
            self._looked = now
            self._stored = int((await asyncio.to_thread(self._space.counts))["stored"])
        return self._live.changed, self._stored, self._changes

    def forget(self) -> None:
        """Ask everything again: somebody changed something."""
        self._changes += 1

    async def ask(self, name: str, question: Callable[[], Any]) -> Any:
        """Give the answer to a question; the same object for as long as it holds."""
        mark = await self.mark()
        kept = self._kept.get(name)
        if kept is None or not self._holds(kept, mark):
            task = asyncio.get_running_loop().create_task(asyncio.to_thread(question))
            kept = self._kept[name] = _Kept(mark, task)
            self._tidy()
        try:
            answer = await asyncio.shield(kept.task)
        except Exception:
            self._kept.pop(name, None)
            raise
        kept.took = kept.took or time.monotonic() - kept.asked
        return answer

    def _holds(self, kept: _Kept, mark: tuple[int, int, int]) -> bool:
        age = time.monotonic() - kept.asked
        if not kept.task.done():
            return True
        if isinstance(kept.mark, tuple) and kept.mark[2] != mark[2]:
            return False
        return age < LONGEST_SECONDS and (kept.mark == mark or age < max(FRESH_SECONDS, REST * kept.took))

    def _tidy(self) -> None:
        while len(self._kept) > MOST:
            del self._kept[min(self._kept, key=lambda n: self._kept[n].asked)]
