"""A topic that was found: which words carry it, and which texts belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
import pyarrow as pa

from allears.understand.features import pair_key
from allears.understand.phrases import HashIndex
from allears.understand.topics import best_lists
from allears.understand.vocabulary import empty_words
from allears.understand.words import Numbers, Words, chop


class Found(msgspec.Struct, frozen=True):
    """A topic that was found.

    Attributes
    ----------
    id
        ``found/...``; never given to another topic.
    label
        Two to three words or pairs that tell it apart; set once.
    terms
        The words that carry it, best first.
    weights
        Words and pairs with their weights, unit length.
    least
        Score from which a text belongs.
    size
        Different texts (near copies counted once) in the last run.
    parents
        Topics it branched off.
    into
        The topic it was merged into; it is assigned no more.
    """

    id: str
    label: str
    terms: tuple[str, ...]
    weights: dict[str, float]
    least: float
    size: int
    parents: tuple[str, ...] = ()
    into: str = ""


def assign_found(
    texts: Sequence[str | None], found: Sequence[Found], *, words: Words | None = None
) -> pa.Array:
    """Assign found topics to texts: for each text the id of the one it belongs to, in a list, or none."""
    words = words if words is not None else chop(texts)
    live = [topic for topic in found if not topic.into]
    if not live:
        return pa.array([[]] * words.rows, pa.list_(pa.string()))
    scores = score_found(words, [topic.weights for topic in live])
    belongs = scores >= np.array([topic.least for topic in live])
    return best_lists(np.where(belongs, 1 + scores, 0), [topic.id for topic in live], enough=1.0, most=1)


def find_homes(words: Words, known: Sequence[Found]) -> tuple[Numbers, Numbers]:
    """For each text the place of the topic it belongs to (-1: none), and of the nearest one (-1: no word shared)."""
    if not known:
        none = np.full(words.rows, -1)
        return none, none
    scores = score_found(words, [topic.weights for topic in known])
    scores[:, [bool(topic.into) for topic in known]] = 0
    belongs = scores >= np.array([topic.least for topic in known])
    home = np.where(belongs.any(axis=1), np.where(belongs, scores, -1).argmax(axis=1), -1)
    return home, np.where(scores.max(axis=1) > 0, scores.argmax(axis=1), -1)


def score_found(words: Words, topics: Sequence[dict[str, float]]) -> Numbers:
    """Score each text for each topic: the weights of what is said over the root of how much is said."""
    from scipy import sparse

    compiled = [(_hash_terms(tuple(weights)), np.array(list(weights.values()))) for weights in topics]
    keys = np.unique(np.concatenate([names for names, _ in compiled]))
    column = np.concatenate([np.searchsorted(keys, names) for names, _ in compiled])
    topic = np.repeat(np.arange(len(compiled)), [len(names) for names, _ in compiled])
    value = np.concatenate([weights for _, weights in compiled])
    weights = sparse.csr_matrix((value, (column, topic)), shape=(len(keys), len(compiled)))
    telling = _telling(words)
    same = (words.row[1:] == words.row[:-1]) & telling[1:] & telling[:-1]
    row = np.concatenate((words.row[telling], words.row[1:][same]))
    key = np.concatenate((words.hash[telling], pair_key(words.hash[:-1][same], words.hash[1:][same])))
    place = HashIndex(keys).find(key)
    hit = place >= 0
    said = sparse.csr_matrix((np.ones(int(hit.sum())), (row[hit], place[hit])), shape=(words.rows, len(keys)))
    said.data[:] = 1
    amount = np.bincount(words.row[telling], minlength=words.rows)
    result: Numbers = np.asarray((said @ weights).todense(), float) / np.sqrt(np.maximum(amount, 1))[:, None]
    return result


@lru_cache(4096)
def _hash_terms(names: tuple[str, ...]) -> Numbers:
    words = chop(names)
    keys = np.zeros(len(names), np.uint64)
    for row in range(len(names)):
        parts = words.hash[words.row == row]
        keys[row] = parts[0] if len(parts) == 1 else pair_key(parts[:1], parts[1:2])[0] if len(parts) else 0
    return keys


@lru_cache(1)
def _stop_index() -> HashIndex:
    return HashIndex(chop(sorted(empty_words())).hash)


def _telling(words: Words) -> Numbers:
    """Say which words carry meaning; agrees with `content_words`."""
    if not len(words.row):
        return np.zeros(0, bool)
    first = words.codes[words.start]
    digit = (first >= ord("0")) & (first <= ord("9"))
    result: Numbers = (words.length >= 3) & ~digit & (_stop_index().find(words.hash) < 0)
    return result
