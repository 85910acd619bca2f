"""Praise and blame counted by word lists: what a text says before anything was learned.

The rules follow Hutto and Gilbert (2014): negation turns a word round, degree words, capitals, drawn-out letters
and exclamation marks strengthen it, and what follows "but" weighs more than what came before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from allears.understand.phrases import Hits, Phrases
from allears.understand.vocabulary import all_stopwords, read_list
from allears.understand.words import Numbers, Words

LANGUAGES = ("en", "it", "de", "fr", "es", "pt")
"""Languages with a word list; others are read by signs (emoji), and by what is learned."""

_NEGATED = -0.6
_REACH = 3
_STRONGER, _WEAKER = 1.3, 0.7
_SHOUT, _DRAWL, _EXCLAIM = 1.25, 1.2, 0.08
_BEFORE_TURN, _AFTER_TURN = 0.6, 1.3

_NEGATOR, _MORE, _LESS, _TURN, _POLAR = range(5)


@dataclass(frozen=True)
class Polarity:
    """For each text: sum of praise, sum of blame (positive number), words that carried either, all words, question marks."""

    praise: Numbers
    blame: Numbers
    carriers: Numbers
    words: Numbers
    asks: Numbers


def weigh(words: Words, languages: Sequence[str | None]) -> Polarity:
    """Weigh praise and blame of each text by the list of its language; texts of unknown language by all lists.

    Examples
    --------
    >>> from allears.understand.words import chop
    >>> found = weigh(chop(["The app is great", "not great", "Die Hotline ist furchtbar"]), ["en", "en", "de"])
    >>> [(bool(p), bool(b)) for p, b in zip(found.praise, found.blame)]
    [(True, False), (False, True), (False, True)]
    """
    praise, blame, carriers = (np.zeros(words.rows) for _ in range(3))
    spoken = np.array([code if code in LANGUAGES else "" for code in languages], object)
    for code in sorted(set(spoken.tolist())):
        among = (spoken == code)[words.row] if len(words.row) else np.zeros(0, bool)
        where, value = _values(words, _lexicon(code), among)
        row = words.row[where]
        praise += np.bincount(row, np.maximum(value, 0), words.rows)
        blame += np.bincount(row, np.maximum(-value, 0), words.rows)
        carriers += np.bincount(row, minlength=words.rows)
    louder = 1 + _EXCLAIM * np.minimum(words.exclaims, 4)
    return Polarity(
        praise * louder, blame * louder, carriers, words.per_row().astype(float), words.asks.astype(float)
    )


@dataclass(frozen=True)
class _Lexicon:
    phrases: Phrases
    role: Numbers
    value: Numbers


@lru_cache(8)
def _lexicon(code: str) -> _Lexicon:
    signs = _weights(read_list("lexicon/en.toml")["signs"])
    entries = [(phrase, _POLAR, value) for phrase, value in signs]
    if code:
        entries += _entries(read_list(f"lexicon/{code}.toml"))
    else:
        entries += _agreed()
    return _Lexicon(
        Phrases([phrase for phrase, _, _ in entries], gap=0),
        np.array([role for _, role, _ in entries]),
        np.array([value for _, _, value in entries]),
    )


def _entries(lists: dict[str, Any]) -> list[tuple[str, int, float]]:
    entries = [(phrase, _POLAR, value) for phrase, value in _weights(lists["words"])]
    for name, role, value in (
        ("negators", _NEGATOR, 0.0),
        ("stronger", _MORE, _STRONGER),
        ("weaker", _LESS, _WEAKER),
        ("turns", _TURN, 0.0),
    ):
        entries += [(phrase.replace("_", " "), role, value) for phrase in lists[name].split()]
    return entries


def _agreed() -> list[tuple[str, int, float]]:
    """Words of all lists that no two languages weigh against each other and that no language uses as a common word."""
    values: dict[tuple[str, int], list[float]] = {}
    for code in LANGUAGES:
        for phrase, role, value in _entries(read_list(f"lexicon/{code}.toml")):
            values.setdefault((phrase, role), []).append(value)
    polar = {phrase for phrase, role in values if role == _POLAR}
    kept = []
    for (phrase, role), found in values.items():
        clash = role == _POLAR and (min(found) < 0 < max(found) or phrase in all_stopwords())
        if not clash and not (role != _POLAR and phrase in polar):
            kept.append((phrase, role, float(np.mean(found))))
    return kept


def _weights(groups: dict[str, str]) -> list[tuple[str, float]]:
    return [
        (word.replace("_", " "), float(value)) for value, words in groups.items() for word in words.split()
    ]


def _values(words: Words, lexicon: _Lexicon, among: Numbers) -> tuple[Numbers, Numbers]:
    """Find the words that carry praise or blame and what each is worth here."""
    hits = lexicon.phrases.find(words, among)
    role = lexicon.role[hits.phrase]
    polar = _longest(hits.only(role == _POLAR))
    value = lexicon.value[polar.phrase].copy()
    count = len(words.row)
    negator, degree = np.zeros(count, bool), np.ones(count)
    negator[hits.last[role == _NEGATOR]] = True
    for kind in (_MORE, _LESS):
        degree[hits.last[role == kind]] = lexicon.value[hits.phrase[role == kind]]
    inside = np.zeros(count, bool)
    inside[polar.first[polar.last > polar.first]] = True
    value *= np.where(words.shout[polar.first], _SHOUT, 1) * np.where(words.drawl[polar.first], _DRAWL, 1)
    value *= _around(words, polar, degree)
    value *= np.where(_negated(words, polar, negator), _NEGATED, 1)
    return polar.first, value * _turned(words, hits.only(role == _TURN), polar)


def _longest(hits: Hits) -> Hits:
    """Keep, where phrases overlap, the longer one."""
    size = hits.last - hits.first
    order = np.lexsort((-size, hits.first))
    hits = hits.only(order)
    if not len(hits.row):
        return hits
    furthest = np.maximum.accumulate(np.concatenate(([-1], hits.last[:-1])))
    first_there = np.concatenate(([True], np.diff(hits.first) > 0))
    return hits.only(first_there & (hits.first > furthest))


def _around(words: Words, polar: Hits, degree: Numbers) -> Numbers:
    factor = np.ones(len(polar.row))
    for back, share in ((1, 1.0), (2, 0.8)):
        place = np.maximum(polar.first - back, 0)
        same = (polar.first >= back) & (words.row[place] == polar.row)
        factor *= np.where(same, 1 + (degree[place] - 1) * share, 1)
    return factor


def _negated(words: Words, polar: Hits, negator: Numbers) -> Numbers:
    negated = np.zeros(len(polar.row), bool)
    for back in range(1, _REACH + 1):
        place = np.maximum(polar.first - back, 0)
        negated |= (polar.first >= back) & (words.row[place] == polar.row) & negator[place]
    return negated


def _turned(words: Words, turns: Hits, polar: Hits) -> Numbers:
    """Weigh what follows the last "but" more, and what came before less."""
    last = np.full(words.rows, -1)
    np.maximum.at(last, turns.row, turns.first)
    turn = last[polar.row]
    return np.where(turn < 0, 1.0, np.where(polar.first < turn, _BEFORE_TURN, _AFTER_TURN))


def check_lists() -> list[str]:
    """List words that stand in one language's list with two weights; the tests keep it empty."""
    twice = []
    for code in LANGUAGES:
        words = sorted(_weights(read_list(f"lexicon/{code}.toml")["words"]))
        twice += [f"{code}: {a}" for (a, x), (b, y) in pairwise(words) if a == b and x != y]
    return twice
