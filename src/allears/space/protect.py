"""Protect: restriction of use."""

from __future__ import annotations

from typing import Any

from allears.journey import restricting
from allears.space.ground import Grounded


class Protecting(Grounded):
    """Protect: restriction of use."""

    def restrict(self, who: str, *, why: str) -> str:
        """Keep a customer's data and use it for nothing else until `lift` (article 18); returns the restriction's id."""
        return restricting.restrict(self.ground, who, why=why, actor=self.actor)

    def restrict_asker(self, request: str) -> str:
        """Do what a request for restriction asks, and close it."""
        return restricting.restrict_asker(self.ground, request, actor=self.actor)

    def lift(self, restriction: str, *, told: str) -> None:
        """Lift a restriction; ``told`` says how the person was told before."""
        restricting.lift(self.ground, restriction, told=told, actor=self.actor)

    def restrictions(self, *, lifted: bool = False) -> list[dict[str, Any]]:
        """List restrictions that last, and lifted ones if asked."""
        return restricting.restrictions(self.ground, lifted=lifted)
