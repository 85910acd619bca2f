"""What whole periods added up to, kept until a file they were made of goes or another one comes.

A week that is over seldom changes: what it added up to is asked once, and a page reads the raw signals of the period
still running only. Late arrivals, an import, retention and compaction change the files of the days they touch, so just
those periods are asked again. Kept are counts and sums by group, never anything of one person.
"""

from __future__ import annotations

import contextlib
import hashlib
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from allears.clock import utc
from allears.desk import Desk
from allears.desk.listening import Tally
from allears.errors import WorldFailed
from allears.measure import periods
from allears.measure.tally import Ask, Span

MADE_OF, REACH = b"made_of", b"reach"
FROZEN = "frozen"
"""The mark of a period whose rows retention took: what they added up to is all there is, and stays."""
DAY = timedelta(days=1)
NOTHING = timedelta(0)


class Tallies:
    """Keeps tallies in the desk; called as `allears.measure.tally.Tally` says.

    Parameters
    ----------
    desk
        Where they are kept.
    days
        Tells what each day's rows are made of now. Asked before the rows are read: should a commit come between, the
        tally bears the older mark and is asked again, never the other way round.
    """

    def __init__(self, desk: Desk, days: Callable[[], Mapping[str, bytes]]) -> None:
        self._desk, self._days = desk, days

    def __call__(
        self,
        question: str,
        ask: Ask,
        *,
        every: str,
        since: datetime | None,
        until: datetime,
        before: timedelta = NOTHING,
        after: timedelta = NOTHING,
    ) -> pa.Table:
        """Give the rows of every period in ``[since, until)``: kept ones where they hold, else asked now."""
        whole = _whole(every, since, until)
        if since is None or not whole:
            return ask([(since, until)])
        made_of = _made_of(self._days(), every, whole, before, after)
        kept, marks = self._load(question)
        held = [p for p in whole if _holds(marks.get(p), made_of.get(p))]
        missing = sorted(made_of.keys() - set(held))
        edges = _edges(every, since, until)
        parts = [] if kept is None else [_of(kept, held)]
        if missing or edges:
            spans: list[Span] = [(periods.start(p, every), periods.start(p + 1, every)) for p in missing]
            rows = ask(_joined([*spans, *edges.values()]))
            if missing:
                reach = Reach(every, before.total_seconds(), after.total_seconds())
                self._keep(question, kept, marks, _of(rows, missing), {p: made_of[p] for p in missing}, reach)
            parts.append(_of(rows, [*missing, *edges]))
        return pa.concat_tables(parts) if parts else ask([(until, until)])

    def _load(self, question: str) -> tuple[pa.Table | None, dict[int, str]]:
        with self._desk.reading() as session:
            row = session.get(Tally, question)
        if row is None:
            return None, {}
        table = pa.ipc.open_stream(row.content).read_all()
        marks = msgspec.json.decode(table.schema.metadata[MADE_OF], type=dict[int, str])
        return table.replace_schema_metadata(None), marks

    def _keep(
        self,
        question: str,
        kept: pa.Table | None,
        marks: dict[int, str],
        fresh: pa.Table,
        made_of: dict[int, str],
        reach: Reach,
    ) -> None:
        fresh = fresh.replace_schema_metadata(None)
        if kept is not None and kept.schema.equals(fresh.schema):
            fresh = pa.concat_tables([_of(kept, marks.keys() - made_of.keys()), fresh])
            made_of = marks | made_of
        # What cannot be kept now is asked again: no reason to leave a reader without the answer.
        with contextlib.suppress(SQLAlchemyError, WorldFailed), self._desk.session() as session:
            session.merge(Tally(question=question, content=_content(fresh, made_of, reach)))

    def freeze(self, days: Collection[str]) -> int:
        """Hold on to every period that reads one of these days: its rows are about to go, and what they added up to stays.

        Returns
        -------
        int
            Periods held from now on, over all questions.
        """
        now, ordered = self._days(), sorted(days)
        frozen = 0
        with self._desk.session() as session:
            for row in session.scalars(select(Tally)):
                table = pa.ipc.open_stream(row.content).read_all()
                told = (table.schema.metadata or {}).get(REACH)
                if told is None:
                    continue
                reach = msgspec.json.decode(told, type=Reach)
                marks = msgspec.json.decode(table.schema.metadata[MADE_OF], type=dict[int, str])
                current = reach.made_of(now, sorted(marks))
                going = [
                    p
                    for p, m in marks.items()
                    if m != FROZEN and m == current.get(p) and reach.reads(p, ordered)
                ]
                if going:
                    frozen += len(going)
                    row.content = _content(table, marks | dict.fromkeys(going, FROZEN), reach)
        return frozen


class Reach(msgspec.Struct, frozen=True):
    """Which days a period of a question reads: its own, and some seconds before and after."""

    every: str
    before: float
    after: float

    def made_of(self, days: Mapping[str, bytes], whole: Sequence[int]) -> dict[int, str]:
        """Mark each period as `_made_of` does."""
        before, after = timedelta(seconds=self.before), timedelta(seconds=self.after)
        return _made_of(days, self.every, whole, before, after)

    def reads(self, period: int, days: Sequence[str]) -> bool:
        """Tell whether a period reads one of these days, given in order."""
        first = periods.start(period, self.every) - timedelta(seconds=self.before)
        # A period ends just before the next one starts.
        last = periods.start(period + 1, self.every) + timedelta(seconds=self.after, microseconds=-1)
        place = bisect_left(days, first.date().isoformat())
        return place < len(days) and days[place] <= last.date().isoformat()


def _holds(mark: str | None, made_of: str | None) -> bool:
    return mark is not None and mark in (FROZEN, made_of)


def _content(rows: pa.Table, marks: Mapping[int, str], reach: Reach) -> bytes:
    told = {MADE_OF: msgspec.json.encode(marks), REACH: msgspec.json.encode(reach)}
    marked = rows.combine_chunks().replace_schema_metadata(told)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, marked.schema) as writer:
        writer.write_table(marked)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _whole(every: str, since: datetime | None, until: datetime) -> range:
    """List the periods that lie wholly in the time asked about."""
    if since is None:
        return range(0)
    first = periods.number(since, every)
    return range(first + (periods.start(first, every) < utc(since)), periods.number(until, every))


def _edges(every: str, since: datetime, until: datetime) -> dict[int, Span]:
    """Give the periods that lie only partly in the time asked about, with that part."""
    first, last = periods.number(since, every), periods.number(until, every)
    found: dict[int, Span] = {}
    if periods.start(first, every) < utc(since):
        found[first] = (utc(since), periods.start(first + 1, every))
    if periods.start(last, every) < utc(until):
        found[last] = (periods.start(last, every), utc(until))
    return found


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for since, until in sorted(spans, key=lambda s: s[1]):
        if joined and joined[-1][1] == since:
            joined[-1] = (joined[-1][0], until)
        else:
            joined.append((since, until))
    return joined


def _made_of(
    days: Mapping[str, bytes], every: str, whole: Sequence[int], before: timedelta, after: timedelta
) -> dict[int, str]:
    """Mark each period by the files that are read for it and the code that reads them; none is no period."""
    marks = {}
    for period in whole:
        day = (periods.start(period, every) - before).date()
        end = periods.start(period + 1, every) + after
        read = hashlib.blake2b(_code(), digest_size=12)
        found = False
        while datetime(day.year, day.month, day.day, tzinfo=end.tzinfo) < end:
            held = days.get(day.isoformat())
            if held is not None:
                found = True
                read.update(day.isoformat().encode() + held)
            day += DAY
        if found:
            marks[period] = read.hexdigest()
    return marks


@cache
def _code() -> bytes:
    # Another way of adding up asks anew; nobody has to remember to say so.
    measure = sorted(
        (f for f in files("allears.measure").iterdir() if f.name.endswith(".py")), key=lambda f: f.name
    )
    code = [f.read_bytes() for f in (*measure, files("allears.journey") / "volumes.py")]
    return hashlib.blake2b(b"".join(code), digest_size=12).digest()


def _of(rows: pa.Table, wanted: Iterable[int]) -> pa.Table:
    return rows.filter(
        pc.is_in(rows["period"], value_set=pa.array(sorted(wanted), rows.schema.field("period").type))
    )
