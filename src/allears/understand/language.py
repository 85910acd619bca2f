"""Which language a text is written in.

Two witnesses: the letter sequences of py3langid's published model, walked for the whole batch at once, and the
commonest words of each language, which decide where a text is short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from allears.understand.clean import SEPARATOR
from allears.understand.phrases import HashIndex
from allears.understand.vocabulary import stopwords
from allears.understand.words import Numbers, Words, chop

_NAMES = "en de fr es it pt nl pl ru tr ar hi id sv da no fi cs el he ja zh ko th vi uk ro hu fa ur bn ta"
LANGUAGES = tuple(_NAMES.split(" "))
"""ISO 639-1 codes that can be answered."""

BYTES_READ = 480
UNSURE = 0.45
"""Below this certainty no language is named."""

_WORD_WEIGHT = 1.4
_TYPED_HINDI = 3.0
_USUAL = {"en": 1.2, "de": 0.6, "fr": 0.6, "es": 0.6, "it": 0.6, "pt": 0.6, "nl": 0.2}


def detect(texts: Sequence[str | None], words: Words | None = None) -> tuple[pa.Array, pa.Array]:
    """Name the language of each text, and how certain that is.

    Parameters
    ----------
    texts
        As written; null and empty texts get null.
    words
        The same texts already cut by `chop`, to save doing it twice.

    Returns
    -------
    language, certainty
        ISO 639-1 code (null where nothing can be said) and a probability 0-1 (null for a null text).

    Examples
    --------
    >>> language, _ = detect(["Where is my parcel?", "Dov'è il mio pacco?", "Wo bleibt mein Paket?", "1234", None])
    >>> language.to_pylist()
    ['en', 'it', 'de', None, None]
    """
    words = words if words is not None else chop(texts)
    letters = _letter_scores(words)
    # Hindi is often typed in Latin letters, which the letter model never saw; the words alone decide then.
    hindi = LANGUAGES.index("hi")
    letters[:, hindi] = np.maximum(letters[:, hindi], letters.max(axis=1) - _TYPED_HINDI)
    scores = letters + _word_scores(words)
    scores -= scores.max(axis=1, keepdims=True)
    weights = np.exp(scores)
    weights /= weights.sum(axis=1, keepdims=True)
    best = weights.argmax(axis=1)
    certainty = weights[np.arange(len(best)), best] if len(best) else np.zeros(0)
    size = np.bincount(words.row, words.length * (words.codes[words.start] > ord("9")), words.rows)
    # Three letters say little; a score from them is worth less.
    certainty = np.where(size < 1, 0.0, certainty * np.minimum(1.0, 0.4 + size / 15))
    names = pa.DictionaryArray.from_arrays(pa.array(best, pa.int32()), pa.array(LANGUAGES)).cast(pa.string())
    absent = pa.array([text is None for text in texts], pa.bool_())
    silent = pa.array(certainty < UNSURE)
    language = pa.compute.if_else(silent, pa.scalar(None, pa.string()), names)
    return language, pa.compute.if_else(absent, pa.scalar(None, pa.float64()), pa.array(certainty))


@dataclass(frozen=True)
class _Model:
    """The letter model: a walk over bytes that emits features, and each feature's weight per language."""

    moves: Numbers
    rows: Numbers
    emits: Numbers
    weights: Numbers
    prior: Numbers


@lru_cache(1)
def _model() -> _Model:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    whole = LanguageIdentifier.from_model_file(MODEL_FILE)
    whole.set_languages(LANGUAGES)
    order = [whole.nb_classes.index(name) for name in LANGUAGES]
    return _Model(
        moves=np.asarray(whole.tk_nextmove),
        rows=np.asarray(whole.tk_row, np.int32) << 8,
        emits=np.asarray(whole.tk_output, np.int32),
        weights=np.asarray(whole.nb_ptc[:, order], np.float32),
        prior=np.asarray(whole.nb_pc[order], np.float32),
    )


def _letter_scores(words: Words) -> Numbers:
    """Score languages by letter sequences; log-odds softened by the square root of the length, as py3langid does."""
    from scipy import sparse

    model = _model()
    encoded = [" ".join(t.split()).encode()[:BYTES_READ] for t in words.joined.lower().split(SEPARATOR)[:-1]]
    row, feature = _walk(model, encoded)
    counts = sparse.coo_matrix(
        (np.ones(len(row), np.float32), (row, feature)), shape=(len(encoded), len(model.weights))
    ).tocsr()
    counts.sum_duplicates()
    counts.data = np.log1p(counts.data)
    length = np.array([max(1, len(text)) for text in encoded], np.float64)
    scores: Numbers = (counts @ model.weights + model.prior) / np.sqrt(length)[:, None]
    return scores


def _walk(model: _Model, encoded: list[bytes]) -> tuple[Numbers, Numbers]:
    """Walk all texts one byte at a time, side by side; long texts first, so that finished ones drop off the end."""
    length = np.array([len(text) for text in encoded], np.int64)
    order = np.argsort(-length, kind="stable")
    data = np.frombuffer(b"".join(encoded) or b" ", np.uint8)
    start = (np.cumsum(length) - length)[order]
    alive = np.searchsorted(-length[order], -np.arange(1, length.max(initial=0) + 1), side="right")
    state = np.zeros(len(encoded), np.int64)
    rows, features = [], []
    for step, n in enumerate(alive.tolist()):
        state[:n] = model.moves[model.rows[state[:n]] + data[start[:n] + step]]
        emitted = model.emits[state[:n]]
        hit = np.flatnonzero(emitted >= 0)
        rows.append(order[hit])
        features.append(emitted[hit])
    none = np.zeros(0, np.int64)
    return np.concatenate([none, *rows]), np.concatenate([none, *features])


@lru_cache(1)
def _stopword_table() -> tuple[HashIndex, Numbers]:
    """How much each common word speaks for each language: less when several share it."""
    table = stopwords()
    spelled = sorted({word for words in table.values() for word in words})
    weights = np.zeros((len(spelled), len(LANGUAGES)), np.float32)
    for code, words in table.items():
        weights[[spelled.index(w) for w in words], LANGUAGES.index(code)] = 1.0
    weights /= weights.sum(axis=1, keepdims=True)
    # A word of one letter is a weak witness.
    weights *= np.array([min(1.0, 0.25 + len(word) / 4) for word in spelled], np.float32)[:, None]
    return HashIndex(chop(spelled).hash), weights


def _word_scores(words: Words) -> Numbers:
    from scipy import sparse

    index, weights = _stopword_table()
    place = index.find(words.hash)
    hit = np.flatnonzero(place >= 0)
    said = sparse.csr_matrix(
        (np.ones(len(hit)), (words.row[hit], place[hit])), shape=(words.rows, len(weights))
    )
    scores: Numbers = said @ weights
    scores *= (_WORD_WEIGHT * 2 / np.sqrt(1 + words.per_row() / 4))[:, None]
    scores += np.array([_USUAL.get(code, 0.0) for code in LANGUAGES])
    return scores
