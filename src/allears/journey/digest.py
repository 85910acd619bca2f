"""From the inbox to the lake: one micro-batch at a time, each stage a function over one Arrow batch.

Order: read, drop what was counted already, identify, redact with what is known of the writer, seal the original under
the writer's key, understand, commit.
"""

from __future__ import annotations

import gc
import logging
import os
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate

import numpy as np
import pyarrow as pa

from allears.desk.listening import Source
from allears.journey import guarding
from allears.journey.alone import Alone, Claims, hashed
from allears.journey.amend import Amended, amend, settle
from allears.journey.ground import Ground
from allears.journey.guarding import Guarding
from allears.journey.heard import note_count, note_signals
from allears.journey.leases import Busy, Leases
from allears.journey.payloads import Payloads, read_payloads
from allears.journey.refusing import INBOX, keep_refused
from allears.journey.second import Second
from allears.journey.take import context_of
from allears.know.profile import Profiles
from allears.lake import Damage, Frame, Overtaken
from allears.lake.staged import Staged
from allears.listen.changes import Change
from allears.listen.reading import Context, Refusal
from allears.tables import TABLES
from allears.understand import Reader

SIGNALS, ARRIVALS = TABLES["signals"], TABLES["arrivals"]
log = logging.getLogger("allears.digest")
FRAME_BYTES = 64 << 20
BUSY_SECONDS = 0.05


@dataclass
class Digested:
    """What one micro-batch brought."""

    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    signals: pa.RecordBatch | None = None
    staged: Staged | None = None
    amended: Amended = field(default_factory=Amended)
    by_source: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass
class _Batch:
    frames: list[Frame] = field(default_factory=list)
    starts: dict[str, int] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    finished: list[str] = field(default_factory=list)
    damaged: list[Damage] = field(default_factory=list)
    rows: int = 0
    refused: list[tuple[Frame, list[Refusal]]] = field(default_factory=list)


class Digest:
    """Takes segments over into the lake: alone on a space whose desk is on SQLite, beside others on PostgreSQL.

    Raises
    ------
    NotReady
        Another process digests this space already, and its desk is on SQLite.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.claims: Claims = Leases(ground) if ground.desk.shared else Alone(ground)
        others = self.claims.profiles if ground.desk.shared else None
        self.profiles = Profiles(
            ground.desk,
            ground.vault.seal,
            ground.vault.open,
            region=ground.settings.space.region,
            others=others,
        )
        self._second = Second(ground.settings.lake.second_process and (os.cpu_count() or 1) > 1)
        self._guarding = Guarding(ground, self.profiles, self._second)

    def close(self) -> None:
        """Let another process digest."""
        self._second.close()
        self.claims.close()

    def run(self) -> Iterator[Digested]:
        """Take over all that waits, one micro-batch after the other."""
        while (done := self.step()) is not None:
            yield done

    def reader(self) -> Reader:
        """Tell what reads texts: again from the desk when something was learned since."""
        return self._guarding.reader()

    def step(self) -> Digested | None:
        """Take over one micro-batch; `None` when nothing waits."""
        with _uncollected():
            return self._step()

    def _step(self) -> Digested | None:
        batch = self._gather()
        while not batch.frames and not batch.positions:
            self._tidy(batch)
            if not self.claims.release():
                self._second.close()
                return None
            batch = self._gather()
        self._report(batch.damaged)
        try:
            result = self._understand(batch)
            # Before the commit, after which nobody reads these frames again; a row that is kept already is kept once.
            self._keep_refused(batch)
            self._commit(batch, result)
        except (Busy, Overtaken):
            # Others are at it: in a moment this is done, by them or here.
            self.claims.failed()
            time.sleep(BUSY_SECONDS)
            return Digested()
        except BaseException:
            self.claims.failed()
            raise
        self._count(batch, result)
        self._tidy(batch)
        return result

    def _commit(self, batch: _Batch, result: Digested) -> None:
        store = self._ground.store
        if result.staged is not None:
            try:
                store.adopt(result.staged, batch.positions, starts=batch.starts)
            except BaseException:
                result.staged.drop()
                raise
        else:
            signals = SIGNALS.empty() if result.signals is None else result.signals
            store.append("signals", signals, batch.positions, starts=self.claims.starts)

    def _keep_refused(self, batch: _Batch) -> None:
        for frame, refusals in batch.refused:
            at = _moment(frame.received_us)
            keep_refused(self._ground, refusals, source=frame.source, channel=frame.channel, at=at)

    def _gather(self) -> _Batch:
        batch, size, rows = _Batch(), 0, 0
        inbox, limit = self._ground.inbox, self._ground.settings.lake.batch_rows
        for segment, until in self.claims.offered():
            try:
                end, closed = inbox.end(segment)
            except FileNotFoundError:  # another worker was quicker
                continue
            offset = self._ground.store.position("signals", segment)
            if closed and offset >= end:
                batch.finished.append(segment)
                continue
            reached = offset
            for frame, position in inbox.read(segment, offset, damaged=batch.damaged.append):
                batch.frames.append(frame)
                reached = position.offset
                size += len(frame.body)
                rows += position.rows
                if reached == until or (until is None and (size > FRAME_BYTES or rows >= limit)):
                    break
            else:
                # What could not be read is reported and kept aside, so that it counts as read.
                reached = end if closed else reached
            if reached > offset:
                batch.starts[segment], batch.positions[segment] = offset, reached
            if size > FRAME_BYTES or rows >= limit:
                break
        batch.rows = rows
        return batch

    def _report(self, damages: list[Damage]) -> None:
        """Say what the disk did not keep, before it counts as read."""
        found = [
            Refusal(
                f"{d.segment} bytes {d.start}-{d.end}",
                f"{d.reason}; the segment is kept in inbox/damaged",
                b"",
                "raw",
            )
            for d in damages
        ]
        keep_refused(self._ground, found, source=INBOX, channel=None, at=self._ground.clock.now())

    def _read(self, batch: _Batch) -> Iterator[Payloads]:
        """Read the payloads of a batch: of a large one, the later half in the second process."""
        given = [(frame, self._context(frame)) for frame in batch.frames]
        half = len(given)
        if batch.rows >= guarding.LARGE:
            ends = list(accumulate(len(frame.body) for frame in batch.frames))
            half = bisect_right(ends, ends[-1] // 2)
        later = self._second.begin(read_payloads, given[half:]) if half < len(given) else Payloads
        for start, found in ((0, read_payloads(given[:half])), (half, later())):
            batch.refused += [(batch.frames[start + place], refusals) for place, refusals in found.refused]
            yield found

    def _context(self, frame: Frame) -> Context:
        return context_of(
            self._ground,
            frame.door,
            frame.body,
            source=frame.source,
            channel=frame.channel,
            received_at=_moment(frame.received_us),
        )

    def _understand(self, batch: _Batch) -> Digested:
        read = list(self._read(batch))
        result = Digested(refused=sum(len(r) for _, r in batch.refused))
        found = [payloads.arrivals for payloads in read if payloads.arrivals is not None]
        changes = [change for payloads in read for change in payloads.changes]
        if not found and not changes:
            self.claims.new(np.zeros(0, np.uint64), batch.positions)
            return result
        arrivals = pa.concat_batches(found) if found else ARRIVALS.empty()
        if changes:
            changed = pa.array(sorted({change.signal_id for change in changes}), pa.string())
            self.claims.change(hashed(self._ground, changed))
            arrivals = self._amend(arrivals, changes, result)
        new = self.claims.new(hashed(self._ground, arrivals["signal_id"]), batch.positions)
        result.duplicates = int(len(new) - np.count_nonzero(new))
        result.by_source = _by_source(arrivals["source"], pa.array(new))
        if result.duplicates:
            arrivals = arrivals.filter(pa.array(new))
        result.stored = arrivals.num_rows
        if arrivals.num_rows:
            writers = self._guarding.writers(arrivals)
            result.staged = self._guarding.staged(writers)
            result.signals = (
                self._guarding.signals(writers) if result.staged is None else result.staged.rows()
            )
        return result

    def _amend(self, arrivals: pa.RecordBatch, changes: list[Change], result: Digested) -> pa.RecordBatch:
        arrivals, latest, stored = settle(self._ground, arrivals, changes)
        result.amended = amend(self._ground, latest, stored, self.signals, starts=self.claims.starts)
        # A message that comes after its own delete is a duplicate of nothing: it is not stored.
        self.claims.forget([name for name, change in latest.items() if change.row is None])
        return arrivals

    def signals(self, arrivals: pa.RecordBatch, keys: pa.Array | None = None) -> pa.RecordBatch:
        """Turn arrivals into signals: the stages in their order.

        With ``keys`` they are new versions of signals that are stored, sealed under the keys those were sealed under.
        """
        return self._guarding.signals(self._guarding.writers(arrivals, keys))

    def _count(self, batch: _Batch, result: Digested) -> None:
        now = self._ground.clock.now()
        channels = {frame.source: frame.channel for frame in batch.frames}
        with self._ground.desk.session() as session:
            for name, channel in channels.items():
                stored, duplicates = result.by_source.get(name, (0, 0))
                row = session.get(Source, name) or Source(name=name, channel=channel, stored=0, duplicates=0)
                row.first_at, row.last_at = row.first_at or now, now
                row.stored += stored
                row.duplicates += duplicates
                session.add(row)
                note_count(session, name, now, duplicates=duplicates)
            session.flush()
            if result.signals is not None and result.signals.num_rows:
                note_signals(session, result.signals)
            self.claims.stored(session, result.signals, result.amended)

    def _tidy(self, batch: _Batch) -> None:
        inbox, store = self._ground.inbox, self._ground.store
        for segment in {*batch.finished, *batch.positions}:
            try:
                end, closed = inbox.end(segment)
            except FileNotFoundError:
                continue
            if closed and store.position("signals", segment) >= end:
                store.settle()
                inbox.remove(segment)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Put the search for cycles off until a batch is done.

    A batch makes millions of small objects and no cycles, and each search walks all of them for nothing. What a
    batch may hold is bounded, and so is what waits for the next search.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _by_source(sources: pa.Array, new: pa.Array) -> dict[str, tuple[int, int]]:
    counted = (
        pa.table({"source": sources, "new": new})
        .group_by("source")
        .aggregate([("new", "sum"), ("new", "count")])
    )
    return {
        r["source"]: (r["new_sum"] or 0, r["new_count"] - (r["new_sum"] or 0)) for r in counted.to_pylist()
    }


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
