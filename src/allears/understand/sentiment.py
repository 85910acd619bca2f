"""How good or bad a text sounds, and how certain that is; learns from the space's own ratings and from teaching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from allears.errors import NotReady, Refused
from allears.understand.features import Weighting, hashed
from allears.understand.language import detect
from allears.understand.learning import deal_folds, fit_softmax, fit_temperature, log_softmax
from allears.understand.model_bytes import read_model, write_model
from allears.understand.polarity import Polarity, weigh
from allears.understand.scores import Evaluation, compare
from allears.understand.words import Numbers, Words, chop

VERSION = "sentiment-1"
LABELS = (-1, 0, 1)
LEAST_TO_LEARN = 20
RIDGE = 1.0
_FOLDS = 3

# The start: log-odds from the word lists. Set by reasoning, not fitted to any texts: one plain word of praise alone
# should mean praise at about two in three, no such word neither at about one in two, and words add up ever less.
_PULL, _CALM, _STIRRED, _ASKING, _CROWDED = 0.7, 0.7, 0.15, 0.5, 0.15


@dataclass(frozen=True)
class Layer:
    """One lesson: weights on features, added to what was known before."""

    weighting: Weighting
    coefficients: Numbers
    intercepts: Numbers
    temperature: float
    examples: int


class Sentiment:
    """Sentiment of texts in any language: word lists first, plus whatever was learned.

    Parameters
    ----------
    lessons
        What was learned, oldest first; made by `learn`, none for the start model.

    Examples
    --------
    >>> score, certainty = Sentiment().score(["The courier was lovely", "My card was rejected, so annoying"], ["en", "en"])
    >>> bool(score[0] > 0.3), bool(score[1] < -0.3)
    (True, True)
    """

    def __init__(self, lessons: Sequence[Layer] = ()) -> None:
        self.lessons = tuple(lessons)

    @property
    def version(self) -> str:
        """Method and how much it learned, such as ``sentiment-1`` or ``sentiment-1+250``."""
        return "+".join([VERSION, *(str(lesson.examples) for lesson in self.lessons)])

    def score(
        self,
        texts: Sequence[str | None],
        languages: Sequence[str | None] | None = None,
        *,
        words: Words | None = None,
    ) -> tuple[Numbers, Numbers]:
        """Score texts.

        Parameters
        ----------
        texts
            As written or redacted; null counts as empty.
        languages
            ISO 639-1 of each text; found out when absent.
        words
            The same texts already cut by `chop`.

        Returns
        -------
        sentiment, certainty
            -1 (bad) to 1 (good): chance of praise less chance of blame. 0-1: the chance that the likeliest of
            blame, neither and praise is right.
        """
        chances = self.chances(texts, languages, words=words)
        return chances[:, 2] - chances[:, 0], chances.max(axis=1, initial=0)

    def classify(self, texts: Sequence[str | None], languages: Sequence[str | None] | None = None) -> Numbers:
        """Name the likeliest of -1 (blame), 0 (neither) and 1 (praise) for each text."""
        result: Numbers = self.chances(texts, languages).argmax(axis=1) - 1
        return result

    def chances(
        self,
        texts: Sequence[str | None],
        languages: Sequence[str | None] | None = None,
        *,
        words: Words | None = None,
    ) -> Numbers:
        """Chance of blame, neither and praise for each text, shape ``(n, 3)``, rows summing to 1."""
        words = words if words is not None else chop(texts)
        spoken = languages if languages is not None else detect(texts, words)[0].to_pylist()
        result: Numbers = np.exp(log_softmax(self._scores(words, spoken)))
        return result

    def learn(
        self,
        texts: Sequence[str],
        labels: Sequence[int] | Numbers,
        weights: Sequence[float] | Numbers | None = None,
        languages: Sequence[str | None] | None = None,
        *,
        seed: int = 0,
    ) -> Sentiment:
        """Learn from labelled texts; the answer is a new model, this one stays.

        What is learned is a correction to this model, held near zero by a ridge. To learn anew from everything,
        start from ``Sentiment()``; to refine a model by a few corrections, call it on that model.

        Parameters
        ----------
        texts, labels
            Labels -1, 0 or 1.
        weights
            How much each text counts; 1 when absent.
        languages
            ISO 639-1 of each text; found out when absent.
        seed
            For the folds that calibrate the certainty.

        Raises
        ------
        Refused
            Lengths differ, or a label is not -1, 0 or 1.
        NotReady
            Fewer than 20 texts; ``facts`` holds ``got`` and ``needed``.
        """
        target = _check(texts, labels)
        weight = np.ones(len(texts)) if weights is None else np.asarray(weights, float)
        words = chop(texts)
        spoken = languages if languages is not None else detect(texts, words)[0].to_pylist()
        start, counts = self._scores(words, spoken), hashed(words)
        heat = _temperature(counts, target, start, weight, deal_folds(_alike(words), _FOLDS, seed))
        return Sentiment([*self.lessons, _lesson(counts, target, start, weight, heat)])

    def from_ratings(
        self,
        texts: Sequence[str],
        ratings: Sequence[float] | Numbers,
        languages: Sequence[str | None] | None = None,
    ) -> Sentiment:
        """Learn from ratings given with texts (0-1, 1 is good): no labelling by hand.

        Up to 0.25 is blame, from 0.75 praise; 0.4 to 0.6 is neither, at 0.4 of the weight, because a middling star
        often comes with a text that takes sides; ratings between are left out.
        """
        rating = np.asarray(ratings, float)
        if len(rating) != len(texts):
            raise Refused("as many ratings as texts are needed")
        label = np.select([rating <= 0.25, rating >= 0.75, np.abs(rating - 0.5) <= 0.1], [-1, 1, 0], 9)
        kept = np.flatnonzero((label != 9) & np.array([bool(text) for text in texts], bool)).tolist()
        return self.learn(
            [texts[i] for i in kept],
            label[kept],
            np.where(label[kept] == 0, 0.4, 1.0),
            None if languages is None else [languages[i] for i in kept],
        )

    def evaluate(
        self,
        texts: Sequence[str],
        labels: Sequence[int] | Numbers,
        *,
        groups: Sequence[Any] | None = None,
        folds: int = 5,
        seed: int = 0,
    ) -> Evaluation:
        """Measure what this model would reach after learning from such texts, by cross-validation.

        Texts of one group (one author; by default equal texts) are never divided between learning and measuring. Call
        it on a model that has not learned from these texts, or the figures flatter.
        """
        target = _check(texts, labels)
        words = chop(texts)
        spoken = detect(texts, words)[0].to_pylist()
        member = (
            _alike(words) if groups is None else np.unique(np.asarray(groups, str), return_inverse=True)[1]
        )
        start, counts, weight = self._scores(words, spoken), hashed(words), np.ones(len(texts))
        fold = deal_folds(member, folds, seed)
        scores = np.zeros((len(texts), 3))
        for part in range(folds):
            held, taught = fold == part, np.flatnonzero(fold != part)
            inner = deal_folds(member[taught], _FOLDS, seed)
            heat = _temperature(counts[taught], target[taught], start[taught], weight[taught], inner)
            lesson = _lesson(counts[taught], target[taught], start[taught], weight[taught], heat)
            scores[held] = _add(start[held], lesson, counts[held])
        return compare(target - 1, np.exp(log_softmax(scores)))

    def to_bytes(self) -> bytes:
        """Write the model; plain arrays and a JSON header, nothing that runs when read."""
        arrays: dict[str, Numbers] = {}
        for number, one in enumerate(self.lessons):
            arrays[f"columns{number}"] = one.weighting.columns.astype(np.int32)
            arrays[f"idf{number}"] = one.weighting.idf.astype(np.float32)
            arrays[f"coefficients{number}"] = one.coefficients.astype(np.float16)
            arrays[f"rest{number}"] = np.append(one.intercepts, one.temperature).astype(np.float32)
        return write_model(VERSION, {"examples": [one.examples for one in self.lessons]}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Sentiment:
        """Read a model that `to_bytes` wrote.

        Raises
        ------
        Refused
            These bytes are no such model, or one of another version.
        """
        header, arrays = read_model(VERSION, data)
        return cls([_read_layer(arrays, number, n) for number, n in enumerate(header["examples"])])

    def _scores(self, words: Words, languages: Sequence[str | None]) -> Numbers:
        found = weigh(words, languages)
        scores = _start(found)
        if self.lessons:
            counts = hashed(words)
            for lesson in self.lessons:
                scores = _add(scores, lesson, counts)
        return scores


def _start(found: Polarity) -> Numbers:
    """Turn praise and blame into log-odds of blame, neither, praise."""
    crowd = 1 + _CROWDED * (found.praise + found.blame)
    tilt = (found.praise - found.blame) / crowd
    stir = (found.praise + found.blame) / crowd
    neither = _CALM - _STIRRED * stir + _ASKING * (found.asks > 0)
    return np.column_stack((-_PULL * tilt, neither, _PULL * tilt))


def _lesson(counts: Any, target: Numbers, start: Numbers, weight: Numbers, heat: float) -> Layer:
    # Rare labels count more, by the square root: else a few hundred texts teach only the commonest label.
    weight = weight * np.sqrt(len(target) / 3 / np.maximum(np.bincount(target, minlength=3), 1))[target]
    weighting = Weighting.learn(counts, least=2 if counts.shape[0] >= 200 else 1)
    coefficients, intercepts = fit_softmax(
        weighting.apply(counts), target, 3, offset=start, weights=weight, ridge=RIDGE
    )
    return Layer(weighting, coefficients, intercepts, heat, counts.shape[0])


def _add(scores: Numbers, lesson: Layer, counts: Any) -> Numbers:
    learned = lesson.weighting.apply(counts) @ lesson.coefficients + lesson.intercepts
    result: Numbers = (scores + learned) * lesson.temperature
    return result


def _temperature(counts: Any, target: Numbers, start: Numbers, weight: Numbers, fold: Numbers) -> float:
    scores = np.zeros_like(start)
    for part in range(_FOLDS):
        held, taught = fold == part, fold != part
        if not held.any() or not taught.any():
            return 1.0
        lesson = _lesson(counts[taught], target[taught], start[taught], weight[taught], 1.0)
        scores[held] = _add(start[held], lesson, counts[held])
    return fit_temperature(scores, target, weight)


def _check(texts: Sequence[str], labels: Sequence[int] | Numbers) -> Numbers:
    target = np.asarray(labels)
    if len(target) != len(texts):
        raise Refused("as many labels as texts are needed")
    if len(texts) < LEAST_TO_LEARN:
        raise NotReady("too few labelled texts to learn from", got=len(texts), needed=LEAST_TO_LEARN)
    if not np.isin(target, LABELS).all():
        raise Refused("a label is not -1 (bad), 0 (neither) or 1 (good)")
    result: Numbers = target.astype(np.int64) + 1
    return result


def _alike(words: Words) -> Numbers:
    """Give texts of the same words one number."""
    total = np.zeros(words.rows, np.uint64)
    np.add.at(total, words.row, words.hash)
    return np.unique(total, return_inverse=True)[1]


def _read_layer(arrays: Any, number: int, examples: int) -> Layer:
    rest = arrays[f"rest{number}"]
    return Layer(
        Weighting(arrays[f"columns{number}"].astype(np.int64), arrays[f"idf{number}"]),
        arrays[f"coefficients{number}"].astype(np.float32),
        rest[:3],
        float(rest[3]),
        int(examples),
    )
