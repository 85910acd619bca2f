"""Score: every pair worth comparing, with its weight and what each field adds to it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from allears.know.link.blocks import LeftOut, block
from allears.know.link.columns import ID
from allears.know.link.comparisons import RAREST, UNKNOWN
from allears.know.link.equal import Places, first_of_equals, seconds, spread, told_apart
from allears.know.link.learn import OpenLinker, open_linker, quiet

LEAST_BITS = 0.0
"""Pairs below are likelier two people than one, and are not kept."""

PRIOR = "how rare one person twice is"
FINDING = pa.struct([("field", pa.string()), ("found", pa.string()), ("bits", pa.float64())])
PAIRS = pa.schema({"left": pa.int64(), "right": pa.int64(), "bits": pa.float64(), "why": pa.list_(FINDING)})
"""Pairs of rows; ``bits`` is log2 of the odds that they are one person; ``why`` adds up to it, the prior first."""


@dataclass(frozen=True)
class Scored:
    """Pairs with their weights, and what was not compared."""

    pairs: pa.Table
    """`PAIRS`, heaviest first. Of equal records only the first is paired with others, and every other with the first."""
    compared: int
    """Pairs compared, at most."""
    first: Places
    """For each record the first that is equal to it."""
    left_out: LeftOut
    """Who was compared with nobody."""


def score(
    table: pa.Table,
    model: dict[str, Any],
    *,
    new: Collection[int] | None = None,
    least_bits: float = LEAST_BITS,
    opened: OpenLinker = open_linker,
) -> Scored:
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
    opened
        Where pairs are compared: DuckDB on this machine, or `allears.know.link.on_spark`.
    """
    first = first_of_equals(table)
    ones, copies = np.flatnonzero(first == np.arange(len(first))), seconds(first)
    blocked, counts, left_out = block(table.take(pa.array(ones)), stands_for=np.bincount(first)[ones])
    compared = sum(counts.values()) + len(copies)
    if not compared:
        return Scored(PAIRS.empty_table(), 0, first, left_out)
    rules = [{"blocking_rule": f"l.{name} = r.{name}"} for name in counts]
    linker = opened(blocked, {**model, "blocking_rules_to_generate_predictions": rules})
    asked = None if new is None else _places(new, len(first))
    terms, how = _terms(model), {"threshold_match_weight": least_bits, "warning_mode": "never"}
    with quiet():
        for field in terms.values():
            linker.table_management.register_term_frequency_lookup(
                linker._db_api.register(_rarity(table[field], field)), field
            )
        found: list[pa.Table] = []
        if asked is not None:
            copies = copies[(np.bincount(first, asked, len(first)) > 0)[first[copies]]]
            found = _of_new(linker, blocked, pa.array(asked[ones]), how) if counts else []
        elif counts:
            found = [linker.inference.predict(**how).as_pyarrow_table()]
        if len(copies):
            found.append(_of_copies(linker, table, terms, first, copies, least_bits))
    pairs = [_pairs(some, model) for some in found]
    whole = spread(pa.concat_tables([PAIRS.empty_table(), *pairs]), first, asked)
    heaviest = [("bits", "descending"), ("left", "ascending"), ("right", "ascending")]
    return Scored(whole.sort_by(heaviest), compared, first, left_out)


def _of_new(linker: Any, table: pa.Table, asked: pa.Array, how: dict[str, Any]) -> list[pa.Table]:
    fresh, known = table.filter(asked), table.filter(pc.invert(asked))
    given = linker._db_api.register(fresh)
    found = [linker.inference.predict_within(given, **how)]
    if known.num_rows:
        found.append(linker.inference.predict_between(given, linker._db_api.register(known), **how))
    return [some.as_pyarrow_table() for some in found]


def _of_copies(
    linker: Any, table: pa.Table, terms: Mapping[str, str], first: Places, copies: Places, least_bits: float
) -> pa.Table:
    """Compare records with a copy of themselves; how rare their values are, the others tell: else whoever is there often would seem common."""
    sides = [table.take(pa.array(side)) for side in (first[copies], copies)]
    given = [linker._db_api.register(side.append_column("one", pa.array(first[copies]))) for side in sides]
    rules = ["l.one = r.one"]
    scored = linker.inference.predict_between(
        *given, blocking_rules_to_generate_predictions=rules, warning_mode="never"
    ).as_pyarrow_table()
    one = np.minimum(*(scored[f"{ID}_{side}"].combine_chunks().to_numpy() for side in "lr")).astype(np.int64)
    own = np.bincount(first)[one] - 1
    bits = _floats(scored["match_weight"])
    for name, field in terms.items():
        codes, values = told_apart(table[field])
        told, code = int((codes >= 0).sum()), codes[one]
        share = np.bincount(codes[codes >= 0], minlength=values + 1)[code]
        others = np.maximum((share - own) / np.maximum(told - own, 1), RAREST)
        rarer = np.where(code < 0, 0, np.log2(np.maximum(share / max(told, 1), RAREST) / others))
        adjusted = f"mw_tf_adj_{name}"
        scored = _with(scored, adjusted, _floats(scored[adjusted]) + rarer)
        bits = bits + rarer
    return _with(scored, "match_weight", bits).filter(pa.array(bits >= least_bits))


def _with(table: pa.Table, column: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(column), column, pa.array(values))


def _rarity(values: pa.ChunkedArray, field: str) -> pa.Table:
    """Say how frequent each value is among all records, equal ones counted."""
    counted = pc.value_counts(values.drop_null())
    share = pc.divide(counted.field("counts").cast(pa.float64()), max(len(values) - values.null_count, 1))
    return pa.table({field: counted.field("values"), f"tf_{field}": share})


def _places(new: Collection[int], records: int) -> npt.NDArray[np.bool_]:
    asked = np.zeros(records, np.bool_)
    asked[np.fromiter(new, np.int64, len(new))] = True
    return asked


def _terms(model: dict[str, Any]) -> dict[str, str]:
    """Give the comparisons in which a rare value says more, and the field whose values they count."""
    steps = ((c["output_column_name"], s) for c in model["comparisons"] for s in c["comparison_levels"])
    return {name: s["tf_adjustment_column"] for name, s in steps if s.get("tf_adjustment_column")}


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
