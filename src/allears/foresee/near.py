"""Near-duplicates: texts that say the same thing in almost the same letters.

Campaigns, shares and bots repeat one text; people with one problem each find their own words. So a
group of near-identical texts counts as one voice, however many accounts sent it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
SHINGLE = 5
BANDS, ROWS = 8, 4
MINIMUM_LETTERS = 12
_PRIME = np.uint64(1_099_511_628_211)
_NOISE = re.compile(r"(?:https?://\S+|www\.\S+|@\w+|<[A-Z_]+\d*>|[\W\d_]+)+")


def normalise(text: str) -> str:
    """Take away what copies vary: links, handles, placeholders, digits, signs, emoji, case, spacing.

    Examples
    --------
    >>> normalise("@shop WIN 500$ now!! https://x.example/a1 🎉")
    'win now'
    """
    return _NOISE.sub(" ", text).strip().lower()


def near_groups(texts: Sequence[str], similarity: float = 0.8) -> Ints:
    """Give near-duplicate texts one number.

    Exact matches after `normalise`, then MinHash with banding ([1]_); candidates are verified by
    the true Jaccard similarity of their letter 5-grams with the group's first text.

    Parameters
    ----------
    texts
        Oldest first.
    similarity
        Least Jaccard similarity, 0-1.

    Returns
    -------
    numpy.ndarray
        One group number per text, counted from 0 in order of appearance.

    References
    ----------
    .. [1] A. Broder (1997), On the resemblance and containment of documents.

    Examples
    --------
    >>> near_groups(["The parcel is late again", "the parcel is late again!!", "I was charged twice"]).tolist()
    [0, 0, 1]
    """
    return NearDuplicates(similarity).groups(texts, np.zeros(len(texts), np.int64))


class NearDuplicates:
    """Group texts as they come; forgets groups that stayed silent.

    Parameters
    ----------
    similarity
        Least Jaccard similarity of letter 5-grams, 0-1.
    """

    def __init__(self, similarity: float = 0.8) -> None:
        self.similarity = similarity
        self._next = 0
        self._exact: dict[str, int] = {}
        self._bands: dict[int, int] = {}
        self._first: dict[int, Ints] = {}
        self._seen: dict[int, int] = {}

    def groups(self, texts: Sequence[str], hours: Ints) -> Ints:
        """Give each text its group; a text too short to tell apart is its own group."""
        plain = [normalise(t) for t in texts]
        result = np.empty(len(plain), np.int64)
        fresh = [i for i, p in enumerate(plain) if len(p) >= MINIMUM_LETTERS and p not in self._exact]
        shingles, bands = _sketch([plain[i] for i in fresh])
        position = {i: k for k, i in enumerate(fresh)}
        for i, letters in enumerate(plain):
            if len(letters) < MINIMUM_LETTERS:
                result[i] = self._new()
                continue
            group = self._exact.get(letters)
            if group is None:
                group = self._match(shingles[position[i]], bands[position[i]])
                self._exact[letters] = group
            self._seen[group] = int(hours[i])
            result[i] = group
        return result

    def forget(self, before_hour: int) -> None:
        """Drop groups last seen before an hour."""
        gone = {g for g, seen in self._seen.items() if seen < before_hour}
        self._exact = {k: g for k, g in self._exact.items() if g not in gone}
        self._bands = {k: g for k, g in self._bands.items() if g not in gone}
        for group in gone:
            del self._seen[group]
            self._first.pop(group, None)

    def _new(self) -> int:
        self._next += 1
        return self._next - 1

    def _match(self, shingles: Ints, bands: list[int]) -> int:
        tried = set()
        for band in bands:
            group = self._bands.get(band)
            if group is None or group in tried:
                continue
            tried.add(group)
            if _jaccard(shingles, self._first[group]) >= self.similarity:
                return group
        group = self._new()
        self._first[group] = shingles
        for band in bands:
            self._bands.setdefault(band, group)
        return group


def _jaccard(left: Ints, right: Ints) -> float:
    shared = len(np.intersect1d(left, right, assume_unique=True))
    return shared / (len(left) + len(right) - shared)


def _sketch(plain: list[str]) -> tuple[list[Ints], list[list[int]]]:
    """Shingle sets and band keys of many texts at once, 2,000 texts at a time to bound memory."""
    sets: list[Ints] = []
    keys: list[list[int]] = []
    for start in range(0, len(plain), 2000):
        part_sets, part_keys = _sketch_part(plain[start : start + 2000])
        sets += part_sets
        keys += part_keys
    return sets, keys


def _sketch_part(plain: list[str]) -> tuple[list[Ints], list[list[int]]]:
    encoded = [p.encode() for p in plain]
    lengths = np.array([len(e) for e in encoded])
    letters = np.frombuffer(b"".join(encoded), np.uint8).astype(np.uint64)
    rolled = np.zeros(len(letters) - SHINGLE + 1, np.uint64)
    for offset in range(SHINGLE):
        rolled = rolled * _PRIME + letters[offset : offset + len(rolled)]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    ends = starts + lengths - SHINGLE + 1
    # Shingles that straddle two texts belong to none: cut them out by keeping start..end of each text.
    keep = np.zeros(len(rolled) + 1, np.int64)
    np.add.at(keep, starts, 1)
    np.add.at(keep, ends, -1)
    inside = np.cumsum(keep[:-1]) > 0
    mixed = _mix(rolled[inside])
    heads = np.concatenate([[0], np.cumsum(lengths - SHINGLE + 1)[:-1]])
    minima = np.empty((len(plain), BANDS * ROWS), np.uint64)
    multipliers = np.random.default_rng(7).integers(1, 2**63, size=(BANDS * ROWS, 2), dtype=np.uint64)
    for column, (by, add) in enumerate(multipliers):
        minima[:, column] = np.minimum.reduceat(mixed * (by | np.uint64(1)) + add, heads)
    band: NDArray[np.uint64] = np.zeros((len(plain), BANDS), np.uint64)
    for row in range(ROWS):
        band = _mix(band * _PRIME + minima[:, row::ROWS])
    band = _mix(np.add(band, np.arange(BANDS, dtype=np.uint64), dtype=np.uint64))
    pieces = np.split(mixed.view(np.int64), heads[1:])
    return [np.unique(p) for p in pieces], band.tolist()


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter bits (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
