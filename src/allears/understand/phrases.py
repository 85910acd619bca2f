"""Many phrases sought in many texts at once.

A phrase is one to five words; a word may end in ``*`` (any ending). Between two words of a phrase up to
``gap`` other words may stand: ``never arriv*`` is found in "it never even arrived".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from allears.errors import Refused
from allears.understand.words import Numbers, Words, chop, scatter


@dataclass(frozen=True)
class Hits:
    """Where phrases were found: text, first and last word (indices into the batch's words), which phrase."""

    row: Numbers
    first: Numbers
    last: Numbers
    phrase: Numbers

    def only(self, keep: Numbers) -> Hits:
        """Keep some of the hits."""
        return Hits(self.row[keep], self.first[keep], self.last[keep], self.phrase[keep])


class HashIndex:
    """Find the place of 64-bit keys; -1 where a key is unknown."""

    def __init__(self, keys: Numbers) -> None:
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]
        # Most words are in no list: one bit per low 16 bits turns them away before the search.
        self._seen = np.zeros(65536, bool)
        self._seen[(keys & np.uint64(0xFFFF)).astype(np.int64)] = True

    def find(self, keys: Numbers) -> Numbers:
        """Look keys up."""
        found = np.full(len(keys), -1, np.int64)
        if not len(self._keys):
            return found
        maybe = np.flatnonzero(self._seen[(keys & np.uint64(0xFFFF)).astype(np.int64)])
        place = np.minimum(np.searchsorted(self._keys, keys[maybe]), len(self._keys) - 1)
        good = self._keys[place] == keys[maybe]
        found[maybe[good]] = self._order[place[good]]
        return found


class Phrases:
    """A list of phrases, compiled once.

    Parameters
    ----------
    phrases
        What to seek. The answer numbers them in this order; equal phrases may stand twice.
    gap
        How many other words may stand between two words of a phrase.

    Examples
    --------
    >>> found = Phrases(["never arriv*", "late"]).find(chop(["It never even arrived", "Late again", "on time"]))
    >>> list(zip(found.row.tolist(), found.phrase.tolist()))
    [(0, 0), (1, 1)]
    """

    def __init__(self, phrases: Sequence[str], *, gap: int = 2) -> None:
        self.gap = gap
        self.count = len(phrases)
        parsed = _parse(phrases)
        elements = sorted({element for phrase in parsed for element in phrase})
        self._index_elements(elements)
        self._grow(parsed, elements)

    def find(self, words: Words, among: Numbers | None = None) -> Hits:
        """Find all phrases; ``among`` (a flag per word) limits which words count."""
        kinds = self.classes(words, among)
        first = np.flatnonzero(kinds >= 0)
        state = self._starts[kinds[first]]
        live = state >= 0
        first, state = first[live], state[live]
        last, hits = first, []
        while len(first):
            hits.append(self._finished(words, first, last, state))
            first, last, state = self._step(words, kinds, first, last, state)
        return _merge(hits)

    def classes(self, words: Words, among: Numbers | None = None) -> Numbers:
        """Say for each word which word or beginning of the list it is; -1 for none."""
        picked = np.arange(len(words.hash)) if among is None else np.flatnonzero(among)
        found = np.full(len(words.hash), -1, np.int64)
        for length, index, ids in self._prefixes:
            place = index.find(words.beginnings(length)[picked])
            hit = place >= 0
            found[picked[hit]] = ids[place[hit]]
        place = self._exact.find(words.hash[picked])
        hit = place >= 0
        found[picked[hit]] = self._exact_ids[place[hit]]
        return found

    def _index_elements(self, elements: list[str]) -> None:
        bare = chop([element.rstrip("*") for element in elements])
        if bare.rows != len(bare.row):
            raise Refused("a word of a phrase holds a sign that divides words")
        stem = np.array([element.endswith("*") for element in elements], bool)
        self._exact_ids = np.flatnonzero(~stem)
        self._exact = HashIndex(bare.hash[~stem])
        # Longest last, so that it wins.
        self._prefixes = [
            (
                int(n),
                HashIndex(bare.hash[stem & (bare.length == n)]),
                np.flatnonzero(stem & (bare.length == n)),
            )
            for n in np.unique(bare.length[stem])
        ]

    def _grow(self, parsed: list[list[str]], elements: list[str]) -> None:
        """Build the tree of states; a stem in a phrase accepts every longer stem or word of the list too."""
        covers = _covers(elements)
        tree: dict[tuple[int, int], int] = {}
        ends: list[tuple[int, int]] = []
        states = 1
        for number, phrase in enumerate(parsed):
            level = {0}
            for element in phrase:
                following = set()
                for state in sorted(level):
                    for kind in covers[element]:
                        if (state, kind) not in tree:
                            tree[state, kind] = states
                            states += 1
                        following.add(tree[state, kind])
                level = following
            ends += [(state, number) for state in level]
        self._kinds = max(1, len(elements))
        self._starts = np.full(self._kinds, -1, np.int64)
        for (state, kind), target in tree.items():
            if state == 0:
                self._starts[kind] = target
        deep = [(s * self._kinds + k, t) for (s, k), t in tree.items() if s]
        self._edges = HashIndex(scatter(np.array([key for key, _ in deep], np.uint64)))
        self._targets = np.array([target for _, target in deep], np.int64)
        self._open = np.zeros(states, bool)
        self._open[[s for s, _ in tree]] = True
        ends.sort()
        self._end_from = np.searchsorted([s for s, _ in ends], np.arange(states + 1))
        self._end_phrase = np.array([p for _, p in ends], np.int64)

    def _finished(self, words: Words, first: Numbers, last: Numbers, state: Numbers) -> Hits:
        count = self._end_from[state + 1] - self._end_from[state]
        which = np.repeat(np.arange(len(state)), count)
        offset = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
        phrase = (
            self._end_phrase[self._end_from[state[which]] + offset] if len(which) else np.zeros(0, np.int64)
        )
        return Hits(words.row[first[which]], first[which], last[which], phrase)

    def _step(
        self, words: Words, kinds: Numbers, first: Numbers, last: Numbers, state: Numbers
    ) -> tuple[Numbers, Numbers, Numbers]:
        going = self._open[state]
        first, last, state = first[going], last[going], state[going]
        found: list[tuple[Numbers, Numbers, Numbers]] = []
        for ahead in range(1, self.gap + 2):
            place = np.minimum(last + ahead, len(kinds) - 1)
            good = (last + ahead < len(kinds)) & (kinds[place] >= 0) & (words.row[place] == words.row[first])
            key = (state[good] * self._kinds + kinds[place[good]]).astype(np.uint64)
            edge = self._edges.find(scatter(key))
            hit = edge >= 0
            found.append((first[good][hit], place[good][hit], self._targets[edge[hit]]))
        a, b, c = (np.concatenate(columns) for columns in zip(*found, strict=True))
        return a, b, c


def _parse(phrases: Iterable[str]) -> list[list[str]]:
    """Cut phrases into folded words, keeping the star."""
    parts = [
        (number, part)
        for number, phrase in enumerate(phrases)
        for part in [piece for piece in phrase.split() if piece.rstrip("*")] or [""]
    ]
    # One call for all of them: it costs the same for one word as for ten thousand.
    bare = chop([part.rstrip("*") for _, part in parts])
    spelled: list[list[str]] = [[] for _ in parts]
    for row, word in zip(bare.row.tolist(), bare.spell(), strict=True):
        spelled[row].append(word)
    parsed: list[list[str]] = [[] for _ in range(parts[-1][0] + 1 if parts else 0)]
    for (number, part), pieces in zip(parts, spelled, strict=True):
        if pieces and part.endswith("*"):
            pieces[-1] += "*"
        parsed[number] += pieces
    if not all(parsed):
        raise Refused("a phrase without words")
    return parsed


def _covers(elements: list[str]) -> dict[str, list[int]]:
    covers: dict[str, list[int]] = {}
    for number, element in enumerate(elements):
        if element.endswith("*"):
            stem = element[:-1]
            # Sorted, so the longer ones follow at once.
            stop = number
            while stop < len(elements) and elements[stop].startswith(stem):
                stop += 1
            covers[element] = list(range(number, stop))
            covers[element] += [number - 1] if number and elements[number - 1] == stem else []
        else:
            covers[element] = [number]
    return covers


def _merge(hits: list[Hits]) -> Hits:
    if not hits:
        none = np.zeros(0, np.int64)
        return Hits(none, none, none, none)
    columns = [
        np.concatenate([getattr(hit, name) for hit in hits]) for name in ("row", "first", "last", "phrase")
    ]
    order = np.lexsort((columns[3], columns[1], columns[0]))
    return Hits(*(column[order] for column in columns))
