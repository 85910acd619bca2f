"""From a door to the inbox: check, keep what is bad apart, make what is good durable."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from allears.errors import NotFound, Refused
from allears.journey.amend import news
from allears.journey.ground import Ground
from allears.journey.mappings import mapping_kept, mapping_of, save_mapping
from allears.journey.refusing import keep_refused
from allears.lake import Frame, Seen
from allears.listen.changed import write_changes
from allears.listen.files import plan_file, plan_paths, read_file
from allears.listen.formats import FORMATS
from allears.listen.mapping import Mapping
from allears.listen.plans import Limits, Plan
from allears.listen.reading import Context, Refusal
from allears.listen.recognise import SUFFIXES
from allears.tables.signals import CHANNELS

Waiting = Future[None]


_SOURCE = re.compile(r"\w[\w .:-]{0,63}")


def source_name(text: str) -> str:
    """Pass the name of a source that somebody chose.

    Raises
    ------
    Refused
        It is no name: it shows on pages and in figures, for good.
    """
    if not _SOURCE.fullmatch(text):
        raise Refused("expected 1 to 64 letters, digits, spaces or . : - _", place="source")
    return text


class Receipt(msgspec.Struct):
    """What became of what was handed in; ``changed`` are edits and deletes of a file or a pull."""

    source: str
    accepted: int = 0
    duplicates: int = 0
    changed: int = 0
    refused: int = 0
    reasons: list[dict[str, str]] = msgspec.field(default_factory=list)
    mapping: dict[str, Any] = msgspec.field(default_factory=dict)
    signal_id: str | None = None

    def add(self, refusals: Iterable[Refusal]) -> None:
        """Count what was refused; the first twenty reasons are told."""
        for refusal in refusals:
            self.refused += 1
            if len(self.reasons) < 20:
                self.reasons.append({"place": refusal.place, "reason": refusal.reason})


def take(
    ground: Ground,
    door: str,
    body: bytes,
    *,
    source: str,
    channel: str | None = None,
    received_at: datetime | None = None,
) -> tuple[Receipt, Waiting]:
    """Take one payload in. The future is done when it is durable: only then may anybody be told "accepted".

    Raises
    ------
    NotFound
        No such door.
    Refused
        Nothing in the payload could be read; it was kept in ``refused``.
    InboxFull
        Try again later; nothing was accepted.
    """
    if door not in FORMATS:
        raise NotFound(f"no door of that name; there are {', '.join(FORMATS)}")
    now = received_at or ground.clock.now()
    taken = admit(ground, door, body, source=source, channel=channel, at=now)
    taken.keep(ground)
    return taken.receipt, taken.done


class Admitted(NamedTuple):
    """What was taken in: the receipt, when it is durable, and what has still to be kept as refused."""

    receipt: Receipt
    done: Waiting
    refused: list[Refusal]
    source: str
    channel: str | None
    at: datetime

    def keep(self, ground: Ground) -> None:
        """Keep what was refused: a transaction of the desk, so not on the thread that answers everybody."""
        keep_refused(ground, self.refused, source=self.source, channel=self.channel, at=self.at)


def admit(
    ground: Ground, door: str, body: bytes, *, source: str, channel: str | None, at: datetime
) -> Admitted:
    """Check a payload and hand what is good to the inbox; what is not good is still to be kept.

    Raises
    ------
    Refused
        There is no such channel.
    """
    if channel is not None and channel not in CHANNELS:
        raise Refused(f"expected one of {', '.join(CHANNELS)}", place="channel")
    context = context_of(ground, door, body, source=source, channel=channel, received_at=at)
    checked = FORMATS[door].check(body, context)
    receipt = Receipt(source=source, accepted=checked.accepted)
    receipt.add(checked.refused)
    if checked.refused:
        # What is refused is kept on the same disk: it waits for room as well.
        ground.inbox.demand_room()
    if checked.accepted:
        frame = Frame(door, source, channel, _micros(at), checked.keep)
        done = ground.inbox.append(frame, checked.accepted)
    else:
        done = Future()
        done.set_result(None)
    return Admitted(receipt, done, checked.refused, source, channel, at)


def take_file(
    ground: Ground,
    path: Path,
    *,
    source: str,
    channel: str | None = None,
    mapping: Mapping | None = None,
    network: str | None = None,
    seen: Seen,
    sure: Callable[[Plan], bool] = lambda plan: True,
    progress: Callable[[Path, int, int], None] = lambda path, rows, read: None,
) -> Receipt:
    """Take a file, or every file of a folder, in.

    Parameters
    ----------
    network
        Whose handles they are; the mapping's when None.
    seen
        Ids counted already, so that the same file twice adds nothing.
    sure
        Shown the plan (mapping, three mapped rows) of each file first; ``False`` leaves the file out.
    progress
        Told path, rows and bytes read so far.
    """
    receipt = Receipt(source=source_name(source))
    limits = Limits(max_line=ground.settings.listen.max_line_mb << 20)
    found = plan_paths(path)
    if not found:
        raise NotFound(
            f"no file in it that can be read: expected {', '.join(s for s in SUFFIXES if s != '.txt')}, also with .gz",
            place=str(path),
        )
    for one in found:
        plan = plan_file(one, channel=channel, mapping=mapping, limits=limits, platforms=ground.platforms)
        if network is not None:
            plan = replace(plan, mapping=msgspec.structs.replace(plan.mapping, network=network))
        if not sure(plan):
            continue
        _take_planned(ground, plan, receipt, channel=channel, seen=seen, progress=progress)
    return receipt


def _take_planned(
    ground: Ground,
    plan: Plan,
    receipt: Receipt,
    *,
    channel: str | None,
    seen: Seen,
    progress: Callable[[Path, int, int], None],
) -> None:
    now = ground.clock.now()
    source = receipt.source
    context = Context(
        source=source,
        channel=channel,
        received_at=now,
        max_skew_days=ground.settings.listen.max_skew_days,
        mapping=plan.mapping,
        platforms=ground.platforms,
        pseudonym=ground.pseudonym,
    )
    rows, waiting = 0, []
    for reading in read_file(plan, context):
        rows += reading.arrivals.num_rows + len(reading.changes) + len(reading.refused)
        new = seen.add(ground.engine.hashes(reading.arrivals["signal_id"]).to_numpy(zero_copy_only=False))
        fresh = reading.arrivals.filter(pa.array(new))
        receipt.accepted += fresh.num_rows
        receipt.duplicates += int(len(new) - np.count_nonzero(new))
        receipt.add(reading.refused)
        keep_refused(ground, reading.refused, source=source, channel=channel, at=now)
        if fresh.num_rows:
            waiting.append(
                ground.inbox.append(
                    Frame("arrivals", source, channel, _micros(now), to_ipc(fresh)), fresh.num_rows
                )
            )
            waiting[-1].result()
        changes = news(ground, reading.changes)
        receipt.changed += len(changes)
        receipt.duplicates += len(reading.changes) - len(changes)
        if changes:
            frame = Frame("changes", source, channel, _micros(now), write_changes(changes))
            ground.inbox.append(frame, len(changes)).result()
        progress(plan.path, rows, reading.bytes_read)
    receipt.mapping = msgspec.to_builtins(plan.mapping)
    # Kept, so that refused rows of this file are read the same way when they are replayed.
    save_mapping(ground, source, plan.mapping, channel)


def context_of(
    ground: Ground, door: str, body: bytes, *, source: str, channel: str | None, received_at: datetime
) -> Context:
    """Tell a format what it needs to know besides the bytes."""
    return Context(
        source=source,
        channel=channel,
        received_at=received_at,
        max_skew_days=ground.settings.listen.max_skew_days,
        max_event_bytes=ground.settings.listen.max_event_kb << 10,
        mapping=_mapping_for(ground, door, source, body),
        vendors=ground.vendors if door == "hook" else None,
        platforms=ground.platforms if door == "call" else None,
        pseudonym=ground.pseudonym,
    )


def _mapping_for(ground: Ground, door: str, source: str, body: bytes) -> Mapping | None:
    if door == "rows":
        return mapping_of(ground, source, body)
    # Of a call it says who speaks for the company.
    return mapping_kept(ground, source) if door == "call" else None


def to_ipc(batch: pa.RecordBatch) -> bytes:
    """Write a batch as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def pending_ids(ground: Ground) -> pa.Array:
    """Ids that wait in the inbox and are not in the lake yet."""
    found = []
    for segment in ground.inbox.segments():
        for frame, _ in ground.inbox.read(segment):
            if frame.door == "arrivals":
                found.append(pa.ipc.open_stream(frame.body).read_all()["signal_id"].combine_chunks())
    return pc.unique(pa.concat_arrays(found)) if found else pa.array([], pa.string())


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
