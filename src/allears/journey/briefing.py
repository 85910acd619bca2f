"""What the pages and the brief tell: an issue with its people and words, two weeks compared, the week as one brief."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from allears.act import issue as issue_desk
from allears.act.case import cases
from allears.errors import AllearsError
from allears.guard.permit import Permit
from allears.guard.sight import EVERY, Condition
from allears.journey import effects
from allears.journey.channels import SILENCE
from allears.journey.cutoff import cutoff, day_of
from allears.journey.ground import Ground
from allears.journey.hours import around
from allears.journey.questions import topics
from allears.journey.volumes import forecast, volumes, week_counts
from allears.measure.intervals import wilson

Row = dict[str, Any]
OPEN = ("open", "acknowledged")
EXAMPLES, VOICES = 8, 5
PEOPLE = 200
HOURLY_UP_TO = timedelta(days=5)


def weeks(ground: Ground, permit: Permit, end: datetime | None = None) -> dict[str, Any]:
    """Compare the seven days up to ``end`` with the seven before."""
    end = end or cutoff(ground)
    return {
        "end": end,
        "week": _week(ground, permit, end),
        "before": _week(ground, permit, end - timedelta(days=7)),
        "hit": hit(ground),
    }


def hit(ground: Ground) -> int:
    """Count the different customers whose signals open issues gather."""
    open_issues = [i["id"] for i in issue_desk.issues(ground.desk, kind="issue") if i["state"] in OPEN]
    return issue_desk.count_customers(ground.desk, open_issues)


def story(ground: Ground, issue: str, seen: Condition = EVERY) -> dict[str, Any]:
    """Tell one issue: its signals over time, typical ones, whom it hit, its cases and history.

    Parameters
    ----------
    seen
        Which signals may be told of; by default all.

    Returns
    -------
    dict
        The issue's own fields and ``history``, with ``counts`` (time, group, signals, customers), ``every`` (hour or
        day), ``examples``, ``people`` (customer, signals, last_at), ``known`` (different customers) and ``cases``. Of a
        silence, ``heard`` tells what its source brought hour by hour around it, and the rest is empty.

    Raises
    ------
    NotFound
        No issue has that id.
    """
    told = issue_desk.issue(ground.desk, issue)
    if SILENCE in (told["topics"] or ()):
        return told | {"heard": _heard_around(ground, told), "cases": _cases_of(ground, issue)}
    ids = issue_desk.signals_of(ground.desk, issue)
    since = told["first_signal_at"] - _SLACK
    gathered = _gathered(ground, ids, since, seen)
    people = _people(ground, gathered)
    every, counts = _counts(gathered)
    return told | {
        "counts": counts,
        "every": every,
        "examples": examples(ground, _typical(told["exemplars"], gathered), since, seen),
        "voices": _voices(ground, people, told, seen),
        "people": people,
        "known": len(people),
        "cases": _cases_of(ground, issue),
    }


def _cases_of(ground: Ground, issue: str) -> list[Row]:
    return cases(ground.desk, at=ground.clock.now(), issue=issue)


def _heard_around(ground: Ground, told: Row) -> list[tuple[datetime, int]]:
    end = told["closed_at"] or told["detected_at"]
    until = min(ground.clock.now(), end + timedelta(days=1))
    return around(ground, told["facets"]["source"], told["first_signal_at"] - timedelta(days=5), until)


def examples(ground: Ground, ids: Sequence[str], since: datetime, seen: Condition = EVERY) -> list[Row]:
    """Read typical signals, in the order given; redacted as stored."""
    rows = ground.serving.query(
        f"""SELECT signal_id, occurred_at, channel, source, kind, name, text, language, sentiment, service, ok, duration_ms, release, platform
            FROM signals WHERE day >= $day AND occurred_at >= $since AND {_AMONG} AND {seen.sql}""",
        day=day_of(since),
        since=since,
        ids=list(ids),
        **seen.values,
    ).to_pylist()
    place = {signal: i for i, signal in enumerate(ids)}
    return sorted(rows, key=lambda r: place[r["signal_id"]])


def brief(ground: Ground, permit: Permit, week: datetime | None = None) -> dict[str, Any]:
    """Gather what the brief of a week tells.

    Parameters
    ----------
    ground
        The space.
    permit
        For the figures.
    week
        The beginning of the last day of the seven; by default the data cut-off. Of a past week only that is told
        which can be told as of then: ``past`` is set, and what is measured as of today is left out.
    """
    newest = cutoff(ground)
    end = min(week + timedelta(days=1), newest) if week else newest
    past = end < newest
    start = end - timedelta(days=7)
    found = issue_desk.issues(ground.desk)
    relevant = [i for i in found if _concerns(i, start, end)]
    problems = [i for i in relevant if i["kind"] == "issue"][:8]
    return {
        "name": ground.settings.space.name,
        "start": start,
        "end": end,
        "past": past,
        "weeks": weeks(ground, permit, end),
        "new_issues": sum(i["kind"] == "issue" and i["detected_at"] > start for i in relevant),
        "issues": [_quoted(ground, i) for i in problems],
        "titles": {i["id"]: i["title"] for i in found},
        "more_issues": sum(i["kind"] == "issue" for i in relevant) - len(problems),
        "opportunities": [i for i in relevant if i["kind"] == "opportunity"][:5],
        "cases": [c for c in cases(ground.desk, at=end) if c["state"] in OPEN and c["opened_at"] <= end],
        "settled": sum(
            1 for c in cases(ground.desk, at=end) if c["fixed_at"] and start < c["fixed_at"] <= end
        ),
        "volumes": _volumes(ground, permit, end, newest),
        "trust": _until(_rows(effects.trust, ground, permit, None, "week"), end),
        "experience": _until(_rows(effects.experience, ground, permit, None, "week"), end),
        "drivers": [] if past else _rows(effects.drivers, ground, permit),
        "services": [] if past else _rows(effects.services, ground),
        "verdicts": [] if past else _rows(effects.verdicts, ground, permit),
        "forecast": [] if past else _rows(forecast, ground, permit, None, 7),
        "topics": [] if past else [t for t in topics(ground, permit).to_pylist() if t["this_week"]][:10],
    }


_AMONG = "signal_id IN (SELECT unnest($ids))"
_SLACK = timedelta(days=1)


def _volumes(ground: Ground, permit: Permit, end: datetime, newest: datetime) -> list[Row]:
    rows = volumes(ground, permit, "channel", 28 + (newest - end).days, "day").to_pylist()
    return [r for r in rows if end - timedelta(days=28) <= r["time"] < end]


def _until(rows: list[Row], end: datetime) -> list[Row]:
    """Keep the weeks that had ended by then; the last one may still run when it is today's."""
    return [
        r | {"cutoff": min(r["cutoff"], end)}
        for r in rows
        if r["time"] < end and (r["cutoff"] <= end or r["time"] + timedelta(days=7) <= end)
    ]


def _quoted(ground: Ground, issue: Row) -> Row:
    since = issue["first_signal_at"] - _SLACK
    people = _people(ground, _gathered(ground, issue_desk.signals_of(ground.desk, issue["id"]), since))
    return issue | {
        "examples": examples(ground, issue["exemplars"][:3], since),
        "voices": _voices(ground, people, issue),
    }


def _concerns(issue: Row, start: datetime, end: datetime) -> bool:
    over = issue["fixed_at"] or issue["closed_at"]
    return issue["detected_at"] <= end and issue["state"] != "dismissed" and (over is None or over > start)


def _rows(ask: Any, *arguments: Any) -> list[Row]:
    # A brief tells what it can: what is not ready yet is told as such, and stops nothing else.
    try:
        found = ask(*arguments)
    except AllearsError:
        return []
    return list(found if isinstance(found, list) else found.to_pylist())


def _gathered(ground: Ground, ids: Sequence[str], since: datetime, seen: Condition = EVERY) -> pa.Table:
    """Read once, of the signals an issue gathered, what tells when, where, who and in what mood."""
    return ground.serving.query(
        f"""SELECT signal_id, occurred_at, channel, customer_key, relationship, sentiment,
                   text IS NOT NULL AND direction = 'in' AS worded
            FROM signals WHERE day >= $day AND occurred_at >= $since AND {_AMONG} AND {seen.sql} ORDER BY occurred_at, signal_id""",
        day=day_of(since),
        since=since,
        ids=list(ids),
        **seen.values,
    )


def _people(ground: Ground, gathered: pa.Table) -> list[Row]:
    known = gathered.filter(pc.is_valid(gathered["customer_key"]))
    today = ground.graph.resolve_keys(known["customer_key"].combine_chunks())
    known = known.append_column("customer", pc.coalesce(today, known["customer_key"].combine_chunks()))
    people = known.group_by("customer").aggregate(
        [
            ("customer_key", "min"),
            ("relationship", "min"),
            ("signal_id", "count"),
            ("occurred_at", "max"),
            ("sentiment", "mean"),
        ]
    )
    listed = [
        {
            "customer": r["customer"],
            "customer_key": r["customer_key_min"],
            "relationship": r["relationship_min"],
            "signals": r["signal_id_count"],
            "last_at": r["occurred_at_max"],
            "sentiment": r["sentiment_mean"],
        }
        for r in people.to_pylist()
    ]
    return sorted(listed, key=lambda p: (-p["signals"], p["customer"]))


def _counts(gathered: pa.Table) -> tuple[str, list[Row]]:
    if not gathered.num_rows:
        return "day", []
    at = gathered["occurred_at"]
    short = pc.max(at).as_py() - pc.min(at).as_py() <= HOURLY_UP_TO
    every = "hour" if short else "day"
    rows = pa.table(
        {
            "time": pc.floor_temporal(at, unit=every),
            "group": gathered["channel"],
            "customer_key": gathered["customer_key"],
        }
    )
    counted = rows.group_by(["time", "group"]).aggregate(
        [([], "count_all"), ("customer_key", "count_distinct")]
    )
    named = counted.rename_columns({"count_all": "signals", "customer_key_count_distinct": "customers"})
    return every, list(named.sort_by([("time", "ascending"), ("group", "ascending")]).to_pylist())


def _typical(exemplars: Sequence[str], gathered: pa.Table) -> list[str]:
    """Typical signals first, then the most recent messages: failed requests alone say little about what people feel."""
    there = set(gathered["signal_id"].to_pylist())
    exemplars = [one for one in exemplars if one in there]
    recent = gathered.filter(gathered["worded"])["signal_id"].to_pylist()[-EXAMPLES:]
    return list(dict.fromkeys([*exemplars[:EXAMPLES], *reversed(recent)]))[:EXAMPLES]


def _voices(ground: Ground, people: Sequence[Row], told: Row, seen: Condition = EVERY) -> list[Row]:
    """Read what those who were hit wrote while it lasted, unhappiest first; not what the issue gathered already."""
    until = (told["fixed_at"] or told["detected_at"]) + timedelta(days=2)
    rows = ground.serving.query(
        f"""SELECT signal_id, occurred_at, channel, source, kind, name, text, language, sentiment, service, ok, duration_ms, release, platform
            FROM signals WHERE text IS NOT NULL AND direction = 'in' AND day >= $first AND day <= $last AND occurred_at >= $since AND occurred_at <= $until
              AND customer_key IN (SELECT unnest($keys)) AND NOT {_AMONG} AND {seen.sql} ORDER BY sentiment, signal_id LIMIT $n""",
        first=day_of(told["first_signal_at"]),
        last=day_of(until),
        since=told["first_signal_at"],
        until=until,
        keys=[p["customer_key"] for p in people],
        ids=issue_desk.signals_of(ground.desk, told["id"]),
        n=VOICES,
        **seen.values,
    )
    return list(rows.to_pylist())


def _week(ground: Ground, permit: Permit, end: datetime) -> dict[str, Any]:
    row = week_counts(ground, permit, end)
    share = wilson(row["negative"], row["judged"]) if row["judged"] else None
    row["unhappy"] = (
        {
            "estimate": 100 * share.estimate,
            "low": 100 * share.low,
            "high": 100 * share.high,
            "n": row["judged"],
        }
        if share
        else None
    )
    return dict(row)
