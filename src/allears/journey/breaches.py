"""Breaches of personal data (articles 33 and 34): opened when noticed, with 72 hours to tell the authority, and kept with every decision.

Nothing closes by itself: a breach ends when its risk is judged, when it is written down whether the authority was told or
why not, and, where the risk is high, whether the people were.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from allears.desk.breaches import Breach, BreachNote
from allears.desk.listening import Source
from allears.errors import NotFound, Refused
from allears.journey.ground import Ground
from allears.journey.said import clean

Nature = Literal["confidentiality", "integrity", "availability"]
NATURES: tuple[Nature, ...] = get_args(Nature)
Risk = Literal["none", "some", "high"]
RISKS: tuple[Risk, ...] = get_args(Risk)
Kind = Literal["note", "consequence", "measure", "delay"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Whom = Literal["authority", "people"]
CLOCK = timedelta(hours=72)


def open_breach(
    ground: Ground,
    what: str,
    *,
    actor: str,
    place: str = "",
    nature: Sequence[str] = ("confidentiality",),
    noticed_at: datetime | None = None,
    began_at: datetime | None = None,
    ended_at: datetime | None = None,
    actors: Sequence[str] = (),
    sources: Sequence[str] = (),
    everything: bool = False,
) -> str:
    """Open a breach; its clock runs from when it was noticed. Returns its id.

    Parameters
    ----------
    what
        What happened; redacted before it is kept.
    place
        Where: a system, an office.
    nature
        What was lost: confidentiality, integrity, availability.
    began_at, ended_at
        The time in which it could happen; without a beginning, from the first entry on; without an end, until now.
    actors
        Keys (``key:ID``) and accounts (``user:NAME``, ``local:UID``) in wrong hands.
    sources
        Sources whose signals are concerned.
    everything
        Whether the whole store is concerned, such as a stolen disk.

    Raises
    ------
    Refused
        It is not said what happened, a word or source is unknown, or a time is in the future or the wrong way round.
    """
    now = ground.clock.now()
    noticed = noticed_at or now
    wrong = [n for n in nature if n not in NATURES]
    if not what.strip():
        raise Refused("expected what happened", place="--what")
    if wrong or not nature:
        raise Refused(f"expected one or more of {', '.join(NATURES)}", place="--nature")
    if max(noticed, began_at or noticed, ended_at or noticed) > now:
        raise Refused("expected times that are over", place="--noticed")
    if began_at is not None and began_at > (ended_at or noticed):
        raise Refused("expected a beginning before its end", place="--began")
    with ground.desk.reading() as session:
        heard = set(session.scalars(select(Source.name).where(Source.name.in_(sources))))
    if unheard := sorted(set(sources) - heard):
        raise Refused(f"nothing was ever heard from {', '.join(unheard)}", place="--source")
    made = Breach(
        id="b" + secrets.token_hex(6), what=clean(ground, what), place=clean(ground, place), nature=list(dict.fromkeys(nature)), noticed_at=noticed,
        began_at=began_at or datetime(1970, 1, 1, tzinfo=now.tzinfo), ended_at=ended_at, actors=sorted(set(actors)), sources=sorted(set(sources)),
        everything=everything, opened_by=actor, opened_at=now,
    )  # fmt: skip
    with ground.desk.session() as session:
        session.add(made)
        _note(ground, session, made, "opened", made.what, now, actor)
    return made.id


def add(ground: Ground, breach: str, kind: str, text: str, *, actor: str, at: datetime | None = None) -> None:
    """Write down what was found, a likely consequence, a measure taken, or why the authority is told late.

    Raises
    ------
    NotFound
        No open breach has that id.
    Refused
        Nothing was said, or there is no such kind.
    """
    if kind not in KINDS:
        raise Refused(f"expected one of {', '.join(KINDS)}", place="--kind")
    with ground.desk.session() as session:
        _note(ground, session, _open(session, breach), kind, text, at, actor)


def judge(ground: Ground, breach: str, risk: str, why: str, *, actor: str) -> None:
    """Say how high the risk for people is, and why: ``none``, ``some``, ``high``.

    Raises
    ------
    Refused
        There is no such word, or no reason.
    """
    if risk not in RISKS:
        raise Refused(f"expected one of {', '.join(RISKS)}", place="--risk")
    with ground.desk.session() as session:
        found = _open(session, breach)
        found.risk = risk
        _note(ground, session, found, f"risk.{risk}", why, None, actor)


def decide(
    ground: Ground,
    breach: str,
    whom: str,
    text: str,
    *,
    told: bool,
    actor: str,
    at: datetime | None = None,
) -> None:
    """Write down that the authority or the people were told, when and how; or that they are not, and why.

    Raises
    ------
    Refused
        There is no reason; the authority was told after the 72 hours and nobody wrote down why (article 33(1)); or it is
        said to be unneeded although the risk is not judged to be none.
    """
    if whom not in get_args(Whom):
        raise Refused("expected authority or people", place="--whom")
    now = ground.clock.now()
    with ground.desk.session() as session:
        found, when = _open(session, breach), at or now
        if when > now:
            raise Refused("expected a time that is over", place="--at")
        if (
            whom == "authority"
            and told
            and when > found.noticed_at + CLOCK
            and not _has(session, breach, "delay")
        ):
            raise Refused("expected first why it is told late: --kind delay (article 33(1))", place="--at")
        if whom == "authority" and not told and found.risk != "none":
            raise Refused(
                "the authority need not be told only where a risk is unlikely: judge it `none` first",
                place="--not",
            )
        _note(ground, session, found, f"{whom}.{'told' if told else 'not'}", text, when, actor)


def close(ground: Ground, breach: str, text: str, *, actor: str) -> None:
    """Close a breach, once everything that the law asks is decided.

    Raises
    ------
    Refused
        Something is not decided yet; the message says what.
    """
    with ground.desk.session() as session:
        found = _open(session, breach)
        left = _left(session, found)
        if left:
            raise Refused(f"not decided yet: {', '.join(left)}", place="breach")
        _note(ground, session, found, "closed", text, None, actor)
        found.closed_at, found.closed_by = ground.clock.now(), actor


def breaches(ground: Ground, *, closed: bool = False) -> list[dict[str, Any]]:
    """List breaches, the one whose clock ends first on top; closed ones too if asked."""
    query = select(Breach).order_by(Breach.noticed_at, Breach.id)
    with ground.desk.reading() as session:
        rows = session.scalars(query if closed else query.where(Breach.closed_at.is_(None)))
        return [_told(ground, session, row) for row in rows]


def breach_of(ground: Ground, breach: str) -> dict[str, Any]:
    """Tell everything that was written down of one breach, oldest note first.

    Raises
    ------
    NotFound
        There is none of that id.
    """
    query = select(BreachNote).where(BreachNote.breach == breach).order_by(BreachNote.id)
    with ground.desk.reading() as session:
        found = session.get(Breach, breach)
        if found is None:
            raise NotFound("no breach has that id")
        notes = [
            {"kind": n.kind, "text": n.text, "at": n.at, "noted_at": n.noted_at, "by": n.actor}
            for n in session.scalars(query)
        ]
        return _told(ground, session, found) | {"notes": notes}


def _told(ground: Ground, session: Session, row: Breach) -> dict[str, Any]:
    due, now = row.noticed_at + CLOCK, ground.clock.now()
    settled = _when(session, row.id, "authority.told") or _when(session, row.id, "authority.not")
    running = settled is None and row.closed_at is None
    return {
        "breach": row.id,
        "what": row.what,
        "place": row.place,
        "nature": row.nature,
        "noticed_at": row.noticed_at,
        "began_at": row.began_at if row.began_at.year > 1970 else None,
        "ended_at": row.ended_at,
        "actors": row.actors,
        "sources": row.sources,
        "everything": row.everything,
        "risk": row.risk,
        "due_at": due,
        "hours_left": round((due - now).total_seconds() / 3600, 1) if running else None,
        "authority_told_at": _when(session, row.id, "authority.told"),
        "people_told_at": _when(session, row.id, "people.told"),
        "left": _left(session, row) if row.closed_at is None else [],
        "opened_by": row.opened_by,
        "closed_at": row.closed_at,
    }


def _left(session: Session, row: Breach) -> list[str]:
    left = [] if row.risk else ["how high the risk is"]
    if not (_has(session, row.id, "authority.told") or _has(session, row.id, "authority.not")):
        left.append("whether the authority is told (article 33)")
    if row.risk == "high" and not (
        _has(session, row.id, "people.told") or _has(session, row.id, "people.not")
    ):
        left.append("whether the people are told (article 34)")
    return left


def _has(session: Session, breach: str, kind: str) -> bool:
    return _when(session, breach, kind) is not None


def _when(session: Session, breach: str, kind: str) -> datetime | None:
    query = select(BreachNote.at).where(BreachNote.breach == breach, BreachNote.kind == kind)
    return session.scalars(query.order_by(BreachNote.id.desc()).limit(1)).first()


def _note(
    ground: Ground, session: Session, breach: Breach, kind: str, text: str, at: datetime | None, actor: str
) -> None:
    if not text.strip():
        raise Refused("expected words: what, or why", place="--text")
    now = ground.clock.now()
    said = clean(ground, text)
    session.add(BreachNote(breach=breach.id, kind=kind, text=said, at=at or now, noted_at=now, actor=actor))
    ground.audit.write(session, actor, f"breach.{kind}", [breach.id], said, {})


def _open(session: Session, breach: str) -> Breach:
    found = session.get(Breach, breach)
    if found is None or found.closed_at is not None:
        raise NotFound("no open breach has that id")
    return found
