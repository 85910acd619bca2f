"""Under which identifiers people show themselves on each channel, and the register of who they really are."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from allears.testing.message import Message
from allears.testing.numbers import spell_phone
from allears.testing.people import PLACEHOLDERS, People
from allears.testing.truth import Identifier, Truth


class Register:
    """Notes which identifiers were shown together, and by whom."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self._next = 0
        self._members: dict[int, set[Identifier]] = {}

    def note(self, person: int, shown: Sequence[Identifier]) -> None:
        """Note identifiers that one payload ties together."""
        truth = self.truth
        mine: list[Identifier] = []
        for identifier in shown:
            owner = truth.identifiers.setdefault(identifier, person)
            if owner != person:
                truth.shared.add(identifier)
            else:
                mine.append(identifier)
        known = {truth.components[i] for i in mine if i in truth.components}
        if len(known) > 1:
            self._merge(known)
        if not known:
            self._next += 1
        name = min(known, default=self._next)
        for identifier in mine:
            truth.components[identifier] = name
            self._members.setdefault(name, set()).add(identifier)

    def _merge(self, names: Iterable[int]) -> None:
        first, *others = sorted(names)
        for name in others:
            for identifier in self._members.pop(name):
                self.truth.components[identifier] = first
                self._members[first].add(identifier)


def introduce(message: Message, people: People, rng: random.Random) -> dict[str, str]:
    """Choose what a message shows about its author, besides its text.

    Returns
    -------
    dict
        Identifier type to raw value, and ``name`` where it is shown.
    """
    person, source = message.person, message.source
    if person < 0:
        return {"handle": f"user{83_000_000 - person * 7919}", "name": "user"}
    if source == "microblog" and message.extra.get("out"):
        return {"handle": "larkfieldhelp", "name": "Larkfield"}
    if source == "microblog":
        return {
            "handle": people.handle[person],
            "name": people.name(person) if rng.random() < 0.5 else people.handle[person],
        }
    if source == "sms-line":
        return {"phone": people.phone[person]}
    shown: dict[str, str] = {"name": people.name(person)}
    if source in ("app-reviews", "product-reviews", "review-site"):
        return _reviewer(message, people, rng)
    if source == "live-chat":
        return shown | _visitor(person, people, rng)
    shown["email"] = _mail(person, source, people, rng)
    if source == "helpdesk":
        if people.phone[person] and rng.random() < 0.5:
            shown["phone"] = (
                people.phone[person] if rng.random() < 0.9 else spell_phone(people.phone[person], rng)
            )
        if people.user_id[person] and rng.random() < 0.2:
            shown["user_id"] = people.user_id[person]
    if source == "staff-desk" and rng.random() < 0.5:
        shown["user_id"] = f"e{10_000 + person}"
    return shown


def _mail(person: int, source: str, people: People, rng: random.Random) -> str:
    """Mostly their first address; some write from another one, shout it, or give none worth the name."""
    drawn = rng.random()
    if source == "helpdesk" and drawn < 0.005:
        return rng.choice(PLACEHOLDERS)
    if people.second_email[person] and drawn < (0.5 if source == "mailbox" else 0.2):
        return people.second_email[person]
    address = people.email[person]
    return address.capitalize() if drawn > 0.96 else address


def _visitor(person: int, people: People, rng: random.Random) -> dict[str, str]:
    device = int(people.device_first[person]) + rng.randrange(int(people.device_count[person]))
    shown = {"anonymous_id": people.device_anonymous[device]} if rng.random() < 0.55 else {}
    if rng.random() < 0.6 or not shown:
        shown["email"] = people.email[person]
    return shown


def _reviewer(message: Message, people: People, rng: random.Random) -> dict[str, str]:
    person = message.person
    name = people.given[person] if rng.random() < 0.6 else people.name(person)
    if message.source == "product-reviews" and people.user_id[person] and rng.random() < 0.6:
        return {"name": name, "user_id": people.user_id[person]}
    if message.source == "review-site" and rng.random() < 0.5:
        return {"name": name, "email": people.email[person]}
    return {"name": name}
