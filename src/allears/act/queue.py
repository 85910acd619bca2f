"""A destination's queue in the desk: what is due, who claimed it, how it ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, select

from allears.act.retry import Patience
from allears.act.send import Outcome
from allears.desk.base import Desk
from allears.desk.work import Delivery, Destination

_FURTHEST = timedelta(days=2)


def due(desk: Desk, now: datetime) -> list[str]:
    """List the destinations for which something is due."""
    with desk.session() as session:
        query = select(Delivery.destination).join(Destination).where(*_open_for(now)).distinct()
        return list(session.scalars(query))


def claim(desk: Desk, name: str, now: datetime, hold: timedelta) -> tuple[Delivery, Destination] | None:
    """Take the oldest due delivery of a destination for a while, so that no other worker takes it too."""
    with desk.session() as session:
        query = (
            select(Delivery, Destination)
            .join(Destination)
            .where(*_open_for(now), Delivery.destination == name)
        )
        query = (
            query.order_by(Delivery.next_at, Delivery.id)
            .limit(1)
            .with_for_update(of=Delivery, skip_locked=True)
        )
        found = session.execute(query).first()
        if found is None:
            return None
        delivery, destination = found
        delivery.claimed_until = now + hold
        return delivery, destination


def settle(desk: Desk, claimed: Delivery, outcome: Outcome, now: datetime, patience: Patience) -> str:
    """Write down how an attempt ended: ``sent``, ``failed`` (it will be tried again) or ``dead``."""
    with desk.session() as session:
        row = session.get(Delivery, claimed.id, with_for_update=True)
        if (
            row is None
            or row.state != "waiting"
            or (row.claimed_until != claimed.claimed_until and not outcome.sent)
        ):
            # Removed meanwhile, or claimed by another after this claim ran out: what the other meets counts.
            return "sent" if outcome.sent else "failed"
        destination = session.get_one(Destination, row.destination, with_for_update=True)
        row.claimed_until, row.attempts = None, row.attempts + 1
        if outcome.sent:
            row.state, row.sent_at, row.last_error = "sent", now, None
            destination.failures, destination.rest_until = 0, None
            return "sent"
        _failed(row, destination, outcome, now, patience)
        return "dead" if row.state == "dead" else "failed"


def _failed(
    row: Delivery, destination: Destination, outcome: Outcome, now: datetime, patience: Patience
) -> None:
    row.last_error = outcome.error
    if outcome.denied:
        # No fault of the destination's, and nothing to try again by itself.
        row.state = "dead"
        return
    destination.failures += 1
    rest = patience.rest(destination.failures)
    destination.rest_until = now + rest if rest is not None else None
    wait = patience.wait(row.attempts, row.event_id)
    if outcome.gone:
        destination.state = "off"
    if outcome.gone or wait is None:
        row.state = "dead"
    else:
        row.next_at = now + max(wait, timedelta(seconds=outcome.retry_after_seconds))


def _open_for(now: datetime) -> tuple[Any, ...]:
    # No claim, rest or next attempt lies further ahead, unless the clock was set back since it was written.
    far = now + _FURTHEST
    return (
        Delivery.state == "waiting",
        or_(Delivery.next_at <= now, and_(Delivery.attempts > 0, Delivery.next_at > far)),
        or_(Delivery.claimed_until.is_(None), Delivery.claimed_until < now, Delivery.claimed_until > far),
        Destination.state == "on",
        or_(Destination.rest_until.is_(None), Destination.rest_until <= now, Destination.rest_until > far),
    )
