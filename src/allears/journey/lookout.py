"""Watch what was digested, and act on it: surprises, issues, cases, moves.

The watch is fed by the time signals arrived. What it knows lives in memory and is rebuilt from the lake: after a start,
and when history is imported that is older than what it has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import structs

from allears.act.case import open_cases
from allears.act.issue import Change, record
from allears.act.notice import case_notice, issue_notice
from allears.desk.digesting import News
from allears.desk.listening import Mark
from allears.desk.work import Case
from allears.errors import NotReady
from allears.foresee.backtest import Backtest, backtest
from allears.foresee.watch import Watch, Watched, WatchRules, arrived_at
from allears.guard.permit import Bounds
from allears.journey import rules
from allears.journey.amend import Amended
from allears.journey.channels import silences
from allears.journey.erasure import ERASED
from allears.journey.ground import Ground
from allears.journey.heard import ARRIVED, note_look
from allears.journey.models import topics_of
from allears.tables import TABLES
from allears.understand.vocabulary import empty_words

MEMORY_DAYS = 56
GAP_DAYS = 14
STEP_DAYS = 7
WATCHED = (
    "signal_id", "occurred_at", "received_at", "kind", "channel", "source", "name", "direction", "customer_key", "relationship",
    "text", "language", "sentiment", "sentiment_p", "topics", "rating", "reach", "thread", "service", "ok", "duration_ms", "release",
    "platform", "region", "partner",
)  # fmt: skip


@dataclass
class Seen:
    """What one look brought."""

    changes: list[Change] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)


class Lookout:
    """Looks at what came in, hour by hour."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._watch: Watch | None = None
        self._upto: datetime | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._looked: datetime | None = None
        self._erased: tuple[str, Bounds | None] | None = None
        self._rebuilt_at: int | None = None

    def hear(self, news: Sequence[News]) -> datetime | None:
        """Take in what workers left word of; returns when the oldest of it arrived."""
        oldest: list[datetime] = []
        for one in news:
            changed, deleted = (
                msgspec.json.decode(told, type=list[str]) for told in (one.edited, one.deleted)
            )
            if changed or deleted:
                edited = self._by_ids(changed).combine_chunks().to_batches()
                self.revise(Amended(edited[0] if edited else None, deleted))
            days = None if one.days is None else msgspec.json.decode(one.days, type=list[str])
            ids = pa.array(np.frombuffer(one.ids, "<u8").astype(np.uint64))
            stored = self._ground.serving.by_ids(WATCHED, ids, days)
            # A change claims ids too, of signals that were stored before.
            before = pa.array([*changed, *deleted], pa.string())
            stored = stored.filter(pc.invert(pc.is_in(stored["signal_id"], value_set=before)))
            if stored.num_rows:
                oldest.append(pc.min(stored["received_at"]).as_py())
                if not self._known(one):
                    self._waiting += stored.combine_chunks().to_batches()
        return min(oldest, default=None)

    def _known(self, one: News) -> bool:
        # In the lake already when all was read from there.
        position = self._ground.store.position
        return (
            self._rebuilt_at is not None and position("signals", one.segment, self._rebuilt_at) >= one.until
        )

    def _by_ids(self, ids: Sequence[str]) -> pa.Table:
        columns = ", ".join(f'"{c}"' for c in WATCHED)
        query = f"SELECT {columns} FROM signals WHERE signal_id IN (SELECT unnest($ids))"
        return self._ground.serving.near.query(query, ids=list(ids))

    def feed(self, signals: pa.RecordBatch) -> datetime | None:
        """Hand over what a micro-batch stored; returns when the oldest of it arrived."""
        served = self._ground.gate.bounds("service").within(signals)
        self._waiting.append(served.select([n for n in WATCHED if n in signals.schema.names]))
        oldest: datetime | None = pc.min(signals["received_at"]).as_py()
        return oldest

    def revise(self, amended: Amended) -> None:
        """Hand over what a micro-batch edited and deleted of what was stored before."""
        if amended.edited is None and not amended.deleted:
            return
        served = self._ground.gate.bounds("service").within
        edited = None if amended.edited is None else pa.table(served(amended.edited).select(list(WATCHED)))
        if self._watch is not None:
            self._watch.revise(edited, amended.deleted)
        renewed = [] if edited is None else edited["signal_id"].to_pylist()
        waiting = {signal for batch in self._waiting for signal in batch["signal_id"].to_pylist()}
        changed = pa.array([*amended.deleted, *renewed], pa.string())
        self._waiting = [
            b.filter(pc.invert(pc.is_in(b["signal_id"], value_set=changed))) for b in self._waiting
        ]
        if again := [signal for signal in renewed if signal in waiting]:
            self._waiting += self._by_ids(again).to_batches()

    def look(self, upto: datetime | None = None) -> Seen:
        """Judge every hour that has ended by ``upto``, and act."""
        upto = upto or self._ground.clock.now()
        self._forget_erased()
        if self._watch is None or self._older_waits() or self._idle(upto):
            # One version of the lake for all: what other workers commit meanwhile is heard of afterwards.
            with self._ground.serving.standing_still("signals") as self._rebuilt_at:
                watched = self._rebuild(upto)
        else:
            watched = [self._watch.advance(self._take(), upto)]
        self._upto = max(self._upto or upto, upto)
        seen = Seen()
        for found in watched:
            self._keep(found)
            if found.issues.num_rows:
                self._act(found.issues, seen)
        self._listen(upto, seen)
        return seen

    def _forget_erased(self) -> None:
        """Remember anew, from the lake, when somebody was erased or restricted since: by whichever process."""
        with self._ground.desk.reading() as session:
            mark = session.get(Mark, ERASED)
        bounds = self._ground.gate.bounds("service")
        erased = (mark.value if mark is not None else "", None if bounds.everything else bounds)
        # Bounds are the same object for as long as they are of the same people.
        if self._erased is not None and not (erased[0] == self._erased[0] and erased[1] is self._erased[1]):
            self._watch, self._waiting = None, []
        self._erased = erased

    def _listen(self, upto: datetime, seen: Seen) -> None:
        """Raise what has gone silent; once an hour, because only whole hours are judged."""
        hour = upto.replace(minute=0, second=0, microsecond=0)
        if hour == self._looked:
            return
        self._looked = hour
        with self._ground.desk.session() as session:
            note_look(session, upto)
        silent = silences(self._ground, upto)
        if silent:
            self._act(pa.Table.from_batches([TABLES["issues"].rows(silent)]), seen)

    def backtest(self, start: datetime | None = None) -> Backtest:
        """Run the past as if live, without touching anything.

        Stretches parted by a silent fortnight are lived apart, so that one stray message of years ago costs nothing.
        A stretch shorter than two settling times teaches for half of its days only: else it could never be judged.
        """
        since = start or datetime(1990, 1, 1, tzinfo=UTC)
        spans = self._spans(since - timedelta(days=MEMORY_DAYS))
        lived = [
            self._live_again(*span, start) for span in spans if _midnight(span[1]) + timedelta(days=1) > since
        ]
        if not lived:
            raise NotReady("nothing has arrived yet", got=0, needed=1)
        return _joined(lived)

    def _live_again(self, first: date, last: date, start: datetime | None) -> Backtest:
        rules = self.rules()
        settle = max(1, min(rules.settle_days, (last - first).days // 2))
        signals = self._signals(_midnight(first), _midnight(last) + timedelta(days=1))
        return backtest(signals, structs.replace(rules, settle_days=settle), start)

    def _older_waits(self) -> bool:
        if self._upto is None:
            return True
        horizon = self._upto - timedelta(hours=1)
        return any(_earliest(batch) < horizon for batch in self._waiting if batch.num_rows)

    def _idle(self, upto: datetime) -> bool:
        # Nothing for a fortnight: walking the empty hours one by one would teach nothing.
        return self._upto is not None and upto - self._upto > timedelta(days=GAP_DAYS)

    def _take(self) -> pa.Table:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return TABLES["signals"].schema.empty_table().select(list(WATCHED))
        return pa.Table.from_batches(waiting)

    def _rebuild(self, upto: datetime) -> list[Watched]:
        oldest = min((_earliest(b) for b in self._waiting if b.num_rows), default=upto)
        self._waiting = []
        found = []
        for first, last in self._spans(oldest - timedelta(days=MEMORY_DAYS)):
            self._watch = Watch(self.rules())
            start = first
            while start <= last:
                end = min(start + timedelta(days=STEP_DAYS), last + timedelta(days=1))
                found.append(
                    self._watch.advance(
                        self._signals(_midnight(start), _midnight(end)), min(_midnight(end), upto)
                    )
                )
                start = end
        if self._watch is None:
            self._watch = Watch(self.rules())
        return found

    def _spans(self, since: datetime) -> list[tuple[date, date]]:
        """List the stretches of days with signals, parted where nothing came for a fortnight."""
        days = self._ground.serving.near.query(
            f"SELECT DISTINCT CAST({ARRIVED} AS DATE) AS day FROM signals WHERE {ARRIVED} >= $since ORDER BY day",
            since=since,
        )["day"].to_pylist()
        spans: list[tuple[date, date]] = []
        for day in days:
            if spans and (day - spans[-1][1]).days <= GAP_DAYS:
                spans[-1] = (spans[-1][0], day)
            else:
                spans.append((day, day))
        return spans

    def _signals(self, start: datetime, end: datetime) -> pa.Table:
        columns = ", ".join(f'"{c}"' for c in WATCHED)
        return self._ground.serving.near.query(
            f"SELECT {columns} FROM signals WHERE {ARRIVED} >= $start AND {ARRIVED} < $end ORDER BY {ARRIVED}, signal_id",
            start=start,
            end=end,
        )

    def rules(self) -> WatchRules:
        """Tell what the watch goes by: the space's settings and topics."""
        settings = self._ground.settings
        topics = topics_of(self._ground).topics()
        return WatchRules(
            false_alarms_per_week=settings.watch.false_alarms_per_week,
            min_customers=settings.watch.min_customers,
            country=settings.space.country,
            timezone=settings.space.timezone,
            valence={t.id: t.valence for t in topics},
            labels={t.id: t.label for t in topics},
            empty=empty_words(),
        )

    def _keep(self, found: Watched) -> None:
        """Store surprises and expectations once, however often the watch is rebuilt."""
        with self._ground.desk.session() as session:
            mark = session.get(Mark, "surprises_upto") or Mark(
                name="surprises_upto", value="1970-01-01T00:00:00+00:00"
            )
            upto = datetime.fromisoformat(mark.value)
            for name, rows, column in (
                ("surprises", found.surprises, "detected_at"),
                ("expectations", found.expectations, "made_at"),
            ):
                fresh = rows.filter(pc.greater(rows[column], pa.scalar(upto, rows.schema.field(column).type)))
                if fresh.num_rows:
                    self._ground.store.append(name, fresh)
                    mark.value = max(mark.value, pc.max(fresh[column]).as_py().isoformat())
            session.add(mark)

    def _act(self, issues: pa.Table, seen: Seen) -> None:
        ground = self._ground
        routes, clocks = rules.routes(ground), rules.clocks(ground)
        # The clocks of a case start when the alarm could first be raised, so history reads as it would have been.
        for moment, rows in _by_moment(issues):
            changes = record(ground.desk, rows, at=moment, customers=self._authors(rows))
            cases = open_cases(ground.desk, changes, routes, clocks, moment)
            seen.changes += changes
            seen.cases += cases
            self._tell(changes, cases)

    def _authors(self, issues: pa.Table) -> dict[str, str]:
        ids = pc.unique(pc.list_flatten(issues["signal_ids"])).to_pylist()
        rows = self._ground.serving.near.query(
            "SELECT signal_id, customer_key FROM signals WHERE customer_key IS NOT NULL AND signal_id IN (SELECT unnest($ids))",
            ids=ids,
        )
        return dict(zip(rows["signal_id"].to_pylist(), rows["customer_key"].to_pylist(), strict=True))

    def _tell(self, changes: list[Change], cases: list[Case]) -> None:
        outbox = self._ground.outbox
        for change in changes:
            if change.what in ("new", "reopened"):
                outbox.put(
                    f"issue.{'opened' if change.what == 'new' else change.what}",
                    issue_notice(change.issue),
                    event_id=f"msg_{change.id}_{change.what}",
                )
        for case in cases:
            outbox.put("case.opened", case_notice(case), event_id=f"msg_{case.id}_{case.reopened}")


def _joined(lived: list[Backtest]) -> Backtest:
    """Put stretches lived apart under one another; the forecast is that of the latest one long enough for it."""
    issues, weeks = pa.concat_tables([one.issues for one in lived]), sum(one.weeks for one in lived)
    return Backtest(
        issues=issues,
        surprises=pa.concat_tables([one.surprises for one in lived]),
        weeks=weeks,
        alarms_per_week=issues.num_rows / weeks,
        forecast=next((one.forecast for one in reversed(lived) if one.forecast is not None), None),
        sources=max(one.sources for one in lived),
        judged=max(one.judged for one in lived),
    )


def _by_moment(issues: pa.Table) -> list[tuple[datetime, pa.Table]]:
    ordered = issues.sort_by("detected_at")
    moments = pc.unique(ordered["detected_at"]).to_pylist()
    return [
        (
            m,
            ordered.filter(
                pc.equal(ordered["detected_at"], pa.scalar(m, ordered.schema.field("detected_at").type))
            ),
        )
        for m in moments
    ]


def _earliest(batch: pa.RecordBatch) -> datetime:
    earliest: datetime = pc.min(arrived_at(batch)).as_py()
    return earliest


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
