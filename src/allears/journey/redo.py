"""Acts by right that the list holds and this desk does not: cut off by a crash, or later than the backup it comes from. They are done again, in order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

import msgspec
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session

from allears.desk.audit import AuditEntry
from allears.desk.listening import Mark
from allears.desk.rights import DoneErasure, Hold, Restriction
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.chain import demand_whole, note_acts
from allears.guard.consent import note_words
from allears.guard.deeds import (
    Checked,
    Closed,
    Corrected,
    Deed,
    Extended,
    Held,
    Lifted,
    Released,
    Requested,
    Restricted,
    Said,
    open_deed,
    what,
)
from allears.guard.erasures import Act, Erasure, Link, Noted, holds, read_acts, sealed
from allears.journey.deeds import erasure_key, mark_done
from allears.journey.ends import acts_path, chain_key, know_end, known_ends
from allears.journey.erasure import alone, carry_out, new_erasure
from allears.journey.ground import Ground
from allears.journey.holds import owners
from allears.journey.rectifying import correct_again
from allears.journey.requests import request_again
from allears.journey.whole import chained, kept, note_cuts, settle_ends

AGAIN, LOST = "redo", "redo.failed"
_READ = "erasures_read"
_CHUNK = 500


class Lost(msgspec.Struct, frozen=True):
    """A deed that could not be done again, and why: somebody has to say it anew."""

    deed: str
    what: str
    at: datetime
    why: str


class Redone(NamedTuple):
    """How many erasures and other deeds were carried out, and which deeds could not be; how many lists are known of that nobody gave."""

    erased: int = 0
    deeds: int = 0
    lost: tuple[Lost, ...] = ()
    missing: int = 0


def pending(ground: Ground) -> list[Act]:
    """List the acts that were noted and not carried out here, in order.

    Raises
    ------
    Refused
        The list is damaged.
    """
    # Before the list is read: a line is on it before the desk knows of it.
    ends = known_ends(ground)
    with ground.desk.reading() as session:
        mark = session.get(Mark, _READ)
    before, _, last = (mark.value if mark is not None else "").partition("\n")
    listed, end = chained(ground, before, last)
    note_cuts(ground, ends, listed, end)
    if listed.end == before:
        return []
    noted = [act for act in listed.acts if act.id]
    done: set[str] = set()
    with ground.desk.reading() as session:
        for start in range(0, len(noted), _CHUNK):
            some = [act.id for act in noted[start : start + _CHUNK]]
            done.update(session.scalars(select(DoneErasure.id).where(DoneErasure.id.in_(some))))
    left = [act for act in noted if act.id not in done]
    if not left:
        with ground.desk.session() as session:
            session.merge(Mark(name=_READ, value=f"{listed.end}\n{kept(end)}"))
            if end is not None:
                know_end(session, end)
    return left


def finish(ground: Ground) -> Redone:
    """Carry out what is pending. Whoever is at it already goes on alone.

    Raises
    ------
    Refused
        The list is damaged; nothing of it was done.
    """
    erased, deeds, lost = 0, 0, list[Lost]()
    try:
        with alone(ground, wait=False):
            left = pending(ground)
            _require_sealed(ground, left)
            opened = {act.id: open_deed(ground.vault, act) for act in left if isinstance(act, Noted)}
            for _, some in groupby(left, key=_sort):
                acts = list(some)
                erasures = [act for act in acts if isinstance(act, Erasure)]
                carry_out(ground, erasures)
                failed = [_again(ground, act, opened[act.id]) for act in acts if isinstance(act, Noted)]
                lost += filter(None, failed)
                erased, deeds = erased + len(erasures), deeds + failed.count(None)
            if left:
                pending(ground)  # which notes that nothing is left
    except BlockingIOError:
        pass
    return Redone(erased, deeds, tuple(lost))


def note_again(
    ground: Ground, lists: Sequence[Sequence[Act]], since: datetime, *, unsealed: bool = False
) -> list[Link]:
    """Take lists that were kept elsewhere over into this space's own: what is not done yet is pending then.

    Parameters
    ----------
    since
        Of erasures that lists of earlier builds hold, which bear no id, only later ones are taken: they are done once more.
    unsealed
        Also take erasures without a seal, as earlier versions wrote them: anybody could have.

    Returns
    -------
    list of Link
        Ends of lists that this desk knows of and nobody gave.

    Raises
    ------
    Refused
        An act was changed, is another space's, or bears no seal; a list lacks a line, or its end: nothing was taken over.
    """
    path, key = acts_path(ground), chain_key(ground)
    own = read_acts(path).acts
    mine = demand_whole(own, key)
    for acts in lists:
        demand_whole(acts, key)
    missing = settle_ends(ground, own, mine, lists) if lists else []
    known = {_name(act) for act in own}
    # Several machines' lists may hold the same act, or one list be given twice.
    different = {_name(act): act for acts in lists for act in acts}
    new = [act for name, act in different.items() if name not in known and (act.id or act.at >= since)]
    _require_sealed(
        ground, [act for act in new if not (unsealed and isinstance(act, Erasure) and not act.seal)]
    )
    for act in new:
        if isinstance(act, Noted):
            open_deed(ground.vault, act)
    if new:
        end = note_acts(path, [_our_own(ground, act) for act in sorted(new, key=lambda act: act.at)], key)
        with ground.desk.session() as session:
            know_end(session, end)
    return missing


def lost(ground: Ground, limit: int) -> list[dict[str, object]]:
    """List the deeds that could not be done again after a restore, newest first."""
    query = (
        select(AuditEntry).where(AuditEntry.action == LOST).order_by(AuditEntry.number.desc()).limit(limit)
    )
    with ground.desk.reading() as session:
        rows = list(session.scalars(query))
    told = [(row, msgspec.json.decode(row.detail)) for row in rows]
    return [
        {
            "restored": row.at,
            "what": one["what"],
            "at": datetime.fromisoformat(one["at"]),
            "by": row.actor,
            "why": row.why,
        }
        for row, one in told
    ]


def _sort(act: Act) -> bool | None:
    """Erasures of one sort that follow each other go at once."""
    return act.scope is None if isinstance(act, Erasure) else None


def _again(ground: Ground, noted: Noted, deed: Deed) -> Lost | None:
    told: dict[str, str | int] = {"what": what(deed), "deed": noted.id, "at": noted.at.isoformat()}
    try:
        if isinstance(deed, Corrected):
            correct_again(ground, noted, deed)
        with ground.desk.session() as session:
            # Somebody may have been at it when the list was read.
            if session.get(DoneErasure, noted.id) is None:
                _put(session, noted, deed)
                whom = (
                    owners(ground, deed.digests)
                    if isinstance(deed, Restricted | Held | Corrected | Requested)
                    else []
                )
                entry = ground.audit.write(session, noted.actor, AGAIN, whom or [noted.id], "", told)[-1]
                mark_done(session, noted.id, entry.number)
        return None
    except (Refused, NotFound, NotAllowed) as error:
        with ground.desk.session() as session:
            entry = ground.audit.write(session, noted.actor, LOST, [noted.id], error.message, told)[0]
            mark_done(session, noted.id, entry.number)
        return Lost(noted.id, what(deed), noted.at, error.message)


def _put(session: Session, noted: Noted, deed: Deed) -> None:
    match deed:
        case Restricted():
            if session.get(Restriction, deed.id) is None:
                made = Restriction(id=deed.id, digests=deed.digests, actor=noted.actor)
                made.why, made.since, made.request = deed.why, noted.at, deed.request
                session.add(made)
        case Held():
            if session.get(Hold, deed.id) is None:
                hold = Hold(id=deed.id, digests=deed.digests, actor=noted.actor)
                hold.why, hold.since = deed.why, noted.at
                session.add(hold)
        case Lifted():
            found = session.get(Restriction, deed.id)
            if found is None:
                raise NotFound("the restriction is neither in the backup nor on the list")
            found.lifted_at, found.lifted_by, found.told = noted.at, noted.actor, deed.told
        case Released():
            ended = session.get(Hold, deed.id)
            if ended is None:
                raise NotFound("the hold is neither in the backup nor on the list")
            ended.ended_at, ended.ended_by = noted.at, noted.actor
        case Said():
            note_words(session, deed.words, noted.at)
        case Requested() | Checked() | Extended() | Closed():
            request_again(session, noted, deed)
        case Corrected():
            pass  # done before, in transactions of its own


def _require_sealed(ground: Ground, acts: Sequence[Act]) -> None:
    key = erasure_key(ground)
    for act in acts:
        if isinstance(act, Erasure) and not holds(act, key):
            what = "was changed since, or is another space's" if act.seal else "bears no seal: an earlier version wrote it, or somebody else (a restore takes it with --unsealed)"  # fmt: skip
            raise Refused(f"this erasure {what}", place=f"list of acts by right: {act.at:%Y-%m-%d %H:%M:%S}")


def _our_own(ground: Ground, act: Act) -> Act:
    if isinstance(act, Noted) or act.seal:
        return act  # whose link is made anew
    named = replace(act, id=act.id or new_erasure(), actor=act.actor or "restore")
    return sealed(named, erasure_key(ground))


def _name(act: Act) -> str:
    return act.id or (f"{act.customer} {act.at.isoformat()}" if isinstance(act, Erasure) else "")
