"""Listen: take files, payloads and pulls in, and try again what was refused."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allears.guard.access import Principal, Role
from allears.journey import Receipt, hooks, mending, pulling, refused, take, take_file
from allears.journey.alone import known_hashes
from allears.journey.refused import Replayed, Wanted
from allears.lake import Seen
from allears.settings import PullSettings
from allears.space.ground import Grounded

if TYPE_CHECKING:
    from allears.listen.mapping import Mapping as Columns
    from allears.listen.plans import Plan


class Hearing(Grounded):
    """Listen: take files, payloads and pulls in, and try again what was refused."""

    def listen(
        self,
        path: str | Path,
        *,
        source: str,
        channel: str | None = None,
        network: str | None = None,
        mapping: Columns | None = None,
        sure: Callable[[Plan], bool] = lambda plan: True,
        progress: Callable[[Path, int, int], None] = lambda path, rows, read: None,
    ) -> Receipt:
        """Take a file or folder in; ``network`` says whose handles they are. Durable when this returns."""
        if self._door_seen is None:
            self._door_seen = Seen(known_hashes(self.ground, pending=True))
        return take_file(
            self.ground,
            Path(path),
            source=source,
            channel=channel,
            network=network,
            mapping=mapping,
            seen=self._door_seen,
            sure=sure,
            progress=progress,
        )

    def take(self, door: str, body: bytes, *, source: str, channel: str | None = None) -> Receipt:
        """Take one payload in, as an HTTP door would. Durable when this returns."""
        receipt, done = take(self.ground, door, body, source=source, channel=channel)
        done.result()
        return receipt

    def hear(self, rows: Sequence[Mapping[str, Any]], *, source: str, channel: str | None = None) -> Receipt:
        """Take a few signals given as dictionaries (the shape of ``POST /signals``)."""
        import msgspec

        return self.take("signals", msgspec.json.encode(list(rows)), source=source, channel=channel)

    def pull(
        self,
        name: str,
        *,
        environment: Mapping[str, str] | None = None,
        given: PullSettings | None = None,
        follow: bool = False,
        stop: threading.Event | None = None,
        progress: Callable[[Receipt], None] = lambda receipt: None,
    ) -> Receipt:
        """Pull what is new from a place named in ``allears.toml``, or as ``given``; ``environment`` holds its secret (default: the process's)."""
        return pulling.pull(
            self.ground,
            name,
            os.environ if environment is None else environment,
            given=given,
            follow=follow,
            stop=stop,
            progress=progress,
        )

    def look(
        self,
        name: str,
        *,
        environment: Mapping[str, str] | None = None,
        given: PullSettings | None = None,
    ) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
        """Show the first rows that a pull would bring and what it would refuse; nothing is kept."""
        environment = os.environ if environment is None else environment
        return pulling.look(self.ground, name, environment, given=given)

    def pulls(self) -> list[dict[str, Any]]:
        """List the places that are pulled from, and how each stands."""
        return pulling.listed(self.ground)

    def refused(
        self, limit: int = 1000, *, source: str | None = None, reason: str | None = None
    ) -> list[dict[str, Any]]:
        """List what was not accepted, newest first: of one source, of one kind of reason, or all."""
        return refused.page(self.ground, Wanted(source, reason), limit=limit)[0]

    def refused_groups(self, source: str | None = None, reason: str | None = None) -> list[dict[str, Any]]:
        """Count what was not accepted by source and reason, most first."""
        return refused.groups(self.ground, Wanted(source, reason))

    def refused_row(self, row: str) -> dict[str, Any]:
        """Tell of one refused row: where, why, by which door; the row itself stays sealed."""
        return refused.row(self.ground, row)

    def open_refused(self, row: str, *, why: str, principal: Principal | None = None) -> dict[str, Any]:
        """Show one refused row as it came, for somebody who may look; the look and its reason are in the audit."""
        # Whoever holds the folder holds its key: without a principal that is who looks, and the audit says so.
        return refused.reveal(self.ground, principal or Principal(self.actor, Role.PRIVACY), row, why)

    def replay(
        self,
        source: str | None = None,
        *,
        reason: str | None = None,
        row: str | None = None,
        actor: str | None = None,
    ) -> Replayed:
        """Try refused rows again with today's mappings: one, those of a source or a kind of reason, or all."""
        return refused.replay(self.ground, Wanted(source, reason, row), actor=actor or self.actor)

    def mapping(self, source: str) -> str | None:
        """Write the mapping by which a source's rows are read, as TOML; None where it has none."""
        return mending.mapping_text(self.ground, source)

    def mend(self, source: str, text: str, *, actor: str | None = None) -> None:
        """Read a source's rows by another mapping (TOML) from now on; ``replay`` then tries what was refused again."""
        mending.mend(self.ground, source, text, actor=actor or self.actor)

    def add_channel(
        self, source: str, vendor: str, secret: str | None = None, *, url: str | None = None
    ) -> dict[str, Any]:
        """Let a vendor's webhooks in at ``/hooks/SOURCE``; a secret that is made here is told once."""
        made = hooks.add_hook(self.ground, source, vendor, secret, url)
        self.ground.audit.record(self.actor, "channel.add", source, why=vendor)
        return made

    def channels(self) -> list[dict[str, Any]]:
        """List the sources that vendors post to, and how many requests were turned away."""
        return hooks.list_hooks(self.ground)

    def remove_channel(self, source: str) -> None:
        """Let nobody post to a source any more; what came stays."""
        hooks.remove_hook(self.ground, source)
        self.ground.audit.record(self.actor, "channel.remove", source)
