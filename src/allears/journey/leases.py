"""Digesting beside others, with a desk on PostgreSQL: one segment at a time, leased; ids claimed before they are stored.

Why nothing is lost and nothing counts twice, whoever dies when:

- A row is dropped as a duplicate only if its id is in the lake, or claimed by a batch that is not done yet. A batch
  whose worker died is done again by another, from the same place to the same place with the same claims; so whoever
  claimed an id stores it.
- A batch goes into the lake by one commit that also moves its segment on, and that is refused where the segment moved
  since the batch was begun. A worker that was only slow, and whose batch somebody else did meanwhile, changes nothing.
- Who holds which lease is told apart by connections, not by clocks: a lease whose worker has no connection any more is free.
- Edits and deletes wait until no other batch that is being done holds the signals they change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from allears.desk.digesting import Lease, News
from allears.desk.held import Held, gone
from allears.desk.hooks import Amendment
from allears.errors import NotReady
from allears.journey.alone import hashed, known_hashes
from allears.journey.amend import Amended, deleted_ids
from allears.journey.ground import Ground
from allears.lake import Overtaken, Seen
from allears.lake.seen import Hashes

NOTHING: Hashes = np.zeros(0, np.uint64)


class Busy(NotReady):
    """Another worker is storing what this batch changes; it waits for its turn."""


class Leases:
    """One worker of several."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._held = Held(ground.desk)
        # Listed before they are read: what comes between is read again, and ids are a set.
        self._files = set(ground.store.files("signals"))
        self._seen = Seen(known_hashes(ground))
        self._deleted = 0
        self._forget_deleted()
        self.starts: dict[str, int] | None = {}
        self._lease: str | None = None
        # Segments that ended in half a frame: looked into again when there is more of it.
        self._barren: dict[str, int] = {}

    def offered(self) -> Iterator[tuple[str, int | None]]:
        """Name segments that are in the lake as a whole, then the one that is leased."""
        self._held.check()
        self.release()
        finished, waiting = self._look()
        yield from ((segment, None) for segment in finished)
        taken = self._take(waiting)
        if taken is not None:
            segment, until = taken
            self._lease = segment
            self.starts = {segment: self._ground.store.position("signals", segment)}
            yield segment, until

    def change(self, ids: Hashes) -> None:
        """Claim ids of signals that are edited or deleted, unless another batch holds one of them."""
        with self._ground.desk.session() as session:
            mine = self._mine(session)
            busy = mine.until is None and bool(np.isin(ids, self._others(session)).any())
            if busy:
                session.delete(mine)
            else:
                mine.ids = _packed(np.union1d(_unpacked(mine.ids), ids))
        if busy:
            raise Busy("another worker holds what this changes", place="inbox")

    def new(self, ids: Hashes, positions: dict[str, int]) -> npt.NDArray[np.bool_]:
        """Claim ids that are neither in the lake nor claimed; of a batch that is done again, those it claimed."""
        self._catch_up()
        with self._ground.desk.session() as session:
            mine = self._mine(session)
            # Again, now that nobody can commit what they claimed and let go of the claim before it is looked at here.
            self._catch_up()
            first = np.zeros(len(ids), bool)
            first[np.unique(ids, return_index=True)[1]] = True
            new = first & ~self._seen.has(ids)
            claimed = _unpacked(mine.ids)
            if mine.until is not None:
                return new & np.isin(ids, claimed)
            new &= ~np.isin(ids, self._others(session))
            mine.until = positions[mine.segment]
            mine.ids = _packed(np.union1d(claimed, ids[new]))
            return new

    def failed(self) -> None:
        """Keep the lease, with its claims: the same batch is done again, by this worker or another."""
        self._lease = None

    def release(self) -> bool:
        """Give back a lease under which nothing was done; whether there was one."""
        segment, self._lease = self._lease, None
        if segment is None:
            return False
        with self._ground.desk.session() as session:
            mine = session.get(Lease, segment)
            if mine is not None and mine.worker == self._held.number and mine.until is None:
                session.delete(mine)
        with suppress(FileNotFoundError):
            self._barren[segment] = self._ground.inbox.end(segment)[0]
        return True

    def stored(self, session: Session, signals: pa.RecordBatch | None, amended: Amended) -> None:
        """End the lease, and leave word for the one who watches."""
        mine = session.get(Lease, self._lease) if self._lease is not None else None
        self._lease = None
        # Taken over just after the commit: whoever has it sees that it is done, and tells.
        if mine is None or mine.worker != self._held.number:
            return
        session.delete(mine)
        if mine.until is None:  # it brought nothing
            return
        days = [] if signals is None else sorted(pc.unique(signals["day"]).to_pylist())
        edited = [] if amended.edited is None else amended.edited["signal_id"].to_pylist()
        session.add(_news(mine, days, edited, amended.deleted))

    def forget(self, ids: Sequence[str]) -> None:
        """Read which signals were deleted."""
        self._forget_deleted()

    def profiles(self) -> AbstractContextManager[None]:
        """Keep other workers from learning meanwhile."""
        return self._held.profiles()

    def leads(self) -> bool:
        """Lead if nobody else does."""
        return self._held.lead()

    def news(self) -> list[News]:
        """Take what others left word of."""
        with self._ground.desk.reading() as session:
            if session.scalar(select(News.id).limit(1)) is None:
                return []
        with self._ground.desk.session() as session:
            found = list(session.scalars(select(News).order_by(News.id)))
            for one in found:
                session.delete(one)
            return found

    def close(self) -> None:
        """Give everything back."""
        self.release()
        self._held.close()

    def _look(self) -> tuple[list[str], list[str]]:
        """List segments that are in the lake as a whole, and those with something that is not."""
        finished, waiting = [], []
        for segment in self._ground.inbox.segments():
            try:
                end, closed = self._ground.inbox.end(segment)
            except FileNotFoundError:  # another worker was quicker
                continue
            if self._ground.store.position("signals", segment) < end:
                if closed or self._barren.get(segment) != end:
                    waiting.append(segment)
            elif closed:
                finished.append(segment)
        return finished, waiting

    def _take(self, waiting: Sequence[str]) -> tuple[str, int | None] | None:
        """Lease a segment: one that somebody left behind, else the oldest that waits."""
        with self._ground.desk.session() as session:
            leases = list(session.scalars(select(Lease).order_by(Lease.segment)))
            for lease in leases:
                if lease.worker == self._held.number or gone(session, lease.worker):
                    if self._done(session, lease):
                        continue
                    lease.worker = self._held.number
                    return lease.segment, lease.until
            held = {lease.segment for lease in leases}
            free = next((segment for segment in waiting if segment not in held), None)
            if free is None:
                return None
            session.add(Lease(segment=free, worker=self._held.number))
            return free, None

    def _done(self, session: Session, lease: Lease) -> bool:
        """Finish for a worker that died between its commit and saying so."""
        if lease.until is None or self._ground.store.position("signals", lease.segment) < lease.until:
            return False
        session.add(_news(lease, None, [], []))
        session.delete(lease)
        return True

    def _mine(self, session: Session) -> Lease:
        mine = session.get(Lease, self._lease) if self._lease is not None else None
        if mine is None or mine.worker != self._held.number:
            raise Overtaken("another worker took this part of the inbox over", place="inbox")
        return mine

    def _others(self, session: Session) -> Hashes:
        others = select(Lease.ids).where(Lease.segment != self._lease)
        return np.concatenate([NOTHING, *(_unpacked(ids) for ids in session.scalars(others))])

    def _catch_up(self) -> None:
        files = set(self._ground.store.files("signals"))
        if fresh := sorted(files - self._files):
            self._seen.add(np.asarray(self._ground.engine.ids_in(fresh).to_numpy(), np.uint64))
        self._files = files
        self._forget_deleted()

    def _forget_deleted(self) -> None:
        with self._ground.desk.reading() as session:
            deleted = session.scalar(select(func.count()).where(Amendment.deleted)) or 0
        if deleted != self._deleted:
            self._seen.add(hashed(self._ground, pa.array(deleted_ids(self._ground), pa.string())))
            self._deleted = deleted


def _news(lease: Lease, days: list[str] | None, edited: list[str], deleted: list[str]) -> News:
    return News(
        segment=lease.segment,
        until=lease.until,
        ids=lease.ids,
        days=None if days is None else msgspec.json.encode(days).decode(),
        edited=msgspec.json.encode(edited).decode(),
        deleted=msgspec.json.encode(deleted).decode(),
    )


def _packed(ids: Hashes) -> bytes:
    return ids.astype("<u8").tobytes()


def _unpacked(ids: bytes) -> Hashes:
    return np.frombuffer(ids, "<u8").astype(np.uint64)
