"""Hold out: recall without labels, by hiding a strong identifier and asking whether the rest finds who shares it.

Who shares it is taken to be one person, so that a family's e-mail address counts as a miss: a careful estimate. It speaks of people
who told the identifier, who may be easier to find than others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from allears.errors import NotReady, Refused
from allears.know.link.columns import FIELDS, UNIQUE
from allears.know.link.rates import rate

METHOD = "hold-out-1"
FEWEST_PAIRS = 30
MOST_SHARING = 5
"""Larger groups are families, desks and mistakes; theirs are left out."""
SCRIPTS = ("Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Han", "Hangul", "Hiragana", "Katakana", "Devanagari", "Thai", "Armenian", "Georgian")  # fmt: skip
NAMES = ("given", "surname", "name")


def held_out(
    table: pa.Table, field: str, clusters: Callable[[pa.Table], npt.NDArray[np.int64]]
) -> dict[str, Any]:
    """Estimate how many pairs of one person are found without a field they share.

    Parameters
    ----------
    table
        What `allears.know.link.tidy` gave.
    field
        ``email``, ``phone`` or ``number``.
    clusters
        Links a table of records: a person's number per record.

    Returns
    -------
    dict
        ``field``, ``method``, ``recall`` (`rate`), and ``groups``: the same by letters of the name and by what is missing.

    Raises
    ------
    Refused
        Not such a field, or nobody told it.
    NotReady
        Fewer than thirty people share one, or nothing is left to compare.
    """
    if field not in UNIQUE or field not in table.column_names:
        raise Refused(f"expected one of {', '.join(f for f in UNIQUE if f in table.column_names) or 'no field: none is there'}", place="--hold-out")  # fmt: skip
    rest = table.drop_columns([field])
    if not set(FIELDS) & set(rest.column_names):
        raise NotReady(f"without {field} nothing is left to compare by")
    left, right, unit = sharing(table[field])
    people = len(np.unique(unit))
    if people < FEWEST_PAIRS:
        raise NotReady(
            f"recall needs {FEWEST_PAIRS} people who are there twice with the same {field}",
            got=people,
            needed=FEWEST_PAIRS,
        )
    owner = clusters(rest)
    hit = owner[left] == owner[right]
    groups = {
        name: chosen for name, chosen in _groups(rest, left, right).items() if 0 < chosen.sum() < len(hit)
    }
    return {
        "field": field,
        "method": METHOD,
        "recall": _of(hit, unit),
        "groups": [{"group": name, **_of(hit[chosen], unit[chosen])} for name, chosen in groups.items()],
    }


def sharing(
    values: pa.ChunkedArray,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Give all pairs of rows with the same value, and which value it is.

    Examples
    --------
    >>> [side.tolist() for side in sharing(pa.chunked_array([["a", "b", "a", None, None]]))]
    [[0], [2], [0]]
    """
    codes = pc.fill_null(values.combine_chunks().dictionary_encode().indices, -1).to_numpy().astype(np.int64)
    order = np.argsort(codes, kind="stable")
    order = order[codes[order] >= 0]
    counts = np.bincount(codes[codes >= 0])
    found = []
    for step in range(1, MOST_SHARING):
        one, other = order[:-step], order[step:]
        same = (codes[one] == codes[other]) & (counts[codes[one]] <= MOST_SHARING)
        found.append(np.stack([one[same], other[same], codes[one[same]]]))
    left, right, unit = np.concatenate(found, axis=1)
    return left, right, unit


def _of(hit: npt.NDArray[np.bool_], unit: npt.NDArray[np.int64]) -> dict[str, Any]:
    _, place = np.unique(unit, return_inverse=True)
    return rate(np.bincount(place, hit), np.bincount(place))


def _groups(table: pa.Table, left: Any, right: Any) -> dict[str, npt.NDArray[np.bool_]]:
    """Say which pairs are of which group: letters of the name, and each field that one or both did not tell."""
    groups = {}
    for script in SCRIPTS:
        written = np.zeros(table.num_rows, np.bool_)
        for name in set(NAMES) & set(table.column_names):
            found = pc.match_substring_regex(table[name], rf"\p{{{script}}}")
            written |= pc.fill_null(found, False).to_numpy(zero_copy_only=False)
        groups[f"names in {script} letters"] = written[left] | written[right]
    for field in (f for f in FIELDS if f in table.column_names):
        gone = pc.is_null(table[field]).to_numpy()
        groups[f"{field} not told by both"] = gone[left] | gone[right]
    return groups
