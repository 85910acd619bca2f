"""One customer as the doors see it: the whole view, the timeline, and sealed originals for those who may look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from allears.errors import NotAllowed, NotFound
from allears.guard.access import Principal, Role
from allears.guard.look import look
from allears.journey.belonging import relations
from allears.journey.dealings import dealings
from allears.journey.ground import Ground
from allears.journey.questions import find, issues_of, of_keys
from allears.journey.signals_of import SignalsOf
from allears.know.customer import figures_of, newest, overview, timeline, view
from allears.know.traits import Rules, reconcile, told_by

MOST_OF_ONE = 500
MOST_PROFILES = 5_000


class Person:
    """One customer.

    Raises
    ------
    NotFound
        Nobody is known by that.
    """

    def __init__(self, ground: Ground, who: str) -> None:
        customer = find(ground.graph, who)
        if customer is None:
            raise NotFound("nobody is known by that identifier or id")
        self.id = customer
        self._ground = ground
        self._keys = ground.graph.keys_of(customer)
        self._signals = SignalsOf(ground, self._keys)

    def restricted(self) -> str:
        """Name the rule that keeps this customer's data from being used, or nothing."""
        return self._ground.gate.held("service", [self.id])[0]

    def _serve(self) -> None:
        if rule := self.restricted():
            raise NotAllowed(f"this customer's data is kept and not used: {rule}")

    def overview(self) -> dict[str, Any]:
        """Who it is and the figures.

        Raises
        ------
        NotAllowed
            This customer's data is restricted; the same for `timeline`.
        """
        self._serve()
        whole = view(
            self._ground.desk, self.id, self._figures(), open_issues=issues_of(self._ground, self._keys)
        )
        return dict(msgspec.to_builtins(whole, builtin_types=(datetime,)))

    def _figures(self) -> dict[str, Any]:
        if (held := self._signals.held()) is not None:
            return figures_of(held)
        with self._ground.engine.asking():
            return overview(self._ground.engine.near.table("signals"), self._keys)

    def timeline(
        self, *, limit: int = 100, before: datetime | None = None, relationship: str | None = None
    ) -> pa.Table:
        """Tell what happened over all channels, newest first; with ``relationship``, as consumer, partner or employee alone."""
        self._serve()
        if (held := self._signals.held()) is not None:
            return newest(held, limit, before, relationship)
        with self._ground.engine.asking():
            signals = self._ground.engine.near.table("signals")
            return timeline(signals, self._keys, limit, before, relationship)

    def traits(self) -> list[dict[str, Any]]:
        """Tell what profiles told, source by source, and which value counts by the rules of ``[know]``.

        Names, addresses, birthdays and identifiers are no traits: they are sealed.
        """
        self._serve()
        if (held := self._signals.held()) is None:
            with self._ground.engine.asking():
                signals = self._ground.engine.near.table("signals")
                signals = signals.filter(signals.kind == "profile")
                held = timeline(signals, self._keys, MOST_PROFILES)
        know = self._ground.settings.know
        rules = Rules(know.trait_rule, know.trait_rules, know.trusted_sources)
        found = reconcile(told_by(held), rules)
        return [dict(msgspec.to_builtins(one, builtin_types=(datetime,))) for one in found]

    def conversation(self, thread: str) -> pa.Table:
        """Tell what was said in one conversation, newest first."""
        self._serve()
        with self._ground.engine.asking():
            signals = self._ground.engine.near.table("signals")
            return timeline(signals.filter(signals.thread == thread), self._keys, MOST_OF_ONE)

    def relations(self) -> list[dict[str, Any]]:
        """Tell which organisations this customer belongs or belonged to, as what, from when to when."""
        self._serve()
        return relations(self._ground, self.id)

    def dealings(self) -> dict[str, Any]:
        """Tell what is in hand: conversations, promises, cases, what was sent, segments."""
        self._serve()
        return dealings(self._ground, self.id, self._keys, self._signals.held())

    def originals(
        self, principal: Principal, why: str, signal_ids: Sequence[str]
    ) -> dict[str, dict[str, Any] | None]:
        """Open sealed originals for somebody who may look; each look is in the audit.

        Returns
        -------
        dict
            Signal id -> what was sealed (text, personal, properties); ``None`` where the key was destroyed.

        Raises
        ------
        NotAllowed
            The role may not look, or the data is restricted and it is not the privacy officer who looks.
        Refused
            No reason was given.
        """
        rule = self.restricted()
        # What legal claims, the person's own among them, need to be read is the officer's to say.
        if rule and principal.role is not Role.PRIVACY:
            detail = {"field": "signals.sealed", "rule": rule}
            self._ground.audit.record(principal.name, "open_sealed_denied", self.id, why, detail)
            self._serve()
        mine = of_keys(self._keys)
        rows = self._ground.engine.near.query(
            f"SELECT signal_id, customer_key, sealed FROM signals WHERE list_contains($ids, signal_id) AND {mine.sql}",
            ids=list(signal_ids),
            **mine.values,
        )
        opened = look(
            self._ground.desk,
            self._ground.vault,
            self._ground.audit,
            principal,
            why=why,
            subjects=rows["customer_key"].to_pylist(),
            sealed=rows["sealed"].to_pylist(),
            field="signals.sealed",
            places=rows["signal_id"].to_pylist(),
        )
        return {
            signal: msgspec.json.decode(plain) if plain is not None else None
            for signal, plain in zip(rows["signal_id"].to_pylist(), opened, strict=True)
        }
