"""Wishes that grow slowly: words which more and more people use when they ask for something."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from allears.foresee.rows import Names, Rows
from allears.foresee.tail import rise_score
from allears.foresee.wording import words_of

RECENT_DAYS = 14
PAST_DAYS = 28
LEAST_DAYS = 6
LEAST_PAST_DAYS = 7
LEAST_LETTERS = 4
WISH_SHARE, WISH_LEAST = 0.15, 3
SPREAD = 0.1
SAD = -0.3


@dataclass(frozen=True)
class Word:
    """Messages that use one word and do not complain."""

    label: str
    topic: int = -1
    facets: tuple[tuple[int, int], ...] = ()

    def holds(self, rows: Rows) -> NDArray[np.bool_]:
        """Mark the rows that use it."""
        return np.array(
            [
                not s < SAD and self.label in words_of(t)
                for t, s in zip(rows.text, rows.sentiment, strict=True)
            ],
            bool,
        )


@dataclass(frozen=True)
class Risen:
    """One word that is used by more people than before."""

    word: Word
    series: int
    score: float
    seen: float
    due: float


@dataclass
class Day:
    """One day's counts of different voices: by word, those among wishes, and all."""

    words: Counter[str]
    wishes: Counter[str]
    voices: int


class Wishes:
    """Compares the last fortnight's words with the four weeks before, in shares of all that is said.

    Only words that go with messages read as wishes count: what a campaign puts into people's
    mouths rises too, but is no wish.

    Parameters
    ----------
    names
        Shared numbering.
    valence
        Topic id to problem, wish, praise or neutral.
    """

    def __init__(self, names: Names, valence: Mapping[str, str]) -> None:
        self._names, self._valence = names, valence
        self._recent: deque[Day] = deque()
        self._past: deque[Day] = deque()
        self._used, self._wished, self._before = Counter[str](), Counter[str](), Counter[str]()
        self._running = Day(Counter(), Counter(), 0)
        self._number = Names()
        self._said: set[tuple[int, str]] = set()
        self._groups: set[int] = set()

    def take(self, rows: Rows, groups: NDArray[np.int64]) -> None:
        """Count the messages of the running day: each author and each text once per word."""
        for at in range(len(rows)):
            group = int(groups[at])
            if rows.sentiment[at] < SAD or group in self._groups:
                continue
            self._groups.add(group)
            fresh = [
                w
                for w in set(words_of(rows.text[at]))
                if len(w) >= LEAST_LETTERS and (int(rows.author[at]), w) not in self._said
            ]
            self._said.update((int(rows.author[at]), w) for w in fresh)
            self._running.words.update(fresh)
            self._running.voices += 1
            if any(self._valence.get(self._names.name[t]) == "wish" for t in rows.topics[at]):
                self._running.wishes.update(fresh)

    def close_day(self, limit_per_word: float, least: int) -> list[Risen]:
        """End the running day and list the words that have risen.

        Parameters
        ----------
        limit_per_word
            Score needed by a single word; the number of words tested is added to it.
        least
            Fewest different voices.
        """
        self._shift()
        if len(self._past) < LEAST_PAST_DAYS:
            return []
        used, wished, before = self._used, self._wished, self._before
        ratio = (sum(d.voices for d in self._recent) + 1) / (sum(d.voices for d in self._past) + 1)
        tested = [w for w, n in used.items() if n >= max(least, 8)]
        seen = np.array([used[w] for w in tested], float)
        due = np.array([before[w] + 0.5 for w in tested]) * ratio
        score = rise_score(seen, due, SPREAD + 1 / (due / max(ratio, 1e-9) + 1))
        limit = limit_per_word + np.log10(max(1, len(tested)))
        return [
            Risen(Word(word), self._number.of(word), float(score[at]), float(seen[at]), float(due[at]))
            for at, word in enumerate(tested)
            if score[at] >= limit
            and wished[word] >= max(WISH_LEAST, WISH_SHARE * used[word])
            and sum(word in d.words for d in self._recent) >= LEAST_DAYS
        ]

    def _shift(self) -> None:
        """Move the finished day into the fortnight, the oldest of that into the past, and forget the oldest of all."""
        self._recent.append(self._running)
        self._used.update(self._running.words)
        self._wished.update(self._running.wishes)
        self._running, self._said, self._groups = Day(Counter(), Counter(), 0), set(), set()
        if len(self._recent) > RECENT_DAYS:
            old = self._recent.popleft()
            _take_away(self._used, old.words)
            _take_away(self._wished, old.wishes)
            self._past.append(old)
            self._before.update(old.words)
        if len(self._past) > PAST_DAYS:
            _take_away(self._before, self._past.popleft().words)


def _take_away(total: Counter[str], part: Counter[str]) -> None:
    for word, count in part.items():
        total[word] -= count
        if not total[word]:
            del total[word]
