"""What people ask for by right: received, whose it is, how that was checked, when it is due, what became of it.

A request keeps the identifier that was shown to be the asker's, not a customer id. Whom it concerns is asked anew each
time: after a merge it is the whole person, and after a wrong merge was taken back it is not the other one.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from allears.desk.rights import Hold, Restriction, RightsRequest
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.deeds import Checked, Closed, Extended, Requested
from allears.guard.erasures import Noted
from allears.guard.month import months_later
from allears.journey.deeds import note_deed
from allears.journey.ground import Ground
from allears.journey.holds import owners
from allears.journey.questions import named
from allears.journey.said import clean, clean_each

Kind = Literal["access", "rectification", "erasure", "objection", "restriction"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MONTHS, MORE_MONTHS = 1, 2


OLDEST = timedelta(days=3653)


def receive(
    ground: Ground,
    who: str,
    kind: str,
    *,
    actor: str,
    via: str = "",
    note: str = "",
    received_at: datetime | None = None,
) -> str:
    """Note a request; returns its id. Its month runs from when it was received.

    Parameters
    ----------
    who
        An identifier of the asker, or a customer id.
    via
        How it came, such as ``email``.
    note
        What is asked: what is to be corrected, which use is objected to. Redacted before it is kept.

    Raises
    ------
    NotFound
        Nobody is known by that.
    Refused
        There is no such kind, or it was received in the future, or more than ten years ago.
    """
    now = ground.clock.now()
    at = received_at or now
    if kind not in KINDS:
        raise Refused(f"no such kind; there are {', '.join(KINDS)}", place="--kind")
    if not now - OLDEST <= at <= now:
        raise Refused("expected a time that is over, within the last ten years", place="--received")
    customer, digests = named(ground, who)
    request = RightsRequest(id="r" + secrets.token_hex(6), kind=kind, digests=digests, state="open")
    [via, request.note] = clean_each(ground, [via, note], [[customer]] * 2)
    request.via = via[:64]
    request.received_at, request.due_at = at, months_later(at, MONTHS)
    with ground.desk.session() as session:
        detail: dict[str, str | int] = {"request": request.id, "kind": kind}
        [entry] = ground.audit.write(session, actor, "request", [customer], "", detail)
        session.add(request)
        deed = Requested(request.id, kind, digests, request.via, request.note, at, request.due_at)
        note_deed(ground, session, deed, actor, entry=entry.number)
    return request.id


def check_identity(ground: Ground, request: str, how: str, *, actor: str) -> None:
    """Record how it was made sure that the asker is who they say.

    Raises
    ------
    Refused
        Nothing was said about how.
    """
    if not how.strip():
        raise Refused("expected how the identity was checked", place="--how")
    how = clean(ground, how, _about(ground, request))
    with ground.desk.session() as session:
        found = _open(session, request)
        found.checked_how, found.checked_by, found.checked_at = how, actor, ground.clock.now()
        [entry] = ground.audit.write(session, actor, "request.check", [request], how, {})
        note_deed(ground, session, Checked(request, how), actor, entry=entry.number)


def extend(ground: Ground, request: str, why: str, *, actor: str) -> None:
    """Put the day it is due off by two months, once; the law wants a reason, told to the asker within the first month.

    Raises
    ------
    Refused
        It was put off before, the first month is over, or there is no reason.
    """
    if not why.strip():
        raise Refused("expected a reason for more time", place="--why")
    why = clean(ground, why, _about(ground, request))
    with ground.desk.session() as session:
        found = _open(session, request)
        if found.extended_why is not None or ground.clock.now() > found.due_at:
            raise Refused("more time may be taken once, within the first month", place="request")
        found.extended_why = why
        found.due_at = months_later(found.received_at, MONTHS + MORE_MONTHS)
        [entry] = ground.audit.write(session, actor, "request.extend", [request], why, {})
        note_deed(ground, session, Extended(request, why, found.due_at), actor, entry=entry.number)


def close(ground: Ground, request: str, outcome: str, *, actor: str, refused: bool = False) -> None:
    """Say what became of a request.

    Raises
    ------
    Refused
        Nothing was said about the outcome.
    """
    if not outcome.strip():
        raise Refused("expected what became of it", place="--outcome")
    outcome = clean(ground, outcome, _about(ground, request))
    with ground.desk.session() as session:
        found = _open(session, request)
        _close(session, found, outcome, ground.clock.now(), actor, refused)
        state = "refused" if refused else "done"
        [entry] = ground.audit.write(session, actor, f"request.{state}", [request], outcome, {})
        note_deed(ground, session, Closed(request, outcome, refused), actor, entry=entry.number)


def request_again(session: Session, noted: Noted, deed: Requested | Checked | Extended | Closed) -> None:
    """Do once more what was done about a request, as it was done then; twice is as once.

    Raises
    ------
    NotFound
        There is no such request.
    """
    if isinstance(deed, Requested):
        if session.get(RightsRequest, deed.id) is None:
            made = RightsRequest(id=deed.id, kind=deed.kind, digests=deed.digests, state="open")
            made.via, made.note = deed.via, deed.note
            made.received_at, made.due_at = deed.received_at, deed.due_at
            session.add(made)
        return
    found = session.get(RightsRequest, deed.request)
    if found is None:
        raise NotFound("the request is neither in the backup nor on the list")
    match deed:
        case Checked():
            found.checked_how, found.checked_by, found.checked_at = deed.how, noted.actor, noted.at
        case Extended():
            found.extended_why, found.due_at = deed.why, deed.due_at
        case Closed() if found.state == "open":  # an erasure closes those that asked for it by itself
            _close(session, found, deed.outcome, noted.at, noted.actor, deed.refused)


def requests(ground: Ground, *, closed: bool = False) -> list[dict[str, Any]]:
    """List requests that are open, the next one due first, with whom they concern today; closed ones too if asked."""
    query = select(RightsRequest).order_by(RightsRequest.due_at, RightsRequest.id)
    with ground.desk.reading() as session:
        found = list(session.scalars(query if closed else query.where(RightsRequest.state == "open")))
    now = ground.clock.now()
    return [
        {
            "request": one.id,
            "kind": one.kind,
            "state": one.state,
            "customers": owners(ground, one.digests),
            "received_at": one.received_at,
            "due_at": one.due_at,
            "days_left": (one.due_at - now).days if one.state == "open" else None,
            "extended": one.extended_why,
            "identity": one.checked_how,
            "checked_by": one.checked_by,
            "via": one.via,
            "note": one.note,
            "outcome": one.outcome,
            "closed_at": one.closed_at,
        }
        for one in found
    ]


def asker_of(ground: Ground, request: str, kind: str) -> str:
    """Give whom a checked request of one kind concerns; see `asker`.

    Raises
    ------
    Refused
        It asks for something else.
    """
    with ground.desk.reading() as session:
        found = session.get(RightsRequest, request)
    if found is not None and found.kind != kind:
        raise Refused(f"this request asks for {found.kind}", place="request")
    return asker(ground, request)


def asker(ground: Ground, request: str) -> str:
    """Give the one customer whom an open request concerns today, once the asker's identity was checked.

    Raises
    ------
    NotAllowed
        Nobody checked who asks.
    NotFound
        No open request has that id, or nobody is known by its identifier any more.
    Refused
        Its identifiers belong to several people today.
    """
    with ground.desk.reading() as session:
        found = _open(session, request)
    if found.checked_at is None:
        raise NotAllowed("nobody has checked yet that the asker is who they say: `allears requests check`")
    today = owners(ground, found.digests)
    if not today:
        raise NotFound("nobody is known by the asker's identifier any more")
    if len(today) > 1:
        raise Refused(
            "the asker was taken for several people, who are parted now: note the request again by one identifier",
            place="request",
        )
    return today[0]


def forget_requests(session: Session, digests: Mapping[str, str], at: datetime, actor: str) -> Counter[str]:
    """Take people off their requests, and off holds and restrictions that are over, and close those that asked for just that, inside the caller's transaction.

    Returns how many requests, by the customer whom a digest stands for.
    """
    counts: Counter[str] = Counter()
    for request in session.scalars(select(RightsRequest)):
        whose = {digests[d] for d in request.digests if d in digests}
        if not whose:
            continue
        counts.update(whose)
        if request.state == "open" and request.kind == "erasure":
            _close(session, request, "erased", at, actor, refused=False)
        request.digests = [d for d in request.digests if d not in digests]
    over: list[Hold | Restriction] = [
        *session.scalars(select(Hold).where(Hold.ended_at.is_not(None))),
        *session.scalars(select(Restriction).where(Restriction.lifted_at.is_not(None))),
    ]
    for one in over:
        if not digests.keys().isdisjoint(one.digests):
            one.digests = [d for d in one.digests if d not in digests]
    return counts


def _close(
    session: Session, found: RightsRequest, outcome: str, at: datetime, actor: str, refused: bool
) -> None:
    found.state, found.outcome = "refused" if refused else "done", outcome
    found.closed_at, found.closed_by = at, actor


def _open(session: Session, request: str) -> RightsRequest:
    found = session.get(RightsRequest, request)
    if found is None or found.state != "open":
        raise NotFound("no open request has that id")
    return found


def _about(ground: Ground, request: str) -> list[str]:
    with ground.desk.reading() as session:
        found = session.get(RightsRequest, request)
    return owners(ground, found.digests) if found is not None else []
