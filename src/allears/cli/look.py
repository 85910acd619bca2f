"""Look: signals, customers, issues, trust, services, forecasts, SQL, the past replayed."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Annotated, Literal

from cyclopts import Parameter

from allears.cli import show
from allears.cli.numbers import Ahead, Most, Seconds
from allears.cli.where import HERE, Where
from allears.errors import Refused
from allears.guard.purpose import Purpose

By = Literal[
    "channel",
    "source",
    "region",
    "relationship",
    "service",
    "release",
    "platform",
    "partner",
    "language",
    "topic",
]
Every = Literal["day", "week", "month"]
State = Literal["open", "acknowledged", "fixed", "closed", "dismissed"]


def _day(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise Refused("expected a day such as 2026-06-01", place="--start") from None


def signals(
    *,
    last: Annotated[Most, Parameter(help="How many, newest first.")] = 20,
    where: Where = HERE,
) -> None:
    """Show the newest signals, redacted."""
    with where.open() as space:
        found = space.sql(
            "SELECT occurred_at, channel, source, kind, name, language, round(sentiment, 2) AS sentiment, topics, text "
            f"FROM signals ORDER BY occurred_at DESC LIMIT {int(last)}"
        )
        if where.json:
            show.as_json(found)
        else:
            show.rows(found, empty="no signal yet; `allears listen FILE --source NAME`")


def customers(
    search: Annotated[str | None, Parameter(help="An identifier: email, phone, user id, handle.")] = None,
    /,
    *,
    limit: Most = 20,
    where: Where = HERE,
) -> None:
    """List customers by last contact, or find one."""
    with where.open() as space:
        found = space.customers(search=search, limit=limit)
        if where.json:
            show.as_json(found)
        else:
            show.rows(
                found,
                ("customer", "relationship", "signals", "messages", "channels", "sentiment", "last_at"),
                empty="nobody yet",
            )


def customer(who: str, /, *, limit: Most = 30, where: Where = HERE) -> None:
    """Show one customer: who, and the timeline over all channels.

    Parameters
    ----------
    who
        A customer id or any identifier.
    """
    with where.open() as space:
        person = space.customer(who)
        if where.json:
            told = {"customer": person.overview(), "traits": person.traits(), "relations": person.relations()}
            show.as_json(told | {"timeline": show.plain(person.timeline(limit=limit))})
            return
        show.rows([{"": k, "value": v} for k, v in person.overview().items()], ("", "value"))
        if traits := person.traits():
            show.rows(traits, ("trait", "value", "source", "at", "rule", "differs"))
        show.rows(
            person.timeline(limit=limit), ("occurred_at", "channel", "kind", "name", "sentiment", "text")
        )


def issues(*, state: State | None = None, where: Where = HERE) -> None:
    """List issues and opportunities, highest score first."""
    with where.open() as space:
        found = space.issues(state)
        if where.json:
            show.as_json(found)
        else:
            show.rows(
                found,
                (
                    "id",
                    "title",
                    "kind",
                    "detected_at",
                    "signals",
                    "customers",
                    "department",
                    "score",
                    "state",
                ),
                empty="no issue found",
            )


def surprises(*, limit: Most = 50, where: Where = HERE) -> None:
    """List where counts left what was expected."""
    with where.open() as space:
        found = space.surprises(limit)
        if where.json:
            show.as_json(found)
        else:
            show.rows(
                found,
                ("detected_at", "series", "observed", "expected", "score", "direction"),
                empty="no surprise",
            )


def experience(*, by: By | None = None, every: Every = "week", where: Where = HERE) -> None:
    """Show NPS, CSAT, CES, stars and sentiment, each with interval and n."""
    with where.open() as space:
        _measures(space.experience(by, every), where)


def trust(*, by: By | None = None, every: Every = "week", where: Where = HERE) -> None:
    """Show the trust index: stated, behavioural, composite; each with interval and n."""
    with where.open() as space:
        _measures(space.trust(by, every), where)


def _measures(found: object, where: Where) -> None:
    rows = show.plain(found)
    if where.json:
        show.as_json(rows)
    else:
        show.rows(
            rows,
            ("time", "name", "group", "part", "estimate", "low", "high", "n", "mark"),
            empty="nothing to measure yet",
        )


def verdicts(*, where: Where = HERE) -> None:
    """Say for each fix whether trust was regained, against a counterfactual."""
    with where.open() as space:
        found = space.verdicts()
        if where.json:
            show.as_json(found)
        else:
            show.rows(
                found,
                ("issue", "part", "said", "damage", "gap", "n", "needs", "why"),
                empty="no issue was marked as fixed yet",
            )


def promises(
    *,
    state: Annotated[
        Literal["open", "kept", "broken"] | None, Parameter(help="Only those that stand so.")
    ] = None,
    every: Every = "week",
    where: Where = HERE,
) -> None:
    """Show promises with a deadline that we made in writing: open, kept, broken; and the share kept, with its interval."""
    with where.open() as space:
        found = [p for p in space.promises() if state in (None, p["state"])]
        share = space.promises_kept(every)
        if where.json:
            show.as_json({"promises": found, "kept": share.to_pylist()})
            return
        show.rows(
            found[-200:],
            ("due_at", "state", "words", "made_at", "wrote_again_at", "channel", "customer"),
            empty="no promise with a deadline was found in what we wrote",
        )
        if share.num_rows:
            show.rows(share, ("time", "name", "estimate", "low", "high", "n", "mark"), title="kept, percent")


def services(*, where: Where = HERE) -> None:
    """Show each service against its objective: budget left, burns, who was hit."""
    with where.open() as space:
        found = space.services()
        if where.json:
            show.as_json(found)
        else:
            show.rows(
                found,
                (
                    "service",
                    "objective",
                    "target",
                    "estimate",
                    "low",
                    "high",
                    "n",
                    "budget_left",
                    "burns",
                    "hit",
                ),
                empty="no service seen",
            )


def forecast(
    *,
    channel: str | None = None,
    days: Ahead = 7,
    where: Where = HERE,
) -> None:
    """Forecast messages an hour, with a 90 % interval."""
    with where.open() as space:
        found = space.forecast(channel, days=days)
        if where.json:
            show.as_json(found)
        else:
            show.rows(found, ("time", "low", "mid", "high", "method"), empty="not enough history")


def sql(
    text: str,
    /,
    *,
    seconds: Seconds = 30.0,
    purpose: Annotated[
        Purpose, Parameter(help="What it is for; who objected to that, or did not consent, is left out.")
    ] = "analytics",
    where: Where = HERE,
) -> None:
    """Ask in SQL, read-only: signals, identities, topics, surprises, expectations, measures, issues, cases, refused, links.

    Parameters
    ----------
    text
        One SELECT.
    """
    with where.open() as space:
        found = space.sql(text, seconds=seconds, purpose=purpose)
        if where.json:
            show.as_json(found)
        else:
            show.rows(found, empty="no rows")


def backtest(*, start: str | None = None, where: Where = HERE) -> None:
    """Run the past as if live: what would have been raised when, and how good the forecasts were.

    Parameters
    ----------
    start
        First day, YYYY-MM-DD; default: the first day with four weeks of history.
    """
    moment = _day(start)
    with where.open() as space:
        found = space.backtest(moment)
    issues = found.issues.drop_columns(["signal_ids"])
    forecasts = None if found.forecast is None else dataclasses.asdict(found.forecast)
    if where.json:
        show.as_json(
            {
                "weeks": found.weeks,
                "sources": found.sources,
                "judged": found.judged,
                "alarms_per_week": found.alarms_per_week,
                "issues": issues.to_pylist(),
                "forecast": forecasts,
            }
        )
        return
    show.rows(
        issues,
        ("detected_at", "title", "kind", "signals", "customers", "score"),
        title="raised",
        empty="nothing raised",
    )
    show.out.print(f"{found.weeks:.1f} weeks, {found.alarms_per_week:.2f} issues and opportunities a week")
    show.out.print(f"{found.judged} of {found.sources} sources were long enough to judge")
    if forecasts:
        show.rows(
            [forecasts], title="forecasts of messages an hour, a day ahead, beside repeating the week before"
        )
