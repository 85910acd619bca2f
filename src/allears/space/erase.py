"""Forget: erasing, retention, legal holds and their receipts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from allears.guard.erase import Receipt as ErasureReceipt
from allears.guard.erasures import Scope
from allears.guard.receipt import give
from allears.journey import holds, retention
from allears.journey import questions as ask
from allears.journey.erasure import Progress, await_digest, erase_customer, erase_customers, rehearse
from allears.journey.redo import finish, pending
from allears.journey.retention import Retired
from allears.space.digest import Digesting
from allears.space.know import Knowing


class ErasedMany(NamedTuple):
    """What erasing many did: numbers of the receipts, how many were unknown or gone before, and who is under a hold."""

    receipts: list[int]
    unknown: int
    held: list[str]


class Erasing(Digesting, Knowing):
    """Forget: erasing, retention, legal holds and their receipts."""

    def _finish_erasures(self) -> None:
        if not pending(self.ground):
            return
        mine = self._digest is None and self.may_digest()
        try:
            if mine:
                self.digest(look=False)
            else:
                await_digest(self.ground)
            finish(self.ground)
            if mine:
                self.tidy(now=True)
        finally:
            if mine and self._digest is not None:
                self._digest.close()
                self._digest = None

    def erase(
        self, who: str, *, why: str = "request of the person", scope: Scope | None = None
    ) -> ErasureReceipt:
        """Erase a customer, or what a scope says of one, and give a receipt: keys, words, look-ups."""
        self._heard()
        receipt = erase_customer(self.ground, self.customer(who).id, actor=self.actor, why=why, scope=scope)
        self._tidied()
        return receipt

    def rehearse_erasure(self, who: str, scope: Scope) -> dict[str, int]:
        """Tell how much of what a scope says would go, by table; nothing is changed."""
        return rehearse(self.ground, self.customer(who).id, scope)

    def erase_all(
        self,
        who: Iterable[str],
        *,
        why: str = "request of the person",
        scope: Scope | None = None,
        progress: Progress = lambda n: None,
    ) -> ErasedMany:
        """Erase many, each given by id or any identifier; cut off at any moment, it is simply run again.

        Who is unknown, or was erased before, and who is under a legal hold, is told.
        """
        self._heard()
        given = list(dict.fromkeys(who))
        found = ask.find_each(self.ground.graph, given)
        customers = [c for c in found if c is not None]
        done = erase_customers(
            self.ground, customers, actor=self.actor, why=why, scope=scope, progress=progress
        )
        self._tidied()
        return ErasedMany(done.receipts, len(given) - len(customers), done.held)

    def _heard(self) -> None:
        # What waits was heard before: digested later, it would be there again.
        if self.may_digest():
            self.digest(look=False)

    def _tidied(self) -> None:
        # Files that held what was emptied go at once where nobody else reads them, else an hour later.
        if self.may_digest():
            self.tidy(now=True)

    def receipts(self, numbers: Sequence[int]) -> list[ErasureReceipt]:
        """Give receipts of erasures, proven against the audit as it is now."""
        return give(self.ground.desk, self.ground.audit, numbers, ErasureReceipt)

    def due(self) -> list[dict[str, Any]]:
        """Say what retention would remove now, by class, source and month; nothing is changed."""
        return retention.due(self.ground)

    def retire(self) -> Retired:
        """Remove what ``retention.toml`` says is due, and give a receipt.

        Files that held it go at once where nobody else digests this space, else an hour later.
        """
        return retention.retire(
            self.ground, actor=self.actor, now=not self.ground.desk.shared and self.may_digest()
        )

    def hold(self, who: str, *, why: str) -> str:
        """Put a customer under legal hold: nothing of theirs is erased or retired until `release`; returns the hold's id."""
        return holds.put_hold(self.ground, self.customer(who).id, why=why, actor=self.actor)

    def release(self, hold: str) -> None:
        """End a legal hold."""
        holds.end_hold(self.ground, hold, actor=self.actor)

    def holds(self, *, ended: bool = False) -> list[dict[str, Any]]:
        """List legal holds that last, and ended ones if asked."""
        return holds.holds(self.ground, ended=ended)
