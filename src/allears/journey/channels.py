"""Channels: the listening watched like any other service, and an issue when a source goes silent.

It is read from the desk's own small counts and from what whole days added up to, so the answer is quick however many
signals there are.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import func, select

from allears.act import issue as issue_desk
from allears.act.issue import SYSTEM
from allears.desk.listening import RefusedRow, Source, SourceField, SourceHour
from allears.foresee.flow import METHOD, WEEK, Flow
from allears.journey.ground import Ground
from allears.journey.heard import LOOKED
from allears.journey.held import Held
from allears.journey.hours import Floats, Heard, heard_hours
from allears.journey.refusing import INBOX
from allears.measure.intervals import wilson

SILENCE = "listening/silence"
DRIFT = timedelta(days=7)
ENDED = timedelta(days=14)
SURELY_MISSED = 20.0
REASONS = 2_000


def health(ground: Ground) -> list[dict[str, Any]]:
    """Tell how each source stands.

    Returns
    -------
    list of dict
        Per source: freshness, volume of day and week against expectation, shares of duplicates, refused rows and
        known customers with intervals, identifiers, fields new or missing, its objectives.
    """
    now = _as_of(ground)
    heard = heard_hours(ground, now)
    reasons, fields = _reasons(ground, now), _fields(ground)
    objectives = Held(ground, now, heard)
    rows = []
    for source in _sources(ground):
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
                "state": _state(heard, source),
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
                "objectives": objectives.of(name),
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
    heard = heard_hours(ground, upto)
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


def _issue(heard: Heard, name: str, upto: datetime) -> dict[str, Any]:
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


def _sources(ground: Ground) -> list[Source]:
    """List sources that were heard, and those of which only refused rows are known."""
    with ground.desk.reading() as session:
        known = {source.name: source for source in session.scalars(select(Source))}
        told = session.execute(
            select(RefusedRow.source, func.max(RefusedRow.channel), func.max(RefusedRow.received_at))
            .where(RefusedRow.source.not_in({*known, INBOX}))
            .group_by(RefusedRow.source)
        )
        refused = [Source(name=n, channel=c, last_at=at, stored=0, duplicates=0) for n, c, at in told]
    return sorted([*known.values(), *refused], key=lambda source: source.name)


def _state(heard: Heard, source: Source) -> str:
    name = source.name
    known = heard.flows.get(name)
    if known is None:
        if not source.stored:
            return "refused"
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
