"""Correct what is known of a person: strike a value out, put one in; what was struck out is not learnt again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from allears.desk import Desk
from allears.desk.identity import Profile
from allears.errors import NotReady, Refused
from allears.know import ledger
from allears.know.identifiers import normalise
from allears.know.profile import CLEAR_TYPES, FIELD, KEPT, STRUCK, Known, Seal, alike, tidy, upsert

TRAITS = ("name", "address", "birthday", *CLEAR_TYPES)
"""What a profile holds."""
_TRIES = 5
_decoder = msgspec.json.Decoder(Known)


def correct(
    desk: Desk,
    seal: Seal,
    open: Seal,
    customer: str,
    kind: str,
    *,
    wrong: str,
    right: str,
    region: str,
    at: datetime,
    note: Callable[[Session, int], None],
    parted: str | None = None,
) -> int:
    """Change a customer's sealed profile; returns how many stored values went.

    Parameters
    ----------
    wrong, right
        What is struck out, in any spelling, and what is put in; one of them may be empty.
    note
        Called inside the transaction with how many went; may raise, and then nothing is changed.
    parted
        Whoever the wrong identifier is now, where the profile went with it: all but that one value comes back.

    Raises
    ------
    Refused
        ``right`` is no value of that kind.
    NotReady
        Others wrote the same profile again and again meanwhile.
    """
    put = tidy(kind, right) if right else ""
    if right and not put:
        raise Refused(f"expected a usable {kind}", place="right")
    for _ in range(_TRIES):
        with desk.reading() as session:
            rows = _rows(session, customer, parted)
        opened = open(list(rows), list(rows.values()), FIELD)
        known = {s: _decoder.decode(p) for s, p in zip(rows, opened, strict=True) if p is not None}
        mine = known.setdefault(customer, {})
        left = known.pop(parted, {}) if parted else {}
        for name, values in left.items():
            for value in values:
                _add(mine, name, value)
        gone = sum(_strike(one, kind, wrong, region) for one in known.values()) if wrong else 0
        if wrong:
            _add(mine, STRUCK + kind, wrong.strip())
        if put:
            for one in known.values():
                _drop(one, STRUCK + kind, put)
            for name in (kind, KEPT + kind):
                _add(mine, name, put)
        if parted and left:
            known[parted] = {kind: [v for v in left.get(kind, ()) if _same(kind, v, wrong, region)]}
        sealed = seal(list(known), [msgspec.json.encode(one) for one in known.values()], FIELD)
        if _write(desk, customer, parted, rows, dict(zip(known, sealed, strict=True)), at, gone, note):
            return gone
    raise NotReady("others write this profile just now; try again")


def holds(known: Known, kind: str, value: str, region: str) -> bool:
    """Tell whether a value is among what is known, in any spelling.

    Examples
    --------
    >>> holds({"phone": ["+44 20 7946 0958"]}, "phone", "020 7946 0958", "GB")
    True
    """
    return any(_same(kind, one, value, region) for one in known.get(kind, ()))


def _rows(session: Session, customer: str, parted: str | None) -> dict[str, bytes]:
    mine = or_(Profile.customer == customer, Profile.subject == (parted or customer))
    return {row.subject: row.sealed for row in session.scalars(select(Profile).where(mine))}


def _write(
    desk: Desk,
    customer: str,
    parted: str | None,
    before: dict[str, bytes],
    after: dict[str, bytes | None],
    at: datetime,
    gone: int,
    note: Callable[[Session, int], None],
) -> bool:
    with desk.session() as session:
        revision = ledger.lock(session)
        if _rows(session, customer, parted) != before:
            return False
        note(session, gone)
        rows = [
            {"subject": subject, "customer": customer, "sealed": sealed, "learnt_at": at}
            for subject, sealed in after.items()
            if sealed is not None
        ]
        if not rows:
            raise Refused("this customer's key was destroyed: nothing can be put in")
        session.execute(upsert(session), rows)
        # What other processes remember must be read anew, as after an erasure.
        revision.revision += 1
        revision.forgotten = revision.revision
    return True


def _strike(known: Known, kind: str, wrong: str, region: str) -> int:
    values = known.get(kind, [])
    going = [v for v in values if _same(kind, v, wrong, region)]
    for value in going:
        _add(known, STRUCK + kind, value)
    for name in (kind, KEPT + kind):
        if name in known:
            known[name] = [v for v in known[name] if v not in going]
    return len(going)


def _same(kind: str, one: str, other: str, region: str) -> bool:
    if alike(tidy(kind, one)) == alike(tidy(kind, other)):
        return True
    forms = {normalise(kind, v, region) for v in (one, other)} if kind in CLEAR_TYPES else {None}
    return len(forms) == 1 and forms != {None}


def _add(known: Known, name: str, value: str) -> None:
    if value not in known.setdefault(name, []):
        known[name].append(value)


def _drop(known: Known, name: str, value: str) -> None:
    if name in known:
        known[name] = [v for v in known[name] if alike(v) != alike(value)]
