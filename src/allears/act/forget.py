"""Take customers' names off the work: counts stay, the person does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.orm import Session

from allears.desk.work import Case, IssueSignal, Move

_CHUNK = 5_000


def forget_customers(session: Session, keys: Mapping[str, str]) -> dict[str, Counter[str]]:
    """Remove customers from gathered signals, cases and moves.

    Parameters
    ----------
    keys
        Each key a customer was known by, and that customer.

    Returns
    -------
    dict
        How many rows no longer name them, by customer and table.
    """
    counts: dict[str, Counter[str]] = {customer: Counter() for customer in keys.values()}
    given = list(keys)
    for start in range(0, len(given), _CHUNK):
        some = given[start : start + _CHUNK]
        for model in (IssueSignal, Case, Move):
            mine = model.customer.in_(some)
            for key, n in session.execute(
                select(model.customer, func.count()).where(mine).group_by(model.customer)
            ):
                counts[keys[str(key)]][model.__tablename__] += n
            session.execute(update(model).where(mine).values(customer=None))
    return counts


def forget_moves(session: Session, keys: Mapping[str, str], *narrowed: ColumnElement[bool]) -> Counter[str]:
    """Remove customers from moves of which something holds, and let none of those happen that have not yet; returns how many, by customer."""
    gone: Counter[str] = Counter()
    given = list(keys)
    for start in range(0, len(given), _CHUNK):
        mine = and_(Move.customer.in_(given[start : start + _CHUNK]), *narrowed)
        for key, n in session.execute(
            select(Move.customer, func.count()).where(mine).group_by(Move.customer)
        ):
            gone[keys[str(key)]] += n
        planned = Move.state.in_(("proposed", "approved"))
        session.execute(update(Move).where(mine, planned).values(state="suppressed", held_by="erased"))
        session.execute(update(Move).where(mine).values(customer=None))
    return gone


def forget_signals(session: Session, ids: Sequence[str]) -> None:
    """Say of some gathered signals no longer whose they were."""
    for start in range(0, len(ids), _CHUNK):
        some = IssueSignal.signal_id.in_(ids[start : start + _CHUNK])
        session.execute(update(IssueSignal).where(some).values(customer=None))
