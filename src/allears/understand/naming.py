"""Words that tell groups of texts apart, and labels made of them.

A word weighs by how often its group says it and how seldom the others do (class-based tf-idf, Grootendorst 2022).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from allears.understand.clean import SEPARATOR, join_texts
from allears.understand.vocabulary import empty_words
from allears.understand.words import chop

LABEL_WORDS = 3
_SHORTEST = 3


def content_words(texts: Sequence[str | None]) -> list[list[str]]:
    """Cut texts into words that carry meaning, as written but small; stop-words and numbers are gaps (empty strings).

    Examples
    --------
    >>> content_words(["The parcel was lost in 2 days"])
    [['', 'parcel', '', 'lost', '', '', '']]
    """
    stop = empty_words()
    whole = join_texts(texts).lower()
    cut: list[list[str]] = [_plain_words(text) for text in whole.split(SEPARATOR)[:-1]]
    flat = [word for words in cut for word in words]
    folded = dict(zip(flat, _fold(flat), strict=True))
    return [[word if _telling(word, folded[word], stop) else "" for word in words] for words in cut]


def telling_words(groups: Sequence[Sequence[str]], *, most: int = 8) -> list[list[str]]:
    """Find for each group of texts the words and word pairs that tell it from the other groups, best first."""
    counts = [
        Counter(term for words in content_words(group) for term in set(terms(words))) for group in groups
    ]
    return [spread(scored, most) for scored in weigh_terms(counts)]


def terms(words: Sequence[str]) -> list[str]:
    """List words and pairs of neighbours; a gap divides a pair."""
    pairs = [f"{a} {b}" for a, b in pairwise(words) if a and b and a != b]
    return [word for word in words if word] + pairs


def weigh_terms(counts: Sequence[Counter[str]]) -> list[dict[str, float]]:
    """Weigh the terms of each group (c-TF-IDF)."""
    total: Counter[str] = Counter()
    for group in counts:
        total.update(group)
    mean = sum(total.values()) / max(1, len(counts))
    weighed = []
    for group in counts:
        size = max(1, sum(group.values()))
        weighed.append({t: n / size * float(np.log1p(mean / total[t])) for t, n in group.items()})
    return weighed


def spread(scored: dict[str, float], most: int) -> list[str]:
    """Take the best terms, but not twice the same word: a pair swallows its words, a plural its singular."""
    taken: list[str] = []
    for term in sorted(scored, key=lambda t: (-scored[t] * (1.3 if " " in t else 1.0), t)):
        if not any(_overlap(term, other) for other in taken):
            taken.append(term)
        if len(taken) == most:
            break
    return taken


def label_of(found: Iterable[str], most: int = LABEL_WORDS) -> str:
    """Join the first few terms to a label.

    Examples
    --------
    >>> label_of(["gift card", "balance", "checkout", "code"])
    'gift card, balance, checkout'
    """
    return ", ".join(list(found)[:most])


def _overlap(term: str, other: str) -> bool:
    return bool({_stem(word) for word in term.split()} & {_stem(word) for word in other.split()})


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 4 and word[-1] in "se" else word


def _plain_words(text: str) -> list[str]:
    text = text.replace("n't", "nt")
    return "".join(char if char.isalnum() else " " for char in text).split()


def _fold(words: list[str]) -> list[str]:
    folded = chop(words)
    pieces: list[str] = ["" for _ in words]
    for row, spelled in zip(folded.row.tolist(), folded.spell(), strict=True):
        pieces[row] += spelled
    return pieces


def _telling(word: str, folded: str, stop: frozenset[str]) -> bool:
    return len(word) >= _SHORTEST and not word[0].isdigit() and folded not in stop and word.isalnum()
