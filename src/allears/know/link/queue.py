"""The queue: pairs of customers that are probably one, what was found, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from allears.desk import Desk
from allears.desk.identity import ProbableLink
from allears.errors import NotFound, Refused

WAITING, JOINED, REFUSED, FORBIDDEN = STATES = ("waiting", "joined", "refused", "forbidden")
"""``refused``: a person said that they are two; ``forbidden``: a limit of the graph keeps them apart, such as two user ids."""


def offer(desk: Desk, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Put pairs into the queue; returns their ids."""
    with desk.session() as session:
        made = [ProbableLink(**row) for row in rows]
        session.add_all(made)
        session.flush()
        return [row.id for row in made]


def listed(desk: Desk, state: str | None = WAITING, limit: int | None = None) -> list[dict[str, Any]]:
    """List pairs of a state, surest first; of all states where none is given.

    Raises
    ------
    Refused
        There is no such state.
    """
    if state is not None and state not in STATES:
        raise Refused(f"no such state; there are {', '.join(STATES)}", place="--state")
    wanted = select(ProbableLink).order_by(ProbableLink.bits.desc(), ProbableLink.id).limit(limit)
    if state is not None:
        wanted = wanted.where(ProbableLink.state == state)
    with desk.reading() as session:
        return [_told(row) for row in session.scalars(wanted)]


def one(desk: Desk, pair: int) -> dict[str, Any]:
    """Give one pair.

    Raises
    ------
    NotFound
        There is none of that number.
    """
    with desk.reading() as session:
        # A larger number is none of any desk's.
        row = session.get(ProbableLink, pair) if abs(pair) < 1 << 63 else None
        if row is None:
            raise NotFound("no pair of that number in the queue")
        return _told(row)


def settled(
    desk: Desk, pair: int, state: str, *, at: datetime, actor: str, act: str | None = None, note: str = ""
) -> None:
    """Note what became of a pair."""
    with desk.session() as session:
        row = session.get_one(ProbableLink, pair)
        row.state, row.act, row.note = state, act, note[:200]
        row.decided_at, row.decided_by = at, actor


def of_act(desk: Desk, act: str) -> list[dict[str, Any]]:
    """List the pairs that an act of a steward joined, or keeps apart."""
    with desk.reading() as session:
        found = session.scalars(select(ProbableLink).where(ProbableLink.act == act).order_by(ProbableLink.id))
        return [_told(row) for row in found]


def reopened(desk: Desk, pair: int) -> None:
    """Note that a decision was taken back: the pair waits for another."""
    with desk.session() as session:
        row = session.get_one(ProbableLink, pair)
        row.state, row.act, row.note, row.decided_at, row.decided_by = WAITING, None, "", None, None


def _told(row: ProbableLink) -> dict[str, Any]:
    return {
        "pair": row.id, "left": row.left, "right": row.right, "probability": 1 / (1 + 2.0 ** -row.bits), "bits": row.bits,
        "why": row.why, "state": row.state, "act": row.act, "note": row.note, "found_at": row.found_at,
        "decided_at": row.decided_at, "decided_by": row.decided_by,
    }  # fmt: skip
