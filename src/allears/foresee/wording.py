"""Words for a group of messages: what sets them apart, and which of them are typical."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’-]){2,}")
_HIDDEN = re.compile(r"<[A-Z_]+\d*>|https?://\S+|@\w+")
COMMON_SHARE = 0.02
ALIKE = 0.7
SAMPLE = 250


@lru_cache(maxsize=16384)
def words_of(text: str) -> tuple[str, ...]:
    """Split a text into words of at least three letters, lower case; placeholders, links and handles are left out."""
    return tuple(w.lower() for w in _WORD.findall(_HIDDEN.sub(" ", text)))


def telling_terms(
    texts: Sequence[str], background: Sequence[str], most: int = 6, empty: Collection[str] = ()
) -> list[str]:
    """Find the words that set texts apart from their background (class-based TF-IDF, [1]_).

    Parameters
    ----------
    texts, background
        What is described, and what else was said in these days.
    most
        How many words.
    empty
        Words that name nothing, in small letters without accents.

    References
    ----------
    .. [1] M. Grootendorst (2022), BERTopic, equation 2.

    Examples
    --------
    >>> telling_terms(["card declined again", "card declined"], ["hello again", "nice shop again"], 2)
    ['card', 'declined']
    """
    inside, documents = _counts(texts)
    outside, spread = _counts(background)
    average = (sum(inside.values()) + sum(outside.values())) / 2
    limit = COMMON_SHARE * len(background)
    weight = {
        word: (count / max(1, sum(inside.values()))) * float(np.log1p(average / (count + outside[word])))
        for word, count in inside.items()
        if spread[word] <= max(1.0, limit)
        and documents[word] >= min(2, len(texts))
        and _bare(word) not in empty
    }
    return sorted(weight, key=lambda word: (-weight[word], word))[:most]


def typical(texts: Sequence[str], most: int = 3) -> list[int]:
    """Find the most typical texts: nearest to the mean in TF-IDF, no two of them nearly alike."""
    vectors = _vectors(texts)
    mean = vectors.mean(axis=0)
    chosen: list[int] = []
    for at in np.argsort(-(vectors @ mean), kind="stable"):
        if not (vectors[chosen] @ vectors[at] > ALIKE).any():
            chosen.append(int(at))
        if len(chosen) == most:
            break
    return chosen


def _bare(word: str) -> str:
    """Take accents and apostrophes off."""
    apart = unicodedata.normalize("NFKD", word)
    return "".join(c for c in apart if c.isalnum())


def _counts(texts: Sequence[str]) -> tuple[Counter[str], Counter[str]]:
    """How often each word occurs, and in how many texts."""
    found = [words_of(text) for text in texts]
    return Counter(chain.from_iterable(found)), Counter(chain.from_iterable(map(set, found)))


def _vectors(texts: Sequence[str]) -> NDArray[np.float64]:
    _, documents = _counts(texts)
    column = {word: at for at, word in enumerate(documents)}
    vectors = np.zeros((len(texts), len(column) + 1))
    for row, text in enumerate(texts):
        for word, count in Counter(words_of(text)).items():
            vectors[row, column[word]] = (1 + np.log(count)) * np.log(1 + len(texts) / documents[word])
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: NDArray[np.float64] = vectors / np.where(length > 0, length, 1.0)
    return result
