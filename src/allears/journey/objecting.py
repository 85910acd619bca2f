"""Objection carried out (article 21): whoever objects to uses of their data is in none of them from that moment on."""

from __future__ import annotations

from collections.abc import Sequence

from allears.errors import Refused
from allears.guard.purpose import PURPOSES
from allears.journey.consent import read_purpose, say
from allears.journey.ground import Ground
from allears.journey.requests import asker_of, close
from allears.journey.rules import purposes


def object_asker(
    ground: Ground, request: str, uses: Sequence[str], *, actor: str, why: str = ""
) -> list[str]:
    """Do what a checked request for objection asks: note a no to each purpose, and close the request; returns the purposes.

    Raises
    ------
    NotAllowed
        Nobody checked who asks.
    Refused
        It asks for something else, or a purpose asks nobody: what is owed by contract or law is not objected to.
    """
    found = purposes(ground)
    asked = [read_purpose(use) for use in dict.fromkeys(uses)]
    if not asked:
        raise Refused("expected at least one purpose", place="purposes")
    owed = [use for use in asked if not found[use].heeds]
    if owed:
        can = ", ".join(use for use in PURPOSES if found[use].heeds)
        raise Refused(f"{', '.join(owed)} rests on {found[owed[0]].basis}; to object to there are {can}", place="purposes")  # fmt: skip
    customer = asker_of(ground, request, "objection")
    for use in asked:
        say(ground, customer, use, "refused", why=why or f"objection, request {request}", actor=actor, source=f"request {request}")  # fmt: skip
    close(ground, request, f"objection to {', '.join(asked)} noted; it counts since then", actor=actor)
    return list(asked)
