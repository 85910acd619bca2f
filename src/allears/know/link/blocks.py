"""Blocks: which records are worth comparing at all, chosen so that the number of pairs is bounded.

A key is made of parts of fields, such as family name and year of birth; records with equal keys are compared. Keys are taken
from the most telling to the least, as long as their pairs fit in the budget. A value so common that its block alone would
eat the budget makes no block: who is only alike in that is found by another key, or not at all, and then counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from allears.know.link.equal import Places, told_apart

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


@dataclass(frozen=True)
class LeftOut:
    """Records compared with none, since what they share with others is too common."""

    records: int = 0
    by: dict[str, int] = field(default_factory=dict)
    """How many of them share a value of each key with too many, such as ``surname, city``; the commonest first."""


def block(
    table: pa.Table, budget: int | None = None, stands_for: Places | None = None
) -> tuple[pa.Table, dict[str, int], LeftOut]:
    """Add one column per key that is worth it, null where a record makes no pair by it.

    Parameters
    ----------
    table
        Records, no two of them equal.
    budget
        Pairs at most.
    stands_for
        How many records each stands for; one where not told. Who stands for several is compared with a copy in any case.

    Returns
    -------
    Table, dict, LeftOut
        The records with columns ``block_0`` ..., how many pairs each adds at most, by column, and who is compared with nobody.
    """
    records = table.num_rows
    left = max(FEWEST_PAIRS, PAIRS_PER_RECORD * records) if budget is None else budget
    if records * (records - 1) // 2 <= left // 2:
        everyone = pa.array(np.zeros(records, np.int64))
        return table.append_column("block_0", everyone), {"block_0": records * (records - 1) // 2}, LeftOut()
    pairs: dict[str, int] = {}
    parts = _Parts(table)
    alone = np.ones(records, np.bool_) if stands_for is None else stands_for == 1
    common: dict[str, npt.NDArray[np.bool_]] = {}
    for key in KEYS:
        if not {_field(part) for part in key} <= set(table.column_names):
            continue
        codes = parts.of(key)
        counts = np.bincount(codes[codes >= 0]) if len(codes) else np.zeros(0, np.int64)
        largest = _largest(counts, min(left, max(records, FEWEST_PAIRS // 4)))
        shared = np.append(counts, 0)[codes]
        worth = (shared > 1) & (shared <= largest)
        common[", ".join(map(_in_words, key))] = shared > max(largest, 1)
        alone &= ~worth
        if worth.any():
            kept = counts[(counts > 1) & (counts <= largest)]
            name = f"block_{len(pairs)}"
            table = table.append_column(name, pa.array(codes, mask=~worth))
            pairs[name] = int((kept * (kept - 1) // 2).sum())
            left -= pairs[name]
    return table, pairs, _left_out(alone, common)


def _left_out(alone: npt.NDArray[np.bool_], common: dict[str, npt.NDArray[np.bool_]]) -> LeftOut:
    counts = {key: int((shared & alone).sum()) for key, shared in common.items()}
    told = sorted((key for key, count in counts.items() if count), key=lambda key: -counts[key])
    some = [common[key] for key in told]
    records = int((np.logical_or.reduce(some) & alone).sum()) if some else 0
    return LeftOut(records, {key: counts[key] for key in told})


class _Parts:
    """Parts of fields as numbers, each told apart once however many keys use it; -1 where there is none."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._known: dict[str, tuple[Places, int]] = {}

    def of(self, key: tuple[str, ...]) -> Places:
        codes, _ = self._part(key[0])
        for part in key[1:]:
            others, more = self._part(part)
            both = pa.array(codes * more + others, mask=(codes < 0) | (others < 0))
            codes, _ = told_apart(both)
        return codes

    def _part(self, part: str) -> tuple[Places, int]:
        if part not in self._known:
            self._known[part] = told_apart(_text(self._table, part))
        return self._known[part]


def _largest(counts: Places, budget: int) -> int:
    """Give the largest block that may be, so that all blocks up to it fit in the budget."""
    sizes = np.sort(counts[counts > 1])
    spent = np.cumsum(sizes * (sizes - 1) // 2)
    fitting = int(np.searchsorted(spent, budget, side="right"))
    if fitting == len(sizes):
        return min(LARGEST_BLOCK, int(sizes[-1])) if len(sizes) else 0
    # Blocks of one size stand or fall together, else the order of records would decide.
    return min(LARGEST_BLOCK, int(sizes[fitting]) - 1)


def _in_words(part: str) -> str:
    length = part.partition(":")[2]
    return f"first {length} letters of {_field(part)}" if length else part.replace("@", " before the @")


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
