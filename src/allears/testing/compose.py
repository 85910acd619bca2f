"""How a message is put together on each channel: greeting, sentences, what they tell about themselves, signature."""

from __future__ import annotations

import random

from allears.testing.message import tone
from allears.testing.numbers import card_number, iban, spell_phone
from allears.testing.people import People
from allears.testing.phrases import PHONES, Writer, banks, money
from allears.testing.places import read_places
from allears.testing.plot import Plot

Told = list[tuple[str, str]]
_LONG = ("helpdesk", "mailbox", "staff-desk", "carrier-portal")
_TELLS = {
    "helpdesk": 1.0,
    "mailbox": 1.2,
    "live-chat": 0.6,
    "sms-line": 0.5,
    "microblog": 0.12,
    "staff-desk": 0.3,
}


class Composer:
    """Puts messages together.

    Parameters
    ----------
    people
        Whose messages.
    plots
        What is planted: its facts go into the words.
    rng
        Python's generator.
    """

    def __init__(self, people: People, plots: list[Plot], rng: random.Random) -> None:
        self.people = people
        self.plots = plots
        self.rng = rng
        self.writer = Writer(rng)

    def facts(self, person: int, language: str, cause: int, version: str, platform: str) -> dict[str, str]:
        """Collect what this person's words would mention."""
        facts = {"city": self.people.city[person] if person >= 0 else "London"}
        if version:
            facts |= {"version": version, "device": self.rng.choice(PHONES.get(platform, PHONES["ios"]))}
        if cause >= 0:
            facts |= self.plots[cause].facts
            if "wrong" in facts:
                facts["wrong"] = money(float(facts["wrong"]), language)
        if self.rng.random() < 0.25 and "method" in facts:
            del facts["method"]
        return facts

    def words(self, source: str, language: str, topic: str, facts: dict[str, str]) -> str:
        """Write the prose, without anything personal in it."""
        rng, writer, mood = self.rng, self.writer, tone(topic)
        main = writer.sentence(language, topic, facts)
        casual = {
            "microblog": 1.0,
            "sms-line": 0.9,
            "live-chat": 0.8,
            "app-reviews": 0.7,
            "product-reviews": 0.5,
        }.get(source, 0.25)
        parts = [writer.season(main, mood, casual)]
        if source in _LONG and rng.random() < 0.3 and topic != "partner":
            parts.append(writer.season(writer.sentence(language, topic, facts), mood, casual))
        chance = {"microblog": 0.22, "live-chat": 0.15, "sms-line": 0.1}.get(source, 0.4)
        if mood and rng.random() < chance and not topic.startswith("score"):
            parts.append(writer.sentence(language, "gripe" if mood < 0 else "joy", facts))
        if mood < 0 and source in (*_LONG, "live-chat") and rng.random() < 0.4:
            parts.append(writer.sentence(language, "ask", facts))
        text = " ".join(parts)
        if source == "microblog" and topic != "mention" and rng.random() < 0.6:
            text = f"@larkfield {text}" if rng.random() < 0.7 else f"{text} @larkfield"
        return text

    def tell(self, person: int, source: str, language: str, personal: Told) -> list[str]:
        """Write sentences that tell something about the person, and note what they tell."""
        rng, people, likely = self.rng, self.people, _TELLS.get(source, 0.0)
        if person < 0 or rng.random() > 0.34 * likely:
            return []
        told: list[tuple[str, str, str, str]] = []
        drawn = rng.random()
        if drawn < 0.26 and people.phone[person]:
            told.append(("call_me", "phone", "phone", spell_phone(people.phone[person], rng)))
        elif drawn < 0.44:
            told.append(("write_me", "email", "email", people.email[person]))
        elif drawn < 0.60:
            told.append(("live_at", "address", "address", people.address[person]))
        elif drawn < 0.86:
            told.append(("name_is", "name", "name", people.name(person)))
        elif drawn < 0.94:
            told.append(("pay_card", "card", "card", card_number(rng)))
        else:
            told.append(
                ("pay_iban", "iban", "iban", iban(rng, read_places().regions[people.region[person]].country))
            )
        sentences = []
        for bank, slot, kind, value in told:
            personal.append((kind, value))
            sentences.append(self.writer.fill(self.writer.pick(language, bank), language, {slot: value}))
        return sentences

    def message(
        self, person: int, source: str, language: str, topic: str, facts: dict[str, str]
    ) -> tuple[str, Told]:
        """Write a whole message, and list the personal strings inside it."""
        personal: Told = []
        prose = self.words(source, language, topic, facts)
        told = self.tell(person, source, language, personal)
        if source not in _LONG:
            tail = self._sign_short(person, source, language, personal)
            return " ".join([prose, *told, *tail]), personal
        return self._letter(person, source, language, prose, told, personal), personal

    def _letter(
        self, person: int, source: str, language: str, prose: str, told: list[str], personal: Told
    ) -> str:
        rng, bank = self.rng, banks(language)
        lines = []
        if rng.random() < 0.7:
            lines.append(rng.choice(bank["opening"]))
        lines.append(" ".join([prose, *told]))
        if rng.random() < (0.9 if source == "mailbox" else 0.5):
            lines.append(rng.choice(bank["closing"]))
            name = self.people.name(person) if rng.random() < 0.65 else self.people.given[person]
            personal.append(("name", name))
            lines.append(name)
        return "\n".join(lines)

    def _sign_short(self, person: int, source: str, language: str, personal: Told) -> list[str]:
        if source not in ("sms-line", "live-chat") or person < 0 or self.rng.random() > 0.07:
            return []
        name = self.people.given[person]
        personal.append(("name", name))
        return [
            f"- {name}" if source == "sms-line" else f"{self.rng.choice(banks(language)['closing'])} {name}"
        ]
