"""Learn: what agreeing and differing is worth, from the records alone, without a label.

How often strangers agree (u) comes from random pairs; how often the same person agrees (m) from expectation maximisation over
pairs that share something, once for each of several keys so that every field is free at least once; how rare a match is from
rules that hardly ever err.

References
----------
.. [1] I. P. Fellegi, A. B. Sunter (1969), A theory for record linkage, JASA 64, 1183-1210.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import pyarrow as pa

from allears.errors import NotReady, WorldFailed
from allears.know.link.columns import FIELDS, ID
from allears.know.link.comparisons import comparisons
from allears.know.link.equal import at_most

OpenLinker = Callable[[pa.Table, dict[str, Any]], Any]
"""Gives a Splink linker over some records."""
METHOD = "splink-2"
"""Goes up when the same records would get other weights."""
FEWEST_RECORDS = 20
MOST_RECORDS = 200_000
"""A random part of a larger table teaches the same weights: none of them depends on how many records there are."""
MOST_COPIES = 10
"""Of five thousand copies of one row each pair would say the same again, and drown what everybody else teaches."""
RANDOM_PAIRS = 4e5
EM_PAIRS = 2e5
EM_ROUNDS = 15
RULES_FIND = 0.7
"""Share of true pairs that the rules below are taken to find: assumed, not measured. It moves all weights alike, by a bit at most."""
LEAST, MOST = 1e-6, 0.999
LEAST_M = 0.005
"""In one of 200 records anything may be wrong, however clean the pairs were that weights are learned from."""
APART_BITS = 1e-3
"""No two steps of a field weigh the same, so that a weight tells which step it was."""

RULES: tuple[tuple[str, ...], ...] = (
    ("number", "surname"), ("number", "name"), ("number", "birth"),
    ("email", "surname"), ("email", "given"), ("email", "name"), ("email", "birth"),
    ("phone", "surname"), ("phone", "given"), ("phone", "name"), ("phone", "birth"),
    ("given", "surname", "birth"), ("name", "birth"),
    ("given", "surname", "address"), ("name", "address"),
    ("given", "surname", "postcode"), ("name", "postcode"),
)  # fmt: skip
"""Who agrees in one of these is hardly ever somebody else."""
TRAINING: tuple[tuple[str, ...], ...] = (
    ("given", "surname"), ("birth",), ("email",), ("phone",), ("name",), ("address",), ("number",), ("surname", "postcode"), ("surname", "city"),
)  # fmt: skip
"""Keys to train by: every field is outside two of them at least, where so many fields are there."""

# m and u of the steps from "the same" to "different" where nothing could be learned: cautious, and the same for all fields.
_M = {2: (0.9, 0.1), 3: (0.85, 0.08, 0.07), 4: (0.8, 0.08, 0.05, 0.07), 5: (0.75, 0.08, 0.05, 0.05, 0.07), 6: (0.7, 0.02, 0.1, 0.06, 0.05, 0.07)}  # fmt: skip


def learn(table: pa.Table, *, seed: int = 0) -> dict[str, Any]:
    """Learn the weights of a table of records.

    Parameters
    ----------
    table
        What `tidy` gave.
    seed
        Of the random pairs.

    Returns
    -------
    dict
        Splink's own settings with every weight filled in: numbers and rules, nobody's values.

    Raises
    ------
    NotReady
        Too few records to learn from, or all of them blank.
    """
    if table.num_rows < FEWEST_RECORDS:
        raise NotReady(
            f"weights need at least {FEWEST_RECORDS} records to learn from; there are {table.num_rows}",
            got=table.num_rows,
            needed=FEWEST_RECORDS,
        )
    fields = [f for f in FIELDS if f in table.column_names]
    if all(table[f].null_count == table.num_rows for f in fields):
        raise NotReady("no record says anything to compare: every field is blank in all of them")
    if table.num_rows > MOST_RECORDS:
        # At random: who is there twice often stands in neighbouring rows.
        some = np.random.default_rng(seed).choice(table.num_rows, MOST_RECORDS, replace=False)
        table = table.take(pa.array(np.sort(some)))
    table = at_most(table, MOST_COPIES)
    linker = open_linker(table, settings(fields))
    with quiet():
        linker.training.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=seed)
        _rarity(linker, table, fields)
        for key in _usable(TRAINING, fields):
            _maximise(linker, key)
        return _sound(linker.misc.save_model_to_json())


def settings(fields: Collection[str]) -> dict[str, Any]:
    """Give Splink's settings before anything is learned."""
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": ID,
        "comparisons": comparisons(fields),
        "blocking_rules_to_generate_predictions": [],
        "retain_intermediate_calculation_columns": True,
        "retain_matching_columns": False,
        "max_iterations": EM_ROUNDS,
        "em_convergence": 0.001,
    }


def open_linker(table: pa.Table, how: dict[str, Any]) -> Any:
    """Give a Splink linker on DuckDB over some records.

    Raises
    ------
    NotReady
        Splink is not installed.
    """
    try:
        from splink import DuckDBAPI, Linker
    except ImportError:
        raise NotReady("linking needs Splink: install `allears[link]`") from None
    with quiet():
        api = DuckDBAPI()
        return Linker(api.register(table), how)


class quiet:
    """Splink's own messages stay out of ours (they are advice for whoever writes settings by hand), and its errors become ours."""

    def __enter__(self) -> None:
        logging.getLogger("splink").setLevel(logging.CRITICAL)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        logging.getLogger("splink").setLevel(logging.WARNING)
        if kind is not None and kind.__module__.split(".")[0] in (
            "splink",
            "duckdb",
            "_duckdb",
            "pyspark",
            "py4j",
        ):
            # Their messages quote the query, and may quote a value.
            raise WorldFailed(f"linking failed inside Splink: {kind.__name__}") from None


def _usable(keys: Sequence[tuple[str, ...]], fields: Collection[str]) -> list[tuple[str, ...]]:
    return [key for key in keys if set(key) <= set(fields)]


def _rarity(linker: Any, table: pa.Table, fields: Collection[str]) -> None:
    rules = [" and ".join(f"l.{f} = r.{f}" for f in key) for key in _usable(RULES, fields)]
    records = table.num_rows
    found = 1 / records
    if rules:
        try:
            linker.training.estimate_probability_two_random_records_match(rules, recall=RULES_FIND)
            found = linker._settings_obj._probability_two_random_records_match
        except ValueError:  # more than the recall allows: nearly everybody is the same
            found = 0.5
    # At least one pair in the whole table, so that weights stay finite.
    least = 2 / (records * (records - 1))
    linker._settings_obj._probability_two_random_records_match = min(max(found, least), 0.5)


def _maximise(linker: Any, key: tuple[str, ...]) -> None:
    from splink import block_on

    before = deepcopy(linker._settings_obj)
    try:
        linker.training.estimate_parameters_using_expectation_maximisation(
            block_on(*key), estimate_without_term_frequencies=True, max_pairs=EM_PAIRS
        )
    except Exception as error:
        # No pair shares this key, or one step never occurs: the other keys teach what they can.
        if type(error).__name__ not in (
            "EMTrainingException",
            "SplinkException",
            "ZeroDivisionError",
            "ValueError",
        ):
            raise
        linker._settings_obj = before


def _sound(model: dict[str, Any]) -> dict[str, Any]:
    """Fill what could not be learned, and let no step be worth more than the step above it."""
    for comparison in model["comparisons"]:
        steps = [s for s in comparison["comparison_levels"] if not s.get("is_null_level")]
        defaults = _M[len(steps)]
        m = [max(_number(s.get("m_probability"), d), LEAST_M) for s, d in zip(steps, defaults, strict=True)]
        u = [_number(s.get("u_probability"), LEAST) for s in steps]
        if m[0] < 0.3 or m[-1] > 0.6:
            # Expectation maximisation found something else than persons, such as households or nobody.
            m = list(defaults)
        bits = [math.log2(a / b) for a, b in zip(m, u, strict=True)]
        for at in range(1, len(steps)):
            bits[at] = min(bits[at], bits[at - 1] - APART_BITS)
        for step, chance, weight in zip(steps, u, bits, strict=True):
            step["m_probability"], step["u_probability"] = chance * 2**weight, chance
    return model


def _number(value: Any, default: float) -> float:
    return min(max(float(value), LEAST), MOST) if isinstance(value, int | float) else default
