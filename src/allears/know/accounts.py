"""Accounts: organisations with their hierarchy, and who belongs to which, as what, from when to when.

A relation belongs to an identifier, as a word of consent does, so that it follows its person through merges and partings
and goes when the identifier is erased. Names and traits of an account are sealed; what joins tables is a digest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from allears.desk.accounts import Account, Relation
from allears.desk.identity import Identifier
from allears.errors import NotFound, Refused
from allears.know.household import HOUSEHOLD, MEMBER

DEEPEST = 32
ORGANISATION = "organisation"
_CHUNK = 5_000
Seal = Callable[[bytes, str], bytes]
"""``seal(plain, account)`` and ``open(sealed, account)``: under the space's key, bound to the account's id."""


class About(msgspec.Struct):
    """What is told of an account; sealed where it is kept."""

    written: str
    name: str = ""
    traits: dict[str, Any] = {}


class Belongs(NamedTuple):
    """Somebody belongs to an account."""

    digest: str
    account: str
    relationship: str
    role: str
    source: str
    since: datetime
    until: datetime | None = None

    @property
    def id(self) -> str:
        """The same for the same person, account and relationship, however often it is told."""
        parts = "\x00".join((self.digest, self.account, self.relationship, self.role))
        return blake2b(parts.encode(), digest_size=16).hexdigest()


def put_account(
    session: Session,
    account: str,
    about: About,
    at: datetime,
    *,
    seal: Seal,
    open: Seal,
    parent: str | None = None,
    kind: str = ORGANISATION,
) -> None:
    """Write down what was told of an account; what was known before stays where nothing new is said.

    Raises
    ------
    Refused
        The parent is the account itself, or lies below it.
    """
    row = session.get(Account, account)
    before = _about(row, open) if row is not None else About(about.written)
    whole = About(about.written or before.written, about.name or before.name, before.traits | about.traits)
    if row is not None and whole == before and parent in (None, row.parent):
        return
    if parent is not None and account in lineage(session, parent):
        raise Refused("an account cannot lie below itself", place="parent")
    sealed = seal(msgspec.json.encode(whole), account)
    if row is None:
        session.add(Account(id=account, kind=kind, parent=parent, sealed=sealed, first_at=at, changed_at=at))
    else:
        row.parent, row.sealed, row.changed_at = parent or row.parent, sealed, at
    session.flush()


def lineage(session: Session, account: str) -> list[str]:
    """Give an account and those above it, the nearest first."""
    found: list[str] = []
    here: str | None = account
    while here is not None and here not in found and len(found) < DEEPEST:
        found.append(here)
        here = session.scalar(select(Account.parent).where(Account.id == here))
    return found


def relate(
    session: Session, belongs: Iterable[Belongs], at: datetime, *, again: bool = False
) -> list[Belongs]:
    """Write down who belongs where; returns those that are new.

    What was ended stays ended; with ``again`` it begins anew where it is told of a later time.
    """
    rows: dict[str, Belongs] = {}
    for one in sorted(belongs, key=lambda b: b.since):
        rows.setdefault(one.id, one)
    ended = dict(_by_ids(session, list(rows)))
    fresh = {name: one for name, one in rows.items() if name not in ended}
    if again:
        fresh |= _anew(
            session, [one for n, one in rows.items() if (over := ended.get(n)) and one.since >= over]
        )
    if fresh:
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        made = [_row(name, one, at) for name, one in fresh.items()]
        session.execute(dialect.insert(Relation).on_conflict_do_nothing(), made)
    return list(fresh.values())


def _by_ids(session: Session, ids: Sequence[str]) -> Iterator[tuple[str, datetime | None]]:
    for start in range(0, len(ids), _CHUNK):
        some = Relation.id.in_(ids[start : start + _CHUNK])
        yield from (
            (name, over) for name, over in session.execute(select(Relation.id, Relation.valid_to).where(some))
        )


def _anew(session: Session, belongs: Sequence[Belongs]) -> dict[str, Belongs]:
    """Give those that do not hold already, by another period of theirs, each under a name of its own."""
    found: dict[str, Belongs] = {}
    for one in belongs:
        same = (
            Relation.digest == one.digest, Relation.account == one.account, Relation.relationship == one.relationship, Relation.role == one.role[:64],
        )  # fmt: skip
        periods = select(Relation.id).where(
            *same, Relation.valid_to.is_(None) | (Relation.valid_to > one.since)
        )
        if session.scalar(periods.limit(1)) is None:
            name = blake2b(f"{one.id}{one.since.isoformat()}".encode(), digest_size=16).hexdigest()
            found[name] = one
    return found


def _row(name: str, one: Belongs, at: datetime) -> dict[str, Any]:
    return {
        "id": name, "digest": one.digest, "account": one.account, "relationship": one.relationship, "role": one.role[:64],
        "source": one.source[:200], "valid_from": one.since, "valid_to": one.until, "noted_at": at,
    }  # fmt: skip


def put_households(session: Session, ids: Iterable[str], at: datetime, *, seal: Seal) -> None:
    """Write households down that are not known yet; of a household nothing but its id is kept."""
    given = sorted(set(ids))
    for start in range(0, len(given), _CHUNK):
        some = given[start : start + _CHUNK]
        known = set(session.scalars(select(Account.id).where(Account.id.in_(some))))
        nothing = msgspec.json.encode(About(""))
        made = [
            {"id": one, "kind": HOUSEHOLD, "parent": None, "sealed": seal(nothing, one), "first_at": at, "changed_at": at}
            for one in some
            if one not in known
        ]  # fmt: skip
        if made:
            dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
            session.execute(dialect.insert(Account).on_conflict_do_nothing(), made)


def move_house(session: Session, digests: Sequence[str]) -> None:
    """End what people were members of before the household they told last; what was told of earlier times ends nothing."""
    for start in range(0, len(digests), _CHUNK):
        held = (
            select(Relation)
            .join(Account, Account.id == Relation.account)
            .where(Relation.digest.in_(digests[start : start + _CHUNK]), Relation.valid_to.is_(None))
            .where(Account.kind == HOUSEHOLD, Relation.role == MEMBER)
        )
        mine: dict[str, list[Relation]] = {}
        for row in session.scalars(held):
            mine.setdefault(row.digest, []).append(row)
        for rows in mine.values():
            for before, after in pairwise(sorted(rows, key=lambda r: (r.valid_from, r.id))):
                before.valid_to = after.valid_from


def end_relations(session: Session, digests: Sequence[str], account: str, at: datetime) -> int:
    """Say that somebody belongs to an account no longer; returns how many relations ended."""
    ended = 0
    mine = (Relation.account == account, Relation.valid_to.is_(None))
    for start in range(0, len(digests), _CHUNK):
        some = Relation.digest.in_(digests[start : start + _CHUNK])
        for row in session.scalars(select(Relation).where(some, *mine)):
            row.valid_to, ended = max(at, row.valid_from), ended + 1
    return ended


def relations_of(session: Session, digests: Sequence[str]) -> list[dict[str, Any]]:
    """List where somebody belongs or belonged: those that hold on top, each told once however many identifiers say it."""
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    rows: list[Relation] = []
    for start in range(0, len(digests), _CHUNK):
        rows += session.scalars(select(Relation).where(Relation.digest.in_(digests[start : start + _CHUNK])))
    for row in sorted(rows, key=lambda r: r.valid_from):
        periods = found.setdefault((row.account, row.relationship, row.role), [])
        before = periods[-1] if periods else None
        if before is None or (before["valid_to"] is not None and row.valid_from > before["valid_to"]):
            names = ("account", "relationship", "role", "source", "valid_from", "valid_to")
            periods.append({n: getattr(row, n) for n in names})
        elif before["valid_to"] is not None and (row.valid_to is None or row.valid_to > before["valid_to"]):
            before["valid_to"] = row.valid_to
    told = [period for periods in found.values() for period in periods]
    return sorted(told, key=lambda r: (r["valid_to"] is not None, r["valid_from"], r["account"]))


def people_of(session: Session, account: str, limit: int = 1_000) -> list[dict[str, Any]]:
    """List today's customers who belong to an account, those that still do on top."""
    query = (
        select(
            Identifier.customer,
            Relation.relationship,
            Relation.role,
            func.min(Relation.valid_from),
            func.max(Relation.valid_to),
            func.count().filter(Relation.valid_to.is_(None)),
        )
        .join(Identifier, Identifier.digest == Relation.digest)
        .where(Relation.account == account)
        .group_by(Identifier.customer, Relation.relationship, Relation.role)
        .limit(limit)
    )
    found = [
        {
            "customer": customer, "relationship": relationship, "role": role, "valid_from": first, "valid_to": None if holds else last,
        }
        for customer, relationship, role, first, last, holds in session.execute(query)
    ]  # fmt: skip
    return sorted(found, key=lambda r: (r["valid_to"] is not None, r["valid_from"], r["customer"]))


def accounts(
    session: Session,
    open: Seal,
    ids: Sequence[str] | None = None,
    limit: int = 10_000,
    kind: str = ORGANISATION,
) -> list[dict[str, Any]]:
    """List accounts of a kind, or those of the ids, with what is told of them and how many customers belong to each now."""
    query = select(Account).limit(limit)
    belongs = (
        select(Relation.account, func.count(func.distinct(Identifier.customer)))
        .join(Identifier, Identifier.digest == Relation.digest)
        .where(Relation.valid_to.is_(None))
        .group_by(Relation.account)
    )
    if ids is not None:
        query, belongs = query.where(Account.id.in_(ids)), belongs.where(Relation.account.in_(ids))
    else:
        query = query.where(Account.kind == kind)
    counted = dict(iter(session.execute(belongs)))
    rows = []
    for row in session.scalars(query):
        about = _about(row, open)
        rows.append(
            {
                "account": row.id, "kind": row.kind, "name": about.name or about.written or row.kind, "written": about.written, "traits": about.traits,
                "parent": row.parent, "customers": counted.get(row.id, 0), "first_at": row.first_at, "changed_at": row.changed_at,
            }
        )  # fmt: skip
    return sorted(rows, key=lambda r: (-r["customers"], r["name"].casefold()))


def account(session: Session, open: Seal, account_id: str) -> dict[str, Any]:
    """Show one account: what is told of it, those above and below, its people.

    Raises
    ------
    NotFound
        No account has that id.
    """
    line = lineage(session, account_id)
    below = list(session.scalars(select(Account.id).where(Account.parent == account_id)))
    told = {row["account"]: row for row in accounts(session, open, [*line, *below])}
    if account_id not in told:
        raise NotFound("no account of that id", place="account")
    return told[account_id] | {
        "above": [told[a] for a in line[1:] if a in told],
        "below": [told[a] for a in below if a in told],
        "people": people_of(session, account_id),
    }


def forget_relations(session: Session, digests: Mapping[str, str]) -> dict[str, int]:
    """Delete relations, found by the digests of identifiers; returns how many, by what a digest stands for.

    A household nobody belongs to any more goes with them.
    """
    gone: Counter[str] = Counter(dict.fromkeys(digests.values(), 0))
    given, left = list(digests), set[str]()
    for start in range(0, len(given), _CHUNK):
        some = Relation.digest.in_(given[start : start + _CHUNK])
        deleted = delete(Relation).where(some).returning(Relation.digest, Relation.account)
        for digest, one in session.execute(deleted):
            gone[digests[digest]] += 1
            left.add(one)
    empty = Account.kind == HOUSEHOLD, ~select(Relation.id).where(Relation.account == Account.id).exists()
    for start in range(0, len(ids := sorted(left)), _CHUNK):
        session.execute(delete(Account).where(Account.id.in_(ids[start : start + _CHUNK]), *empty))
    return dict(gone)


def _about(row: Account, open: Seal) -> About:
    return msgspec.json.decode(open(row.sealed, row.id), type=About)
