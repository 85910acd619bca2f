"""Protect: rectification, objection, restriction of use, breaches with their clock, the register of processing, redaction judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from allears.guard.approval import Asked
from allears.journey import affected, breaches, judging, objecting, rectifying, register, restricting, rules
from allears.journey.judging import Drawn
from allears.show.notice import write_notice
from allears.space.answer import Guarding


class Protecting(Guarding):
    """Protect: rectification, objection, restriction of use, breaches with their clock, the register of processing, redaction judged."""

    def rectify(self, who: str, kind: str, *, wrong: str = "", right: str = "", why: str) -> dict[str, Any]:
        """Strike out what is wrong about a customer, for good, and put in what is right (article 16): a name, address, birthday or identifier."""
        return rectifying.rectify(self.ground, who, kind, wrong=wrong, right=right, why=why, actor=self.actor)

    def rectify_asker(
        self, request: str, kind: str, *, wrong: str = "", right: str = "", why: str = ""
    ) -> dict[str, Any]:
        """Do what a request for rectification asks; it stays open until `close_request`."""
        return rectifying.rectify_asker(
            self.ground, request, kind, wrong=wrong, right=right, why=why, actor=self.actor
        )

    def object_asker(self, request: str, purposes: Sequence[str]) -> list[str]:
        """Do what a request for objection asks: note a no to each purpose, and close it (article 21)."""
        return objecting.object_asker(self.ground, request, purposes, actor=self.actor)

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

    def draw_texts(self, n: int = judging.DRAWN) -> Drawn:
        """Draw stored texts at random, for a person to say whether redaction missed something or hid too much."""
        return judging.draw(self.ground, n=n)

    def judge_text(self, name: str, verdict: str, drawn: Drawn, *, actor: str | None = None) -> None:
        """Keep what a person says of a drawn text: ``clean``, ``missed``, ``too_much``, ``both``, ``cannot_tell``."""
        judging.judge(self.ground, name, verdict, drawn, actor=actor or self.actor)

    def redaction_quality(self) -> list[dict[str, Any]]:
        """Tell how often people found that redaction missed something or hid too much, with intervals, for each method."""
        return judging.quality(self.ground)

    def register(self) -> dict[str, Any]:
        """Generate the register of processing (article 30) from what is configured and stored."""
        return register.register(self.ground)

    def open_breach(
        self,
        what: str,
        *,
        place: str = "",
        nature: Sequence[str] = ("confidentiality",),
        noticed_at: datetime | None = None,
        began_at: datetime | None = None,
        ended_at: datetime | None = None,
        actors: Sequence[str] = (),
        sources: Sequence[str] = (),
        everything: bool = False,
    ) -> str:
        """Open a breach of personal data; its 72 hours run from when it was noticed (article 33). Returns its id."""
        return breaches.open_breach(
            self.ground, what, actor=self.actor, place=place, nature=nature, noticed_at=noticed_at, began_at=began_at, ended_at=ended_at,
            actors=actors, sources=sources, everything=everything,
        )  # fmt: skip

    def note_breach(self, breach: str, kind: str, text: str) -> None:
        """Write down a ``note``, ``consequence``, ``measure`` or the reason of a ``delay``."""
        breaches.add(self.ground, breach, kind, text, actor=self.actor)

    def judge_breach(self, breach: str, risk: str, *, why: str) -> None:
        """Say how high the risk for people is: ``none``, ``some``, ``high``."""
        breaches.judge(self.ground, breach, risk, why, actor=self.actor)

    def decide_breach(
        self, breach: str, whom: str, text: str, *, told: bool = True, at: datetime | None = None
    ) -> None:
        """Write down that the ``authority`` or the ``people`` were told, or are not and why."""
        breaches.decide(self.ground, breach, whom, text, told=told, actor=self.actor, at=at)

    def close_breach(self, breach: str, text: str) -> None:
        """Close a breach, once everything that the law asks is decided."""
        breaches.close(self.ground, breach, text, actor=self.actor)

    def breaches(self, *, closed: bool = False) -> list[dict[str, Any]]:
        """List breaches with their clocks, the one whose clock ends first on top."""
        return breaches.breaches(self.ground, closed=closed)

    def breach(self, breach: str) -> dict[str, Any]:
        """Tell of one breach: what was written down, whom it concerns in numbers, and the draft of the notice."""
        told, whom = breaches.breach_of(self.ground, breach), affected.affected(self.ground, breach).told
        stated = msgspec.to_builtins(rules.stated(self.ground).controller)
        return told | {"affected": whom, "notice": write_notice(told, whom, stated)}

    def ask_breach_people(self, breach: str, *, why: str) -> Asked:
        """Ask for a second person who agrees that the ids of those affected leave the space (article 34)."""
        n = len(affected.affected(self.ground, breach).certain)
        return self._ask_second("export", f"breach {breach}", n, why)

    def breach_people(self, breach: str, out: Path, *, alone: str = "") -> int:
        """Write the ids of those affected to a new file; however few they are, a second person must have agreed.

        Raises
        ------
        NotAllowed
            Nobody agreed; ``alone`` says why nobody was asked.
        """
        people = affected.affected(self.ground, breach).certain
        self.require_second("export", f"breach {breach}", len(people), alone=alone, always=True)
        return affected.write_people(self.ground, people, breach, out, actor=self.actor)
