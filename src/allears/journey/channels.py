"""Channels: the listening watched like any other service, and an issue when a source goes silent.

Everything is read from the desk's own small counts, so the answer is quick however many signals there are.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from allears.act import issue as issue_desk
from allears.act.issue import SYSTEM
from allears.desk.listening import RefusedRow, Source, SourceField, SourceHour
from allears.foresee.expected import Calendar
from allears.foresee.flow import METHOD, WEEK, Flow, flow
from allears.journey.ground import Ground
from allears.journey.heard import COUNTS, LOOKED
from allears.measure.intervals import wilson

Floats = NDArray[np.float64]

DAYS = 56
HOUR = timedelta(hours=1)
SILENCE = "listening/silence"
SHARE_OF_BUDGET = 0.02
"""Part of the watch's budget of false alarms that silences may spend, all sources together."""
REFUSED_AT_MOST, HEARD_AT_LEAST = 1.0, 99.0
"""Objectives of every source, percent: rows refused in a week, and busy hours of four weeks in which it was heard."""
BUSY = 5.0
DRIFT = timedelta(days=7)
ENDED = timedelta(days=14)
SURELY_MISSED = 20.0
REASONS = 2_000


@dataclass(frozen=True)
class _Heard:
    """Counts of every source by hour: those that have ended, and who was heard in the running one."""

    begin: int
    counts: Mapping[str, Mapping[str, Floats]]
    listening: NDArray[np.bool_]
    flows: Mapping[str, Flow]
    running: frozenset[str]

    def silent(self, source: str) -> bool:
        """Whether a source has gone silent."""
        return source not in self.running and source in self.flows and self.flows[source].silent

    def since(self, source: str) -> datetime:
        """Tell the end of the last hour in which a source was heard."""
        ended = len(self.listening)
        if source in self.running:
            return _moment(self.begin + ended + 1)
        return _moment(self.begin + ended - self.flows[source].silent_hours if source in self.flows else 0)


def health(ground: Ground) -> list[dict[str, Any]]:
    """Tell how each source stands.

    Returns
    -------
    list of dict
        Per source: freshness, volume of day and week against expectation, shares of duplicates, refused rows and
        known customers with intervals, identifiers, fields new or missing, its objectives.
    """
    now = _as_of(ground)
    heard = _heard(ground, now)
    reasons, fields = _reasons(ground, now), _fields(ground)
    with ground.desk.reading() as session:
        sources = list(session.scalars(select(Source).order_by(Source.name)))
    rows = []
    for source in sources:
        name = source.name
        counts, known = heard.counts.get(name, {}), heard.flows.get(name)
        week = {c: float(values[-WEEK:].sum()) for c, values in counts.items()}
        stored, refused = week.get("stored", 0.0), week.get("refused", 0.0)
        twice = week.get("duplicates", 0.0)
        live = counts.get("live")
        rows.append(
            {
                "source": name,
                "channel": source.channel,
                "state": _state(heard, name),
                "last_at": max((f.last_at for f in fields.get(name, {}).values()), default=source.last_at),
                "missed": round(known.missed, 1) if known and known.judged else None,
                "day": _against(known, live, 24),
                "week": _against(known, live, WEEK),
                "stored": source.stored,
                "duplicates": _share(twice, stored + twice),
                "refused": _share(refused, stored + refused),
                "known": _share(week.get("known", 0.0), stored),
                "reasons": reasons.get(name, []),
                **_drift(fields.get(name, {}), source.stored, counts.get("stored"), heard.begin),
                "objectives": _objectives(known, live, heard.listening, refused, stored),
                "method": METHOD,
                "cutoff": now,
            }
        )
    return rows


def _as_of(ground: Ground) -> datetime:
    """Tell how it stands now; a history that ended long ago reads like the day it ended.

    Up to the beginning of its last hour: of that one only a part was heard, and as a whole it would read as silent.
    """
    now = ground.clock.now()
    with ground.desk.reading() as session:
        newest = session.scalar(
            select(SourceHour.hour)
            .where(SourceHour.source != LOOKED)
            .order_by(SourceHour.hour.desc())
            .limit(1)
        )
    return now if newest is None or now - newest < ENDED else newest


def silences(ground: Ground, upto: datetime) -> list[dict[str, Any]]:
    """Put away silences that are over, and give those that began, as rows of ``issues``.

    A silence is known by its source and last arrival: it is raised once, whatever becomes of the issue.
    """
    heard = _heard(ground, upto)
    found = {
        row["issue"]: row for name in heard.flows if heard.silent(name) for row in [_issue(heard, name, upto)]
    }
    for issue in issue_desk.issues(ground.desk):
        if SILENCE in (issue["topics"] or ()):
            back = heard.since((issue["facets"] or {}).get("source", "")) > issue["first_signal_at"]
            if back and issue["state"] in ("open", "acknowledged"):
                issue_desk.close(ground.desk, issue["id"], SYSTEM, upto, "signals arrive again")
            found.pop(issue["id"], None)
    return list(found.values())


def _issue(heard: _Heard, name: str, upto: datetime) -> dict[str, Any]:
    known = heard.flows[name]
    since = heard.since(name)
    return {
        "issue": f"silence-{blake2b(f'{name} {since.isoformat()}'.encode(), digest_size=8).hexdigest()}",
        "title": f"Nothing arrives from {name}",
        "kind": "issue",
        "topics": [SILENCE],
        "facets": json.dumps({"source": name}),
        "terms": [],
        "exemplars": [],
        "signal_ids": [],
        "first_signal_at": since,
        "detected_at": upto,
        "signals": 0,
        "customers": 0,
        "expected": known.missed,
        "growth": 0.0,
        "score": known.missed,
        "factors": "{}",
        "method": METHOD,
    }


def _heard(ground: Ground, now: datetime) -> _Heard:
    end = int(now.timestamp() // 3600)
    begin = end - 24 * DAYS
    names = ("source", "hour", *COUNTS)
    query = select(*(getattr(SourceHour, n) for n in names)).where(SourceHour.hour >= _moment(begin))
    size = end - begin
    counts: dict[str, dict[str, Floats]] = defaultdict(lambda: {c: np.zeros(size) for c in COUNTS})
    listening = np.zeros(size, bool)
    running = set()
    with ground.desk.reading() as session:
        for source, hour, *values in session.execute(query):
            place = int(hour.timestamp() // 3600) - begin
            if source == LOOKED:
                listening[min(place, size - 1)] |= place < size
            elif place < size:
                for column, value in zip(COUNTS, values, strict=True):
                    counts[source][column][place] = value
            elif values[COUNTS.index("live")]:
                running.add(source)
    for columns in counts.values():
        listening |= columns["live"] > 0
    settings = ground.settings
    live = {name: columns["live"] for name, columns in counts.items() if columns["live"].any()}
    places = Calendar(settings.space.country, settings.space.timezone).hours_of_week(np.arange(begin, end))
    budget = SHARE_OF_BUDGET * settings.watch.false_alarms_per_week / max(len(live), 1)
    flows = {name: flow(values, places, listening, alarms_per_week=budget) for name, values in live.items()}
    return _Heard(begin, counts, listening, flows, frozenset(running))


def _moment(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3600, UTC)


def _state(heard: _Heard, name: str) -> str:
    known = heard.flows.get(name)
    if known is None:
        return "learning" if name in heard.running else "past only"
    if not known.judged:
        return "learning"
    return "silent" if heard.silent(name) else "heard"


def _against(known: Flow | None, live: Floats | None, hours: int) -> dict[str, Any] | None:
    if known is None or live is None or not known.judged:
        return None
    low, middle, high = known.last(hours)
    seen = float(live[-hours:].sum())
    return {
        "observed": int(seen),
        "expected": round(middle, 1),
        "low": low,
        "high": high,
        "unusual": not low <= seen <= high,
    }


def _share(hits: float, n: float) -> dict[str, Any]:
    if n <= 0:
        return {"estimate": None, "low": None, "high": None, "n": 0}
    share = wilson(hits, n).scaled(100)
    return {"estimate": share.estimate, "low": share.low, "high": share.high, "n": int(n)}


def _objectives(
    known: Flow | None, live: Floats | None, listening: NDArray[np.bool_], refused: float, stored: float
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"objective": "rows refused", "target": REFUSED_AT_MOST, **_share(refused, stored + refused)}
    ]
    if known is not None and live is not None and known.judged:
        # An hour that expects five signals or more stays empty by chance in less than one of a hundred.
        busy = ((known.expected >= BUSY) & listening)[-4 * WEEK :]
        hits = float((live[-4 * WEEK :][busy] > 0).sum())
        found.append(
            {"objective": "busy hours heard", "target": HEARD_AT_LEAST, **_share(hits, float(busy.sum()))}
        )
    for row in found:
        row["standing"] = _standing(row, at_most=row["objective"] == "rows refused")
    return found


def _standing(row: Mapping[str, Any], *, at_most: bool) -> str:
    """Say met or missed only when the whole interval lies on one side."""
    if row["estimate"] is None:
        return "can not be told"
    if row["high"] <= row["target"] if at_most else row["low"] >= row["target"]:
        return "meets it"
    missed = row["low"] > row["target"] if at_most else row["high"] < row["target"]
    return "misses it" if missed else "too close to tell"


def _reasons(ground: Ground, now: datetime) -> dict[str, list[dict[str, Any]]]:
    """Count why rows were refused in the last week and not accepted since; of the newest rows only."""
    newest = (
        select(RefusedRow.source, RefusedRow.reason, RefusedRow.received_at)
        .where(RefusedRow.received_at > now - timedelta(days=7), RefusedRow.replayed_at.is_(None))
        .order_by(RefusedRow.received_at.desc())
        .limit(REASONS)
        .subquery()
    )
    query = (
        select(newest.c.source, newest.c.reason, func.count(), func.max(newest.c.received_at))
        .group_by(newest.c.source, newest.c.reason)
        .order_by(func.count().desc())
    )
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with ground.desk.reading() as session:
        for source, reason, n, last in session.execute(query):
            if len(found[source]) < 5:
                found[source].append({"reason": reason, "n": n, "last_at": last})
    return found


def _fields(ground: Ground) -> dict[str, dict[str, SourceField]]:
    found: dict[str, dict[str, SourceField]] = defaultdict(dict)
    with ground.desk.reading() as session:
        for row in session.scalars(select(SourceField).order_by(SourceField.field)):
            found[row.source][row.field] = row
    return found


def _drift(
    fields: Mapping[str, SourceField], total: int, stored: Floats | None, begin: int
) -> dict[str, Any]:
    """Tell which identifiers a source gives, and which fields are new or no longer come."""
    identifiers = {
        name.removeprefix("who:"): _share(float(min(row.held, total)), float(total))
        for name, row in fields.items()
        if name.startswith("who:")
    }
    new: list[str] = []
    missing: list[str] = []
    if fields and stored is not None:
        first, newest = min(f.first_at for f in fields.values()), max(f.last_at for f in fields.values())
        for name, row in fields.items():
            since = max(0, int(row.last_at.timestamp() // 3600) - begin + 1)
            due = row.held / max(total, 1) * float(stored[since:].sum())
            if due >= SURELY_MISSED:
                missing.append(name)
            elif row.first_at > max(newest - DRIFT, first + DRIFT) and row.held >= 3:
                new.append(name)
    return {"identifiers": identifiers, "drift": {"new": new, "missing": missing}}
