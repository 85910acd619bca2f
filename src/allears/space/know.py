"""Who is who: customers, merges, and pairs that may be one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from allears.guard.access import Principal
from allears.guard.glass import Broken
from allears.journey import belonging, people, probable, queued, roster, stewards
from allears.journey import questions as ask
from allears.journey.person import Person
from allears.space.ground import Grounded


class Knowing(Grounded):
    """Who is who: customers, merges, and pairs that may be one."""

    def customers(self, *, search: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """List customers by last contact, or find one by any identifier."""
        return ask.customers(self.ground, search, limit)

    def customer(self, who: str) -> Person:
        """One customer, by id or any identifier.

        Raises
        ------
        NotFound
            Nobody is known by it.
        """
        return Person(self.ground, who)

    def accounts(self) -> list[dict[str, Any]]:
        """List organisations, the one with most customers on top."""
        return belonging.listed(self.ground)

    def account(self, account: str) -> dict[str, Any]:
        """One organisation, by its id, as senders write it, or by name: those above and below it, and its people."""
        return belonging.shown(self.ground, account)

    def import_accounts(self, path: str | Path) -> roster.Imported:
        """Take organisations and who belongs to them in from CSV or TOML; rows that say too little are kept in ``refused``."""
        return roster.take_accounts(self.ground, Path(path), actor=self.actor)

    def tell_account(
        self, account: str, *, name: str = "", parent: str | None = None, traits: dict[str, Any] | None = None
    ) -> str:
        """Write an organisation down by hand; returns its id."""
        return belonging.tell_account(
            self.ground, account, name=name, parent=parent, traits=traits or {}, actor=self.actor
        )

    def relate(
        self,
        who: str,
        account: str,
        *,
        role: str = "",
        relationship: str = "consumer",
        since: datetime | None = None,
        actor: str | None = None,
    ) -> str:
        """Say that a customer belongs to an organisation, as what and since when; returns the customer."""
        return belonging.tell_relation(
            self.ground,
            who,
            account,
            role=role,
            relationship=relationship,
            since=since,
            actor=actor or self.actor,
        )

    def end_relation(self, who: str, account: str, *, actor: str | None = None) -> int:
        """Say that a customer belongs to an organisation no longer; what was stays in the history."""
        return belonging.end_relation(self.ground, who, account, actor=actor or self.actor)

    def break_glass(self, who: str, *, why: str, principal: Principal, minutes: int | None = None) -> Broken:
        """Let a person see all of one customer, past mask and sight, for some minutes; in the audit, and told to the privacy officer.

        Raises
        ------
        NotAllowed
            A key asks, or no rule of ``access.toml`` lets the role.
        NotFound
            Nobody is known by that.
        """
        return people.break_glass(self.ground, principal, who, why=why, minutes=minutes)

    def merge(self, left: str, right: str, *, why: str, actor: str | None = None) -> dict[str, Any]:
        """Make two customers one, each given by id or any identifier; `unmerge` takes it back exactly."""
        return stewards.merge(self.ground, left, right, why=why, actor=actor or self.actor)

    def part(self, left: str, right: str, *, why: str, actor: str | None = None) -> dict[str, Any]:
        """Part two identifiers that were seen together by mistake; `unmerge` takes it back exactly."""
        return stewards.part(self.ground, left, right, why=why, actor=actor or self.actor)

    def apart(self, left: str, right: str, *, why: str, actor: str | None = None) -> dict[str, Any]:
        """Keep two customers two, each given by id or any identifier, whatever arrives; `unmerge` takes it back."""
        return stewards.apart(self.ground, left, right, why=why, actor=actor or self.actor)

    def unmerge(self, act: str, *, actor: str | None = None) -> dict[str, Any]:
        """Take a merge, a parting or a keeping apart back: customers are as if it had never been done."""
        return stewards.unmerge(self.ground, act, actor=actor or self.actor)

    def merges(self, customer: str | None = None) -> list[dict[str, Any]]:
        """List what was joined, parted and kept apart by hand, newest first."""
        return stewards.acts(self.ground, customer)

    def kept_apart(self) -> list[dict[str, Any]]:
        """List who is kept apart now, newest first: by whom, why and since when, and the pair of the queue it came from."""
        return stewards.aparts(self.ground)

    def link(self, *, relearn: bool = False) -> dict[str, Any]:
        """Look for customers that are probably one, by what they told; the sure ones are joined, others wait in `link_queue`."""
        return probable.look_for_links(self.ground, relearn=relearn)

    def link_queue(self, state: str = "waiting", limit: int = 100) -> list[dict[str, Any]]:
        """List pairs of customers that wait to be decided, or were: surest first, each with what every field adds."""
        return queued.listed(self.ground, state, limit)

    def link_pair(self, pair: int) -> dict[str, Any]:
        """Show one pair of the queue: what each field adds, who they are, and what joining them would do."""
        return queued.shown(self.ground, pair)

    def link_told(self, pair: int, principal: Principal, why: str) -> dict[str, list[str | None]]:
        """Open what both customers of a pair told, side by side, for somebody who may look; the look is in the audit."""
        return queued.told(self.ground, pair, principal, why)

    def settle_link(self, pair: int, *, same: bool, why: str, actor: str | None = None) -> dict[str, Any]:
        """Say that a pair is one person, or that it is not; a pair joined by mistake parts again. Who is two stays two, whatever arrives."""
        return queued.settle(self.ground, pair, same=same, why=why, actor=actor or self.actor)
