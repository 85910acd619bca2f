"""Link: records that are probably one person, by names, birthdays, places and addresses, learned without labels (Splink).

Nobody is joined by a name alone; each pair says why, in bits per field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from allears.know.link.blocks import LeftOut
from allears.know.link.columns import columns_of, tidy
from allears.know.link.decide import AUTOMATIC, QUEUE, Thresholds, cluster, decide
from allears.know.link.held import held_out
from allears.know.link.learn import OpenLinker, learn, open_linker
from allears.know.link.score import Scored, score
from allears.know.link.truth import evaluate

__all__ = ["Linked", "Thresholds", "evaluate", "hold_out", "learn", "link", "tidy"]


@dataclass(frozen=True)
class Linked:
    """What linking found."""

    pairs: pa.Table
    """`allears.know.link.score.PAIRS` and ``decision``: ``automatic`` or ``queue``, heaviest first."""
    clusters: npt.NDArray[np.int64]
    """A person's number per record."""
    model: dict[str, Any]
    """The weights, to score later records with."""
    compared: int
    """Pairs compared, at most."""
    first: npt.NDArray[np.int64]
    """For each record the first that says the very same; pairs name that one, and every other only beside it."""
    left_out: LeftOut
    """Records compared with nobody, since what they share is too common."""
    columns: dict[str, str]
    """Which column was read as which field."""


def link(
    people: pa.Table,
    *,
    today: date,
    columns: Mapping[str, str] | None = None,
    thresholds: Thresholds | None = None,
    model: dict[str, Any] | None = None,
    seed: int = 0,
    opened: OpenLinker = open_linker,
) -> Linked:
    """Find records that are one person.

    Parameters
    ----------
    people
        One row per record; any of the columns of `allears.know.link.columns.NAMED`, any of them missing.
    today
        Births after this day are mistakes.
    columns
        Field to column, where names do not say it.
    thresholds
        From which weight on pairs are joined, or shown to a steward.
    model
        Weights learned earlier; learned from these records when not given.
    seed
        Of the random pairs that weights are learned from.
    opened
        Where pairs are compared; weights are learned here.

    Raises
    ------
    Refused
        No column says who somebody is.
    NotReady
        Too few records to learn from, or Splink is not installed.
    """
    chosen = columns_of(people.column_names, columns)
    table = tidy(people, chosen, today)
    weights = model or learn(table, seed=seed)
    scored, decisions, clusters = _joined(table, weights, thresholds or Thresholds(), opened)
    pairs = scored.pairs.append_column("decision", decisions)
    kept = pc.is_in(decisions, pa.array([AUTOMATIC, QUEUE]))
    return Linked(
        pairs.filter(kept), clusters, weights, scored.compared, scored.first, scored.left_out, chosen
    )


def hold_out(
    people: pa.Table,
    field: str,
    *,
    today: date,
    columns: Mapping[str, str] | None = None,
    thresholds: Thresholds | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Estimate recall without labels: hide an identifier, and see whether those who share it are found by the rest.

    Parameters
    ----------
    people, today, columns, thresholds, seed
        As for `link`.
    field
        ``email``, ``phone`` or ``number``.

    Returns
    -------
    dict
        What `allears.know.link.held.held_out` gives.
    """
    table = tidy(people, columns_of(people.column_names, columns), today)
    limits = thresholds or Thresholds()
    return held_out(table, field, lambda rest: _joined(rest, learn(rest, seed=seed), limits)[2])


def _joined(
    table: pa.Table, weights: dict[str, Any], limits: Thresholds, opened: OpenLinker = open_linker
) -> tuple[Scored, pa.Array, npt.NDArray[np.int64]]:
    scored = score(table, weights, opened=opened)
    decisions = decide(scored.pairs, limits)
    return scored, decisions, cluster(table.num_rows, scored.pairs, decisions, families=limits.families)
