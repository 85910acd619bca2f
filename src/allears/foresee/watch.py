"""The watch: fed with signals as they arrive, it judges every hour with what was known by its end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Meta

from allears.foresee.account import Account
from allears.foresee.clusters import Clusters
from allears.foresee.emerging import Emerging
from allears.foresee.expected import Calendar
from allears.foresee.failures import Failures
from allears.foresee.issue import Alarm, Part
from allears.foresee.judge import Judged, needed_score
from allears.foresee.memory import Memory
from allears.foresee.near import NearDuplicates
from allears.foresee.rows import BACKFILL, HOUR, Names, Rows, arrived_at, read_rows
from allears.foresee.tail import count_quantile, highest_usual
from allears.foresee.voices import Voices
from allears.foresee.wishes import RECENT_DAYS, Wishes
from allears.tables import TABLES

__all__ = ["Watch", "WatchRules", "Watched", "arrived_at"]

METHOD = "watch 1"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SAID_SHARE, MET_SHARE, TEXT_SHARE, WISH_SHARE = 0.45, 0.35, 0.1, 0.1
COPY_MEMORY_HOURS = 72


class WatchRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the watch goes by."""

    false_alarms_per_week: Annotated[
        float, Meta(description="Budget of false alarms a week, all series together.", gt=0)
    ] = 1.0
    min_customers: Annotated[
        int, Meta(description="Fewest different authors before an issue is raised.", ge=1)
    ] = 5
    country: Annotated[str, Meta(description="ISO 3166 country whose public holidays count.")] = "US"
    timezone: Annotated[str, Meta(description="IANA zone of weekdays and hours.")] = "UTC"
    valence: Annotated[
        Mapping[str, str], Meta(description="Topic id to problem, wish, praise or neutral.")
    ] = {}
    labels: Annotated[Mapping[str, str], Meta(description="Topic id to words a person understands.")] = {}
    empty: Annotated[
        Collection[str], Meta(description="Words that name nothing, so that no issue is called by them.")
    ] = frozenset()
    settle_days: Annotated[
        int, Meta(description="Days a source is listened to before it is judged.", ge=1, le=60)
    ] = 7


@dataclass(frozen=True)
class Watched:
    """What came out since the last look."""

    surprises: pa.Table
    issues: pa.Table
    expectations: pa.Table


class Watch:
    """Counts, compares, and gathers, hour by hour.

    Feeding everything at once or batch by batch gives the same issues. State lives in memory only
    and is rebuilt by feeding the last five to eight weeks.

    Parameters
    ----------
    rules
        Budget, smallest issue, calendar, meaning of topics.
    """

    def __init__(self, rules: WatchRules) -> None:
        self.rules = rules
        self._names = Names()
        self._voices = Voices(
            self._names, Calendar(rules.country, rules.timezone), rules.valence, rules.settle_days
        )
        self._failures = Failures(self._names, rules.settle_days)
        self._clusters = Clusters(rules.empty)
        self._engines: dict[str, Voices | Failures | Clusters] = {
            "said": self._voices,
            "met": self._failures,
            "text": self._clusters,
        }
        self._memory = Memory()
        account = Account(self._names, self._memory, rules.valence, rules.labels, rules.empty)
        self._emerging = Emerging(
            self._names, self._memory, account, rules.min_customers, self._sums, self._onset
        )
        self._wishes = Wishes(self._names, rules.valence)
        self._copies = NearDuplicates()
        self._waiting: list[Rows] = []
        self._next = -1

    def revise(self, edited: pa.Table | None, deleted: Collection[str]) -> None:
        """Take in that messages were edited or deleted: issues gather them as they read now, or not at all.

        Hours judged before are not judged again.
        """
        renewed = None if edited is None else read_rows(edited, self._names)
        self._memory.revise(renewed, deleted)
        waiting = [rows.without(deleted) for rows in self._waiting]
        self._waiting = [rows if renewed is None else rows.renewed(renewed) for rows in waiting]

    def advance(self, signals: pa.Table | pa.RecordBatch, upto: datetime) -> Watched:
        """Take in what arrived and judge every hour that has ended by ``upto``.

        Parameters
        ----------
        signals
            In the ``signals`` schema, any order; only inbound ones count.
        upto
            Aware; hours that end later wait for the next call.
        """
        if signals.num_rows:
            self._accept(
                read_rows(pa.table(signals) if isinstance(signals, pa.RecordBatch) else signals, self._names)
            )
        last = int((upto - EPOCH) // timedelta(hours=1))
        surprises: list[dict[str, Any]] = []
        expectations: list[dict[str, Any]] = []
        rows = self._due_rows(last)
        if self._next < 0 and len(rows):
            self._next = int(rows.hour.min())
        while 0 <= self._next < last:
            first = self._next
            until = min(last, (first // 24 + 1) * 24)
            if first // 24 != self._voices.day:
                self._start_day(first // 24)
                if first // 24 == (last - 1) // 24:
                    expectations = self._expectations()
            begin, end = np.searchsorted(rows.hour, [first, until])
            self._live(rows.take(np.arange(begin, end)), first, until, surprises)
            self._next = until
        issues = self._emerging.changed(last - 1) if self._next >= 0 else []
        return Watched(
            _table("surprises", surprises), _table("issues", issues), _table("expectations", expectations)
        )

    def _accept(self, rows: Rows) -> None:
        """Queue rows; one that comes after its hour was judged counts in the running hour, unless it is history."""
        if self._next >= 0:
            missed = rows.hour < self._next
            history = missed & (rows.hour < self._next - BACKFILL // HOUR)
            rows.hour[missed] = self._next
            rows = rows.take(~history)
        self._waiting.append(rows)

    def _due_rows(self, last: int) -> Rows:
        if not self._waiting:
            return _no_rows(self._names)
        rows = Rows.join(self._waiting)
        rows = rows.take(np.lexsort((rows.signal.astype(str), rows.arrived, rows.hour)))
        due = rows.hour < last
        self._waiting = [rows.take(~due)] if (~due).any() else []
        return rows.take(due)

    def _start_day(self, day: int) -> None:
        self._voices.start_day(day)
        self._failures.start_day(day)
        self._clusters.start_day(day)
        self._memory.forget(day * 24)
        self._emerging.forget(day * 24)
        self._copies.forget(day * 24 - COPY_MEMORY_HOURS)

    def _live(self, rows: Rows, first: int, until: int, surprises: list[dict[str, Any]]) -> None:
        said = self._voices.voiced(rows.take(rows.spoken))
        met = self._failures.outcome(rows.take(~rows.spoken))
        groups = self._groups(said)
        self._voices.take(said, groups, first, until)
        self._clusters.take(said, groups, self._voices.origins.settled(said))
        self._wishes.take(said, groups)
        self._failures.take(met, first, until)
        self._memory.remember("said", said)
        self._memory.remember("met", met.take(met.ok == 0))
        rules = self.rules
        judged: dict[tuple[str, str], Judged] = {
            ("said", kind): found
            for kind, found in self._voices.judge(
                first, until, rules.false_alarms_per_week * SAID_SHARE, rules.min_customers
            ).items()
        }
        judged["met", "issue"] = self._failures.judge(
            first, until, rules.false_alarms_per_week * MET_SHARE, rules.min_customers
        )
        judged["text", "issue"] = self._clusters.judge(
            first, until, rules.false_alarms_per_week * TEXT_SHARE, rules.min_customers
        )
        for hour in range(first, until):
            alarms = [
                a for (lane, kind), found in judged.items() for a in self._alarms(lane, kind, found, hour)
            ]
            surprises += self._surprises(alarms)
            alarms += self._risen(hour)
            self._emerging.step(hour, alarms, lambda part, at: _warm(judged, part, at - first))
        surprises += self._quiet(first, until)

    def _groups(self, said: Rows) -> np.ndarray[Any, np.dtype[np.int64]]:
        groups = -1 - np.arange(len(said), dtype=np.int64) - (said.arrived[0] if len(said) else 0)
        spoken = np.array([bool(t) for t in said.text], bool)
        groups[spoken] = self._copies.groups(said.text[spoken].tolist(), said.hour[spoken])
        return groups

    def _alarms(self, lane: str, kind: str, found: Judged, hour: int) -> list[Alarm]:
        engine = self._engines[lane]
        best: dict[int, int] = {}
        for at in np.nonzero(found.hour == hour)[0]:
            cell = int(found.cell[at])
            if cell not in best or found.score[at] > found.score[best[cell]]:
                best[cell] = int(at)
        return [
            Alarm(
                kind,
                lane,
                cell,
                engine.cells[cell],
                hour,
                float(found.score[at]),
                float(found.seen[at]),
                float(found.due[at]),
            )
            for cell, at in best.items()
        ]

    def _surprises(self, alarms: list[Alarm]) -> list[dict[str, Any]]:
        return [self._surprise(a.lane, a.series, a.hour, a.seen, a.due, a.score, "rise") for a in alarms]

    def _quiet(self, first: int, until: int) -> list[dict[str, Any]]:
        limit = needed_score(self.rules.false_alarms_per_week, 20, 1)
        return [
            self._surprise("said", c, h, seen, due, score, "drop")
            for c, h, seen, due, score in self._voices.drops(first, until, limit)
        ]

    def _surprise(
        self, lane: str, series: int, hour: int, seen: float, due: float, score: float, direction: str
    ) -> dict[str, Any]:
        engine = self._engines[lane]
        return {
            "series": ("failures|" if lane == "met" else "") + engine.cells[series].words(self._names),
            "time": EPOCH + timedelta(hours=hour),
            "detected_at": EPOCH + timedelta(hours=hour + 1),
            "observed": seen,
            "expected": due,
            "high": float(highest_usual(max(due, 0.02), engine.spread(series), min(score, 5.0))),
            "score": score,
            "direction": direction,
            "method": METHOD,
        }

    def _risen(self, hour: int) -> list[Alarm]:
        """Wishes are looked at once, when a day has ended."""
        if hour % 24 != 23:
            return []
        rules = self.rules
        limit = float(np.log10(7 / (WISH_SHARE * rules.false_alarms_per_week)))
        risen = self._wishes.close_day(limit, rules.min_customers)
        return [Alarm("opportunity", "words", r.series, r.word, hour, r.score, r.seen, r.due) for r in risen]

    def _onset(self, alarm: Alarm) -> int:
        if alarm.lane == "words":
            return alarm.hour - RECENT_DAYS * 24 + 1
        return self._engines[alarm.lane].onset(alarm.series, alarm.hour)

    def _sums(self, part: Part, first: int, last: int) -> tuple[float, float]:
        if part.lane == "words":
            return 0.0, 0.0
        return self._engines[part.lane].sums(part.series, first, last)

    def _expectations(self) -> list[dict[str, Any]]:
        """Expect the running day for whole topics and for everything, with 90 % intervals."""
        if not len(self._voices.cells):
            return []
        due, begin = self._voices.expected_now()
        rows = []
        for at, cell in enumerate(self._voices.cells):
            if cell.facets or due[at].sum() <= 0:
                continue
            spread = self._voices.spread(at)
            low, mid, high = (count_quantile(q, due[at].astype(float), spread) for q in (0.05, 0.5, 0.95))
            rows += [
                {
                    "series": cell.words(self._names),
                    "time": EPOCH + timedelta(hours=begin + h),
                    "low": float(low[h]),
                    "mid": float(mid[h]),
                    "high": float(high[h]),
                    "method": METHOD,
                    "made_at": EPOCH + timedelta(hours=begin),
                }
                for h in range(24)
            ]
        return rows


def _warm(judged: Mapping[tuple[str, str], Judged], part: Part, at: int) -> bool:
    for (lane, _), found in judged.items():
        if lane == part.lane and part.series < len(found.hot) and found.hot[part.series, at]:
            return True
    return False


def _no_rows(names: Names) -> Rows:
    return read_rows(TABLES["signals"].schema.empty_table(), names)


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_batches([TABLES[name].rows(rows)])
