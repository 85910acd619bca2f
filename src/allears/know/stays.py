"""Stays in segments: who entered and left when. Membership at any moment is the stays that had begun and not ended.

A stay keeps the id its customer had then; who that is today is asked when it is read, so that merging and parting
customers need not touch it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa
from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from allears.desk.segments import SegmentStay

Today = Callable[[pa.Array], pa.Array]
_CHUNK = 500


class Turned(NamedTuple):
    """How many entered and left."""

    entered: int
    left: int


def settle(
    session: Session,
    segment: str,
    members: Sequence[str],
    at: datetime,
    today: Today,
    *,
    defined: bool = False,
    held: Callable[[Sequence[str]], Sequence[str]] = lambda people: [""] * len(people),
) -> Turned:
    """Write down who entered and who left since the last time.

    Parameters
    ----------
    members
        Today's customers in the segment.
    today
        Gives today's customer for ids of earlier.
    defined
        The segment is new, or its conditions were changed: whoever comes or goes did nothing.
    held
        Names for each person the rule by which the purpose holds them back; who leaves by that did not leave.
    """
    open_stays = session.execute(
        select(SegmentStay.id, SegmentStay.customer).where(
            SegmentStay.segment == segment, SegmentStay.left_at.is_(None)
        )
    ).all()
    now_called = today(pa.array([stay.customer for stay in open_stays], pa.string())).to_pylist()
    stays: dict[str, list[int]] = {}
    for stay, customer in zip(open_stays, now_called, strict=True):
        stays.setdefault(customer or stay.customer, []).append(stay.id)
    wanted = set(members)
    entering, leaving = sorted(wanted - stays.keys()), sorted(stays.keys() - wanted)
    session.add_all(
        SegmentStay(segment=segment, customer=one, entered_at=at, how="defined" if defined else "entered")
        for one in entering
    )
    rules = held(leaving)
    for ended in ("defined", "held", "left"):
        ids = [
            stay
            for one, rule in zip(leaving, rules, strict=True)
            if ended == ("defined" if defined else "held" if rule else "left")
            for stay in stays[one]
        ]
        for some in (ids[i : i + _CHUNK] for i in range(0, len(ids), _CHUNK)):
            session.execute(
                update(SegmentStay).where(SegmentStay.id.in_(some)).values(left_at=at, ended=ended)
            )
    return Turned(len(entering), len(leaving))


def members_at(session: Session, segment: str, today: Today, at: datetime | None = None) -> list[str]:
    """Tell who is in a segment, or was at a moment, as today's customers."""
    query = select(SegmentStay.customer).where(SegmentStay.segment == segment)
    if at is None:
        query = query.where(SegmentStay.left_at.is_(None))
    else:
        query = query.where(
            SegmentStay.entered_at <= at, or_(SegmentStay.left_at.is_(None), SegmentStay.left_at > at)
        )
    found = session.scalars(query.order_by(SegmentStay.entered_at, SegmentStay.id)).all()
    return list(dict.fromkeys(c for c in today(pa.array(found, pa.string())).to_pylist() if c is not None))


def counts(session: Session, segments: Sequence[str], since: datetime) -> dict[str, dict[str, int]]:
    """Count for each segment who is in it, and who entered and left since a moment."""
    found = {name: {"customers": 0, "entered": 0, "left": 0} for name in segments}
    for what, conditions in {
        "customers": (SegmentStay.left_at.is_(None),),
        "entered": (SegmentStay.entered_at > since, SegmentStay.how == "entered"),
        "left": (SegmentStay.left_at > since, SegmentStay.ended == "left"),
    }.items():
        query = select(SegmentStay.segment, func.count(func.distinct(SegmentStay.customer)))
        for name, n in session.execute(query.where(*conditions).group_by(SegmentStay.segment)):
            if name in found:
                found[name][what] = n
    return found


def moments(
    session: Session,
    today: Today,
    *,
    segment: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """List who entered and left by what they did, newest first: ``segment``, ``customer``, ``what``, ``at``."""
    found: list[dict[str, Any]] = []
    for what, column, said in (
        ("entered", SegmentStay.entered_at, SegmentStay.how == "entered"),
        ("left", SegmentStay.left_at, SegmentStay.ended == "left"),
    ):
        query = select(SegmentStay.segment, SegmentStay.customer, column.label("at")).where(said)
        if segment is not None:
            query = query.where(SegmentStay.segment == segment)
        if since is not None:
            query = query.where(column > since)
        query = query.order_by(column.desc(), SegmentStay.id.desc()).limit(limit)
        found += [
            {"segment": s, "customer": c, "what": what, "at": at} for s, c, at in session.execute(query)
        ]
    names = today(pa.array([row["customer"] for row in found], pa.string())).to_pylist()
    told = [row | {"customer": name or row["customer"]} for row, name in zip(found, names, strict=True)]
    return sorted(told, key=lambda row: row["at"], reverse=True)[:limit]


def segments_of(session: Session, keys: Sequence[str]) -> list[dict[str, Any]]:
    """List the segments somebody is in, by every key of theirs: ``segment`` and since when."""
    query = select(SegmentStay.segment, func.min(SegmentStay.entered_at)).where(
        SegmentStay.customer.in_(list(keys)), SegmentStay.left_at.is_(None)
    )
    rows = session.execute(query.group_by(SegmentStay.segment).order_by(SegmentStay.segment))
    return [{"segment": name, "entered_at": at} for name, at in rows]


def forget_stays(session: Session, keys: Mapping[str, str], *narrowed: ColumnElement[bool]) -> dict[str, int]:
    """Delete the stays of some customers; returns how many went of each.

    Parameters
    ----------
    keys
        Each key a customer was known by, and that customer.
    narrowed
        Only stays of which this holds.
    """
    counted: Counter[str] = Counter(dict.fromkeys(keys.values(), 0))
    given = list(keys)
    for some in (given[i : i + _CHUNK] for i in range(0, len(given), _CHUNK)):
        mine = and_(SegmentStay.customer.in_(some), *narrowed)
        for key, n in session.execute(
            select(SegmentStay.customer, func.count()).where(mine).group_by(SegmentStay.customer)
        ):
            counted[keys[str(key)]] += n
        session.execute(delete(SegmentStay).where(mine))
    return dict(counted)
