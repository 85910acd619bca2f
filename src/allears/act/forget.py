"""Take a customer's name off the work: counts stay, the person does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from allears.desk.work import Case, IssueSignal, Move

_CHUNK = 5_000


def forget_customers(session: Session, customers: Sequence[str]) -> dict[str, int]:
    """Remove customers from gathered signals, cases and moves.

    Returns
    -------
    dict
        How many rows no longer name them, by table.
    """
    counts: dict[str, int] = {}
    for start in range(0, len(customers), _CHUNK):
        some = list(customers[start : start + _CHUNK])
        for model in (IssueSignal, Case, Move):
            done: CursorResult[Any] = session.execute(
                update(model).where(model.customer.in_(some)).values(customer=None)
            )  # type: ignore[assignment]
            counts[model.__tablename__] = counts.get(model.__tablename__, 0) + done.rowcount
    return counts
