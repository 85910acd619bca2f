"""Decide: which pairs are one person by themselves, which a steward should look at, and who is who after that.

A pair joins by itself above one threshold only when fields of two different sorts agree, one of them not a name, and
nothing that a person has only one of differs. Two groups of records are not joined over such a difference either,
however many links lead from one to the other.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from allears.errors import Refused
from allears.know.link.comparisons import DIFFERENT, SAME, agreeing

AUTOMATIC, QUEUE, TOO_WEAK = "automatic", "queue", "too weak"
SORTS = {
    "given": "name", "surname": "name", "name": "name", "birth": "birth", "address": "place", "postcode": "place",
    "city": "place", "place": "place", "email": "email", "phone": "phone", "number": "number",
}  # fmt: skip
"""What counts as one piece of evidence: street, postcode and city say the same thing."""
ONLY_ONE = ("birth", "number", "given")
"""A person has one birthday, one number and one given name."""


@dataclass(frozen=True)
class Thresholds:
    """From which chance on pairs are joined, or shown to a steward.

    Parameters
    ----------
    automatic
        Joined from this chance on that both are one person, 0.5 to 1.
    queue
        Shown to a steward from here on.
    families
        Whether a given name, birthday or number that differs outright sends a pair to the queue whatever else agrees:
        twins share all but their given name, father and son all but their birthday. Not where the number is the same.
    """

    automatic: float = 0.99
    queue: float = 0.9
    families: bool = True

    def __post_init__(self) -> None:
        if not 0.5 <= self.queue <= self.automatic < 1:
            raise Refused("expected 0.5 <= queue <= automatic < 1", place="--automatic")


def decide(pairs: pa.Table, thresholds: Thresholds | None = None) -> pa.Array:
    """Say for each scored pair: ``automatic``, ``queue`` or ``too weak``."""
    limits = thresholds or Thresholds()
    if not pairs.num_rows:
        return pa.array([], pa.string())
    fields, agree, differ = findings(pairs)
    evidence = np.zeros((pairs.num_rows, len(set(SORTS.values()))), np.bool_)
    sorts = list(dict.fromkeys(SORTS.values()))
    apart = np.zeros(pairs.num_rows, np.bool_)
    for at, field in enumerate(fields):
        if field in SORTS:
            evidence[:, sorts.index(SORTS[field])] |= agree[:, at]
        if limits.families and field in ONLY_ONE:
            apart |= differ[:, at]
    beyond_name = np.delete(evidence, sorts.index("name"), axis=1).any(axis=1)
    bits = pairs["bits"].combine_chunks().to_numpy()
    shown = (bits >= bits_of(limits.queue)) & beyond_name
    joined = (bits >= bits_of(limits.automatic)) & shown & (evidence.sum(axis=1) >= 2) & ~apart
    return pa.array(np.select([joined, shown], [AUTOMATIC, QUEUE], TOO_WEAK))


def bits_of(chance: float) -> float:
    """Turn a chance into log2 of its odds."""
    return math.log2(chance / (1 - chance))


def findings(pairs: pa.Table) -> tuple[list[str], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Give the fields compared, and per pair and field whether they agree, and whether they differ so that it matters."""
    flat = pc.list_flatten(pairs["why"]).combine_chunks()
    width = len(flat) // pairs.num_rows
    fields = pc.struct_field(flat.slice(0, width), "field").to_pylist()
    found = pc.struct_field(flat, "found").dictionary_encode()
    words = found.dictionary.to_pylist()
    codes = found.indices.to_numpy().reshape(-1, width)
    weights = pc.struct_field(flat, "bits").to_numpy().reshape(-1, width)
    agree = np.array([agreeing(word) for word in words])[codes] & (weights > 0)
    differ = np.array([word == DIFFERENT for word in words])[codes]
    if "number" in fields:
        # Twins share much, but no number: who gives the same one is one person, whatever was mistyped beside it.
        same = np.array([word == SAME for word in words])[codes[:, fields.index("number")]]
        differ &= ~same[:, None]
    return fields, agree, differ


def cluster(
    records: int, pairs: pa.Table, decisions: pa.Array, *, families: bool = True
) -> npt.NDArray[np.int64]:
    """Join records by automatic pairs, strongest first; with ``families`` never over a birthday or number that differs.

    Returns
    -------
    ndarray
        A number per record, counted from 0 by first appearance.
    """
    owner = np.arange(records)
    if pairs.num_rows:
        sure = pc.equal(decisions, AUTOMATIC)
        members: dict[int, list[int]] = {}
        barred = _barred(pairs) if families else {}
        # `pairs` come heaviest first, so the strongest link is taken before it could be barred by a weaker one.
        left, right = (pairs[side].filter(sure).to_pylist() for side in ("left", "right"))
        for a, b in zip(left, right, strict=True):
            one, other = int(owner[a]), int(owner[b])
            if one == other:
                continue
            ours, theirs = members.get(one, [one]), members.get(other, [other])
            if barred and any(not barred[x].isdisjoint(theirs) for x in ours if x in barred):
                continue
            if len(ours) < len(theirs):
                one, other, ours, theirs = other, one, theirs, ours
            owner[theirs] = one
            members[one] = ours + theirs
            members.pop(other, None)
    _, first, inverse = np.unique(owner, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def _barred(pairs: pa.Table) -> dict[int, set[int]]:
    """Give pairs that looked alike and yet differ in what a person has only one of."""
    fields, _, differ = findings(pairs)
    apart = np.zeros(pairs.num_rows, np.bool_)
    for at, field in enumerate(fields):
        if field in ONLY_ONE and field != "given":
            apart |= differ[:, at]
    barred: dict[int, set[int]] = defaultdict(set)
    where = pa.array(apart)
    for a, b in zip(
        pairs["left"].filter(where).to_pylist(), pairs["right"].filter(where).to_pylist(), strict=True
    ):
        barred[a].add(b)
        barred[b].add(a)
    return dict(barred)
