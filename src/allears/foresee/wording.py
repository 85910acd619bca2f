"""Words for a group of messages: what sets them apart, and which of them are typical."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’-]){2,}")
_HIDDEN = re.compile(r"<[A-Z_]+\d*>|https?://\S+|@\w+")
COMMON_SHARE = 0.12
SAMPLE = 250


@lru_cache(maxsize=4096)
def words_of(text: str) -> tuple[str, ...]:
    """Split a text into words of at least three letters, lower case; placeholders, links and handles are left out."""
    return tuple(w.lower() for w in _WORD.findall(_HIDDEN.sub(" ", text)))


def telling_terms(texts: Sequence[str], background: Sequence[str], most: int = 6) -> list[str]:
    """Find the words that set texts apart from their background (class-based TF-IDF, [1]_).

    References
    ----------
    .. [1] M. Grootendorst (2022), BERTopic, equation 2.

    Examples
    --------
    >>> telling_terms(["card declined again", "card declined"], ["hello again", "nice shop again"], 2)
    ['card', 'declined']
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    inside, documents = Counter[str](), Counter[str]()
    for text in texts:
        found = words_of(text)
        inside.update(found)
        documents.update(set(found))
    outside, spread = Counter[str](), Counter[str]()
    for text in background:
        found = words_of(text)
        outside.update(found)
        spread.update(set(found))
    average = (sum(inside.values()) + sum(outside.values())) / 2
    limit = COMMON_SHARE * len(background)
    weight = {
        word: (count / max(1, sum(inside.values()))) * float(np.log1p(average / (count + outside[word])))
        for word, count in inside.items()
        if word not in ENGLISH_STOP_WORDS and spread[word] <= limit and documents[word] >= min(2, len(texts))
    }
    return sorted(weight, key=lambda word: (-weight[word], word))[:most]


def typical(texts: Sequence[str], most: int = 3) -> list[int]:
    """Find the most typical texts: nearest to the mean in TF-IDF, no two of them nearly alike."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not any(words_of(t) for t in texts):
        return list(range(min(most, len(texts))))
    vectors = TfidfVectorizer(analyzer=words_of, sublinear_tf=True).fit_transform(texts)
    mean = np.asarray(vectors.mean(axis=0)).ravel()
    chosen: list[int] = []
    for at in np.argsort(-(vectors @ mean), kind="stable"):
        alike = (vectors[chosen] @ vectors[at].T).toarray().ravel() if chosen else np.zeros(0)
        if not (alike > 0.7).any():
            chosen.append(int(at))
        if len(chosen) == most:
            break
    return chosen
