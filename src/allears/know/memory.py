"""Memory: the components of a desk as this process knows them, always caught up before they are used.

Order of locks, everywhere: first the desk's transaction, then the turn. A caller may hold a transaction when
it asks to forget somebody, so the other order would let two threads wait for each other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from allears.clock import Clock
from allears.desk import Desk
from allears.desk.identity import IdentityRevision
from allears.know import ledger
from allears.know.clusters import Ints
from allears.know.components import Components, Settled
from allears.know.limits import Limits


class Memory:
    """Components of one desk, shared by the threads of a process.

    Parameters
    ----------
    desk
        Where identifiers and links are kept.
    limits
        How much one customer may hold. When they differ from those the desk was written under, the next use applies them.
    clock
        Dates that change.
    """

    def __init__(self, desk: Desk, limits: Limits, clock: Clock) -> None:
        self.desk = desk
        self.limits = limits
        self.clock = clock
        self._turn = threading.RLock()
        self.lose()

    def lose(self) -> None:
        """Forget what is in memory; the next use reads the desk anew."""
        self._components = Components(self.limits)
        self._revision = 0

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Open a transaction in which components may change; commits at the end."""
        with self.desk.session() as session, self.joining(session) as writer:
            yield writer

    @contextmanager
    def joining(self, session: Session) -> Iterator[Writer]:
        """Take part in the caller's transaction; should it be rolled back, what changed is read anew."""
        row = ledger.lock(session)
        before = self._components, self._components.changes, self._revision

        def rolled_back(_: Session) -> None:
            if before != (self._components, self._components.changes, self._revision):
                self.lose()

        event.listen(session, "after_rollback", rolled_back, once=True)
        with self._turn:
            self._catch_up(session, row)
            yield Writer(session, self._components, row)
            self._revision = row.revision

    @contextmanager
    def reading(self) -> Iterator[Components]:
        """Hold the components still, caught up with the desk."""
        with self.desk.reading() as session:
            row = session.scalars(select(IdentityRevision)).first()
            if row is not None and row.revision != self._revision:
                with self._turn:
                    self._catch_up_reading(session, row)
        with self._turn:
            yield self._components

    def _catch_up_reading(self, session: Session, row: IdentityRevision) -> None:
        # One moment is seen, so no turn is waited for. Only new limits write here; where somebody else wrote first, the
        # database refuses, and what was worked out in memory is not what is written.
        try:
            self._catch_up(session, row)
            session.flush()
        except BaseException:
            self.lose()
            raise

    def _catch_up(self, session: Session, row: IdentityRevision) -> None:
        if row.forgotten > self._revision > 0:
            self.lose()
        if row.revision > self._revision:
            ledger.read(session, self._components, self._revision)
            # Finds nothing to change unless the limits did; then the customers of today follow the limits of today.
            Writer(session, self._components, row).settle(int(ledger.microseconds([self.clock.now()])[0]))
            self._revision = row.revision


class Writer:
    """One transaction on the components."""

    def __init__(self, session: Session, components: Components, row: IdentityRevision) -> None:
        self.session = session
        self.components = components
        self.row = row
        self._known = len(components.nodes), len(components.edges)

    def settle(self, at: int, sources: Mapping[int, str] | None = None) -> Settled:
        """Cluster what was touched and write what changed, as of a time (us)."""
        settled = self.components.settle()
        self.write(settled, at, sources)
        return settled

    def write(self, settled: Settled, at: int, sources: Mapping[int, str] | None = None) -> None:
        """Write what a settling changed."""
        if len(settled.moved) or len(settled.noted) or len(settled.edges):
            self.row.revision += 1
            batch = ledger.Batch(at, self.row.revision, sources or {}, *self._known)
            ledger.write(self.session, self.components, settled, batch)
            self._known = len(self.components.nodes), len(self.components.edges)

    def keep_apart(self, act: int, left: Ints, right: Ints) -> None:
        """Keep identifiers apart by an act of a steward; other processes hear of it."""
        self.components.keep_apart(act, left, right)
        self.row.revision += 1
        ledger.keep_apart(self.session, act, left, right, self.row.revision)

    def let_join(self, act: int) -> None:
        """Take back what kept identifiers apart; the act is noted as undone by the caller."""
        self.components.let_join(act)
        self.row.revision += 1
        ledger.let_join(self.session, act, self.row.revision)

    def forgot(self) -> None:
        """Tell other processes that what they remember may name somebody who is forgotten."""
        self.row.revision += 1
        self.row.forgotten = self.row.revision
