"""The starting topics: what customers of shops, banks, carriers, airlines and online services talk about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from allears.understand.phrases import Phrases
from allears.understand.vocabulary import read_list
from allears.understand.words import Numbers

LANGUAGES = ("any", "en", "it", "de", "fr", "es", "pt")
_EVERYWHERE = 2  # phrases under `any` and English ones count in every language
_ONE_WORD, _SEVERAL_WORDS = 1.0, 1.5


@dataclass(frozen=True)
class Topic:
    """One topic.

    Attributes
    ----------
    id
        Stable; ``area/what`` for the taxonomy, ``my/...`` for taught topics.
    label
        What people call it.
    department
        Who usually answers for it.
    valence
        problem, praise, wish or neutral.
    terms
        Words that carry it.
    """

    id: str
    label: str
    department: str
    valence: str
    terms: tuple[str, ...]


@dataclass(frozen=True)
class Taxonomy:
    """All topics with their phrases compiled; arrays are aligned with the phrases."""

    topics: tuple[Topic, ...]
    phrases: Phrases
    topic: Numbers
    weight: Numbers
    language: Numbers
    spelled: tuple[str, ...]

    def counts_in(self, phrase: Numbers, languages: Numbers) -> Numbers:
        """Say which hits count, given the language number of each hit's text (-1: unknown)."""
        own = self.language[phrase]
        result: Numbers = (own < _EVERYWHERE) | (languages < 0) | (own == languages)
        return result


@lru_cache(1)
def taxonomy() -> Taxonomy:
    """Read and compile the starting topics.

    Examples
    --------
    >>> len(taxonomy().topics) >= 50
    True
    """
    topics, phrases, owner, weight, language = [], [], [], [], []
    for number, given in enumerate(read_list("taxonomy.toml")["topic"]):
        terms: list[str] = []
        for code, name in enumerate(LANGUAGES):
            for entry in filter(None, (part.strip() for part in given.get(name, "").split(";"))):
                phrase, worth = _split(entry)
                phrases.append(phrase)
                owner.append(number)
                weight.append(worth)
                language.append(code)
                if code < _EVERYWHERE and worth >= 1 and len(terms) < 8:
                    terms.append(phrase)
        topics.append(Topic(given["id"], given["label"], given["department"], given["valence"], tuple(terms)))
    return Taxonomy(
        tuple(topics), Phrases(phrases), np.array(owner), np.array(weight), np.array(language), tuple(phrases)
    )


def _split(entry: str) -> tuple[str, float]:
    phrase, _, worth = entry.partition(":")
    usual = _ONE_WORD if len(phrase.split()) == 1 else _SEVERAL_WORDS
    return phrase, float(worth) if worth else usual
