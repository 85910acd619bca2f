"""Edits and deletes of what was said: the lake holds each message once, as it reads now.

Order makes it safe to repeat after a crash: the lake is changed first, the desk remembers which version counts, and only
then does the commit that says how far the inbox was read go in. Doing the first two again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from allears.act.issue import withdraw
from allears.desk.hooks import Amendment
from allears.desk.listening import Mark
from allears.journey.ground import Ground
from allears.listen.changes import Change, newest, versions
from allears.tables import TABLES

SIGNALS, ARRIVALS = TABLES["signals"], TABLES["arrivals"]
GONE = "g_"
"""Begins the name of somebody who was erased; no customer's id does."""
DUE_SINCE = "due_replaced_at"
"""Since when retention has left files behind that wait to be removed."""
READERS_HOURS, UNUSED_HOURS = 1, 168
RENEWED = (
    "text", "sealed", "language", "language_p", "sentiment", "sentiment_p", "topics", "rating", "rating_scale", "reach", "properties",
    "kind", "name",
)  # fmt: skip
"""Columns of a stored signal that a new version may change; who said it, when and where stays."""
_CHUNK = 500
Understand = Callable[[pa.RecordBatch, pa.Array], pa.RecordBatch]


@dataclass
class Amended:
    """What edits and deletes did to the signals that were stored already."""

    edited: pa.RecordBatch | None = None
    deleted: list[str] = field(default_factory=list)


def settle(
    ground: Ground, arrivals: pa.RecordBatch, changes: Sequence[Change]
) -> tuple[pa.RecordBatch, dict[str, Change], pa.Table]:
    """Bring new arrivals and changes together: what is new, which changes count, and which stored rows they concern.

    An edit of a message that never came is the message; a message that was edited or deleted in the same batch is
    not stored as it was.
    """
    latest = newest(changes)
    known = _known(ground, list(latest))
    latest = {
        name: change
        for name, change in latest.items()
        if name not in known
        or (known[name].deleted and change.row is None)
        or (not known[name].deleted and (change.row is None or _micros(known[name].at) <= change.at))
    }
    ids = pa.array(list({change.signal_id for change in changes}), pa.string())
    stored = ground.engine.near.query(
        "SELECT signal_id, day, customer_key, source, kind, name FROM signals WHERE signal_id IN (SELECT unnest($ids))",
        ids=ids.to_pylist(),
    )
    held = set(stored["signal_id"].to_pylist())
    fresh = [change for name, change in latest.items() if change.row is not None and name not in held]
    concerned = pc.is_in(arrivals["signal_id"], value_set=ids)
    first = arrivals.filter(concerned)
    arrivals = arrivals.filter(pc.invert(concerned)) if fresh or first.num_rows else arrivals
    if fresh or first.num_rows:
        replaced = _as_first_said(versions(fresh), first) if fresh else ARRIVALS.empty()
        # What came beside an outdated change is a message like any other, or a duplicate.
        others = first.filter(
            pc.invert(pc.is_in(first["signal_id"], value_set=pa.array(list(latest), pa.string())))
        )
        whole = pa.Table.from_batches([arrivals, others, replaced]).combine_chunks().to_batches()
        arrivals = whole[0] if whole else ARRIVALS.empty()
    return arrivals, latest, stored


def amend(
    ground: Ground,
    latest: dict[str, Change],
    stored: pa.Table,
    understand: Understand,
    *,
    starts: dict[str, int] | None = None,
) -> Amended:
    """Change the stored rows, and remember which version counts."""
    result = Amended()
    rows = {row["signal_id"]: row for row in stored.to_pylist()}
    # What was erased stays empty: new words there would be under a name that no right can reach.
    erased = {name for name, row in rows.items() if (row["customer_key"] or "").startswith(GONE)}
    edits = [
        change
        for name, change in latest.items()
        if change.row is not None and name in rows and name not in erased
    ]
    if edits:
        arrivals = versions(edits)
        keys = pa.array([rows[change.signal_id]["customer_key"] for change in edits], pa.string())
        signals = understand(arrivals, keys)
        days = pa.array([rows[change.signal_id]["day"] for change in edits], pa.string())
        result.edited = signals.set_column(signals.schema.get_field_index("day"), "day", days)
        ground.store.amend("signals", pa.table(result.edited), RENEWED, starts=starts)
    result.deleted = [name for name, change in latest.items() if change.row is None and name in rows]
    if result.deleted:
        gone = _emptied([rows[name] for name in result.deleted])
        ground.store.amend("signals", gone, RENEWED, starts=starts)
        withdraw(ground.desk, result.deleted)
    _remember(ground, latest, replaced=set(rows))
    return result


def news(ground: Ground, changes: Sequence[Change]) -> list[Change]:
    """Leave out the changes that are settled already, as when the same file is taken in twice."""
    known = _known(ground, list({change.signal_id for change in changes}))

    def settled(change: Change) -> bool:
        held = known.get(change.signal_id)
        return held is not None and (
            held.deleted or (change.row is not None and _micros(held.at) >= change.at)
        )

    return [change for change in changes if not settled(change)]


def deleted_ids(ground: Ground) -> list[str]:
    """List the ids of deleted signals: a message that comes after its own delete is not stored."""
    with ground.desk.reading() as session:
        return list(session.scalars(select(Amendment.signal_id).where(Amendment.deleted)))


def tidy(ground: Ground, *, now: bool = False) -> dict[str, int]:
    """Join small files and remove those no longer needed.

    A replaced file stays a week; an hour, where an edited or deleted message or something that was due is in one, so
    that readers that opened it before can end; not at all with ``now``, unless other workers may be writing files just now.
    """
    moment = ground.clock.now()
    joined = ground.store.compact("signals")
    with ground.desk.session() as session:
        waiting = list(session.scalars(select(Amendment).where(Amendment.replaced_at.is_not(None))))
        due = session.get(Mark, DUE_SINCE)
        hours = (
            0
            if now and not ground.desk.shared
            else READERS_HOURS
            if waiting or due is not None
            else UNUSED_HOURS
        )
        removed = ground.store.vacuum("signals", hours=hours)
        for one in waiting:
            if one.replaced_at is not None and one.replaced_at <= moment - timedelta(hours=hours):
                one.replaced_at = None
        if due is not None and datetime.fromisoformat(due.value) <= moment - timedelta(hours=hours):
            session.delete(due)
    return {"joined": joined, "removed": removed}


def _as_first_said(edited: pa.RecordBatch, first: pa.RecordBatch) -> pa.RecordBatch:
    # The edit tells when it was edited; only the message itself may know when it was said.
    said = dict(
        zip(first["signal_id"].to_pylist(), first["occurred_at"].cast(pa.int64()).to_pylist(), strict=True)
    )
    if not said:
        return edited
    ids, times = edited["signal_id"].to_pylist(), edited["occurred_at"].cast(pa.int64()).to_pylist()
    column = pa.array([min(said.get(i, t), t) for i, t in zip(ids, times, strict=True)], pa.int64())
    place = edited.schema.get_field_index("occurred_at")
    field_ = edited.schema.field("occurred_at")
    return edited.set_column(place, field_, column.cast(field_.type))


def _emptied(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_batches(
        [
            SIGNALS.arrays(
                {
                    "signal_id": [row["signal_id"] for row in rows],
                    "day": [row["day"] for row in rows],
                    "kind": ["event"] * len(rows),
                    "name": [GONE] * len(rows),
                },
                len(rows),
            )
        ]
    )


def _known(ground: Ground, ids: list[str]) -> dict[str, Amendment]:
    found: dict[str, Amendment] = {}
    with ground.desk.reading() as session:
        for start in range(0, len(ids), _CHUNK):
            query = select(Amendment).where(Amendment.signal_id.in_(ids[start : start + _CHUNK]))
            found.update({row.signal_id: row for row in session.scalars(query)})
    return found


def _remember(ground: Ground, latest: dict[str, Change], replaced: set[str]) -> None:
    now = ground.clock.now()
    with ground.desk.session() as session:
        for name, change in latest.items():
            row = session.get(Amendment, name) or Amendment(signal_id=name)
            row.at = datetime.fromtimestamp(change.at / 1_000_000, UTC)
            row.deleted = change.row is None
            row.replaced_at = now if name in replaced else row.replaced_at
            session.add(row)


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
