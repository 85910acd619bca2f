"""Blocks: which records are worth comparing at all, chosen so that the number of pairs is bounded.

A key is made of parts of fields, such as family name and year of birth; records with equal keys are compared. Keys are taken
from the most telling to the least, as long as their pairs fit in the budget. A value so common that its block alone would
eat the budget makes no block: who is only alike in that is found by another key, or not at all.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

PAIRS_PER_RECORD = 5
FEWEST_PAIRS = 1_000_000
"""A small table is compared whole, or nearly."""
LARGEST_BLOCK = 500

KEYS: tuple[tuple[str, ...], ...] = (
    ("number",),
    ("email",),
    ("phone",),
    ("given", "surname", "birth"),
    ("name", "birth"),
    ("surname", "birth"),
    ("given", "birth"),
    ("name",),
    ("given", "surname"),
    ("name:8", "postcode"),
    ("address", "postcode"),
    ("birth", "postcode"),
    ("surname", "postcode"),
    ("given", "postcode"),
    ("address", "city"),
    ("address",),
    ("email@",),
    ("surname:4", "given:3"),
    ("birth", "city"),
    ("birth",),
    ("address:8", "postcode"),
    ("name:8",),
    ("surname", "city"),
    ("given", "city"),
    ("surname:3", "birth:6"),
    ("given:3", "birth:6"),
    ("surname:3", "postcode"),
    ("given:3", "postcode"),
    ("postcode",),
    ("surname",),
    ("given",),
    ("city",),
)
"""``field:n`` is its first n characters, ``email@`` the part before the at sign; the most telling first."""


def block(table: pa.Table, budget: int | None = None) -> tuple[pa.Table, dict[str, int]]:
    """Add one column per key that is worth it, null where a record makes no pair by it.

    Returns
    -------
    Table, dict
        The records with columns ``block_0`` ..., and how many pairs each adds at most, by column.
    """
    records = table.num_rows
    left = max(FEWEST_PAIRS, PAIRS_PER_RECORD * records) if budget is None else budget
    if records * (records - 1) // 2 <= left // 2:
        everyone = pa.array(np.zeros(records, np.int64))
        return table.append_column("block_0", everyone), {"block_0": records * (records - 1) // 2}
    pairs: dict[str, int] = {}
    parts = _Parts(table)
    for key in KEYS:
        if not {_field(part) for part in key} <= set(table.column_names):
            continue
        numbers, made = _numbers(parts.of(key), min(left, max(records, FEWEST_PAIRS // 4)))
        if made:
            name = f"block_{len(pairs)}"
            table, left = table.append_column(name, numbers), left - made
            pairs[name] = made
    return table, pairs


class _Parts:
    """Parts of fields as numbers, each told apart once however many keys use it; -1 where there is none."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._known: dict[str, tuple[npt.NDArray[np.int64], int]] = {}

    def of(self, key: tuple[str, ...]) -> npt.NDArray[np.int64]:
        codes, _ = self._part(key[0])
        for part in key[1:]:
            others, more = self._part(part)
            both = pa.array(codes * more + others, mask=(codes < 0) | (others < 0))
            codes, _ = _told_apart(both)
        return codes

    def _part(self, part: str) -> tuple[npt.NDArray[np.int64], int]:
        if part not in self._known:
            self._known[part] = _told_apart(_text(self._table, part))
        return self._known[part]


def _told_apart(values: pa.Array | pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], int]:
    found = pc.dictionary_encode(values)
    whole = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    codes = pc.fill_null(whole.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, len(whole.dictionary)


def _numbers(codes: npt.NDArray[np.int64], budget: int) -> tuple[pa.Array, int]:
    counts = np.bincount(codes[codes >= 0]) if len(codes) else np.zeros(0, np.int64)
    largest = _largest(counts, budget)
    worth = np.concatenate([(counts > 1) & (counts <= largest), [False]])
    kept = counts[(counts > 1) & (counts <= largest)]
    return pa.array(codes, mask=~worth[codes]), int((kept * (kept - 1) // 2).sum())


def _largest(counts: npt.NDArray[np.int64], budget: int) -> int:
    """Give the largest block that may be, so that all blocks up to it fit in the budget."""
    sizes = np.sort(counts[counts > 1])
    spent = np.cumsum(sizes * (sizes - 1) // 2)
    fitting = int(np.searchsorted(spent, budget, side="right"))
    if fitting == len(sizes):
        return min(LARGEST_BLOCK, int(sizes[-1])) if len(sizes) else 0
    # Blocks of one size stand or fall together, else the order of records would decide.
    return min(LARGEST_BLOCK, int(sizes[fitting]) - 1)


def _field(part: str) -> str:
    return part.split(":")[0].rstrip("@")


def _text(table: pa.Table, part: str) -> pa.ChunkedArray:
    values = table[_field(part)]
    if part.endswith("@"):
        return pc.replace_substring_regex(values, r"@.*$", "")
    length = part.partition(":")[2]
    if not length:
        return values
    start = pc.utf8_slice_codeunits(values, 0, int(length))
    return pc.if_else(
        pc.greater_equal(pc.utf8_length(start), int(length)), start, pa.scalar(None, pa.string())
    )
