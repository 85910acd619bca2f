"""Words about the use of data and who is who, read as columns: a row at a time costs three times as much as all the rest.

The database puts each column of a page into one text, which is taken apart here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Executable, String, cast, func, literal, select, type_coerce
from sqlalchemy.orm import Session

from allears.desk.aliases import known
from allears.desk.consent import CONSENT, ConsentWord
from allears.desk.identity import Identifier
from allears.guard.purpose import Purpose

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Names = npt.NDArray[np.bytes_]
NAME = "S24"  # as wide as the desk's column
PAGE = 50_000


class Rows(NamedTuple):
    """Words as the desk keeps them: a row for each identifier that one was said for."""

    ids: Ints
    digests: bytes  # 16 of each
    ranks: npt.NDArray[np.int8]
    times: npt.NDArray[np.datetime64]


def read_words(session: Session, purpose: Purpose, after: int, upto: int) -> Rows:
    """Read rows of words."""
    said_at: ColumnElement[str] = type_coerce(ConsentWord.said_at, String)
    if session.get_bind().dialect.name == "postgresql":
        said_at = func.to_char(ConsentWord.said_at, "YYYY-MM-DD HH24:MI:SS.US")
    ids, aliases, ranks, times = _row(
        session,
        select(
            _joined(ConsentWord.id, ","),
            _joined(type_coerce(ConsentWord.digest, String), ""),
            _joined(ConsentWord.rank, ""),
            _joined(said_at, ","),
        ).where(*_between(purpose, after, upto)),
    )
    return Rows(
        _numbers(ids),
        known(session.get_bind().dialect).raw_digests(CONSENT, bytes.fromhex(aliases)),
        np.frombuffer(ranks.encode(), np.int8) - ord("0"),
        np.array(times.split(",") if times else [], "M8[us]"),
    )


def every_word(session: Session, purpose: Purpose, upto: int) -> Iterator[Rows]:
    """Read all rows of words, page by page."""
    for first in range(0, upto, PAGE):
        yield read_words(session, purpose, first, min(first + PAGE, upto))


def words_left(session: Session, purpose: Purpose, upto: int) -> Ints:
    """Give which rows of words there are."""
    pages = [
        _numbers(*_row(session, select(_joined(ConsentWord.id, ",")).where(*_between(purpose, first, min(first + PAGE, upto)))))
        for first in range(0, upto, PAGE)
    ]  # fmt: skip
    return np.concatenate([np.zeros(0, np.int64), *pages])


def moved_after(session: Session, revision: int) -> tuple[Keys, Names]:
    """Give identifiers that came, or came to somebody else, after a revision, and whose they are."""
    return _whose(session, Identifier.revision > revision)


def everyone(session: Session) -> Iterator[tuple[Keys, Names]]:
    """Give all identifiers and whose they are, page by page."""
    last = session.scalar(select(func.max(Identifier.number)))
    for first in range(0, -1 if last is None else last + 1, PAGE):
        yield _whose(session, Identifier.number >= first, Identifier.number < first + PAGE)


def _whose(session: Session, *where: ColumnElement[bool]) -> tuple[Keys, Names]:
    digests, customers = _row(
        session, select(_joined(Identifier.digest, ""), _joined(Identifier.customer, ",")).where(*where)
    )
    return keys_of(bytes.fromhex(digests)), np.array(customers.split(",") if customers else [], NAME)


def _between(purpose: Purpose, after: int, upto: int) -> Collection[ColumnElement[bool]]:
    # By number: an index of purposes would be asked for nearly all it has, row by row.
    about = ConsentWord.purpose.concat(literal("")) == purpose
    return ConsentWord.id > after, ConsentWord.id <= upto, about


def _row(session: Session, query: Executable) -> list[str]:
    return [part or "" for part in session.connection().execute(query).one()]


def _joined(column: Any, separator: str) -> ColumnElement[str]:
    return func.aggregate_strings(cast(column, String), separator)


def _numbers(text: str) -> Ints:
    return np.fromstring(text, np.int64, sep=",")


def keys_of(digests: bytes) -> Keys:
    """Name identifiers by 64 bits of their digests: enough to find whom something concerns, and the desk is asked about them."""
    halves = np.frombuffer(digests, ">u8").reshape(-1, 2)
    folded: Keys = (halves[:, 0] ^ halves[:, 1]).astype(np.uint64)
    return folded
