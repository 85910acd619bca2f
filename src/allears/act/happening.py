"""What happened that a playbook may answer: to an issue, to a service, to one customer."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from allears.act.issue import Change
from allears.act.playbook import CustomerHit, DetractorAnswered, Event, Playbook
from allears.act.scene import Scene


class Happening(msgspec.Struct, frozen=True):
    """One thing that happened. ``key`` is the same whenever the same thing is told again."""

    what: str
    key: str
    at: datetime
    issue: dict[str, Any] | None = None
    customer: str | None = None
    facts: dict[str, Any] = msgspec.field(default_factory=dict)


def burn(service: str, rate: float, at: datetime, *, objective: str = "") -> Happening:
    """Tell that a service burns its error budget; once per service and day."""
    return Happening(
        "burn", f"burn:{service}:{objective}:{at:%Y-%m-%d}", at, facts={"service": service, "rate": rate}
    )


def verdict(issue: Mapping[str, Any], said: str, at: datetime) -> Happening:
    """Tell what was measured after a fix; once per issue, fix and verdict."""
    return Happening(
        "verdict",
        f"verdict:{issue['id']}:{_day(issue.get('fixed_at'))}:{said}",
        at,
        issue=dict(issue),
        facts={"said": said},
    )


def segment_moment(segment: str, what: str, customer: str, at: datetime) -> Happening:
    """Tell that a customer entered or left a segment; once per customer and moment."""
    key = f"segment:{segment}:{what}:{customer}:{at.isoformat()}"
    return Happening(f"segment {what}", key, at, customer=customer, facts={"segment": segment})


def from_changes(changes: Iterable[Change], at: datetime) -> list[Happening]:
    """Turn changes of issues into happenings.

    An issue that grows is told again as opened, under the same key: a playbook that asks for many customers answers
    once there are many, and those who met it later are still reached.
    """
    names = {
        "new": "issue opened",
        "grown": "issue opened",
        "fixed": "issue fixed",
        "reopened": "issue reopened",
    }
    return [_about(names[c.what], c.issue, at) for c in changes if c.what in names and _running(c)]


def from_issues(
    issues: Iterable[Mapping[str, Any]],
    scene: Scene,
    since: datetime,
    until: datetime,
    every: timedelta = timedelta(hours=6),
) -> list[Happening]:
    """Turn the record of issues into what could be known of them in a while: found, growing step by step, fixed.

    Counts are those of the signals that had arrived by each step, where the scene knows them; score and growth are
    the record's last.
    """
    found = []
    for issue in issues:
        steps = _growth(issue, scene, until, every)
        found += [_about("issue opened", grown, at) for at, grown in steps if since < at <= until]
        fixed_at = issue.get("fixed_at")
        if fixed_at is not None and since < fixed_at <= until:
            found.append(_about("issue fixed", dict(issue), fixed_at))
    return found


def from_signals(playbook: Playbook, scene: Scene, since: datetime, until: datetime) -> list[Happening]:
    """Find what happened to single customers in a while, by arrival, that this playbook listens for."""
    when, table = playbook.when, scene.signals
    if isinstance(when, CustomerHit):
        return _hits(when, table, since, until)
    arrived = pc.and_(
        pc.greater(table["received_at"], _time(since)), pc.less_equal(table["received_at"], _time(until))
    )
    if isinstance(when, DetractorAnswered):
        return [
            _of(row, "detractor answered", {"rating": row["rating"]})
            for row in _answers(when, table.filter(arrived))
        ]
    if isinstance(when, Event):
        table = table.filter(arrived)
        named = pc.and_(
            pc.equal(table["kind"], "event"), pc.is_in(table["name"], value_set=pa.array(when.names))
        )
        rows = table.filter(pc.and_(named, pc.is_valid(table["customer_key"]))).to_pylist()
        return [_of(row, "event", {"name": row["name"]}) for row in rows]
    return []


def _running(change: Change) -> bool:
    return change.what != "grown" or change.issue["state"] in ("open", "acknowledged")


def _growth(
    issue: Mapping[str, Any], scene: Scene, until: datetime, every: timedelta
) -> list[tuple[datetime, dict[str, Any]]]:
    at, arrivals = issue["detected_at"], scene.arrivals(str(issue["id"]))
    if not arrivals:
        return [(at, dict(issue))]
    writers = list(scene.wrote_first(str(issue["id"])).values())
    end = min(until, issue.get("fixed_at") or issue.get("closed_at") or until)
    steps: list[tuple[datetime, dict[str, Any]]] = []
    while at <= end:
        count = bisect_right(arrivals, at)
        if not steps or count > steps[-1][1]["signals"]:
            steps.append((at, dict(issue) | {"signals": count, "customers": bisect_right(writers, at)}))
        if count == len(arrivals):
            break
        at += every
    return steps


def _answers(when: DetractorAnswered, table: pa.Table) -> list[dict[str, Any]]:
    low = pc.less_equal(table["rating"], when.at_most + 1e-9)
    kept = pc.and_(pc.and_(pc.equal(table["kind"], "feedback"), low), pc.is_valid(table["customer_key"]))
    if when.scale:
        kept = pc.and_(kept, pc.is_in(table["rating_scale"], value_set=pa.array(when.scale)))
    rows: list[dict[str, Any]] = table.filter(kept).to_pylist()
    return rows


def _hits(when: CustomerHit, table: pa.Table, since: datetime, until: datetime) -> list[Happening]:
    kept = pc.and_(pc.equal(table["kind"], "telemetry"), pc.invert(pc.fill_null(table["ok"], True)))
    kept = pc.and_(
        pc.and_(kept, pc.is_valid(table["customer_key"])), pc.less_equal(table["received_at"], _time(until))
    )
    if when.service:
        kept = pc.and_(kept, pc.is_in(table["service"], value_set=pa.array(when.service)))
    failures = table.filter(kept)
    failures = failures.take(
        pc.sort_indices(failures, [("customer_key", "ascending"), ("received_at", "ascending")])
    )
    back = when.failures - 1
    if failures.num_rows <= back:
        return []
    who = failures["customer_key"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    times = failures["received_at"].combine_chunks().cast(pa.int64()).to_numpy(zero_copy_only=False)
    span = timedelta(hours=when.within_hours) // timedelta(microseconds=1)
    # The failure that is `back` places earlier must be the same customer's and recent enough.
    hit = np.zeros(len(who), bool)
    hit[back:] = (who[back:] == who[: len(who) - back]) & (times[back:] - times[: len(times) - back] <= span)
    first: dict[str, Happening] = {}
    for row in failures.filter(pa.array(hit)).to_pylist():
        key = f"hit:{row['customer_key']}:{row['received_at']:%Y-%m-%d}"
        first.setdefault(
            key,
            Happening(
                "customer hit",
                key,
                row["received_at"],
                customer=row["customer_key"],
                facts={"failures": when.failures},
            ),
        )
    return [happening for happening in first.values() if happening.at > since]


def _of(row: Mapping[str, Any], what: str, facts: dict[str, Any]) -> Happening:
    return Happening(
        what, f"{what}:{row['signal_id']}", row["received_at"], customer=row["customer_key"], facts=facts
    )


def _about(what: str, issue: dict[str, Any], at: datetime) -> Happening:
    # An issue is found once, but may be fixed and come back several times.
    when = "" if what == "issue opened" else _day(issue.get("fixed_at"))
    return Happening(what, f"{what}:{issue['id']}:{when}", at, issue=issue)


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment is not None else ""


def _time(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, pa.timestamp("us", tz="UTC"))
