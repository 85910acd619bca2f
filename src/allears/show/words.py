"""Findings in words: a measure and its interval become a sentence that claims no more than they carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

Row = Mapping[str, Any]

CHANNELS = {
    "email": "E-mail", "sms": "SMS", "chat": "Chat", "social": "Social media", "review": "Reviews", "survey": "Surveys", "call": "Calls",
    "web": "Web", "app": "App", "ticket": "Tickets", "video": "Video comments", "store": "Stores",
}  # fmt: skip
MEASURES = {
    "nps": "NPS", "csat": "Satisfied (CSAT)", "ces": "Easy to deal with (CES)", "stars": "Stars", "trustid": "Trusted (TrustID)", "sentiment": "Sentiment",
    "availability": "Requests that work", "latency": "Requests fast enough",
}  # fmt: skip
STATES = {
    "open": "open",
    "acknowledged": "being looked at",
    "fixed": "fixed",
    "closed": "closed",
    "dismissed": "dismissed",
}
PARTS = {"stated": "what they say", "behavioural": "what they do", "composite": "trust index"}
TOLD = 1.96


def number(value: float | int | None, digits: int = 0) -> str:
    """Write a number for a person.

    Examples
    --------
    >>> number(12345), number(0.256, 1), number(None)
    ('12,345', '0.3', 'none')
    """
    if value is None:
        return "none"
    text = f"{value:,.{digits}f}"
    return text.removeprefix("-") if not any(c in "123456789" for c in text) else text


def count(value: int, one: str, many: str = "") -> str:
    """Count things.

    Examples
    --------
    >>> count(1, "customer"), count(1200, "customer"), count(2, "was", "were")
    ('1 customer', '1,200 customers', '2 were')
    """
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def spread(row: Row | None, digits: int = 0, unit: str = "") -> str:
    """Write an estimate with its interval and n.

    Examples
    --------
    >>> spread({"estimate": 71.2, "low": 68.0, "high": 74.1, "n": 812})
    '71 (68 to 74, n 812)'
    >>> spread({"estimate": None, "low": None, "high": None, "n": 3})
    'too little data (n 3)'
    """
    if row is None or row.get("estimate") is None:
        n = (row or {}).get("n")
        return "too little data" + (f" (n {n})" if n is not None else "")
    return f"{number(row['estimate'], digits)}{unit} ({interval(row, digits)}, n {row['n']:,})"


def interval(row: Row, digits: int = 0) -> str:
    """Write the interval alone.

    Examples
    --------
    >>> interval({"low": -3.2, "high": 4.0})
    '-3 to 4'
    """
    return f"{number(row['low'], digits)} to {number(row['high'], digits)}"


def moved(now: Row | None, before: Row | None) -> str:
    """Tell which way a measure went: ``up``, ``down``, ``same`` (no change we can tell) or ``unknown``.

    Two 95 % intervals give the standard error of the difference; only a difference beyond 1.96 of it is told.

    Examples
    --------
    >>> moved({"estimate": 71, "low": 70, "high": 72}, {"estimate": 65, "low": 64, "high": 66})
    'up'
    >>> moved({"estimate": 71, "low": 66, "high": 76}, {"estimate": 68, "low": 63, "high": 73})
    'same'
    """
    if now is None or before is None or now.get("estimate") is None or before.get("estimate") is None:
        return "unknown"
    difference = now["estimate"] - before["estimate"]
    error = sum(((r["high"] - r["low"]) / 2 / TOLD) ** 2 for r in (now, before)) ** 0.5
    if abs(difference) <= TOLD * error or difference == 0:
        return "same"
    return "up" if difference > 0 else "down"


def change(
    now: Row | None, before: Row | None, digits: int = 0, unit: str = "", than: str = "last week"
) -> str:
    """Say how a measure went, honestly.

    Examples
    --------
    >>> change({"estimate": 71, "low": 68, "high": 74}, {"estimate": 70, "low": 67, "high": 73})
    'no change we can tell from last week'
    >>> change({"estimate": 31, "low": 29, "high": 33}, {"estimate": 24, "low": 22, "high": 26}, unit=" %")
    'up from 24 % last week'
    """
    way = moved(now, before)
    if way == "unknown" or before is None:
        return f"nothing to compare with {than}"
    if way == "same":
        return f"no change we can tell from {than}"
    return f"{way} from {number(before['estimate'], digits)}{unit} {than}"


def outgrown(observed: float, expected: float | None) -> str:
    """Say how far a count is above what was expected.

    Examples
    --------
    >>> outgrown(0, 101)
    'none of the expected 101'
    >>> outgrown(103, 7.6), outgrown(9, 7.0), outgrown(30, 0.2), outgrown(12, 6.8), outgrown(4, None)
    ('14 times the expected 8', 'about the expected 7', 'where none were expected', '1.8 times the expected 7', '')
    """
    if expected is None:
        return ""
    if expected < 0.5:
        return "where none were expected"
    if not observed:
        return f"none of the expected {number(expected)}"
    ratio = observed / expected
    if ratio < 1.5:
        return f"about the expected {number(expected)}"
    return f"{number(ratio, 0 if ratio >= 3 else 1)} times the expected {number(expected)}"


def lasting(length: timedelta) -> str:
    """Write a length of time in its largest fitting unit.

    Examples
    --------
    >>> lasting(timedelta(minutes=12)), lasting(timedelta(hours=9)), lasting(timedelta(days=3)), lasting(timedelta(seconds=4))
    ('12 min', '9 h', '3 days', 'under a minute')
    """
    minutes = abs(length.total_seconds()) / 60
    if minutes < 1:
        return "under a minute"
    if minutes < 90:
        return f"{minutes:.0f} min"
    if minutes < 48 * 60:
        return f"{minutes / 60:.0f} h"
    return f"{minutes / 1440:.0f} days"


def ago(moment: datetime | None, now: datetime) -> str:
    """Say how long ago something was.

    Examples
    --------
    >>> from datetime import UTC
    >>> ago(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC))
    '3 days ago'
    """
    return "never" if moment is None else f"{lasting(now - moment)} ago"


def day(moment: datetime | None) -> str:
    """Write a day: 14 Jun 2026."""
    return "" if moment is None else f"{moment.day} {moment:%b %Y}"


def time(moment: datetime | None) -> str:
    """Write a moment: 14 Jun 09:30."""
    return "" if moment is None else f"{moment.day} {moment:%b %H:%M}"


def due(by: datetime | None, at: datetime) -> str:
    """Say how a clock stands.

    Examples
    --------
    >>> from datetime import UTC
    >>> due(datetime(2026, 1, 4, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    '3 days left'
    """
    if by is None:
        return "no clock"
    return f"{lasting(by - at)} left" if by >= at else f"{lasting(at - by)} late"


def headline(issue: Row) -> str:
    """Say what an issue is in one sentence.

    Examples
    --------
    >>> headline({"customers": 212, "signals": 260, "expected": 41.0, "kind": "issue"})
    '212 customers, 260 signals: 6 times the expected 41'
    """
    if not issue["signals"]:
        return f"No signal where {number(issue.get('expected') or 0.0)} were expected"
    grown = outgrown(issue["signals"], issue.get("expected"))
    return f"{count(issue['customers'], 'customer')}, {count(issue['signals'], 'signal')}" + (
        f": {grown}" if grown else ""
    )


def noticed(issue: Row) -> str:
    """Say how soon an issue was noticed; a silence has no signal, but a last one before it.

    Examples
    --------
    >>> from datetime import UTC
    >>> quiet = {"signals": 0, "first_signal_at": datetime(2026, 1, 1, tzinfo=UTC), "detected_at": datetime(2026, 1, 1, 9, tzinfo=UTC)}
    >>> noticed(quiet)
    'Last heard 1 Jan 00:00, noticed 1 Jan 09:00, 9 h later'
    """
    first, found = issue.get("first_signal_at"), issue.get("detected_at")
    if first is None or found is None:
        return ""
    began = "First signal" if issue.get("signals", 1) else "Last heard"
    return f"{began} {time(first)}, noticed {time(found)}, {lasting(found - first)} later"


def channel(name: str | None) -> str:
    """Name a channel for a person."""
    return CHANNELS.get(name or "", (name or "unknown").capitalize())


def group(name: str) -> str:
    """Name a measure's group for a person.

    Examples
    --------
    >>> group("channel=chat"), group("topic=payment/declined"), group("all")
    ('Chat', 'payment: declined', 'All customers')
    """
    if name == "all":
        return "All customers"
    kind, _, value = name.partition("=")
    if kind == "channel":
        return channel(value)
    return value.replace("/", ": ").replace("_", " ") or "not told"


def latest(
    rows: Sequence[Row], part: str | None = None, group_name: str = "all", name: str | None = None
) -> list[Row]:
    """Pick the told rows of one measure, part and group, oldest first."""
    kept = [
        r
        for r in rows
        if r["group"] == group_name
        and r.get("estimate") is not None
        and part in (None, r.get("part"))
        and name in (None, r.get("name"))
    ]
    return sorted(kept, key=lambda r: r["time"])


def index(rows: Sequence[Row]) -> list[Row]:
    """Pick the trust index by week, oldest first: the composite, or the part there is."""
    return (
        latest(rows, "composite", name="trust")
        or latest(rows, "behavioural", name="trust")
        or latest(rows, "stated", name="trust")
    )


def whole_weeks(rows: Sequence[Row]) -> list[Row]:
    """Leave out a week that has hardly begun: its few answers would look like news.

    Examples
    --------
    >>> from datetime import UTC
    >>> monday, cutoff = datetime(2026, 8, 31, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)
    >>> len(whole_weeks([{"time": monday - timedelta(days=7), "cutoff": cutoff}, {"time": monday, "cutoff": cutoff}]))
    1
    """
    kept = [r for r in rows if r["cutoff"] - r["time"] >= timedelta(days=6)]
    return kept or list(rows)


def trust(rows: Sequence[Row]) -> str:
    """Say in a sentence how trust stands.

    Examples
    --------
    >>> trust([])
    'Trust can not be told yet: too few answers and visits'
    """
    told = whole_weeks(index(rows))
    if not told:
        return "Trust can not be told yet: too few answers and visits"
    went = change(told[-1], told[-2] if len(told) > 1 else None, than="the week before")
    return f"Trust index {spread(told[-1])} in the week of {day(told[-1]['time'])}: {went}"


def actor(name: str) -> str:
    """Say who did something, as the audit names them.

    Examples
    --------
    >>> actor("user:pia"), actor("local:1000"), actor("allears")
    ('pia', 'at the command line', 'allears')
    """
    kind, _, rest = name.partition(":")
    return "at the command line" if kind == "local" else rest or name


def service(row: Row) -> str:
    """Say how a service stands against its objective.

    Examples
    --------
    >>> service({"estimate": 94.1, "low": 91.3, "high": 96.0, "n": 390, "target": 99.5})
    'misses its 99.5 %: 94.1 % (91.3 to 96.0, n 390)'
    """
    if row.get("estimate") is None:
        return "too few requests to tell"
    told = (
        "meets"
        if row["low"] >= row["target"]
        else "misses"
        if row["high"] < row["target"]
        else "may or may not meet"
    )
    return f"{told} its {row['target']:g} %: {spread(row, 1, ' %')}"
