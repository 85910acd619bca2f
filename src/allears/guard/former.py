"""Keys that signals bear from before a merge or a parting, and which customer of today each leads to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import pyarrow as pa
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from allears.desk.base import Desk
from allears.desk.identity import IdentityHistory, IdentityRevision
from allears.guard.standings import find
from allears.guard.word_columns import NAME, Names

Today = Callable[[pa.Array], pa.Array]


@dataclass(frozen=True, eq=False)
class Former:
    """Keys of before, sorted, and whose each is today."""

    keys: Names
    customers: Names

    def of(self, customers: Names) -> Names:
        """Give the keys of before that lead to some customers, given sorted."""
        return self.keys[find(customers, self.customers)[1]]


class FormerKeys:
    """All keys of before, as a process knows them: caught up with the desk before they are told.

    Parameters
    ----------
    desk
        Where who is who is kept; other processes may write there.
    today
        Gives today's customer for keys that signals bear.
    """

    def __init__(self, desk: Desk, today: Today) -> None:
        self._desk, self._today = desk, today
        self._moment, self._kept = (0, 0), _NOBODY
        self._turn = Lock()

    def now(self) -> Former:
        """Tell them as of now; the same object as long as none leads to somebody else."""
        with self._turn:
            with self._desk.reading() as session:
                moment = _moment(session)
                if moment == self._moment:
                    return self._kept
                after, forgotten = self._moment
                # Erasing deletes of them, and SQLite gives the highest number again.
                known = self._kept if moment[1] == forgotten else _NOBODY
                keys = _moved(session, after if known is self._kept else 0, known)
            self._kept = _changed(known, self._resolved(keys))
            self._moment = moment
            return self._kept

    def _resolved(self, keys: Sequence[str]) -> Former:
        customers = self._today(pa.array(keys, pa.string())).to_pylist()
        return Former(np.array(keys, NAME), np.array(customers, NAME))


_NOBODY = Former(np.zeros(0, NAME), np.zeros(0, NAME))


def _changed(kept: Former, new: Former) -> Former:
    at, there = find(kept.keys, new.keys)
    customers = kept.customers.copy()
    customers[at[there]] = new.customers[there]
    at = at[~there]
    return Former(np.insert(kept.keys, at, new.keys[~there]), np.insert(customers, at, new.customers[~there]))


def _moment(session: Session) -> tuple[int, int]:
    row = select(func.max(IdentityHistory.id)).scalar_subquery()
    forgotten = select(func.max(IdentityRevision.forgotten)).scalar_subquery()
    found = session.execute(select(row, forgotten)).one()
    return found[0] or 0, found[1] or 0


def _moved(session: Session, after: int, known: Former) -> list[str]:
    """Give the keys that identifiers which moved since then had been under, and known ones that are made of them, sorted."""
    rows = select(IdentityHistory.customer, IdentityHistory.digest).where(IdentityHistory.id > after)
    found = session.execute(rows.distinct()).all()
    own = np.array(sorted({f"c_{digest[:16]}" for _, digest in found}), NAME)
    again = own[find(known.keys, own)[1]].tolist()
    return sorted({customer for customer, _ in found} | {key.decode() for key in again})
