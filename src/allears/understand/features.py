"""Texts as sparse rows of hashed features, for what is learned: words, word pairs and letter sequences.

Hashed straight from the characters of the whole batch; nothing has to be kept but the weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from allears.understand.words import Numbers, Words, scatter

BITS = 20
"""2^20 places for features; two features rarely share one."""

HALF = 1 << (BITS - 1)
"""Columns below are words and word pairs, from here on letter sequences."""

LETTERS = (2, 3, 4, 5)


def hashed(words: Words, *, letters: tuple[int, ...] = LETTERS, pairs: bool = True) -> Any:
    """Count features of each text.

    Parameters
    ----------
    words
        The texts, cut by `chop`.
    letters
        Lengths of letter sequences taken inside words (with a mark where the word begins or ends).
    pairs
        Whether two neighbouring words count as a feature.

    Returns
    -------
    scipy.sparse.csr_matrix
        One row per text, ``2 ** BITS`` columns, float32 counts.

    Examples
    --------
    >>> from allears.understand.words import chop
    >>> hashed(chop(["late again", ""])).sum(axis=1).ravel().tolist() != [[0.0, 0.0]]
    True
    """
    from scipy import sparse

    rows, columns = [words.row], [_place(words.hash)]
    if pairs and len(words.row) > 1:
        same = words.row[1:] == words.row[:-1]
        rows.append(words.row[1:][same])
        columns.append(_place(pair_key(words.hash[:-1][same], words.hash[1:][same])))
    for size in letters:
        row, key = _letter_sequences(words, size)
        rows.append(row)
        columns.append(_place(key) + HALF)
    row, column = np.concatenate(rows), np.concatenate(columns)
    matrix = sparse.coo_matrix(
        (np.ones(len(row), np.float32), (row, column)), shape=(words.rows, 1 << BITS)
    ).tocsr()
    matrix.sum_duplicates()
    return matrix


def _letter_sequences(words: Words, size: int) -> tuple[Numbers, Numbers]:
    """Hash every run of ``size`` characters of each word, padded with one space at both ends."""
    # Each word is laid out as space + letters + space.
    length = words.length + 2
    offset = np.cumsum(length) - length
    which = np.repeat(np.arange(len(length)), length)
    inside = np.arange(len(which)) - offset[which]
    place = np.clip(words.start[which] + inside - 1, 0, len(words.codes) - 1)
    char = np.where((inside == 0) | (inside == length[which] - 1), np.uint32(32), words.codes[place]).astype(
        np.uint64
    )
    good = np.flatnonzero(inside <= length[which] - size)
    key = np.full(len(good), size, np.uint64)
    for step in range(size):
        key = key * np.uint64(0x100000001B3) + char[good + step]
    return words.row[which[good]], scatter(key)


def pair_key(left: Numbers, right: Numbers) -> Numbers:
    """Hash two neighbouring words."""
    result: Numbers = left * np.uint64(0x9E3779B97F4A7C15) ^ right
    return result


def _place(keys: Numbers) -> Numbers:
    result: Numbers = (scatter(keys) >> np.uint64(65 - BITS)).astype(np.int64)
    return result


class Weighting:
    """Rare features count more: inverse document frequency over the columns that were seen in learning.

    Parameters
    ----------
    columns
        Columns kept, ascending.
    idf
        Weight of each.
    """

    def __init__(self, columns: Numbers, idf: Numbers) -> None:
        self.columns = columns
        self.idf = idf
        self._place = np.full(1 << BITS, -1, np.int32)
        self._place[columns] = np.arange(len(columns))

    @classmethod
    def learn(cls, matrix: Any, *, least: int = 1) -> Weighting:
        """Learn from counts; columns seen in fewer than ``least`` texts are left out."""
        seen = np.bincount(matrix.indices, minlength=matrix.shape[1])
        columns = np.flatnonzero(seen >= least)
        idf = np.log((1 + matrix.shape[0]) / (1 + seen[columns])) + 1
        return cls(columns.astype(np.int64), idf.astype(np.float32))

    def apply(self, matrix: Any) -> Any:
        """Turn counts into unit rows over the kept columns; counts enter by their logarithm.

        Words and letter sequences get half of a row each, else the many letter sequences drown the words.
        """
        from scipy import sparse

        place = self._place[matrix.indices]
        known = place >= 0
        row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))[known]
        value = (1 + np.log(matrix.data[known])) * self.idf[place[known]]
        half = row * 2 + (matrix.indices[known] >= HALF)
        norm = np.sqrt(2 * np.bincount(half, value**2, 2 * matrix.shape[0]))
        value = (value / np.maximum(norm, 1e-9)[half]).astype(np.float32)
        start = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=matrix.shape[0]))))
        return sparse.csr_matrix((value, place[known], start), shape=(matrix.shape[0], len(self.columns)))
