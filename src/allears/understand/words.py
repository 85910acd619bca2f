"""A batch of texts cut into words, as columns: where each word stands and a 64-bit hash of it.

Everything that reads texts here (sentiment, topics, features for learning) looks words up by hash, so the
whole batch is handled by a few dozen numpy passes over its characters and no Python runs per word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from allears.understand.clean import SEPARATOR, join_texts

Numbers = npt.NDArray[Any]

LONGEST_WORD = 40
_PLANE = 65536
_APART, _IN_WORD, _ALONE, _DROPPED = 0, 1, 2, 3


@dataclass(frozen=True)
class Words:
    """The words of a batch of texts.

    Attributes
    ----------
    joined
        The texts as `join_texts` gave them.
    rows
        How many texts.
    row
        For each word, the text it stands in; never decreasing.
    start, length
        Where its characters are in ``codes``.
    hash
        Its hash, case and accents set aside.
    shout
        Whether it is in capitals in a text that is not all capitals.
    drawl
        Whether a letter was drawn out (sooo).
    codes
        Characters of all texts, folded to small unaccented letters.
    sums
        Running sum of character hashes, from which the hash of any beginning of a word follows.
    exclaims, asks
        For each text, how many exclamation and question marks.
    """

    joined: str
    rows: int
    row: Numbers
    start: Numbers
    length: Numbers
    hash: Numbers
    shout: Numbers
    drawl: Numbers
    codes: Numbers
    sums: Numbers
    exclaims: Numbers
    asks: Numbers

    def beginnings(self, length: int) -> Numbers:
        """Hash the first ``length`` characters of each word; words that are shorter give a hash of no word."""
        long_enough = self.length >= length
        start = np.where(long_enough, self.start, 0)
        found = self.sums[np.minimum(start + length, len(self.sums) - 1)] - self.sums[start]
        return np.where(long_enough, found, np.uint64(0))

    def per_row(self) -> Numbers:
        """Count the words of each text."""
        return np.bincount(self.row, minlength=self.rows)

    def spell(self) -> list[str]:
        """Write the words out, folded; slow, for labels and tests."""
        text = self.codes.astype("<u4").tobytes().decode("utf-32-le", "replace")
        return [text[s : s + n] for s, n in zip(self.start.tolist(), self.length.tolist(), strict=True)]


def chop(texts: Sequence[str | None]) -> Words:
    r"""Cut texts into words.

    Case and accents are folded, ``n't`` is kept whole, other apostrophes divide, letters drawn out more than
    twice are cut to two, each emoji and each Chinese or Japanese sign is a word.

    Examples
    --------
    >>> words = chop(["Don't waaaait 🙁", None, "l'été"])
    >>> words.spell()
    ['dont', 'waait', '\ue941', 'l', 'ete']
    >>> words.row.tolist()
    [0, 0, 0, 2, 2]
    """
    whole = join_texts(texts)
    codes = _in_plane(np.frombuffer(whole.encode("utf-32-le", "replace"), np.uint32))
    folds, kinds = _tables()
    folded = folds[codes]
    upper = (folded != codes) & _is_upper()[codes]
    keep, drawn = _kept(folded, kinds[codes])
    kind = kinds[codes][keep]
    codes, upper = folded[keep], upper[keep]
    start, length = _bounds(kind)
    return _columns(whole, len(texts), codes, kind, start, length, upper, drawn[keep])


def _columns(
    joined: str,
    rows: int,
    codes: Numbers,
    kind: Numbers,
    start: Numbers,
    length: Numbers,
    upper: Numbers,
    drawn: Numbers,
) -> Words:
    ends = np.flatnonzero(codes == ord(SEPARATOR))
    row = np.searchsorted(ends, start)
    sums = _running_hash(codes, start, length)
    capitals = _count_in(upper, start, length)
    shouting = (capitals == length) & (length > 2)
    # Capitals mean something only where others are small.
    lively = np.bincount(row, ~shouting & (length > 2), rows) > 0
    per_row = [
        np.bincount(np.searchsorted(ends, np.flatnonzero(codes == ord(c))), minlength=rows) for c in "!?"
    ]
    return Words(
        joined=joined,
        rows=rows,
        row=row,
        start=start,
        length=length,
        hash=sums[start + length] - sums[start],
        shout=shouting & lively[row] if len(row) else shouting,
        drawl=_count_in(drawn, start, length) > 0,
        codes=codes,
        sums=sums,
        exclaims=per_row[0],
        asks=per_row[1],
    )


def _kept(folded: Numbers, kind: Numbers) -> tuple[Numbers, Numbers]:
    """Say which characters stay, and where a letter was drawn out."""
    keep = kind != _DROPPED
    before, after = np.roll(folded, 1), np.roll(folded, -1)
    # "don't" becomes one word; any other apostrophe divides two.
    keep &= ~((folded == ord("'")) & (before == ord("n")) & (after == ord("t")))
    drawn = (folded == before) & (folded == np.roll(folded, 2)) & (folded >= ord("a")) & (kind == _IN_WORD)
    return keep & ~drawn, np.roll(drawn, -1) | np.roll(drawn, 1)


def _bounds(kind: Numbers) -> tuple[Numbers, Numbers]:
    inside = kind == _IN_WORD
    padded = np.concatenate(([False], inside, [False]))
    begins = np.flatnonzero(padded[1:] & ~padded[:-1])
    ends = np.flatnonzero(~padded[1:] & padded[:-1])
    alone = np.flatnonzero(kind == _ALONE)
    start = np.concatenate((begins, alone))
    length = np.concatenate((np.minimum(ends - begins, LONGEST_WORD), np.ones(len(alone), np.int64)))
    order = np.argsort(start, kind="stable") if len(alone) else slice(None)
    return start[order], length[order]


def _running_hash(codes: Numbers, start: Numbers, length: Numbers) -> Numbers:
    letters, places = _hash_tables()
    # Position inside the word, so that "on" and "no" differ.
    origin = np.zeros(len(codes), np.int64)
    origin[start] = start
    origin = np.maximum.accumulate(origin)
    place = np.minimum(np.arange(len(codes)) - origin, LONGEST_WORD)
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(letters[codes] * places[place], out=sums[1:])
    return sums


def _count_in(flags: Numbers, start: Numbers, length: Numbers) -> Numbers:
    sums: Numbers = np.concatenate(([0], np.cumsum(flags)))
    result: Numbers = sums[start + length] - sums[start]
    return result


def _in_plane(codes: Numbers) -> Numbers:
    """Move emoji and other far characters into the private use area, so that tables of 65,536 suffice."""
    emoji = (codes >= 0x1F000) & (codes < 0x1FB00)
    return np.where(codes < _PLANE, codes, np.where(emoji, codes - 0x1F000 + 0xE300, 0xF8FF))


@lru_cache(1)
def _tables() -> tuple[Numbers, Numbers]:
    """Fold and kind of every character of the basic plane."""
    folds = np.arange(_PLANE, dtype=np.uint32)
    kinds = np.zeros(_PLANE, np.uint8)
    for code in range(_PLANE):
        char = chr(code)
        group = unicodedata.category(char)
        if group[0] in "LMN":
            kinds[code] = _IN_WORD
        if group[0] == "L" and group != "Lo":
            base = unicodedata.normalize("NFKD", char.lower())[0]
            folds[code] = ord(base) if base.isalpha() else code
    kinds[ord("_")] = _IN_WORD
    for first, last in (
        (0x2E80, 0x9FFF),
        (0xE300, 0xEE00),
        (0x2600, 0x27BF),
        (0x2B00, 0x2BFF),
        (0x2190, 0x21FF),
        (0xF900, 0xFAFF),
    ):
        kinds[first : last + 1] = _ALONE
    kinds[0x3000:0x3040] = _APART
    # Joiners, variation selectors and skin tones only colour the sign before them.
    for first, last in ((0x200B, 0x200D), (0xFE00, 0xFE0F), (0xE300 + 0x3FB, 0xE300 + 0x3FF), (0xAD, 0xAD)):
        kinds[first : last + 1] = _DROPPED
    return folds, kinds


@lru_cache(1)
def _is_upper() -> Numbers:
    return np.array([chr(code).isupper() for code in range(_PLANE)])


@lru_cache(1)
def _hash_tables() -> tuple[Numbers, Numbers]:
    # Written out, not drawn from a library's generator: hashes are kept in saved models.
    letters = scatter(np.arange(1, _PLANE + 1, dtype=np.uint64))
    places = scatter(np.arange(_PLANE + 1, _PLANE + LONGEST_WORD + 2, dtype=np.uint64)) | np.uint64(1)
    return letters, places


def scatter(values: Numbers) -> Numbers:
    """Spread 64-bit numbers evenly (splitmix64).

    Examples
    --------
    >>> hex(int(scatter(np.array([1], np.uint64))[0]))
    '0x910a2dec89025cc1'
    """
    with np.errstate(over="ignore"):
        mixed = values + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))
