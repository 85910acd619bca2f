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

PAIRS_PER_RECORD = 20
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
    for key in KEYS:
        fields = {part.split(":")[0].rstrip("@") for part in key}
        if not fields <= set(table.column_names):
            continue
        numbers, made = _numbers(table, key, min(left, max(records * 4, FEWEST_PAIRS // 4)))
        if made:
            name = f"block_{len(pairs)}"
            table, left = table.append_column(name, numbers), left - made
            pairs[name] = made
    return table, pairs


def _numbers(table: pa.Table, key: tuple[str, ...], budget: int) -> tuple[pa.Array, int]:
    parts = [_part(table, part) for part in key]
    text = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, "|")
    words = (
        text.combine_chunks().dictionary_encode()
        if isinstance(text, pa.ChunkedArray)
        else text.dictionary_encode()
    )
    codes = pc.fill_null(words.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    counts = np.bincount(codes[codes >= 0], minlength=len(words.dictionary))
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


def _part(table: pa.Table, part: str) -> pa.ChunkedArray:
    if part.endswith("@"):
        return pc.replace_substring_regex(table[part[:-1]], r"@.*$", "")
    field, _, length = part.partition(":")
    values = table[field]
    if not length:
        return values
    start = pc.utf8_slice_codeunits(values, 0, int(length))
    return pc.if_else(
        pc.greater_equal(pc.utf8_length(start), int(length)), start, pa.scalar(None, pa.string())
    )
