"""One call that reads texts: language, sentiment, topics."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from allears.tables.column import TEXTS
from allears.understand.found import Found, assign_found
from allears.understand.language import detect
from allears.understand.sentiment import Sentiment
from allears.understand.topics import Topics
from allears.understand.words import chop

CHUNK = 4096
SCHEMA = pa.schema(
    [
        ("language", pa.string()),
        ("language_p", pa.float64()),
        ("sentiment", pa.float64()),
        ("sentiment_p", pa.float64()),
        ("topics", TEXTS),
    ]
)


class Reader:
    """Reads texts with given models; build it once and keep it.

    Parameters
    ----------
    sentiment, topics
        The space's own models; the ones that came with the package when absent.
    found
        Topics that `discover` found; those that ended are not assigned.
    """

    def __init__(
        self,
        sentiment: Sentiment | None = None,
        topics: Topics | None = None,
        found: Sequence[Found] | None = None,
    ) -> None:
        self.sentiment = sentiment or Sentiment()
        self.topics = topics or Topics()
        self.found = tuple(found or ())

    def read(self, texts: Sequence[str | None] | pa.Array | pa.ChunkedArray) -> pa.RecordBatch:
        """Read texts.

        Parameters
        ----------
        texts
            Redacted or as written; a list or an Arrow column of strings.

        Returns
        -------
        pyarrow.RecordBatch
            Columns language, language_p, sentiment, sentiment_p, topics; all null where the text is null or blank.

        Notes
        -----
        Equal texts are read once. Memory stays even: texts are read in chunks of 4,096.

        Examples
        --------
        >>> read(["Your app crashes all the time!", None]).to_pylist()[0]["topics"]
        ['app/crash']
        """
        column = texts if isinstance(texts, (pa.Array, pa.ChunkedArray)) else pa.array(texts, pa.string())
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(column)), 0)
        coded = pc.if_else(blank, pa.scalar(None, pa.string()), column).dictionary_encode()
        different = coded.dictionary.to_pylist()
        parts = [self._read(different[at : at + CHUNK]) for at in range(0, len(different), CHUNK)]
        table = pa.Table.from_batches(parts, SCHEMA).combine_chunks()
        return table.take(coded.indices).combine_chunks().to_batches()[0] if len(column) else _nothing()

    def _read(self, texts: list[str]) -> pa.RecordBatch:
        words = chop(texts)
        language, language_p = detect(texts, words)
        spoken = language.to_pylist()
        sentiment, sentiment_p = self.sentiment.score(texts, spoken, words=words)
        topics = self.topics.assign(texts, spoken, words=words)
        if self.found:
            topics = _joined(topics, assign_found(texts, self.found, words=words))
        return pa.RecordBatch.from_arrays(
            [language, language_p, pa.array(sentiment), pa.array(sentiment_p), topics], schema=SCHEMA
        )


def read(texts: Sequence[str | None] | pa.Array | pa.ChunkedArray) -> pa.RecordBatch:
    """Read texts with the models that came with the package; see `Reader.read`.

    Examples
    --------
    >>> read(["Mein Paket ist nicht angekommen, so ein Mist"]).to_pylist()[0]["language"]
    'de'
    """
    return _standard().read(texts)


@lru_cache(1)
def _standard() -> Reader:
    return Reader()


def _nothing() -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in SCHEMA], schema=SCHEMA)


def _joined(left: pa.Array, right: pa.Array) -> pa.Array:
    """Join two columns of lists, row by row."""
    counts = np.asarray(pc.list_value_length(left)), np.asarray(pc.list_value_length(right))
    rows = np.concatenate([np.repeat(np.arange(len(n)), n) for n in counts])
    values = pa.concat_arrays([left.flatten(), right.flatten()])
    order = np.argsort(rows, kind="stable")
    offsets = np.concatenate(([0], np.cumsum(counts[0] + counts[1])))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values.take(pa.array(order)))
