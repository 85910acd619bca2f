"""Equal: records that say the very same in every field, compared once however many they are.

A value that thousands share makes no block, but five thousand copies of one row are no riddle: one of them stands for all, is
compared with the others' ones, and once with a copy of itself, which tells whether the same row twice is one person at all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from allears.know.link.columns import ID

Places = npt.NDArray[np.int64]


def first_of_equals(table: pa.Table) -> Places:
    """Give for each record the place of the first that says the same in every field.

    Examples
    --------
    >>> first_of_equals(pa.table({"record": [0, 1, 2], "city": ["rom", None, "rom"]})).tolist()
    [0, 1, 0]
    """
    codes = np.zeros(table.num_rows, np.int64)
    for field in (name for name in table.column_names if name != ID):
        values, different = told_apart(table[field])
        codes, _ = told_apart(pa.array(codes * (different + 1) + values + 1))
    _, first = np.unique(codes, return_index=True)
    return first[codes]


def at_most(table: pa.Table, copies: int) -> pa.Table:
    """Leave so many of equal records, the first ones.

    Examples
    --------
    >>> at_most(pa.table({"record": [0, 1, 2, 3], "city": ["rom", "rom", "bern", "rom"]}), 2)["record"].to_pylist()
    [0, 1, 2]
    """
    first = first_of_equals(table)
    order = np.argsort(first, kind="stable")
    counts = np.bincount(first, minlength=len(first))
    begins = np.cumsum(counts) - counts
    kept = order[np.arange(len(first)) - begins[first[order]] < copies]
    return table if len(kept) == len(first) else table.take(pa.array(np.sort(kept)))


def seconds(first: Places) -> Places:
    """Give the place of one record more for each that is there several times.

    Examples
    --------
    >>> seconds(np.array([0, 1, 0, 0, 1])).tolist()
    [2, 4]
    """
    copies = copies_of(first)
    return copies[np.unique(first[copies], return_index=True)[1]]


def copies_of(first: Places) -> Places:
    """Give the places of records that are equal to an earlier one."""
    return np.flatnonzero(first != np.arange(len(first)))


def spread(pairs: pa.Table, first: Places, new: npt.NDArray[np.bool_] | None) -> pa.Table:
    """Let what was found of a record and one copy of it hold for all its copies: each is paired with the first.

    Parameters
    ----------
    pairs
        `allears.know.link.score.PAIRS`.
    first
        What `first_of_equals` gave.
    new
        Which records are looked at; all where none are told. A pair of two others is left out.
    """
    left, right = (pairs[side].combine_chunks().to_numpy() for side in ("left", "right"))
    of_copy = first[left] == first[right]
    if not of_copy.any():
        return pairs
    row = np.full(len(first), -1)
    row[first[left[of_copy]]] = np.flatnonzero(of_copy)
    copies = copies_of(first)
    copies = copies[row[first[copies]] >= 0]
    if new is not None:
        copies = copies[new[copies] | new[first[copies]]]
    whole = pairs.take(pa.array(row[first[copies]]))
    whole = whole.set_column(0, pairs.schema.field("left"), pa.array(first[copies]))
    whole = whole.set_column(1, pairs.schema.field("right"), pa.array(copies))
    return pa.concat_tables([pairs.filter(pa.array(~of_copy)), whole])


def told_apart(values: pa.Array | pa.ChunkedArray) -> tuple[Places, int]:
    """Give different values numbers from 0, -1 where there is none, and say how many there are."""
    found: Any = pc.dictionary_encode(values)
    whole = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    codes = pc.fill_null(whole.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, len(whole.dictionary)
