"""How simulated people write: sentence patterns by topic and language, filled, joined, mistyped."""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

import msgspec

LANGUAGES = ("en", "it", "de", "fr", "es")
PRODUCTS = (
    "Alba kettle", "Fjell Pro", "Moss lamp", "Tarn 40", "Lumo", "Brisa fan", "Otto chair", "Kestrel boots", "Nori pan",
    "Sola 2", "Wren speaker", "Cala towel", "Juniper soap", "Piko blender", "Hale jacket", "Rill bottle", "Dune rug",
)  # fmt: skip
PHONES = {
    "ios": ("iPhone 13", "iPhone 14", "iPhone SE", "iPhone 15 Pro", "iPad"),
    "android": ("Pixel 7", "Galaxy S22", "Galaxy A54", "Redmi Note 12", "Fairphone 5"),
}
METHODS = ("Visa", "Mastercard", "debit card", "PayPal", "wallet", "credit card", "Maestro")
HASHTAGS = ("BrightDays", "HelloHome", "WarmWeek", "TinyJoys", "OpenHouse")
_SLOT = re.compile(r"\{(\w+)\}")
_ENGLISH_ONLY = ("staff", "staff_trouble", "partner", "partner_trouble", "bots")
_SMILES = ("😊", "👍", "❤️", "🎉", "😍", "🙏")
_FROWNS = ("😡", "🤬", "🙄", "😤", "😞", "👎", "🤷")

Banks = dict[str, list[str]]


@cache
def banks(language: str) -> Banks:
    """Read one language's sentence patterns."""
    text = (Path(__file__).parent / "phrases" / f"{language}.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=Banks)


def patterns(language: str, topic: str) -> list[str]:
    """Find the patterns of a topic; what only the firm itself writes is English everywhere."""
    return banks("en" if topic in _ENGLISH_ONLY else language)[topic]


class Writer:
    """Writes sentences about topics.

    Parameters
    ----------
    rng
        Python's own generator: thousands of small choices are faster with it than with numpy's.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def pick(self, language: str, topic: str) -> str:
        """Take one pattern of a topic, unfilled."""
        return self.rng.choice(patterns(language, topic))

    def fill(self, pattern: str, language: str, facts: dict[str, str]) -> str:
        """Fill the slots of a pattern: with the facts given, else by chance."""
        if "{" not in pattern:
            return pattern
        return _SLOT.sub(lambda slot: facts.get(slot[1]) or self._invent(slot[1], language), pattern)

    def sentence(self, language: str, topic: str, facts: dict[str, str]) -> str:
        """Write one sentence about a topic."""
        return self.fill(self.pick(language, topic), language, facts)

    def _invent(self, slot: str, language: str) -> str:
        rng = self.rng
        match slot:
            case "order":
                return f"LF{rng.randint(100000, 999999)}"
            case "product":
                return rng.choice(PRODUCTS)
            case "amount":
                return money(rng.uniform(4, 180), language)
            case "wrong":
                return money(rng.uniform(0.5, 6), language)
            case "day":
                return rng.choice(banks(language)["days"])
            case "days_n":
                return str(rng.randint(2, 12))
            case "minutes":
                return str(rng.choice((15, 20, 25, 30, 40, 45, 50, 55, 70, 90)))
            case "hours":
                return str(rng.randint(2, 6))
            case "hour":
                return str(rng.randint(7, 21))
            case "method":
                return rng.choice(METHODS)
            case "carrier":
                return rng.choice(("Swiftlane", "Postwing"))
            case "device":
                return rng.choice(PHONES[rng.choice(("ios", "android"))])
            case "hashtag":
                return HASHTAGS[0]
            case "version":
                return f"7.{rng.randint(0, 9)}"
        raise KeyError(slot)

    def mistype(self, text: str) -> str:
        """Swap, drop or double a letter or two inside words."""
        for _ in range(self.rng.randint(1, 2)):
            at = self.rng.randrange(1, max(2, len(text) - 2))
            if not text[at : at + 2].isalpha():
                continue
            kind = self.rng.random()
            if kind < 0.5:
                text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
            elif kind < 0.8:
                text = text[:at] + text[at + 1 :]
            else:
                text = text[:at] + text[at] + text[at:]
        return text

    def season(self, text: str, tone: int, casual: float) -> str:
        """Give a text somebody's habits: lower case, shouting, exclamation marks, emoji, typos.

        Parameters
        ----------
        text
            Prose without personal data, which habits would spoil.
        tone
            -1 angry, 0 neutral, 1 happy.
        casual
            0 for a letter, 1 for a short post.
        """
        rng = self.rng
        if rng.random() < 0.16 * casual + 0.04:
            text = self.mistype(text)
        if rng.random() < 0.35 * casual:
            text = text[0].lower() + text[1:] if rng.random() < 0.6 else text.lower()
        elif rng.random() < 0.03 and tone < 0:
            text = text.upper()
        else:
            text = text[0].upper() + text[1:]
        if text[-1] not in ".!?…":
            text += (
                rng.choice((".", ".", "", "!", "!!" if tone else "..."))
                if casual < 0.8
                else rng.choice(("", "", "!", "...", "."))
            )
        if tone and rng.random() < 0.24 * casual:
            text += " " + rng.choice(_SMILES if tone > 0 else _FROWNS) * rng.choice((1, 1, 1, 2))
        return text


def money(value: float, language: str) -> str:
    """Write an amount as people of that language do.

    Examples
    --------
    >>> money(12.5, "en"), money(12.5, "de")
    ('£12.50', '12,50 €')
    """
    if language == "en":
        return f"£{value:.2f}"
    return f"{value:.2f} €".replace(".", ",")
