"""How much came in: signals by group and period, two weeks compared, messages an hour and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from allears.errors import NotReady, Refused
from allears.foresee.forecast import forecast as forecast_counts
from allears.guard.permit import Permit
from allears.journey.cutoff import cutoff, day_of
from allears.journey.ground import Ground
from allears.measure import periods
from allears.measure.tally import Span, afresh

GROUPS = (
    "channel",
    "source",
    "region",
    "relationship",
    "service",
    "release",
    "platform",
    "partner",
    "language",
    "kind",
    "topic",
)
PERIODS = ("hour", "day", "week", "month")
LEARNED_DAYS = 56
# Times are told here up to and with the cut-off; spans end before their end.
_TICK = timedelta(microseconds=1)
_UNNESTED = "(SELECT *, unnest(topics) AS topic FROM signals)"


def volumes(ground: Ground, permit: Permit, by: str, days: int, every: str) -> pa.Table:
    """Count signals and different customers by group and period, up to the cut-off."""
    known(by, GROUPS, "by")
    known(every, PERIODS, "every")
    end = cutoff(ground)
    group, source = ("topic", _UNNESTED) if by == "topic" else (f'"{by}"', "signals")
    kept = "week" if every == "week" else "day"

    def ask(spans: Sequence[Span]) -> pa.Table:
        # Customers of a calendar month are not those of its days added up: a month is not kept by days.
        numbered = "0" if every == "month" else _numbered(kept)
        return ground.asked(permit).query(
            f"""SELECT date_trunc('{every}', occurred_at) AS time, coalesce({group}, '') AS "group", count(*) AS signals,
                       count(DISTINCT customer_key) AS customers, {numbered} AS period
                FROM {source} WHERE {_within(spans)} GROUP BY ALL"""
        )

    tally = afresh if every == "month" else ground.tallied(permit)
    since, until = end - timedelta(days=days) + _TICK, end + _TICK
    with ground.asked(permit).asking():
        found = tally(f"volumes by {by} every {every}", ask, every=kept, since=since, until=until)
    return found.drop_columns(["period"]).sort_by([("time", "ascending"), ("group", "ascending")])


def week_counts(ground: Ground, permit: Permit, end: datetime) -> dict[str, Any]:
    """Count what customers said and did in the week before ``end``, and how much of it was unhappy."""
    row: dict[str, Any] = (
        ground.asked(permit)
        .query(
            """SELECT count(*) AS signals, count(*) FILTER (WHERE kind = 'feedback') AS messages, count(DISTINCT customer_key) AS customers,
                  count(sentiment) AS judged, count(*) FILTER (WHERE sentiment < -0.2) AS negative
           FROM signals WHERE direction = 'in' AND day >= $day AND occurred_at > $since AND occurred_at <= $until""",
            day=day_of(end - timedelta(days=7)),
            since=end - timedelta(days=7),
            until=end,
        )
        .to_pylist()[0]
    )
    return row


def forecast(ground: Ground, permit: Permit, channel: str | None, days: int) -> pa.Table:
    """Forecast messages an hour for the next days."""
    end = cutoff(ground).replace(minute=0, second=0, microsecond=0)
    start = end - timedelta(days=LEARNED_DAYS)

    def ask(spans: Sequence[Span]) -> pa.Table:
        return ground.asked(permit).query(
            f"""SELECT date_trunc('hour', occurred_at) AS hour, channel, count(*) AS n, {_numbered("day")} AS period FROM signals
                WHERE kind = 'feedback' AND direction = 'in' AND {_within(spans)} GROUP BY ALL"""
        )

    with ground.asked(permit).asking():
        rows = ground.tallied(permit)("messages an hour", ask, every="day", since=start, until=end)
    counted: dict[Any, int] = {}
    for hour, n, of in zip(*(rows[c].to_pylist() for c in ("hour", "n", "channel")), strict=True):
        if channel is None or of == channel:
            counted[hour] = counted.get(hour, 0) + n
    if not counted:
        raise NotReady("no message to learn from yet", got=0, needed=48)
    first = min(counted)
    hours = [first + timedelta(hours=h) for h in range((end - first) // timedelta(hours=1))]
    return forecast_counts(
        hours,
        [counted.get(h, 0) for h in hours],
        horizon_hours=24 * days,
        series=f"channel={channel or 'all'}",
    )


def known(value: str, choices: Sequence[str], place: str) -> None:
    """Insist on a value that is one of the choices.

    Raises
    ------
    Refused
        It is not.
    """
    if value not in choices:
        raise Refused(f"expected one of {', '.join(choices)}", place=f"--{place}")


def _numbered(every: str) -> str:
    seconds = f"(epoch_us(occurred_at) // 1000000 - {periods.MONDAY})"
    return f"CAST(floor({seconds} / {periods.length_of(every)}) AS BIGINT)"


def _within(spans: Sequence[Span]) -> str:
    """Give the condition that a signal occurred in one of the spans, its days first: other files are not opened."""
    parts = []
    for since, until in spans:
        lower = (
            ""
            if since is None
            else f"day >= '{since:%Y-%m-%d}' AND occurred_at >= '{since.isoformat()}' AND "
        )
        parts.append(f"({lower}day <= '{until:%Y-%m-%d}' AND occurred_at < '{until.isoformat()}')")
    return f"({' OR '.join(parts)})"
