"""What makes signals of a batch's arrivals: who it was, what is hidden and sealed, what it means. Here, or on a cluster.

Identity comes before redaction because redaction hides the names known for that very customer, and before sealing because
the key is the customer's. Who it was and what is sealed is found out here, in any case: identities and keys stay with
the process that digests.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from allears.errors import WorldFailed
from allears.guard.redaction.level import hidden_kinds
from allears.guard.redaction.properties import redact_json
from allears.guard.redaction.spotter import load_spotter
from allears.journey.belonging import learn as learn_accounts
from allears.journey.ground import Ground
from allears.journey.guarded import Elsewhere, Hiding, Known, guard, put_together, to_send
from allears.journey.households import learn_households
from allears.journey.models import learned_at, learned_of, reader_from
from allears.journey.networks import network
from allears.journey.overheard import overhear
from allears.journey.second import Second
from allears.know.profile import Profiles
from allears.lake.staged import Staged
from allears.listen.networks import name_networks
from allears.understand import Reader

log = logging.getLogger("allears.digest")
LARGE = 10_000
"""Rows from which another process, or a cluster, is worth its start."""
REST_SECONDS = 300.0
"""How long a cluster that failed is left alone."""
MENTION = re.compile(r"(?<![\w@])@(\w{2,40})")


@dataclass(frozen=True)
class Writers:
    """Arrivals, and what is known of who wrote them."""

    arrivals: pa.RecordBatch
    who: dict[str, pa.Array]
    told: list[Known | None]


class Guarding:
    """Makes signals of arrivals."""

    def __init__(self, ground: Ground, profiles: Profiles, second: Second) -> None:
        self._ground, self._profiles, self._second = ground, profiles, second
        guard_ = ground.settings.guard
        # A wrong kind is told when the space opens, not by the first message.
        hidden_kinds(guard_.level, guard_.also, guard_.keep)
        self._hide = Hiding(
            region=ground.settings.space.region,
            level=guard_.level,
            also=guard_.also,
            keep=guard_.keep,
            spotter=load_spotter(guard_.spotter),
        )
        self._learn()
        self._rests_until = 0.0

    def reader(self) -> Reader:
        """Tell what reads texts: again from the desk when something was learned since."""
        if learned_at(self._ground) != self._learned_at:
            self._learn()
        return self._reader

    def _learn(self) -> None:
        self._learned_at, self._learned = learned_at(self._ground), learned_of(self._ground)
        self._reader = reader_from(self._learned)

    def writers(self, arrivals: pa.RecordBatch, keys: pa.Array | None = None) -> Writers:
        """Find out who wrote, and remember what is told of them; with ``keys`` these are who they are sealed for."""
        arrivals = name_networks(arrivals, partial(network, self._ground))
        who = self._ground.graph.identify(arrivals)
        overhear(self._ground, arrivals, who.identifiers)
        learn_accounts(self._ground, arrivals, who)
        self._profiles.learn(arrivals, who.customer_key)
        told = self._profiles.known(who.customer_key, arrivals)
        learn_households(self._ground, arrivals, who, told)
        found = {
            "identifiers": who.identifiers,
            "customer_key": who.customer_key if keys is None else keys,
            "relationship": who.relationship,
            "account": who.account,
            "thread": who.thread,
        }
        return Writers(arrivals, found, self._with_mentioned(arrivals["text"].to_pylist(), told))

    def signals(self, writers: Writers) -> pa.RecordBatch:
        """Make signals in this process, and in a second one."""
        arrivals, told = writers.arrivals, writers.told
        texts, properties = arrivals["text"].to_pylist(), arrivals["properties"].to_pylist()
        cleaning: Callable[[], list[str | None]] = partial(redact_json, properties, told, **self._hide)
        if len(properties) >= LARGE and self._hide["spotter"] is None:
            cleaning = self._second.begin(cleaning)
        found = guard(texts, told, arrivals["direction"], cleaning, self._hide, self.reader())
        changed = [
            before if before != after else None
            for before, after in zip(properties, found.properties, strict=True)
        ]
        return put_together(arrivals, writers.who, found, self._seal(writers, changed), self._hide["region"])

    def staged(self, writers: Writers) -> Staged | None:
        """Make signals on a cluster, whose machines leave them beside the lake; `None` where there is none, or it failed: then they are made here."""
        staging = self._ground.engine.staging
        if staging is None or writers.arrivals.num_rows < LARGE or time.monotonic() < self._rests_until:
            return None
        self.reader()
        chosen = self._ground.settings.guard
        work = Elsewhere(
            self._hide["region"], chosen.level, chosen.also, chosen.keep, chosen.spotter, self._learned
        )
        properties = writers.arrivals["properties"].to_pylist()
        whole = self._seal(writers, properties)
        # Most have no properties: one of the two is enough for them.
        less = self._seal(writers, [None] * len(properties), only=[p is not None for p in properties])
        rows = to_send(writers.arrivals, writers.who, writers.told, whole, less)
        try:
            return staging.stage("signals", rows, work)
        except WorldFailed as error:
            log.warning("digesting here for a while: %s", error)
            self._rests_until = time.monotonic() + REST_SECONDS
            return None

    def _with_mentioned(self, texts: list[str | None], told: Sequence[Known | None]) -> list[Known | None]:
        """Add the handles of known customers whom a text mentions: they are personal data of somebody else."""
        mentioned = {
            row: MENTION.findall(text) for row, text in enumerate(texts) if text is not None and "@" in text
        }
        theirs = self._ground.graph.known_handles(
            {handle for found in mentioned.values() for handle in found}
        )
        added = list(told)
        for row, found in mentioned.items():
            hidden = [("handle", handle) for handle in found if handle in theirs]
            if hidden:
                added[row] = [*(added[row] or ()), *hidden]
        return added

    def _seal(
        self, writers: Writers, properties: list[str | None], only: list[bool] | None = None
    ) -> list[bytes | None]:
        """Seal originals, with these properties, under their writers' keys."""
        arrivals = writers.arrivals
        plain: list[bytes | None] = []
        columns = (arrivals["text"].to_pylist(), arrivals["personal"].to_pylist(), properties)
        for row, (text, personal, before) in enumerate(zip(*columns, strict=True)):
            kept = {"text": text, "personal": personal or None, "properties": before}
            worth = {name: value for name, value in kept.items() if value}
            plain.append(msgspec.json.encode(worth) if worth and (only is None or only[row]) else None)
        nobody = pc.binary_join_element_wise("source", arrivals["source"], ":")
        subjects = pc.coalesce(writers.who["customer_key"], nobody).to_pylist()
        return self._ground.vault.seal(subjects, plain, "signals.sealed", arrivals["signal_id"].to_pylist())
