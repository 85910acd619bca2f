"""Score: every pair worth comparing, with its weight and what each field adds to it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from allears.know.link.blocks import block
from allears.know.link.columns import ID
from allears.know.link.comparisons import UNKNOWN
from allears.know.link.learn import open_linker, quiet

LEAST_BITS = 0.0
"""Pairs below are likelier two people than one, and are not kept."""

PRIOR = "how rare one person twice is"
FINDING = pa.struct([("field", pa.string()), ("found", pa.string()), ("bits", pa.float64())])
PAIRS = pa.schema({"left": pa.int64(), "right": pa.int64(), "bits": pa.float64(), "why": pa.list_(FINDING)})
"""Pairs of rows; ``bits`` is log2 of the odds that they are one person; ``why`` adds up to it, the prior first."""


def score(
    table: pa.Table,
    model: dict[str, Any],
    *,
    new: Collection[int] | None = None,
    least_bits: float = LEAST_BITS,
) -> tuple[pa.Table, int]:
    """Compare records and weigh each pair.

    Parameters
    ----------
    table
        What `tidy` gave.
    model
        What `learn` gave, from this or an earlier table with the same columns.
    new
        Rows to compare with all others and each other; all when not given.
    least_bits
        Pairs below this weight are left out.

    Returns
    -------
    Table, int
        `PAIRS`, heaviest first, and how many pairs were compared at most.
    """
    blocked, counts = block(table)
    if not counts or table.num_rows < 2:
        return PAIRS.empty_table(), 0
    rules = [f"l.{name} = r.{name}" for name in counts]
    how = {**model, "blocking_rules_to_generate_predictions": [{"blocking_rule": rule} for rule in rules]}
    linker = open_linker(blocked, how)
    with quiet():
        if new is None:
            scored = linker.inference.predict(threshold_match_weight=least_bits, warning_mode="never")
            found = [scored.as_pyarrow_table()]
        else:
            found = _of_new(linker, blocked, model, new, least_bits)
    pairs = pa.concat_tables([_pairs(some, model) for some in found])
    return pairs.sort_by([("bits", "descending"), ("left", "ascending"), ("right", "ascending")]), sum(
        counts.values()
    )


def _of_new(
    linker: Any, table: pa.Table, model: dict[str, Any], new: Collection[int], least_bits: float
) -> list[pa.Table]:
    api, chosen = linker._db_api, pc.is_in(table[ID], pa.array(sorted(new), pa.int64()))
    fresh, known = table.filter(chosen), table.filter(pc.invert(chosen))
    for column in _terms(model):
        linker.table_management.compute_tf_table(column)
    given = api.register(fresh)
    found = [linker.inference.predict_within(given, threshold_match_weight=least_bits, warning_mode="never")]
    if known.num_rows:
        between = linker.inference.predict_between(
            given, api.register(known), threshold_match_weight=least_bits, warning_mode="never"
        )
        found.append(between)
    return [some.as_pyarrow_table() for some in found]


def _terms(model: dict[str, Any]) -> list[str]:
    steps = (s for c in model["comparisons"] for s in c["comparison_levels"])
    return sorted({s["tf_adjustment_column"] for s in steps if s.get("tf_adjustment_column")})


def _pairs(scored: pa.Table, model: dict[str, Any]) -> pa.Table:
    rows = scored.num_rows
    one, other = (scored[f"{ID}_{side}"].combine_chunks().to_numpy().astype(np.int64) for side in "lr")
    compared = model["comparisons"]
    prior = model["probability_two_random_records_match"]
    words = [PRIOR, UNKNOWN, *(s["label_for_charts"] for c in compared for s in _known(c))]
    found = [np.zeros(rows, np.int32)]
    bits = [np.full(rows, math.log2(prior / (1 - prior)))]
    first = 2
    for comparison in compared:
        name = comparison["output_column_name"]
        weight = _floats(scored[f"mw_{name}"])
        step = _steps(comparison, weight)
        found.append(np.where(step < 0, 1, first + step).astype(np.int32))
        first += len(_known(comparison))
        adjusted = f"mw_tf_adj_{name}"
        bits.append(weight + (_floats(scored[adjusted]) if adjusted in scored.column_names else 0))
    fields = ["before comparing", *(c["output_column_name"] for c in compared)]
    columns = [
        _words(np.tile(np.arange(len(fields), dtype=np.int32), rows), fields),
        _words(np.stack(found, axis=1).ravel(), words),
        pa.array(np.stack(bits, axis=1).ravel()),
    ]
    why = pa.StructArray.from_arrays(columns, fields=list(FINDING))
    offsets = pa.array(np.arange(rows + 1) * len(fields), pa.int32())
    total = scored["match_weight"].cast(pa.float64()).combine_chunks()
    arrays = [pa.array(np.minimum(one, other)), pa.array(np.maximum(one, other)), total]
    return pa.table([*arrays, pa.ListArray.from_arrays(offsets, why)], schema=PAIRS)


def _words(codes: Any, words: Sequence[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(words, pa.string())).dictionary_decode()


def _known(comparison: dict[str, Any]) -> list[dict[str, Any]]:
    return [s for s in comparison["comparison_levels"] if not s.get("is_null_level")]


def _steps(comparison: dict[str, Any], weight: Any) -> Any:
    """Say which step each pair stood on, -1 where a value is missing. Asking Splink for it would mean carrying every value of both sides along."""
    worth = np.array([0.0, *(math.log2(s["m_probability"] / s["u_probability"]) for s in _known(comparison))])
    # Weights fall from step to step; the nearest is the one.
    order = np.argsort(worth)
    places = np.searchsorted((worth[order][1:] + worth[order][:-1]) / 2, weight)
    return order[places] - 1


def _floats(column: pa.ChunkedArray) -> Any:
    return column.cast(pa.float64()).combine_chunks().to_numpy(zero_copy_only=False)
