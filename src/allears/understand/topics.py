"""What texts are about: a starting taxonomy, and the user's own topics by examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from allears.tables.findings import TOPICS
from allears.understand.taught import Taught
from allears.understand.taxonomy import LANGUAGES, Topic, taxonomy
from allears.understand.words import Numbers, Words, chop

MOST_TOPICS = 3
ENOUGH = 0.7
_SHARE_OF_BEST = 0.5


class Topics:
    """Topics that can be assigned to texts.

    Parameters
    ----------
    taught
        The user's own topics, made by `teach`.

    Examples
    --------
    >>> Topics().assign(["My card was declined at checkout", "Wo bleibt mein Paket?", "good morning"]).to_pylist()
    [['payment/declined'], ['delivery/late'], []]
    """

    def __init__(self, taught: Taught | None = None) -> None:
        self.taught = taught

    def assign(
        self,
        texts: Sequence[str | None],
        languages: Sequence[str | None] | None = None,
        *,
        words: Words | None = None,
    ) -> pa.Array:
        """Assign topics to texts.

        Parameters
        ----------
        texts
            As written or redacted.
        languages
            ISO 639-1 of each; phrases of other languages then do not count (English ones always do).
        words
            The same texts already cut by `chop`.

        Returns
        -------
        list<string>
            0 to 3 topic ids for each text, best first; the user's own before the taxonomy's.
        """
        words = words if words is not None else chop(texts)
        scores = self._taxonomy_scores(words, languages)
        ids = [topic.id for topic in taxonomy().topics]
        if self.taught:
            own = self.taught.scores(words) - self.taught.threshold
            # A taught topic that passes stands before any other.
            scores = np.column_stack((np.where(own >= 0, 1000 + own, 0), scores))
            ids = [*self.taught.ids, *ids]
        return best_lists(scores, ids, enough=ENOUGH)

    def teach(self, examples: Mapping[str, Sequence[str]]) -> Topics:
        """Learn the user's own topics from examples: label to texts, at least 3 each, 10 or more are better.

        Returns
        -------
        Topics
            With ids ``my/<label>``; topics taught before are replaced.

        Examples
        --------
        >>> mine = Topics().teach({"Gift wrap": ["gift wrap please", "can you wrap it as a gift", "gift wrapping torn"]})
        >>> mine.assign(["is gift wrapping possible"]).to_pylist()[0][0]
        'my/gift-wrap'
        """
        return Topics(Taught.learn(examples))

    def topics(self) -> list[Topic]:
        """List all topics, the user's own first."""
        own = self.taught
        mine = (
            [Topic(own.ids[i], own.labels[i], "", "neutral", own.terms[i]) for i in range(len(own.ids))]
            if own
            else []
        )
        return [*mine, *taxonomy().topics]

    def describe(self) -> pa.Table:
        """Describe all topics, one row each, as the ``topics`` table."""
        taught = set(self.taught.ids) if self.taught else set()
        sizes = dict(zip(self.taught.ids, self.taught.counts, strict=True)) if self.taught else {}
        rows: list[dict[str, Any]] = [
            {
                "topic": topic.id,
                "label": topic.label,
                "origin": "taught" if topic.id in taught else "taxonomy",
                "terms": list(topic.terms),
                "department": topic.department or None,
                "size": sizes.get(topic.id),
            }
            for topic in self.topics()
        ]
        return pa.Table.from_batches([TOPICS.rows(rows)])

    def _taxonomy_scores(self, words: Words, languages: Sequence[str | None] | None) -> Numbers:
        known = taxonomy()
        hits = known.phrases.find(words)
        if languages is not None:
            number = {code: place for place, code in enumerate(LANGUAGES)}
            spoken = np.array([-1 if code is None else number.get(code, 0) for code in languages], np.int64)
            hits = hits.only(known.counts_in(hits.phrase, spoken[hits.row]))
        # A phrase said twice counts once.
        keys = np.unique(hits.row * known.phrases.count + hits.phrase)
        row, phrase = np.divmod(keys, known.phrases.count)
        width = len(known.topics)
        flat = np.bincount(row * width + known.topic[phrase], known.weight[phrase], words.rows * width)
        result: Numbers = flat.reshape(words.rows, width)
        return result


def best_lists(scores: Numbers, ids: Sequence[str], *, enough: float, most: int = MOST_TOPICS) -> pa.Array:
    """Turn scores (texts by topics) into lists of the best ids, best first.

    Examples
    --------
    >>> best_lists(np.array([[0.0, 2.0, 1.9], [0.1, 0.0, 0.0]]), ["a", "b", "c"], enough=1.0).to_pylist()
    [['b', 'c'], []]
    """
    most = min(most, scores.shape[1])
    # Ties go to the topic listed first, whatever the machine.
    top = np.argsort(-scores, axis=1, kind="stable")[:, :most]
    value = np.take_along_axis(scores, top, axis=1)
    keep = (value >= enough) & (value >= value[:, :1] * _SHARE_OF_BEST)
    offsets = np.concatenate(([0], np.cumsum(keep.sum(axis=1))))
    names = pa.DictionaryArray.from_arrays(pa.array(top[keep], pa.int32()), pa.array(ids, pa.string()))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), names.cast(pa.string()))
