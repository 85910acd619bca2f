"""What the pages and the brief tell: an issue with its people and words, two weeks compared, the week as one brief."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from allears.act import issue as issue_desk
from allears.act.case import cases
from allears.errors import AllearsError
from allears.journey import effects
from allears.journey.cutoff import cutoff
from allears.journey.ground import Ground
from allears.journey.questions import topics
from allears.journey.volumes import forecast, volumes, week_counts
from allears.measure.intervals import wilson

Row = dict[str, Any]
OPEN = ("open", "acknowledged")
EXAMPLES, VOICES = 8, 5
PEOPLE = 200
HOURLY_UP_TO = timedelta(days=5)


def weeks(ground: Ground, end: datetime | None = None) -> dict[str, Any]:
    """Compare the seven days up to ``end`` with the seven before."""
    end = end or cutoff(ground)
    return {
        "end": end,
        "week": _week(ground, end),
        "before": _week(ground, end - timedelta(days=7)),
        "hit": hit(ground),
    }


def hit(ground: Ground) -> int:
    """Count the different customers whose signals open issues gather."""
    open_issues = [i for i in issue_desk.issues(ground.desk, kind="issue") if i["state"] in OPEN]
    ids = [s for i in open_issues for s in issue_desk.signals_of(ground.desk, i["id"])]
    if not ids:
        return 0
    since = min(i["first_signal_at"] for i in open_issues)
    rows = ground.engine.query(
        f"SELECT count(DISTINCT customer_key) AS n FROM signals WHERE occurred_at >= $since AND {_AMONG}",
        since=since - _SLACK,
        ids=ids,
    )
    return int(rows["n"][0].as_py())


def story(ground: Ground, issue: str) -> dict[str, Any]:
    """Tell one issue: its signals over time, typical ones, whom it hit, its cases and history.

    Returns
    -------
    dict
        The issue's own fields and ``history``, with ``counts`` (time, group, signals, customers), ``every`` (hour or
        day), ``examples``, ``people`` (customer, signals, last_at), ``known`` (different customers) and ``cases``.

    Raises
    ------
    NotFound
        No issue has that id.
    """
    told = issue_desk.issue(ground.desk, issue)
    ids = issue_desk.signals_of(ground.desk, issue)
    since = told["first_signal_at"] - _SLACK
    people = _people(ground, ids, since)
    every, counts = _counts(ground, ids, since)
    return told | {
        "counts": counts,
        "every": every,
        "examples": examples(ground, _typical(ground, told["exemplars"], ids, since), since),
        "voices": _voices(ground, people, told),
        "people": people,
        "known": len(people),
        "cases": cases(ground.desk, at=ground.clock.now(), issue=issue),
    }


def examples(ground: Ground, ids: Sequence[str], since: datetime) -> list[Row]:
    """Read typical signals, in the order given; redacted as stored."""
    rows = ground.engine.query(
        f"""SELECT signal_id, occurred_at, channel, source, kind, name, text, language, sentiment, service, ok, duration_ms, release, platform
            FROM signals WHERE occurred_at >= $since AND {_AMONG}""",
        since=since,
        ids=list(ids),
    ).to_pylist()
    place = {signal: i for i, signal in enumerate(ids)}
    return sorted(rows, key=lambda r: place[r["signal_id"]])


def brief(ground: Ground, week: datetime | None = None) -> dict[str, Any]:
    """Gather what the brief of a week tells.

    Parameters
    ----------
    ground
        The space.
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
        "weeks": weeks(ground, end),
        "new_issues": sum(i["kind"] == "issue" and i["detected_at"] > start for i in relevant),
        "issues": [_quoted(ground, i) for i in problems],
        "titles": {i["id"]: i["title"] for i in found},
        "more_issues": sum(i["kind"] == "issue" for i in relevant) - len(problems),
        "opportunities": [i for i in relevant if i["kind"] == "opportunity"][:5],
        "cases": [c for c in cases(ground.desk, at=end) if c["state"] in OPEN and c["opened_at"] <= end],
        "settled": sum(
            1 for c in cases(ground.desk, at=end) if c["fixed_at"] and start < c["fixed_at"] <= end
        ),
        "volumes": _volumes(ground, end, newest),
        "trust": _until(_rows(effects.trust, ground, None, "week"), end),
        "experience": _until(_rows(effects.experience, ground, None, "week"), end),
        "drivers": [] if past else _rows(effects.drivers, ground),
        "services": [] if past else _rows(effects.services, ground),
        "verdicts": [] if past else _rows(effects.verdicts, ground),
        "forecast": [] if past else _rows(forecast, ground, None, 7),
        "topics": [] if past else [t for t in topics(ground).to_pylist() if t["this_week"]][:10],
    }


_AMONG = "signal_id IN (SELECT unnest($ids))"
_SLACK = timedelta(days=1)


def _volumes(ground: Ground, end: datetime, newest: datetime) -> list[Row]:
    rows = volumes(ground, "channel", 28 + (newest - end).days, "day").to_pylist()
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
    people = _people(ground, issue_desk.signals_of(ground.desk, issue["id"]), since)
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


def _people(ground: Ground, ids: Sequence[str], since: datetime) -> list[Row]:
    rows = ground.engine.query(
        f"""SELECT customer_key, any_value(relationship) AS relationship, count(*) AS signals, max(occurred_at) AS last_at, avg(sentiment) AS sentiment
            FROM signals WHERE occurred_at >= $since AND customer_key IS NOT NULL AND {_AMONG} GROUP BY customer_key ORDER BY signals DESC, customer_key""",
        since=since,
        ids=list(ids),
    )
    today = ground.graph.resolve_keys(rows["customer_key"].combine_chunks()).to_pylist()
    people: dict[str, Row] = {}
    for customer, row in zip(today, rows.to_pylist(), strict=True):
        name = customer or row["customer_key"]
        if name in people:
            people[name]["signals"] += row["signals"]
        else:
            people[name] = row | {"customer": name}
    return list(people.values())


def _counts(ground: Ground, ids: Sequence[str], since: datetime) -> tuple[str, list[Row]]:
    reach = ground.engine.query(
        f"SELECT min(occurred_at) AS a, max(occurred_at) AS b FROM signals WHERE occurred_at >= $since AND {_AMONG}",
        since=since,
        ids=list(ids),
    ).to_pylist()[0]
    short = reach["a"] is not None and reach["b"] - reach["a"] <= HOURLY_UP_TO
    every = "hour" if short else "day"
    rows = ground.engine.query(
        f"""SELECT date_trunc('{every}', occurred_at) AS time, channel AS "group", count(*) AS signals, count(DISTINCT customer_key) AS customers
            FROM signals WHERE occurred_at >= $since AND {_AMONG} GROUP BY ALL ORDER BY ALL""",
        since=since,
        ids=list(ids),
    )
    return every, rows.to_pylist()


def _typical(ground: Ground, exemplars: Sequence[str], ids: Sequence[str], since: datetime) -> list[str]:
    """Typical signals first, then the most recent messages: failed requests alone say little about what people feel."""
    rows = ground.engine.query(
        f"""SELECT signal_id FROM signals WHERE occurred_at >= $since AND text IS NOT NULL AND direction = 'in' AND {_AMONG}
            ORDER BY occurred_at DESC, signal_id LIMIT $n""",
        since=since,
        ids=list(ids),
        n=EXAMPLES,
    )
    return list(dict.fromkeys([*exemplars[:EXAMPLES], *rows["signal_id"].to_pylist()]))[:EXAMPLES]


def _voices(ground: Ground, people: Sequence[Row], told: Row) -> list[Row]:
    """Read what those who were hit wrote while it lasted, unhappiest first; not what the issue gathered already."""
    rows = ground.engine.query(
        f"""SELECT signal_id, occurred_at, channel, source, kind, name, text, language, sentiment, service, ok, duration_ms, release, platform
            FROM signals WHERE text IS NOT NULL AND direction = 'in' AND occurred_at >= $since AND occurred_at <= $until
              AND customer_key IN (SELECT unnest($keys)) AND NOT {_AMONG} ORDER BY sentiment, signal_id LIMIT $n""",
        since=told["first_signal_at"],
        until=(told["fixed_at"] or told["detected_at"]) + timedelta(days=2),
        keys=[p["customer_key"] for p in people],
        ids=issue_desk.signals_of(ground.desk, told["id"]),
        n=VOICES,
    )
    return list(rows.to_pylist())


def _week(ground: Ground, end: datetime) -> dict[str, Any]:
    row = week_counts(ground, end)
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
