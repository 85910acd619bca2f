"""Four eyes: what carries many people's data out, or erases many, is asked for by one and agreed to by another, and then done once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from sqlalchemy import select, update

from allears.clock import Clock, utc
from allears.desk import Desk
from allears.desk.access import Approval
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.access import Action, Principal, require
from allears.guard.audit import Audit
from allears.guard.redaction.redact import redact
from allears.guard.ticket import new_id

What = Literal["export", "erase"]
NEEDS: Mapping[str, Action] = {"export": Action.EXPORT, "erase": Action.ERASE}
GROWTH = 1.1
"""Signals go on arriving: a table may hold this many times the people it held when it was asked for."""


class Asked(msgspec.Struct, frozen=True):
    """What somebody asked a second person to agree to. ``state``: waiting, approved, refused, used or ended."""

    id: str
    what: str
    subject: str
    people: int
    why: str
    state: str
    asked_by: str
    asked_at: datetime
    ends_at: datetime
    settled_by: str | None
    settled_at: datetime | None


class Approvals:
    """The approvals of one space.

    Parameters
    ----------
    hours
        How long a request, and the yes to it, holds from when it was asked.
    """

    def __init__(self, desk: Desk, audit: Audit, clock: Clock, *, hours: int = 24) -> None:
        self._desk, self._audit, self._clock = desk, audit, clock
        self._life = timedelta(hours=hours)

    def ask(self, who: Principal, what: str, subject: str, people: int, why: str) -> Asked:
        """Ask for a second person.

        Raises
        ------
        NotAllowed
            Who asks may not do it either.
        Refused
            No reason was given, or nothing of that kind needs two people.
        """
        _may(who, what)
        if not why.strip():
            raise Refused("expected a reason", place="why")
        now = self._clock.now()
        row = Approval(
            id=new_id(), what=what, subject=subject, people=people, why=redact([why]).texts[0] or "", state="waiting",
            asked_by=who.name, asked_at=now, ends_at=now + self._life,
        )  # fmt: skip
        with self._desk.session() as session:
            session.add(row)
            session.flush()
            told = self._told(row)
            detail: dict[str, str | int] = {"what": what, "people": people}
            self._audit.write(session, who.name, "approval.ask", [row.id], why, detail)
        return told

    def settle(self, who: Principal, approval: str, *, yes: bool) -> Asked:
        """Agree, or refuse: somebody else than who asked, and a person.

        Raises
        ------
        NotAllowed
            It is one's own request, a key asks, or the role may not do what is asked for.
        NotFound
            Nothing of that id waits.
        """
        with self._desk.session() as session:
            row = session.get(Approval, approval, with_for_update=True)
            if row is None or self._state(row) != "waiting":
                raise NotFound("nothing of that id waits for a second person", place="approval")
            _may(who, row.what)
            if who.name == row.asked_by:
                raise NotAllowed("a second person must agree, not the one who asked", place="approval")
            if who.name.startswith("key:"):
                raise NotAllowed("a person must agree, not a key", place="approval")
            row.state = "approved" if yes else "refused"
            row.settled_by, row.settled_at = who.name, self._clock.now()
            word = "approval.yes" if yes else "approval.no"
            self._audit.write(session, who.name, word, [row.id], "", {"what": row.what, "people": row.people})
            return self._told(row)

    def use(self, actor: str, what: str, subject: str, people: int) -> str:
        """Use up the yes to what this actor asked for; return its id.

        Raises
        ------
        NotAllowed
            Nobody agreed, or for fewer people, or longer ago than it holds.
        """
        mine = (
            select(Approval)
            .where(Approval.asked_by == actor, Approval.what == what, Approval.subject == subject)
            .order_by(Approval.asked_at)
            .with_for_update()
        )
        with self._desk.session() as session:
            for row in session.scalars(mine):
                if self._state(row) != "approved" or people > row.people * GROWTH:
                    continue
                # Of two who use it at the same moment one finds it used.
                taken = update(Approval).where(Approval.id == row.id, Approval.state == "approved")
                if session.execute(taken.values(state="used", used_at=self._clock.now())).rowcount:  # type: ignore[attr-defined]
                    self._audit.write(
                        session, actor, "approval.use", [row.id], "", {"what": what, "people": people}
                    )
                    return str(row.id)
        raise NotAllowed(
            f"{people:,} people: a second person must agree first; `allears approvals ask {what}`, or --alone REASON",
            place=what,
            people=people,
            subject=subject,
        )

    def list(self, *, settled: bool = False) -> list[Asked]:
        """List what waits, newest last; with ``settled`` what was settled, used or ended as well."""
        with self._desk.reading() as session:
            found = [self._told(row) for row in session.scalars(select(Approval).order_by(Approval.asked_at))]
        return [one for one in found if settled or one.state in ("waiting", "approved")]

    def _state(self, row: Approval) -> str:
        over = row.state in ("waiting", "approved") and utc(row.ends_at) <= self._clock.now()
        return "ended" if over else row.state

    def _told(self, row: Approval) -> Asked:
        values = {name: getattr(row, name) for name in Asked.__struct_fields__}
        return Asked(**values | {"state": self._state(row)})


def _may(who: Principal, what: str) -> None:
    if what not in NEEDS:
        raise Refused(f"expected one of {', '.join(NEEDS)}", place="what")
    require(who, NEEDS[what])
