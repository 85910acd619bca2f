"""What was not accepted: listed by reason, one row looked at by those who may, and tried again once a mapping is mended."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, func, or_, select, update

from allears.desk.listening import RefusedRow
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Principal
from allears.guard.look import look_space
from allears.journey.ground import Ground
from allears.journey.mending import read_anew
from allears.journey.rules import sight
from allears.journey.take import context_of, take
from allears.listen.formats import FORMATS
from allears.listen.hook import unpack

PAGE = 100
AT_ONCE = 500
REASONS = 20
ALONE = "it holds no row that can be read on its own; send it again"
_COLUMNS = ("refused", "source", "channel", "place", "reason", "received_at")


class Wanted(msgspec.Struct, frozen=True):
    """Which of the refused rows: of a source, of one kind of reason, one alone; nothing given means all that wait.

    Examples
    --------
    >>> Wanted(source="desk").said()
    'source desk'
    """

    source: str | None = None
    reason: str | None = None
    refused: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Say which in SQL: these, and of them what was not accepted since."""
        given = ((n, getattr(self, n)) for n in ("source", "reason", "refused"))
        named = [getattr(RefusedRow, name) == value for name, value in given if value is not None]
        return [RefusedRow.replayed_at.is_(None), *named]

    def said(self) -> str:
        """Say in words which; for the audit."""
        named = [f"{n} {v}" for n in ("source", "reason", "refused") if (v := getattr(self, n)) is not None]
        return ", ".join(named) or "all"


class Replayed(msgspec.Struct):
    """What became of refused rows that were tried again: accepted after all, still refused and why now."""

    source: str
    accepted: int = 0
    refused: int = 0
    reasons: list[dict[str, Any]] = msgspec.field(default_factory=list)

    def still(self, reason: str, place: str) -> None:
        """Count a row that is still wrong; twenty reasons are told, each with its count and one place."""
        self.refused += 1
        for row in self.reasons:
            if row["reason"] == reason:
                row["n"] += 1
                return
        if len(self.reasons) < REASONS:
            self.reasons.append({"reason": reason, "place": place, "n": 1})


def groups(ground: Ground, wanted: Wanted | None = None) -> list[dict[str, Any]]:
    """Count what waits by source and reason, most first: ten thousand rows of one mistake are one line."""
    n = func.count()
    named = (RefusedRow.source, RefusedRow.reason)
    counted = select(*named, n, func.min(RefusedRow.received_at), func.max(RefusedRow.received_at))
    query = counted.where(*(wanted or Wanted()).conditions()).group_by(*named).order_by(n.desc(), *named)
    with ground.desk.reading() as session:
        return [
            {"source": source, "reason": reason, "n": count, "first_at": first, "last_at": last}
            for source, reason, count, first, last in session.execute(query)
        ]


def page(
    ground: Ground, wanted: Wanted | None = None, *, limit: int = PAGE, after: str | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """List what waits, newest first, and where to go on; the payload stays sealed.

    Raises
    ------
    Refused
        ``after`` is no place that an earlier page gave.
    """
    query = select(*(getattr(RefusedRow, n) for n in _COLUMNS)).where(*(wanted or Wanted()).conditions())
    if after is not None:
        at, refused = _read_cursor(after)
        earlier = and_(RefusedRow.received_at == at, RefusedRow.refused < refused)
        query = query.where(or_(RefusedRow.received_at < at, earlier))
    query = query.order_by(RefusedRow.received_at.desc(), RefusedRow.refused.desc()).limit(limit + 1)
    with ground.desk.reading() as session:
        rows = [dict(zip(_COLUMNS, row, strict=True)) for row in session.execute(query)]
    following = _cursor(rows[limit - 1]) if len(rows) > limit else None
    return rows[:limit], following


def row(ground: Ground, refused: str) -> dict[str, Any]:
    """Tell of one row: where, why, by which door, and when it was accepted after all.

    Raises
    ------
    NotFound
        No row has that id.
    """
    return _told(_find(ground, refused))


def reveal(ground: Ground, principal: Principal, refused: str, why: str) -> dict[str, Any]:
    """Open one row for somebody who may look; the look is in the audit before anything is opened.

    Raises
    ------
    NotFound
        No row has that id.
    NotAllowed
        The role may not look.
    Refused
        No reason was given.
    """
    mine = sight(ground, principal)
    if not mine.whole:
        raise NotAllowed(
            "whose a refused row is nobody knows: it is shown to who may see every row", place="sight"
        )
    found = _find(ground, refused)
    payload = look_space(
        ground.desk,
        ground.vault,
        ground.audit,
        principal,
        why=why,
        subject=found.refused,
        sealed=found.payload,
        label="refused",
        hidden=mine.hidden,
    )
    return _told(found) | {"payload": _readable(found.door, payload), "bytes": len(payload)}


def replay(ground: Ground, wanted: Wanted | None = None, *, actor: str) -> Replayed:
    """Try refused rows again with today's mappings; what is accepted now is marked, what is not stays, with today's reason.

    Raises
    ------
    NotFound
        The one row that was asked for does not wait.
    Refused
        The mapping file of a pull, mended since, is no mapping; nothing was tried.
    """
    asked = wanted or Wanted()
    total = Replayed(source=asked.source or "refused")
    # Only those that waited when this began: a row that is refused meanwhile is not tried at once.
    with ground.desk.reading() as session:
        query = select(RefusedRow.refused, RefusedRow.source).where(*asked.conditions())
        rows = session.execute(query.order_by(RefusedRow.received_at)).all()
    ids = [refused for refused, _ in rows]
    if asked.refused is not None and not ids:
        raise NotFound("no such row waits to be accepted")
    read_anew(ground, {source for _, source in rows})
    for start in range(0, len(ids), AT_ONCE):
        _replay_some(ground, ids[start : start + AT_ONCE], total)
    ground.audit.record(
        actor,
        "refused.replay",
        asked.refused or asked.source or "all",
        why=asked.said(),
        detail={"accepted": total.accepted, "refused": total.refused},
    )
    return total


def _replay_some(ground: Ground, ids: list[str], total: Replayed) -> None:
    with ground.desk.reading() as session:
        rows = list(session.scalars(select(RefusedRow).where(RefusedRow.refused.in_(ids))))
    waiting: list[tuple[str, Future[None]]] = []
    reasons: dict[str, str] = {}
    for found in rows:
        try:
            payload = ground.vault.open_space(found.payload, "refused", found.refused)
        except Refused:
            # One row that was damaged, or moved from elsewhere, keeps no other from being tried.
            total.still("it cannot be opened any more", found.place)
            continue
        try:
            waiting.append((found.refused, _again(ground, found, payload)))
        except Refused as error:
            total.still(error.message, found.place)
            if error.message != found.reason and found.door in FORMATS:
                reasons[found.refused] = error.message
    for _, done in waiting:
        done.result()
    total.accepted += len(waiting)
    # Marked only when durable: a crash before this tries them again, and their ids count once.
    with ground.desk.session() as session:
        session.execute(
            update(RefusedRow)
            .where(RefusedRow.refused.in_([refused for refused, _ in waiting]))
            .values(replayed_at=ground.clock.now())
        )
        for refused, reason in reasons.items():
            session.execute(
                update(RefusedRow).where(RefusedRow.refused == refused).values(reason=reason[:500])
            )


def _again(ground: Ground, found: RefusedRow, payload: bytes) -> Future[None]:
    if found.door not in FORMATS:
        raise Refused(ALONE)
    context = context_of(
        ground,
        found.door,
        payload,
        source=found.source,
        channel=found.channel,
        received_at=found.received_at,
    )
    # Checked and read first, so that a row that is still bad is not refused a second time.
    for look in (FORMATS[found.door].check, FORMATS[found.door].read):
        still = look(payload, context).refused
        if still:
            raise Refused(still[0].reason)
    receipt, done = take(
        ground,
        found.door,
        payload,
        source=found.source,
        channel=found.channel,
        received_at=found.received_at,
    )
    if not receipt.accepted:
        raise Refused("nothing in it was accepted")
    return done


def _find(ground: Ground, refused: str) -> RefusedRow:
    with ground.desk.reading() as session:
        found = session.get(RefusedRow, refused)
    if found is None:
        raise NotFound("no refused row has that id")
    return found


def _told(found: RefusedRow) -> dict[str, Any]:
    names = (*_COLUMNS, "door", "replayed_at")
    return {name: getattr(found, name) for name in names} | {"replayable": found.door in FORMATS}


def _readable(door: str, payload: bytes) -> str:
    if door == "hook":
        with suppress(msgspec.DecodeError):
            payload = unpack(payload).body
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return f"not text; in hexadecimal: {payload[:512].hex(' ')}{' ...' if len(payload) > 512 else ''}"


def _cursor(found: dict[str, Any]) -> str:
    return urlsafe_b64encode(f"{found['received_at'].isoformat()} {found['refused']}".encode()).decode()


def _read_cursor(text: str) -> tuple[datetime, str]:
    try:
        at, _, refused = urlsafe_b64decode(text.encode()).decode().partition(" ")
        return datetime.fromisoformat(at), refused
    except (ValueError, binascii.Error):
        raise Refused("expected the `next` of an earlier page", place="cursor") from None
