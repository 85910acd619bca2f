"""What people said about the use of their data: kept word by word, and what holds of each today.

The last word counts, by when it was said and not by when it came; of two said at one moment the more protective one.
So any order of arrival ends the same. A word belongs to identifiers and follows them through merges and partings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, get_args

import msgspec
from sqlalchemy import String, delete, func, select, type_coerce
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from allears.desk.aliases import STRANGER, known
from allears.desk.base import Desk, Moment
from allears.desk.consent import CONSENT, WORDS, ConsentWord
from allears.desk.identity import Identifier
from allears.desk.listening import Mark
from allears.guard.purpose import Purpose

State = Literal["given", "refused", "withdrawn"]
STATES: tuple[State, ...] = get_args(State)
RANKS: dict[State, int] = {"given": 0, "refused": 1, "withdrawn": 2}
REUSED = "consent words numbered again"
"""The mark that moves when the newest word was deleted: numbers say no longer what is new."""
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
        """The same for the same word, however often it comes. Made of digests: it is kept, and told, as an alias only."""
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
    before: set[str] = set()
    for some in _chunks(sorted({name for name, _ in rows})):
        query = select(ConsentWord.word).where(ConsentWord.word.in_(some)).distinct()
        before.update(session.scalars(query))
    fresh = [row for (name, _), row in rows.items() if name not in before]
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
    with desk.reading() as session:
        return standing_in(session, purpose, people)


def standing_in(session: Session, purpose: Purpose, people: Sequence[str]) -> dict[str, Standing]:
    """Tell the same as of the moment that the caller's transaction sees."""
    asked = sorted(set(people))
    strangers = [name.removeprefix(STRANGER) for name in asked if name.startswith(STRANGER)]
    # Whoever was a stranger when noted may have become a customer since.
    owners = owners_of(session, strangers)
    today = {STRANGER + digest: customer for digest, customer in owners.items()}
    customers = sorted({today.get(name, name) for name in asked})
    whose = _identifiers(session, [name for name in customers if not name.startswith(STRANGER)])
    alone = [digest for digest in strangers if digest not in owners]
    told = _last(session, _said(session, purpose, [*whose, *alone]), whose)
    return {name: told[person] for name in asked if (person := today.get(name, name)) in told}


def anybody_said_no(desk: Desk, purpose: Purpose) -> bool:
    """Whether anybody ever refused or withdrew."""
    query = select(ConsentWord.id).where(ConsentWord.purpose == purpose, ConsentWord.rank > 0).limit(1)
    with desk.reading() as session:
        return session.scalar(query) is not None


def history(desk: Desk, digests: Sequence[str]) -> list[dict[str, Any]]:
    """List every word said for some identifiers, the oldest first, each once."""
    names = (
        "purpose", "state", "said_at", "noted_at", "source", "version", "how", "actor",
    )  # fmt: skip
    seen: dict[str, dict[str, Any]] = {}
    with desk.reading() as session:
        for some in _chunks(digests):
            for row in session.scalars(select(ConsentWord).where(ConsentWord.digest.in_(some))):
                seen.setdefault(row.word, {name: getattr(row, name) for name in names})
    for told, kept in zip(seen.values(), desk.aliases.of(WORDS, list(seen)), strict=True):
        told["word"] = kept
    return sorted(seen.values(), key=lambda row: (row["said_at"], RANKS[row["state"]], row["word"]))


def forget_words(session: Session, digests: Mapping[str, str]) -> Counter[str]:
    """Delete what erased people said, inside the caller's transaction; returns how many words, by whom a digest stands for."""
    gone: Counter[str] = Counter()
    newest = session.scalar(select(func.max(ConsentWord.id)))
    for some in _chunks(list(digests)):
        mine = ConsentWord.digest.in_(some)
        went = session.scalars(delete(ConsentWord).where(mine).returning(ConsentWord.digest))
        gone.update(digests[digest] for digest in went)
    if session.scalar(select(func.max(ConsentWord.id))) != newest:
        # SQLite gives the number of the newest row again once that row is gone.
        again = session.get(Mark, REUSED)
        session.merge(Mark(name=REUSED, value=str(1 + int(again.value) if again else 1)))
    return gone


def _said(session: Session, purpose: Purpose, digests: Sequence[str]) -> list[tuple[str, int, Any]]:
    """Give when each identifier last said what: digest, rank and time as it is kept."""
    alias = type_coerce(ConsentWord.digest, String)
    query = (
        select(alias, ConsentWord.rank, func.max(type_coerce(ConsentWord.said_at, String)))
        .where(ConsentWord.purpose == purpose)
        .group_by(ConsentWord.digest, ConsentWord.rank)
    )
    # Turned all at once: one by one costs more than reading them.
    turn = known(session.get_bind().dialect)
    narrowed = [query.where(alias.in_(some)) for some in _chunks(turn.of(CONSENT, digests))]
    rows = [row for one in narrowed for row in session.connection().execute(one).all()]
    if not rows:
        return []
    aliases, ranks, times = zip(*rows, strict=True)
    return list(zip(turn.digests(CONSENT, aliases), ranks, times, strict=True))


def _last(
    session: Session, said: Iterable[tuple[str, int, Any]], whose: Mapping[str, str]
) -> dict[str, Standing]:
    """Let the last word of each person count, of two at one moment the higher one."""
    # Times sort as they are kept; those that count alone are read.
    dialect = session.get_bind().dialect
    read: Any = Moment().dialect_impl(dialect).result_processor(dialect, None)
    last: dict[str, tuple[Any, int]] = {}
    agreed: set[str] = set()
    for digest, rank, at in said:
        person = whose.get(digest) or STRANGER + digest
        if rank == RANKS["given"]:
            agreed.add(person)
        if person not in last or last[person] < (at, rank):
            last[person] = at, rank
    # A no after a yes is a withdrawal, whatever the banner called it.
    return {
        person: Standing("withdrawn" if rank and person in agreed else STATES[rank], read(at))
        for person, (at, rank) in last.items()
    }


def owners_of(session: Session, digests: Sequence[str]) -> dict[str, str]:
    """Give whose identifiers these are; those of nobody are missing."""
    found: dict[str, str] = {}
    for some in _chunks(digests):
        owned = select(Identifier.digest, Identifier.customer).where(Identifier.digest.in_(some))
        found |= dict(session.connection().execute(owned).all())
    return found


def _identifiers(session: Session, customers: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in _chunks(customers):
        theirs = select(Identifier.digest, Identifier.customer).where(Identifier.customer.in_(some))
        found |= dict(session.execute(theirs).all())
    return found


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
