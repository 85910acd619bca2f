"""The user's own topics, learned from a handful of examples each, able to say "none of these"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from allears.errors import NotReady, Refused
from allears.understand.features import Weighting, hashed
from allears.understand.learning import fit_few, log_softmax
from allears.understand.model_bytes import read_model, write_model
from allears.understand.taxonomy import taxonomy
from allears.understand.words import Numbers, Words, chop

VERSION = "taught-1"
LEAST_EXAMPLES = 3
MOST_EXAMPLES = 3000
_RIDGE = 0.03
_ELSEWHERE = 300
_FOLDS = 3
_MISSED = 0.1


class Taught:
    """A classifier for topics given by examples.

    Softmax regression on hashed words and letter sequences. Phrases of the starting topics are a class of their own
    that stands for everything else. Held-out examples set the chance below which a text belongs to no topic.
    """

    def __init__(
        self,
        labels: Sequence[str],
        weighting: Weighting,
        coefficients: Numbers,
        threshold: float,
        counts: Sequence[int],
        terms: Sequence[Sequence[str]],
    ) -> None:
        self.labels = tuple(labels)
        self.ids = tuple(f"my/{slug(label)}" for label in labels)
        self.threshold = threshold
        self.counts = tuple(counts)
        self.terms = tuple(tuple(words) for words in terms)
        self._weighting = weighting
        self._coefficients = coefficients

    @classmethod
    def learn(cls, examples: Mapping[str, Sequence[str]]) -> Taught:
        """Learn topics from examples: label to texts.

        Raises
        ------
        NotReady
            A topic has fewer than 3 examples; ``facts`` holds ``needed``.
        Refused
            No topic, too many examples in all, or two labels that give one id.
        """
        labels = list(examples)
        _check(labels, examples)
        texts = [text for label in labels for text in examples[label]]
        target = np.repeat(np.arange(len(labels)), [len(examples[label]) for label in labels])
        # Phrases of the starting topics stand for everything else people may say.
        spelled = taxonomy().spelled
        elsewhere = [phrase.replace("*", "") for phrase in spelled[:: max(1, len(spelled) // _ELSEWHERE)]]
        words = chop([*texts, *elsewhere])
        counts = hashed(words)
        weighting = Weighting.learn(counts[: len(texts)])
        features = weighting.apply(counts)
        member = np.concatenate((target, np.full(len(elsewhere), len(labels))))
        threshold = _threshold(features, member, len(labels))
        coefficients = _fit(features, member, len(labels))
        return cls(
            labels,
            weighting,
            coefficients,
            threshold,
            np.bincount(target).tolist(),
            _terms(texts, target, labels),
        )

    def scores(self, words: Words) -> Numbers:
        """Chance of each topic for each text, shape ``(n, topics)``; what is missing to 1 is the chance of none."""
        return _chances(self._weighting.apply(hashed(words)), self._coefficients)

    def choose(self, texts: Sequence[str | None]) -> list[str]:
        """Name the best topic of each text, without refusing any."""
        return [self.labels[i] for i in self.scores(chop(texts)).argmax(axis=1)]

    def to_bytes(self) -> bytes:
        """Write the classifier; plain arrays and a JSON header."""
        header = {
            "labels": self.labels,
            "threshold": self.threshold,
            "counts": self.counts,
            "terms": self.terms,
        }
        arrays = {
            "columns": self._weighting.columns.astype(np.int32),
            "idf": self._weighting.idf,
            "coefficients": self._coefficients.astype(np.float16),
        }
        return write_model(VERSION, header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Taught:
        """Read what `to_bytes` wrote.

        Raises
        ------
        Refused
            These bytes are no such classifier, or one of another version.
        """
        header, arrays = read_model(VERSION, data)
        weighting = Weighting(arrays["columns"].astype(np.int64), arrays["idf"])
        coefficients = arrays["coefficients"].astype(np.float32)
        return cls(
            header["labels"], weighting, coefficients, header["threshold"], header["counts"], header["terms"]
        )


def slug(label: str) -> str:
    """Turn a label into the last part of an id.

    Examples
    --------
    >>> slug("Reso & cambio: Città")
    'reso-cambio-citta'
    """
    plain = unicodedata.normalize("NFKD", label.lower())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return re.sub(r"[^\w]+", "-", plain).strip("-_")


def _check(labels: Sequence[str], examples: Mapping[str, Sequence[str]]) -> None:
    if not labels:
        raise Refused("no topic was given")
    if sum(len(examples[label]) for label in labels) > MOST_EXAMPLES:
        raise Refused(f"more than {MOST_EXAMPLES} examples; a few dozen for each topic suffice")
    ids = [slug(label) for label in labels]
    if not all(ids) or len(set(ids)) < len(ids):
        raise Refused("two topics have the same name, or one has none")
    for number, label in enumerate(labels):
        if len(examples[label]) < LEAST_EXAMPLES:
            raise NotReady("a topic needs more examples", place=f"topic {number + 1}", needed=LEAST_EXAMPLES)


def _fit(features: Any, member: Numbers, topics: int) -> Numbers:
    # All of "elsewhere" together weighs as much as three topics do.
    elsewhere = member == topics
    weight = np.where(elsewhere, 3 * (~elsewhere).sum() / topics / max(1, elsewhere.sum()), 1.0)
    return fit_few(features, member, topics + 1, weights=weight, ridge=_RIDGE)


def _chances(features: Any, coefficients: Numbers) -> Numbers:
    result: Numbers = np.exp(log_softmax(features @ coefficients))[:, :-1]
    return result


def _threshold(features: Any, member: Numbers, topics: int) -> float:
    """Choose the chance that accepts most held-out examples, or refuses most of everything else, or a compromise."""
    fold = np.random.default_rng(0).permutation(len(member)) % _FOLDS
    chance = np.zeros((len(member), topics))
    for part in range(_FOLDS):
        held = fold == part
        chance[held] = _chances(features[held], _fit(features[~held], member[~held], topics))
    own = chance[np.arange(len(member)), np.minimum(member, topics - 1)][member < topics]
    other = chance[member == topics].max(axis=1)
    accept, refuse = float(np.quantile(own, _MISSED)), float(np.quantile(other, 1 - _MISSED))
    return accept if accept > refuse else (accept + refuse) / 2


def _terms(texts: Sequence[str], target: Numbers, labels: Sequence[str]) -> list[list[str]]:
    from allears.understand.naming import telling_words

    groups = [[texts[i] for i in np.flatnonzero(target == number).tolist()] for number in range(len(labels))]
    return telling_words(groups, most=8)
