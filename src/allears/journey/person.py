"""One customer as the doors see it: the whole view, the timeline, and sealed originals for those who may look; as far as a sight goes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from allears.errors import NotAllowed, NotFound
from allears.guard.access import Principal, Role
from allears.guard.glass import Broken
from allears.guard.look import look
from allears.guard.mask import Field, mask_rows, mask_table
from allears.guard.sight import EVERY, Condition, Sight
from allears.journey.belonging import relations
from allears.journey.dealings import dealings
from allears.journey.ground import Ground
from allears.journey.questions import find, issues_of, of_keys
from allears.journey.said import clean
from allears.journey.seen import of_sight, visible
from allears.journey.signals_of import SignalsOf
from allears.know.customer import figures_of, newest, overview, timeline, view
from allears.know.traits import Rules, reconcile, told_by

if TYPE_CHECKING:
    import ibis

MOST_OF_ONE = 500
MOST_PROFILES = 5_000


class Person:
    """One customer.

    Parameters
    ----------
    mine, seen
        What of it is shown, and the same as a condition on signals; by default everything.
    glass
        The glass that was broken to see everything.

    Raises
    ------
    NotFound
        Nobody is known by that, or nobody of whom anything may be seen: nothing tells which.
    """

    def __init__(
        self,
        ground: Ground,
        who: str,
        mine: Sight = Sight(),  # noqa: B008 - it is frozen
        seen: Condition = EVERY,
        glass: Broken | None = None,
    ) -> None:
        customer = find(ground.graph, who)
        if customer is None:
            raise NotFound("nobody is known by that identifier or id")
        self.id = customer
        self._ground = ground
        self._keys = ground.graph.keys_of(customer)
        self.sight, self.glass, self._seen = mine, glass, seen
        self._signals = SignalsOf(ground, self._keys, seen)
        self._rows: dict[str, str | None] | None = None
        if seen is not EVERY:
            self._rows = self._within(seen)
            if not self._rows:
                raise NotFound("nobody is known by that identifier or id")

    def _within(self, seen: Condition) -> dict[str, str | None]:
        mine = of_keys(self._keys)
        rows = self._ground.engine.near.query(
            f"SELECT signal_id, relationship FROM signals WHERE {mine.sql} AND {seen.sql} ORDER BY occurred_at",
            **mine.values,
            **seen.values,
        )
        return dict(zip(rows["signal_id"].to_pylist(), rows["relationship"].to_pylist(), strict=True))

    def _table(self) -> ibis.Table:
        signals = self._ground.engine.near.table("signals")
        return signals if self._rows is None else signals.filter(signals.signal_id.isin(list(self._rows)))

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
        told = dict(msgspec.to_builtins(whole, builtin_types=(datetime,)))
        if self._rows is not None:
            # What somebody is known as elsewhere, and by whose names they went, is not in the rows that are seen.
            told |= {"relationship": list(self._rows.values())[-1], "history": []}
        if Field.IDENTIFIERS in self.sight.hidden:
            told["history"] = []
        return mask_rows([told], self.sight.hidden)[0]

    def _figures(self) -> dict[str, Any]:
        if (held := self._signals.held()) is not None:
            return figures_of(held)
        with self._ground.engine.asking():
            return overview(self._table(), self._keys)

    def timeline(
        self, *, limit: int = 100, before: datetime | None = None, relationship: str | None = None
    ) -> pa.Table:
        """Tell what happened over all channels, newest first; with ``relationship``, as consumer, partner or employee alone."""
        self._serve()
        if (held := self._signals.held()) is not None:
            return mask_table(newest(held, limit, before, relationship), self.sight.hidden)
        with self._ground.engine.asking():
            rows = timeline(self._table(), self._keys, limit, before, relationship)
            return mask_table(rows, self.sight.hidden)

    def traits(self) -> list[dict[str, Any]]:
        """Tell what profiles told, source by source, and which value counts by the rules of ``[know]``.

        Names, addresses, birthdays and identifiers are no traits: they are sealed.
        """
        self._serve()
        if Field.PROPERTIES in self.sight.hidden:
            return []
        if (held := self._signals.held()) is None:
            with self._ground.engine.asking():
                signals = self._table()
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
            signals = self._table()
            found = timeline(signals.filter(signals.thread == thread), self._keys, MOST_OF_ONE)
            return mask_table(found, self.sight.hidden)

    def relations(self) -> list[dict[str, Any]]:
        """Tell which organisations this customer belongs or belonged to, as what, from when to when."""
        self._serve()
        if Field.ACCOUNT in self.sight.hidden:
            return []
        found = relations(self._ground, self.id, lambda others: visible(self._ground, self.sight, others))
        return of_sight(self._ground, self.sight, found)

    def dealings(self) -> dict[str, Any]:
        """Tell what is in hand: conversations, promises, cases, what was sent, segments."""
        self._serve()
        found = dealings(self._ground, self.id, self._keys, self._signals.held(), self._seen)
        if not self.sight.whole:
            # Segments are worked out from all rows of a customer.
            found["segments"] = []
        if self.sight.departments:
            found["cases"] = [c for c in found["cases"] if c["department"] in self.sight.departments]
        return {name: mask_rows(rows, self.sight.hidden) for name, rows in found.items()}

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
        why, rule = clean(self._ground, why, [self.id]), self.restricted()
        # What legal claims, the person's own among them, need to be read is the officer's to say.
        if rule and principal.role is not Role.PRIVACY:
            detail = {"field": "signals.sealed", "rule": rule}
            self._ground.audit.record(principal.name, "open_sealed_denied", self.id, why, detail)
            self._serve()
        mine = of_keys(self._keys)
        rows = self._ground.engine.near.query(
            f"SELECT signal_id, customer_key, sealed FROM signals WHERE list_contains($ids, signal_id) AND {mine.sql}",
            ids=[one for one in signal_ids if self._rows is None or one in self._rows],
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
            hidden=self.sight.hidden,
            glass=self.glass,
        )
        return {
            signal: msgspec.json.decode(plain) if plain is not None else None
            for signal, plain in zip(rows["signal_id"].to_pylist(), opened, strict=True)
        }
