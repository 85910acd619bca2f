"""Texts that say nearly the same words: campaigns, copies and templates, to be counted once.

MinHash over runs of three words (Broder 1997), all texts at once.
"""

from __future__ import annotations

import numpy as np

from allears.understand.words import Numbers, Words, scatter

_HASHES, _BAND = 32, 4
_ENOUGH = 0.7


def group_alike(words: Words) -> Numbers:
    """Give near copies one number: that of the first of them.

    Examples
    --------
    >>> from allears.understand.words import chop
    >>> copies = ["Win a prize now, click the link below 1", "win a prize now: click the link below 22", "My parcel is late"]
    >>> group_alike(chop(copies)).tolist()
    [0, 0, 2]
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    signature = _signatures(words)
    left, right = [], []
    for band in range(0, _HASHES, _BAND):
        key = np.zeros(words.rows, np.uint64)
        for column in signature.T[band : band + _BAND]:
            key = scatter(key ^ column)
        _, first, member = np.unique(key, return_index=True, return_inverse=True)
        copy = np.flatnonzero(first[member] != np.arange(words.rows))
        left.append(copy)
        right.append(first[member[copy]])
    a, b = np.concatenate(left), np.concatenate(right)
    close = (signature[a] == signature[b]).mean(axis=1) >= _ENOUGH
    links = coo_matrix((np.ones(int(close.sum())), (a[close], b[close])), shape=(words.rows, words.rows))
    _, group = connected_components(links, directed=False)
    first_of = np.unique(group, return_index=True)[1]
    result: Numbers = first_of[group]
    return result


def _signatures(words: Words) -> Numbers:
    first = words.codes[words.start]
    # Numbers and signs vary between copies of one text.
    sign = ((first >= 0x2190) & (first < 0x2E80)) | ((first >= 0xE000) & (first < 0xF900))
    letters = (first > ord("9")) & ~sign
    row, key = words.row[letters], words.hash[letters]
    for _ in range(2):
        joined = row[1:] == row[:-1]
        # The last words of a text have no full run behind them; they stand alone.
        key = np.concatenate((scatter(key[:-1] ^ np.where(joined, key[1:], np.uint64(0))), key[-1:]))
    signature = np.zeros((words.rows, _HASHES), np.uint64)
    # Texts without words are each unlike any other.
    signature[:] = scatter(np.arange(words.rows, dtype=np.uint64) + np.uint64(1 << 40))[:, None]
    if not len(row):
        return signature
    start = np.flatnonzero(np.concatenate(([True], row[1:] != row[:-1])))
    for number in range(_HASHES):
        mixed = scatter(key ^ np.uint64((number + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF))
        signature[row[start], number] = np.minimum.reduceat(mixed, start)
    return signature
