"""What people said about the use of their data: kept word by word, and what holds of each today.

The last word counts, by when it was said and not by when it came; of two said at one moment the more protective one.
So any order of arrival ends the same. A word belongs to identifiers and follows them through merges and partings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, get_args

import msgspec
from sqlalchemy import ColumnElement, Select, and_, case, delete, func, select, type_coerce
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from allears.desk.base import Desk, Moment
from allears.desk.consent import ConsentWord
from allears.desk.identity import Identifier
from allears.guard.purpose import Purpose

State = Literal["given", "refused", "withdrawn"]
STATES: tuple[State, ...] = get_args(State)
RANKS: dict[State, int] = {"given": 0, "refused": 1, "withdrawn": 2}
STRANGER = "p:"
"""Begins the name of somebody who is known by a digest only, because nothing of them was digested yet."""
_CHUNK = 5_000


class Word(msgspec.Struct, frozen=True):
    """One yes or no about one purpose.

    Parameters
    ----------
    digests
        The identifiers it was said for.
    at
        When it was said.
    source
        Where it came from: a source's name, a file, ``page``.
    version
        Of the text that was shown.
    how
        What else proves it, redacted by the caller.
    actor
        Who noted it.
    """

    digests: tuple[str, ...]
    purpose: Purpose
    state: State
    at: datetime
    source: str
    actor: str
    version: str = ""
    how: str = ""

    @property
    def name(self) -> str:
        """The same for the same word, however often it comes."""
        parts = (
            *sorted(self.digests),
            self.purpose,
            self.state,
            self.at.isoformat(),
            self.source,
            self.version,
        )
        return blake2b("\x00".join(parts).encode(), digest_size=16).hexdigest()


class Standing(NamedTuple):
    """What holds of somebody for a purpose, and since when."""

    state: State
    since: datetime


def note_words(session: Session, words: Iterable[Word], at: datetime) -> int:
    """Write words down inside the caller's transaction; returns how many are new. None is ever changed."""
    rows = {
        (name, digest): {
            "word": name, "digest": digest, "purpose": word.purpose, "state": word.state, "rank": RANKS[word.state],
            "said_at": word.at, "noted_at": at, "source": word.source[:128], "version": word.version[:64],
            "how": word.how, "actor": word.actor[:128],
        }
        for word in words
        for name in (word.name,)
        for digest in word.digests
    }  # fmt: skip
    names = sorted({name for name, _ in rows})
    known: set[str] = set()
    for start in range(0, len(names), _CHUNK):
        some = ConsentWord.word.in_(names[start : start + _CHUNK])
        known.update(session.scalars(select(ConsentWord.word).where(some).distinct()))
    fresh = [row for (name, _), row in rows.items() if name not in known]
    if fresh:
        # Another process may note the same word at this moment: once is enough.
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        session.execute(dialect.insert(ConsentWord).on_conflict_do_nothing(), fresh)
    return len({row["word"] for row in fresh})


def standing(desk: Desk, purpose: Purpose, people: Sequence[str]) -> dict[str, Standing]:
    """Tell what holds of some people now; who said nothing is missing.

    Parameters
    ----------
    people
        Customers of today, or strangers by their digest (`STRANGER`).
    """
    asked = sorted(set(people))
    found: dict[str, Standing] = {}
    with desk.reading() as session:
        for start in range(0, len(asked), _CHUNK):
            some = asked[start : start + _CHUNK]
            digests = {name.removeprefix(STRANGER): name for name in some if name.startswith(STRANGER)}
            # Whoever was a stranger when noted may have become a customer since.
            owned = select(Identifier.digest, Identifier.customer).where(Identifier.digest.in_(digests))
            owners = {digests[d]: c for d, c in session.execute(owned)} if digests else {}
            customers = [*owners.values(), *(name for name in some if not name.startswith(STRANGER))]
            told = _told(session, _last(purpose, Identifier.customer.in_(customers))) if customers else {}
            alone = [d for d, name in digests.items() if name not in owners]
            if alone:
                told |= _told(session, _last(purpose, ConsentWord.digest.in_(alone)))
            found |= {name: told[key] for name in some if (key := owners.get(name, name)) in told}
    return found


def everybody(desk: Desk, purpose: Purpose) -> dict[str, Standing]:
    """Tell what holds of all who ever said something about a purpose."""
    with desk.reading() as session:
        return _told(session, _last(purpose))


def anybody_said_no(desk: Desk, purpose: Purpose) -> bool:
    """Whether anybody ever refused or withdrew."""
    query = select(ConsentWord.id).where(ConsentWord.purpose == purpose, ConsentWord.rank > 0).limit(1)
    with desk.reading() as session:
        return session.scalar(query) is not None


def history(desk: Desk, digests: Sequence[str]) -> list[dict[str, Any]]:
    """List every word said for some identifiers, the oldest first, each once."""
    names = (
        "word", "purpose", "state", "said_at", "noted_at", "source", "version", "how", "actor",
    )  # fmt: skip
    seen: dict[str, dict[str, Any]] = {}
    with desk.reading() as session:
        for start in range(0, len(digests), _CHUNK):
            some = ConsentWord.digest.in_(digests[start : start + _CHUNK])
            for row in session.scalars(select(ConsentWord).where(some)):
                seen.setdefault(row.word, {name: getattr(row, name) for name in names})
    return sorted(seen.values(), key=lambda row: (row["said_at"], RANKS[row["state"]], row["word"]))


def coverage(desk: Desk, purpose: Purpose) -> dict[str, int]:
    """Count customers by what holds of them: ``given``, ``refused``, ``withdrawn``, ``unknown``, and ``n`` of them all."""
    with desk.reading() as session:
        n = session.scalar(select(func.count(func.distinct(Identifier.customer)))) or 0
        last = _last(purpose).subquery()
        known = last.c.person.not_like(f"{STRANGER}%")
        by_state = select(last.c.state, func.count()).where(known).group_by(last.c.state)
        counted: dict[str, int] = dict(session.execute(by_state).all())
    told = {state: counted.get(state, 0) for state in STATES}
    return told | {"unknown": n - sum(told.values()), "n": n}


def forget_words(session: Session, digests: Mapping[str, str]) -> Counter[str]:
    """Delete what erased people said, inside the caller's transaction; returns how many words, by whom a digest stands for."""
    gone: Counter[str] = Counter()
    given = list(digests)
    for start in range(0, len(given), _CHUNK):
        mine = ConsentWord.digest.in_(given[start : start + _CHUNK])
        went = session.scalars(delete(ConsentWord).where(mine).returning(ConsentWord.digest))
        gone.update(digests[digest] for digest in went)
    return gone


def _last(purpose: Purpose, *narrowed: ColumnElement[bool]) -> Select[Any]:
    person = func.coalesce(Identifier.customer, STRANGER + ConsentWord.digest)
    order = (ConsentWord.said_at.desc(), ConsentWord.rank.desc())
    ranked = (
        select(
            person.label("person"),
            ConsentWord.said_at,
            # A no after a yes is a withdrawal, whatever the banner called it.
            case(
                (
                    and_(ConsentWord.rank > 0, func.min(ConsentWord.rank).over(partition_by=person) == 0),
                    "withdrawn",
                ),
                else_=ConsentWord.state,
            ).label("state"),
            func.row_number().over(partition_by=person, order_by=order).label("place"),
        )
        .outerjoin(Identifier, Identifier.digest == ConsentWord.digest)
        .where(ConsentWord.purpose == purpose, *narrowed)
        .subquery()
    )
    return select(ranked.c.person, ranked.c.state, type_coerce(ranked.c.said_at, Moment)).where(
        ranked.c.place == 1
    )


def _told(session: Session, query: Select[Any]) -> dict[str, Standing]:
    return {person: Standing(state, since) for person, state, since in session.execute(query)}
