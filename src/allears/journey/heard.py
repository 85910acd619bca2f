"""What each source brings, counted as it is digested: by the hour, and which fields its signals hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from allears.desk.listening import SourceField, SourceHour
from allears.foresee.watch import arrived_at
from allears.journey.ground import Ground
from allears.tables import TABLES

ARRIVED = "CASE WHEN received_at > occurred_at + INTERVAL 7 DAY THEN occurred_at ELSE received_at END"
LOOKED = ""
"""Stands in the place of a source for the hours in which Allears was looking."""
LIVE = timedelta(days=7)
SAMPLE = 200
"""Signals of each source and batch whose properties are looked at; columns and identifiers are looked at in all."""
NAMES, LONGEST = 300, 64
"""Fields kept of each source, so that a sender of ever new names fills nothing."""
COUNTS = ("stored", "live", "known", "duplicates", "refused")
COLUMNS = (
    "text", "rating", "name", "thread", "reach", "service", "ok", "duration_ms", "release", "platform", "region", "partner", "account",
)  # fmt: skip
_OBJECT = msgspec.json.Decoder(dict[str, Any])


def note_signals(session: Session, signals: pa.RecordBatch) -> None:
    """Count a digested batch in the caller's transaction."""
    arrived = arrived_at(signals)
    late = pc.subtract(signals["received_at"], signals["occurred_at"])
    table = pa.table(
        {
            "source": signals["source"],
            "hour": pc.floor_temporal(arrived, unit="hour"),
            "live": pc.less_equal(late, pa.scalar(LIVE, pa.duration("us"))).cast(pa.int64()),
            "known": pc.is_valid(signals["customer_key"]).cast(pa.int64()),
        }
    )
    found = table.group_by(["source", "hour"]).aggregate(
        [("live", "sum"), ("known", "sum"), ([], "count_all")]
    )
    _add_hours(
        session,
        [
            {
                "source": r["source"],
                "hour": r["hour"],
                "stored": r["count_all"],
                "live": r["live_sum"] or 0,
                "known": r["known_sum"] or 0,
            }
            for r in found.to_pylist()
        ],
    )
    _note_fields(session, signals, arrived)


def note_count(session: Session, source: str, at: datetime, **counted: int) -> None:
    """Count duplicates or refused rows of a source in the caller's transaction."""
    if any(counted.values()):
        _add_hours(session, [{"source": source, "hour": _hour(at), **counted}])


def note_look(session: Session, at: datetime) -> None:
    """Write down that Allears was looking in this hour: silence while it was off is nobody's."""
    _add_hours(session, [{"source": LOOKED, "hour": _hour(at), "stored": 1}])


def count_past(ground: Ground) -> None:
    """Count what was stored before hours were counted; does nothing once there are any."""
    with ground.desk.reading() as session:
        if session.scalar(select(SourceHour.source).limit(1)) is not None:
            return
    rows = ground.engine.query(
        f"""SELECT source, date_trunc('hour', {ARRIVED}) AS hour, count(*) AS stored, count(customer_key) AS known,
                   count(*) FILTER (WHERE received_at <= occurred_at + INTERVAL 7 DAY) AS live
            FROM signals GROUP BY ALL"""
    ).to_pylist()
    with ground.desk.session() as session:
        _add_hours(session, rows)


def hours_table(ground: Ground) -> pa.Table:
    """Read what was counted as the table ``source_hours``."""
    names = ("source", "hour", *COUNTS)
    with ground.desk.reading() as session:
        query = select(*(getattr(SourceHour, n) for n in names)).order_by(SourceHour.hour, SourceHour.source)
        rows = _columns(names, session.execute(query).all())
    looked = [source == LOOKED for source in rows["source"]]
    # Looking is no signal: those hours have no source and count nothing, so that sums stay right.
    rows["source"] = [None if was else source for source, was in zip(rows["source"], looked, strict=True)]
    rows["stored"] = [0 if was else n for n, was in zip(rows["stored"], looked, strict=True)]
    return pa.table(rows, schema=TABLES["source_hours"].schema)


def fields_table(ground: Ground) -> pa.Table:
    """Read which fields were seen as the table ``source_fields``."""
    names = ("source", "field", "first_at", "last_at", "held")
    with ground.desk.reading() as session:
        query = select(*(getattr(SourceField, n) for n in names)).order_by(
            SourceField.source, SourceField.field
        )
        rows = _columns(names, session.execute(query).all())
    parted = [field.partition(":") for field in rows["field"]]
    rows["kind"] = ["identifier" if kind == "who" else kind for kind, _, _ in parted]
    rows["field"] = [name for _, _, name in parted]
    return pa.table(rows, schema=TABLES["source_fields"].schema)


def _columns(names: Sequence[str], rows: Sequence[Any]) -> dict[str, list[Any]]:
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _add_hours(session: Session, rows: Iterable[Mapping[str, Any]]) -> None:
    listed = [dict.fromkeys(COUNTS, 0) | dict(row) for row in rows]
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    insert = dialect.insert(SourceHour)
    added = {name: getattr(SourceHour, name) + getattr(insert.excluded, name) for name in COUNTS}
    upsert = insert.on_conflict_do_update(index_elements=["source", "hour"], set_=added)
    for start in range(0, len(listed), 5_000):
        session.execute(upsert, listed[start : start + 5_000])


def _note_fields(session: Session, signals: pa.RecordBatch, arrived: pa.Array) -> None:
    rows: list[dict[str, Any]] = []
    for source in pc.unique(signals["source"]).to_pylist():
        mine = pc.equal(signals["source"], source)
        bounds = pc.min_max(arrived.filter(mine)).as_py()
        kept = set(session.scalars(select(SourceField.field).where(SourceField.source == source)))
        found = _fields(signals.filter(mine))
        room = NAMES - len(kept)
        names = [n for n in found if n in kept] + [n for n, _ in found.most_common() if n not in kept][:room]
        rows += [
            {
                "source": source,
                "field": name,
                "first_at": bounds["min"],
                "last_at": bounds["max"],
                "held": found[name],
            }
            for name in names
        ]
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    insert = dialect.insert(SourceField)
    earliest, latest = (func.least, func.greatest) if dialect is postgresql else (func.min, func.max)
    known = {
        "first_at": earliest(SourceField.first_at, insert.excluded.first_at),
        "last_at": latest(SourceField.last_at, insert.excluded.last_at),
        "held": SourceField.held + insert.excluded.held,
    }
    session.execute(insert.on_conflict_do_update(index_elements=["source", "field"], set_=known), rows)


def _fields(signals: pa.RecordBatch) -> Counter[str]:
    """Count the signals that hold each column, identifier and property; a property's count is drawn up from a sample."""
    found: Counter[str] = Counter()
    for name in COLUMNS:
        held = signals.num_rows - signals[name].null_count
        if held:
            found[f"column:{name}"] = held
    kinds = pc.value_counts(pc.struct_field(pc.list_flatten(signals["identifiers"]), "type"))
    found.update({f"who:{pair['values']}": pair["counts"] for pair in kinds.to_pylist()})
    step = max(1, signals.num_rows // SAMPLE)
    for text in signals["properties"].take(pa.array(range(0, signals.num_rows, step))).to_pylist():
        if text:
            found.update({f"property:{name}": step for name in _OBJECT.decode(text) if _is_name(name)})
    return found


def _is_name(text: str) -> bool:
    # What is no word (an address, a number) is data in the place of a name: it tells nothing of a schema.
    return len(text) <= LONGEST and text.translate(_JOINTS).isalpha()


_JOINTS = str.maketrans("", "", "_-. ")


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
