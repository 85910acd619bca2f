"""Breaking the glass: a person looks past mask and sight at one customer, for a reason and a bounded time. Told to the privacy officer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from allears.clock import Clock, utc
from allears.desk import Desk
from allears.desk.access import BrokenGlass
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Action, Principal, require
from allears.guard.audit import Audit
from allears.guard.redaction.redact import redact
from allears.guard.sight import OfRole, Sights
from allears.guard.ticket import new_id

EVENT = "glass.broken"
SHORTEST_WHY = 10
_AT_ONCE = 500


class Broken(msgspec.Struct, frozen=True):
    """One glass that was broken. ``open`` as long as it holds; ``read_by`` says which privacy officer took note."""

    id: str
    actor: str
    role: str
    customer: str
    why: str
    began_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    read_at: datetime | None
    read_by: str | None
    open: bool = False


class Glass:
    """The glass of one space.

    Parameters
    ----------
    sights
        Gives what ``access.toml`` says now: which role may, and for how long.
    tell
        Sends word of it, within the transaction that breaks the glass.
    """

    def __init__(
        self,
        desk: Desk,
        audit: Audit,
        clock: Clock,
        sights: Callable[[], Sights],
        tell: Callable[[Session, BrokenGlass], None] = lambda session, row: None,
    ) -> None:
        self._desk, self._audit, self._clock, self._sights, self._tell = desk, audit, clock, sights, tell

    def minutes(self, who: Principal) -> int:
        """Tell for how long somebody may break the glass; 0: not at all. A key never may."""
        if not who.name.startswith("user:"):
            return 0
        return self._sights().roles.get(who.role, OfRole()).break_glass_minutes

    def shatter(self, who: Principal, customer: str, why: str, *, minutes: int | None = None) -> Broken:
        """Let somebody see all of one customer for some minutes.

        Parameters
        ----------
        minutes
            For how long; by default, and at most, as long as the role may.

        Raises
        ------
        NotAllowed
            A key asks, or no rule lets the role; the attempt is in the audit.
        Refused
            No reason of some length was given, or a time that is none.
        """
        most = self.require(who, customer, why)
        if len(why.strip()) < SHORTEST_WHY:
            raise Refused(f"expected a reason of at least {SHORTEST_WHY} letters", place="why")
        if minutes is not None and minutes < 1:
            raise Refused("expected at least one minute", place="minutes")
        now = self._clock.now()
        row = BrokenGlass(
            id=new_id(), actor=who.name, role=str(who.role), customer=customer, why=redact([why.strip()]).texts[0] or "",
            began_at=now, ends_at=now + timedelta(minutes=min(minutes or most, most)),
        )  # fmt: skip
        with self._desk.session() as session:
            session.add(row)
            session.flush()
            self._tell(session, row)
            detail: dict[str, str | int] = {"glass": row.id, "minutes": min(minutes or most, most)}
            self._audit.write(session, who.name, EVENT, [customer], why, detail)
            return self._told(row)

    def require(self, who: Principal, customer: str, why: str) -> int:
        """Insist that somebody may; returns for how many minutes. A no is in the audit."""
        most = self.minutes(who)
        try:
            require(who, Action.SEE_CUSTOMERS)
            if not most:
                raise NotAllowed(f"no rule of access.toml lets {_kind(who)} break the glass")
        except NotAllowed:
            self._audit.record(who.name, "glass.denied", customer, why=why)
            raise
        return most

    def through(self, who: Principal, customer: str) -> Broken | None:
        """Tell through which glass somebody may see all of a customer now, if any; the rule is asked again each time."""
        if not self.minutes(who):
            return None
        mine = (
            select(BrokenGlass)
            .where(
                BrokenGlass.actor == who.name,
                BrokenGlass.customer == customer,
                BrokenGlass.ended_at.is_(None),
            )
            .order_by(BrokenGlass.ends_at.desc())
        )
        with self._desk.reading() as session:
            row = session.scalars(mine).first()
            told = None if row is None else self._told(row)
        return told if told is not None and told.open and told.role == str(who.role) else None

    def end(self, glass: str, *, actor: str) -> None:
        """End it before its time.

        Raises
        ------
        NotFound
            None of that id is open.
        """
        with self._desk.session() as session:
            row = session.get(BrokenGlass, glass)
            if row is None or not self._told(row).open:
                raise NotFound("no broken glass of that id is open", place="glass")
            row.ended_at, row.ended_by = self._clock.now(), actor
            self._audit.write(session, actor, "glass.end", [row.customer], "", {"glass": row.id})

    def note(self, glass: str, *, actor: str) -> None:
        """Say that the privacy officer took note.

        Raises
        ------
        NotFound
            There is none of that id, or it was noted.
        """
        with self._desk.session() as session:
            row = session.get(BrokenGlass, glass)
            if row is None or row.read_at is not None:
                raise NotFound("no broken glass of that id waits to be noted", place="glass")
            row.read_at, row.read_by = self._clock.now(), actor
            self._audit.write(session, actor, "glass.note", [row.customer], "", {"glass": row.id})

    def list(self, *, noted: bool = False) -> list[Broken]:
        """List what is open or waits to be noted, newest first; with ``noted`` all of it."""
        query = select(BrokenGlass).order_by(BrokenGlass.began_at.desc(), BrokenGlass.id)
        with self._desk.reading() as session:
            found = [self._told(row) for row in session.scalars(query)]
        return [one for one in found if noted or one.open or one.read_at is None]

    def _told(self, row: BrokenGlass) -> Broken:
        values = {name: getattr(row, name) for name in Broken.__struct_fields__ if name != "open"}
        return Broken(**values, open=row.ended_at is None and utc(row.ends_at) > self._clock.now())


def forget_glass(session: Session, customers: Iterable[str]) -> None:
    """Let nothing say any more at whom somebody looked, inside the caller's transaction; that they looked stays."""
    given = list(customers)
    for start in range(0, len(given), _AT_ONCE):
        theirs = BrokenGlass.customer.in_(given[start : start + _AT_ONCE])
        session.execute(update(BrokenGlass).where(theirs).values(customer="", why=""))


def _kind(who: Principal) -> str:
    return f"a {who.role}" if who.name.startswith("user:") else "a key"
