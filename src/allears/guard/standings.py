"""How every customer stands to one purpose: worked out once, then kept up with, person by person.

Words are only ever added or, when somebody is erased, deleted; who is who moves by numbered revisions. So a process that
knows how everybody stood at one moment reads what came since, and works out anew those alone whom it concerns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from allears.desk.base import Desk
from allears.desk.consent import ConsentWord
from allears.desk.identity import Identifier, IdentityRevision
from allears.desk.listening import Mark
from allears.guard.consent import RANKS, REUSED, STATES, State, owners_of, standing_in
from allears.guard.purpose import Purpose
from allears.guard.word_columns import (
    NAME,
    Ints,
    Keys,
    Names,
    every_word,
    everyone,
    keys_of,
    moved_after,
    read_words,
    words_left,
)

_MANY = 1_000
_NOBODY = b""


@dataclass(frozen=True, eq=False)
class Stood:
    """How customers stood at one moment; the same object as long as nobody stands otherwise. Who said nothing is missing.

    Parameters
    ----------
    customers
        Of today, sorted.
    states
        Of each the place in `STATES`.
    """

    customers: Names
    states: npt.NDArray[np.int8]

    def of(self, *states: State) -> Names:
        """Give the customers of whom one of these holds, sorted."""
        return self.customers[np.isin(self.states, [STATES.index(state) for state in states])]

    def counted(self) -> dict[str, int]:
        """Count customers by state."""
        counts = np.bincount(self.states, minlength=len(STATES)).tolist()
        return dict(zip(STATES, counts, strict=True))


def coverage(desk: Desk, stood: Stood) -> dict[str, int]:
    """Count customers by what holds of them: ``given``, ``refused``, ``withdrawn``, ``unknown``, and ``n`` of them all."""
    with desk.reading() as session:
        n = session.scalar(select(func.count(func.distinct(Identifier.customer)))) or 0
    return stood.counted() | {"unknown": n - len(stood.customers), "n": n}


class Standings:
    """How every customer stands to one purpose, as a process knows it: caught up with the desk before it is told.

    Parameters
    ----------
    desk
        Where words and who is who are kept; other processes may write there.
    purpose
        What the words are about.

    Notes
    -----
    Of each row of words 16 bytes stay in memory, of each identifier that it was said for 32, of each customer 25: no value,
    and no whole digest.
    """

    def __init__(self, desk: Desk, purpose: Purpose) -> None:
        self._desk, self._purpose = desk, purpose
        self._kept: _Kept | None = None
        self._turn = Lock()

    def now(self) -> Stood:
        """Tell how everybody stands now."""
        with self._turn, self._desk.reading() as session:
            self._kept = _caught_up(session, self._purpose, self._kept)
            return self._kept.stood


class _Moment(NamedTuple):
    """Up to where the desk was read."""

    word: int
    revision: int
    forgotten: int
    reused: str


@dataclass(frozen=True, eq=False)
class _Kept:
    moment: _Moment
    ids: Ints  # of each row of words,
    said_for: Keys  # and the identifier
    keys: Keys  # of each identifier, sorted,
    owners: Names  # and whose it is
    stood: Stood


def _caught_up(session: Session, purpose: Purpose, kept: _Kept | None) -> _Kept:
    now = _moment(session)
    if kept is None or now.reused != kept.moment.reused:
        return _whole(session, purpose, now)
    if now == kept.moment:
        return kept
    new = read_words(session, purpose, kept.moment.word, now.word)
    lost = np.zeros(len(kept.ids), np.bool_)
    if now.forgotten != kept.moment.forgotten:
        lost = ~np.isin(kept.ids, words_left(session, purpose, kept.moment.word), assume_unique=True)
    owners = kept.owners.copy()
    gone = find(kept.keys, kept.said_for[lost])[0]
    touched = set(owners[gone].tolist())
    # Whoever comes back after an erasure comes back as somebody new, even under the same id.
    owners[gone] = _NOBODY
    moved, theirs = moved_after(session, kept.moment.revision)
    at, there = find(kept.keys, moved)
    at, theirs = at[there], theirs[there]
    otherwise = owners[at] != theirs
    at, theirs = at[otherwise], theirs[otherwise]
    touched.update(owners[at].tolist(), theirs.tolist())
    owners[at] = theirs
    if len(new.ids) + len(touched) > max(_MANY, len(kept.ids) // 4):
        return _whole(session, purpose, now)
    keys, owners, added = _added(session, kept.keys, owners, new.digests)
    touched.update(owners[find(keys, added)[0]].tolist())
    touched.discard(_NOBODY)
    ids, said_for = np.append(kept.ids[~lost], new.ids), np.append(kept.said_for[~lost], added)
    if lost.any():
        # Nothing of somebody forgotten stays, not even half a digest.
        heard = np.isin(keys, said_for)
        keys, owners = keys[heard], owners[heard]
    stood = _changed(session, purpose, kept.stood, sorted(touched)) if touched else kept.stood
    return replace(kept, moment=now, ids=ids, said_for=said_for, keys=keys, owners=owners, stood=stood)


def _whole(session: Session, purpose: Purpose, now: _Moment) -> _Kept:
    pages = [
        (rows.ids, keys_of(rows.digests), rows.ranks, rows.times)
        for rows in every_word(session, purpose, now.word)
    ]
    nothing = (np.zeros(0, np.int64), np.zeros(0, np.uint64), np.zeros(0, np.int8), np.zeros(0, "M8[us]"))
    ids, said_for, ranks, times = (np.concatenate(part) for part in zip(nothing, *pages, strict=True))
    keys, place = np.unique(said_for, return_inverse=True)
    owners = np.full(len(keys), _NOBODY, NAME)
    for theirs, customers in everyone(session) if len(keys) else ():
        at, there = find(keys, theirs)
        owners[at[there]] = customers[there]
    return _Kept(now, ids, said_for, keys, owners, _last(owners, place, ranks, times))


def _last(
    owners: Names, place: Ints, ranks: npt.NDArray[np.int8], times: npt.NDArray[np.datetime64]
) -> Stood:
    """Let the last word of each customer count, of two at one moment the higher one; see `allears.guard.consent`."""
    customers, code = np.unique(owners, return_inverse=True)
    person = code[place]
    order = np.lexsort((ranks, times, person))
    last = order[np.flatnonzero(np.diff(person[order], append=-1))]
    agreed = np.zeros(len(customers), np.bool_)
    agreed[person[ranks == RANKS["given"]]] = True
    states = np.where((ranks[last] > 0) & agreed[person[last]], RANKS["withdrawn"], ranks[last])
    someone = customers[person[last]] != _NOBODY
    return Stood(customers[person[last]][someone], states[someone].astype(np.int8))


def _changed(session: Session, purpose: Purpose, stood: Stood, touched: Sequence[bytes]) -> Stood:
    told = standing_in(session, purpose, [name.decode() for name in touched])
    names = np.array(touched, NAME)
    at, there = find(stood.customers, names)
    customers, states = np.delete(stood.customers, at[there]), np.delete(stood.states, at[there])
    now = [(name, STATES.index(told[name.decode()].state)) for name in touched if name.decode() in told]
    found = np.array([name for name, _ in now], NAME)
    at = np.searchsorted(customers, found)
    return Stood(
        np.insert(customers, at, found),
        np.insert(states, at, np.array([state for _, state in now], np.int8)),
    )


def _added(session: Session, keys: Keys, owners: Names, digests: bytes) -> tuple[Keys, Names, Keys]:
    """Take in identifiers that words were said for; gives the key of each digest too."""
    said_for = keys_of(digests)
    first, there = np.unique(said_for, return_index=True)
    new = ~find(keys, first)[1]
    if new.any():
        texts = [digests[16 * at : 16 * at + 16].hex() for at in there[new].tolist()]
        whose = owners_of(session, texts)
        theirs = np.array([whose.get(text, "") for text in texts], NAME)
        at = np.searchsorted(keys, first[new])
        keys, owners = np.insert(keys, at, first[new]), np.insert(owners, at, theirs)
    return keys, owners, said_for


def _moment(session: Session) -> _Moment:
    word = select(func.max(ConsentWord.id)).scalar_subquery()
    reused = select(Mark.value).where(Mark.name == REUSED).scalar_subquery()
    revision = select(func.max(IdentityRevision.revision)).scalar_subquery()
    forgotten = select(func.max(IdentityRevision.forgotten)).scalar_subquery()
    found = session.execute(select(word, revision, forgotten, reused)).one()
    return _Moment(found[0] or 0, found[1] or 0, found[2] or 0, found[3] or "")


def find(among: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Give where each stands in a sorted array, and whether it does."""
    at = np.searchsorted(among, wanted)
    there = at < len(among)
    there[there] = among[at[there]] == wanted[there]
    return at, there


def with_these(names: Names, new: Names) -> Names:
    """Take sorted names into other sorted ones, each once."""
    at, there = find(names, new)
    return np.insert(names, at[~there], new[~there])
