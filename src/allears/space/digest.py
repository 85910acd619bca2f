"""Take the inbox over into the lake, watch it, and do the day's work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property

from allears.errors import NotReady
from allears.journey import Digest, Digested, Lookout, amend, daily
from allears.journey import questions as ask
from allears.space.ground import Grounded


class Digesting(Grounded):
    """Take the inbox over into the lake, watch it, and do the day's work."""

    @property
    def digester(self) -> Digest:
        """The one that takes the inbox over into the lake; with a desk on SQLite it holds the space's digest lock from first use."""
        if self._digest is None:
            self._digest = Digest(self.ground)
        return self._digest

    @cached_property
    def lookout(self) -> Lookout:
        """The one that watches what was digested."""
        return Lookout(self.ground)

    def leads(self) -> bool:
        """Whether this process is the one of those that digest which also watches, publishes and tidies."""
        return self.digester.claims.leads()

    def tell(self, part: Digested | None) -> datetime | None:
        """Let the watch hear what was stored, here and by other workers; returns when the oldest of it arrived."""
        if self.ground.desk.shared:
            return self.lookout.hear(self.digester.claims.news()) if self.leads() else None
        if part is None:
            return None
        self.lookout.revise(part.amended)
        return None if part.signals is None else self.lookout.feed(part.signals)

    def may_digest(self) -> bool:
        """Whether this process may digest: with a desk on SQLite no other one does."""
        try:
            return self.digester is not None
        except NotReady:
            return False

    def digest(self, *, look: bool = True, upto: datetime | None = None) -> dict[str, int]:
        """Take over what waits, then look for issues up to now."""
        done = {"stored": 0, "duplicates": 0, "refused": 0, "issues": 0, "cases": 0}
        for part in self.digester.run():
            done["stored"] += part.stored
            done["duplicates"] += part.duplicates
            done["refused"] += part.refused
            if not self.ground.desk.shared:
                self.tell(part)
        if look and self.leads():
            self.tell(None)
            seen = self.lookout.look(upto)
            done["issues"], done["cases"] = len(seen.changes), len(seen.cases)
            self.publish()
        return done

    def tidy(self, *, now: bool = False) -> dict[str, int]:
        """Join small files of the lake and remove those no longer needed: with ``now`` those of the last hour too."""
        return amend.tidy(self.ground, now=now)

    def publish(self) -> None:
        """Publish who is who to the lake, for joins."""
        ask.publish(self.ground)

    def daily(self) -> Iterator[str]:
        """Do what is due once a day, step by step: let go of what is old, look for new topics, judge fixes."""
        return daily.steps(self.ground)

    def daily_due(self) -> bool:
        """Whether the day's work has not been done in the last 24 hours."""
        return daily.due(self.ground)
