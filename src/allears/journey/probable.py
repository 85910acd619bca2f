"""Customers of a space that are probably one: found by what they told, joined when sure, left to a steward when not.

What is joined is a steward's merge with the actor ``link``, so taking it back gives the exact earlier state. A pair that somebody
refused, or took back, is kept apart by the graph, and is not shown again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa
from sqlalchemy import func, select

from allears.desk.identity import Profile
from allears.errors import Refused
from allears.journey import models, stewards
from allears.journey.ground import Ground
from allears.journey.questions import publish
from allears.know.link import Thresholds, learn, queue, tidy
from allears.know.link.columns import FIELDS
from allears.know.link.decide import AUTOMATIC, QUEUE, cluster, decide
from allears.know.link.learn import METHOD
from allears.know.link.score import score
from allears.know.profile import Profiles

ACTOR = "link"
MODEL = "link"
KINDS = {"birthday": "birth", "address": "address", "email": "email", "phone": "phone"}
OVERLAP = timedelta(hours=1)
"""Looked at again each time: batches of several processes end out of order."""
_AT_ONCE = 5000


class Learned(msgspec.Struct):
    """Weights, and how far the space was looked through with them. Numbers and rules, nobody's values."""

    method: str
    model: dict[str, Any]
    records: int
    looked_at: datetime


def look_for_links(ground: Ground, *, relearn: bool = False) -> dict[str, Any]:
    """Compare customers by what they told; only those new or changed since the last time, unless the weights are learned anew.

    Parameters
    ----------
    ground
        The space.
    relearn
        Learn the weights again; done anyway the first time, and when there are twice as many customers as then.

    Returns
    -------
    dict
        ``customers`` that told something, ``new`` ones compared, those ``not_compared`` with anybody since what they share is too common, pairs ``joined``, ``waiting`` and ``forbidden``, and whether weights were ``learned``.

    Raises
    ------
    NotReady
        Fewer than twenty customers told something, or Splink is not installed.
    """
    now = ground.clock.now()
    customers, people, changed = _people(ground)
    table = tidy(people, {name: name for name in people.column_names}, now.date())
    before = _learned(ground)
    fields = [f for f in FIELDS if f in table.column_names]
    fresh = (
        relearn
        or before is None
        or before.method != METHOD
        or table.num_rows >= 2 * before.records
        or fields != _fields(before)
    )
    model = learn(table) if fresh or before is None else before.model
    new = (
        None
        if fresh or before is None
        else [at for at, time in enumerate(changed) if time > before.looked_at - OVERLAP]
    )
    scored = score(table, model, new=new) if new is None or new else score(table.slice(0, 0), model)
    pairs = scored.pairs
    limits = Thresholds()
    decisions = decide(pairs, limits)
    groups = cluster(table.num_rows, pairs, decisions, families=limits.families)
    counts = _keep(ground, customers, pairs, decisions, groups, now)
    if counts[queue.JOINED]:
        publish(ground)
    latest = max(changed, default=now)
    kept = Learned(METHOD, model, before.records if before and not fresh else table.num_rows, latest)
    models.keep(ground, MODEL, msgspec.json.encode(kept), at=now, note=f"{kept.records} customers")
    ground.audit.record(ACTOR, "customer.link", "space", detail=dict(counts))
    return {
        "customers": len(customers),
        "new": len(customers) if new is None else len(new),
        "not_compared": scored.left_out.records,
        **counts,
        "learned": fresh,
    }


def _people(ground: Ground) -> tuple[list[str], pa.Table, list[datetime]]:
    """Give one record per customer that told something, and when it last did. Values stay in this process."""
    with ground.desk.reading() as session:
        told = session.execute(
            select(Profile.customer, func.max(Profile.learnt_at))
            .group_by(Profile.customer)
            .order_by(Profile.customer)
        ).all()
    back = ground.gate.restricted("service")
    told = [row for row in told if row[0] not in back]
    customers = [customer for customer, _ in told]
    profiles = Profiles(ground.desk, ground.vault.seal, ground.vault.open, remembered=_AT_ONCE)
    rows: list[dict[str, str | None]] = []
    for start in range(0, len(customers), _AT_ONCE):
        some = pa.array(customers[start : start + _AT_ONCE], pa.string())
        rows += [record_of(known or ()) for known in profiles.known(some)]
    schema = pa.schema([(name, pa.string()) for name in ("name", *KINDS.values())])
    times = [time if time.tzinfo else time.replace(tzinfo=UTC) for _, time in told]
    return customers, pa.Table.from_pylist(rows, schema=schema), times


def record_of(known: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    """Make a record to compare of a profile. Given and family name come apart from some sources, so names are words of one field."""
    record: dict[str, str | None] = dict.fromkeys(("name", *KINDS.values()))
    words: list[str] = []
    for kind, value in known:
        if kind == "name":
            words += [word for word in value.split() if word.lower() not in (w.lower() for w in words)]
        elif kind in KINDS and record[KINDS[kind]] is None:
            record[KINDS[kind]] = value
    record["name"] = " ".join(words) or None
    return record


def _keep(
    ground: Ground, customers: list[str], pairs: pa.Table, decisions: pa.Array, groups: Any, now: datetime
) -> dict[str, int]:
    """Join what is sure, and queue the rest; whatever was decided before stays decided."""
    counts = {queue.JOINED: 0, queue.WAITING: 0, queue.FORBIDDEN: 0}
    sure: list[dict[str, Any]] = []
    unsure: list[dict[str, Any]] = []
    for row, decision in zip(pairs.to_pylist(), decisions.to_pylist(), strict=True):
        if decision == AUTOMATIC and groups[row["left"]] == groups[row["right"]]:
            sure.append(row)
        elif decision in (AUTOMATIC, QUEUE):
            unsure.append(row)
    # Who waits is named by whom the sure ones leave.
    for some, joining in ((sure, True), (unsure, False)):
        before = set(stewards.both_today(ground, queue.listed(ground.desk, None)))
        for row in some:
            left, right = today_of(ground, (customers[row["left"]], customers[row["right"]]))
            both = frozenset((left, right))
            if left == right or both in before or ground.graph.kept_apart(left, right):
                continue
            state, act, note = _join(ground, left, right, row) if joining else (queue.WAITING, None, "")
            queue.offer(
                ground.desk,
                [
                    {
                        "left": left, "right": right, "bits": row["bits"], "why": row["why"], "state": state, "act": act, "note": note,
                        "method": METHOD, "found_at": now, "decided_at": now if joining else None, "decided_by": ACTOR if joining else None,
                    }
                ],
            )  # fmt: skip
            counts[state] += 1
            before.add(both)
    return counts


def _join(ground: Ground, left: str, right: str, row: dict[str, Any]) -> tuple[str, str | None, str]:
    why = in_words(row["why"])
    try:
        act = ground.graph.merge(left, right, why, ACTOR)
    except Refused as no:
        return queue.FORBIDDEN, None, no.message
    ground.audit.record(ACTOR, "customer.merge", left, why=why, detail={"act": act})
    return queue.JOINED, act, ""


def in_words(why: list[dict[str, Any]]) -> str:
    """Say in one line what each field adds, the most telling first.

    Examples
    --------
    >>> in_words([{"field": "before comparing", "found": "", "bits": -9.0}, {"field": "birth", "found": "the same", "bits": 7.2}])
    'birth the same +7.2'
    """
    told = sorted((w for w in why[1:] if w["bits"]), key=lambda w: -abs(w["bits"]))
    return "; ".join(f"{w['field']} {w['found']} {w['bits']:+.1f}" for w in told)


def today_of(ground: Ground, customers: tuple[str, str]) -> tuple[str, str]:
    """Give the customers that two ids belong to today."""
    left, right = ground.graph.resolve_keys(pa.array(customers, pa.string())).to_pylist()
    return left, right


def _learned(ground: Ground) -> Learned | None:
    content = models.load(ground, MODEL)
    return msgspec.json.decode(content, type=Learned) if content else None


def _fields(before: Learned) -> list[str]:
    return [c["output_column_name"] for c in before.model["comparisons"]]
