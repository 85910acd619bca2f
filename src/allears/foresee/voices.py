"""Messages watched: different authors per topic and facet, against their own past and everybody else's present."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from allears.foresee.cells import Cell, pack, unpack
from allears.foresee.expected import HISTORY_DAYS, Calendar, expect_day, week_shape
from allears.foresee.grid import Grid, SeenBefore, trailing
from allears.foresee.growth import growth_of_others
from allears.foresee.judge import Judged, judge_hours, learn_day, needed_score
from allears.foresee.origins import LONGEST_WAIT, Origins
from allears.foresee.rows import FACETS, Names, Rows
from allears.foresee.tail import Honesty, drop_score

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

PROBLEM_WINDOWS = (1, 3, 6, 24, 72)
WISH_WINDOWS = (168, 336)
COMBINATIONS: tuple[tuple[int, ...], ...] = (
    (),
    *((FACETS.index(f),) for f in ("channel", "service", "platform", "region", "partner")),
)
AUTHOR_HOURS = 23
COPY_HOURS = 72
WISH_GUARD = 336
MILD, SAD = 0.3, -0.3


class Voices:
    """Counts of different authors by cell and hour; says which hours stand out.

    Two questions must both be answered with yes: is it more than this series' own past explains,
    and is it more than the growth of everything else from the same origin explains? A campaign or
    a season lifts everything and passes the second by.

    Parameters
    ----------
    names
        Shared numbering.
    calendar
        Hours of the week and holidays.
    valence
        Topic id to problem, wish, praise or neutral.
    settle_days
        Days an origin is listened to before it is judged.
    """

    def __init__(
        self, names: Names, calendar: Calendar, valence: Mapping[str, str], settle_days: int
    ) -> None:
        self._names, self._calendar, self._valence = names, calendar, valence
        self._pairs = Grid(("count", "clean", "due0", "due"), HISTORY_DAYS + 1)
        self._cells = Grid(("seen", "due"), 16)
        self.origins = Origins(settle_days)
        self._cell_of: list[int] = []
        self._origin_of: list[int] = []
        self._codes_of: list[int] = []
        self._topic_row: list[int] = []
        self._all_row: list[int] = []
        self._authors, self._copies = SeenBefore(AUTHOR_HOURS), SeenBefore(COPY_HOURS)
        self.honesty = {"issue": Honesty(PROBLEM_WINDOWS), "opportunity": Honesty(WISH_WINDOWS)}
        self._shape: Floats = np.ones(168, np.float64)
        self.cells: list[Cell] = []
        self.kinds: list[str] = []
        self._unsure: Floats = np.empty(0)
        self._active = np.empty(0, bool)
        self.day = -1

    def voiced(self, rows: Rows) -> Rows:
        """Keep of each message the topics it counts for: complaints for problems, wishes for wishes."""
        rows.topics[:] = [self._counted(t, s) for t, s in zip(rows.topics, rows.sentiment, strict=True)]
        return rows

    def _counted(self, topics: tuple[int, ...], sentiment: float) -> tuple[int, ...]:
        return tuple(
            t for t in topics if self._counts(self._valence.get(self._names.name[t], "neutral"), sentiment)
        )

    @staticmethod
    def _counts(valence: str, sentiment: float) -> bool:
        if valence == "problem":
            return not sentiment > MILD
        if valence == "wish":
            return not sentiment < SAD
        return valence == "neutral" and sentiment <= SAD

    def start_day(self, day: int) -> None:
        """Close the running day and expect the hours of the next."""
        if self.day >= 0:
            self._learn()
        self.day = day
        for grid in (self._pairs, self._cells, self.origins):
            grid.start_day(day)
        if len(self._pairs):
            self._expect()

    def take(self, rows: Rows, groups: Ints, first: int, last: int) -> None:
        """Count the messages of the hours ``first`` to ``last`` (not included) of the running day."""
        self.origins.listen(rows, first, last)
        for combination, facets in enumerate(COMBINATIONS):
            self._count(rows, groups, combination, facets)
        self._due(first, last)
        self._settle_cells(first, last)

    def judge(self, first: int, last: int, budget: float, least: int) -> dict[str, Judged]:
        """Judge those hours: problems and wishes apart."""
        seen, due = (self._cells.span(n, self._cells.begin, last) for n in ("seen", "due"))
        hours = np.arange(first, last)
        unsure = np.pad(self._unsure, (0, len(seen) - len(self._unsure)), constant_values=1.0)
        known = len(self._active)
        # A topic never met before may alarm at once; a facet value never met before has no past to differ from.
        active = np.append(self._active, [not c.facets for c in self.cells[known:]]).astype(bool)
        result = {}
        for kind, share in (("issue", 0.8), ("opportunity", 0.2)):
            chosen = active & np.array([k == kind for k in self.kinds], bool)
            honesty = self.honesty[kind]
            limit = needed_score(budget * share, int(chosen[:known].sum()), len(honesty.windows))
            result[kind] = judge_hours(
                seen, due, unsure, honesty.windows, honesty, hours, limit, least, chosen
            )
        return result

    def onset(self, cell: int, hour: int) -> int:
        """Where the rise that is seen at ``hour`` began: largest summed excess looking back (Page)."""
        seen = self._cells.span("seen", self._cells.begin, hour + 1)[cell].astype(float)
        due = self._cells.span("due", self._cells.begin, hour + 1)[cell].astype(float)
        excess = np.cumsum((seen - 2.0 * due - 0.05)[::-1])
        begin = hour - int(np.argmax(excess))
        later = np.nonzero(seen[begin - self._cells.begin :])[0]
        return begin + (int(later[0]) if len(later) else 0)

    def sums(self, cell: int, first: int, last: int) -> tuple[float, float]:
        """Sum the authors seen and due in a cell over some hours."""
        first = max(first, self._cells.begin)
        return tuple(float(self._cells.span(n, first, last)[cell].sum()) for n in ("seen", "due"))  # type: ignore[return-value]

    def spread(self, cell: int) -> float:
        """Extra variance of one cell over a day's window."""
        honesty = self.honesty["issue"]
        own = float(self._unsure[cell]) if cell < len(self._unsure) else 1.0
        return honesty.spread(min(3, len(honesty.windows) - 1)) + own

    def expected_now(self) -> tuple[NDArray[np.float32], int]:
        """Give the authors expected per cell in the hours of the running day."""
        begin = self.day * 24
        return self._cell_sums(
            self._pairs.span("due0", begin, begin + 24) * self._live(begin, begin + 24)
        ), begin

    def drops(self, first: int, last: int, limit: float) -> list[tuple[int, int, float, float, float]]:
        """Origins gone quiet: (cell, hour, seen, due, score) where 12 hours hold far less than due."""
        alls = [c for c, cell in enumerate(self.cells) if cell.topic < 0]
        # Not what waited for a delivery: where none comes any more, that is nothing.
        begin = max(first - 12, self._pairs.begin)
        usual = (
            self._cell_sums(self._pairs.span("due0", begin, last) * self._live(begin, last))
            if alls
            else np.empty((0, 0), np.float32)
        )
        found = []
        for cell in alls:
            seen = trailing(self._cells.span("seen", self._cells.begin, last)[[cell]], 12, last - first)[0]
            due = trailing(usual[[cell]], 12, last - first)[0]
            score = drop_score(seen, due, self.spread(cell))
            quiet = np.nonzero((score >= limit) & (seen < 0.5 * due))[0]
            found += [
                (cell, first + int(at), float(seen[at]), float(due[at]), float(score[at])) for at in quiet
            ]
        return found

    def _count(self, rows: Rows, groups: Ints, combination: int, facets: tuple[int, ...]) -> None:
        values = tuple(rows.facets[:, f] for f in facets)
        if not facets:
            self._put(rows, groups, np.arange(len(rows)), np.full(len(rows), -1), combination, ())
        lengths = np.array([len(t) for t in rows.topics], np.int64)
        which = np.repeat(np.arange(len(rows)), lengths)
        topics = np.array([t for given in rows.topics for t in given], np.int64)
        if facets:
            present = (values[0][which] >= 0) if len(which) else np.empty(0, bool)
            which, topics = which[present], topics[present]
        self._put(rows, groups, which, topics, combination, tuple(v[which] for v in values))

    def _put(
        self, rows: Rows, groups: Ints, which: Ints, topics: Ints, combination: int, values: tuple[Ints, ...]
    ) -> None:
        if not len(which):
            return
        keys = pack(topics, combination, values)
        if not values:  # these pairs measure everybody's growth: they exist before any slice of them does
            self._pairs.rows_of(self._cell_rows(keys) << 20 | rows.origin[which])
            self._new_pairs()
        fresh = self._authors.first_only(keys, rows.author[which], rows.hour[which])
        keys, which = keys[fresh], which[fresh]
        fresh = self._copies.first_only(keys, groups[which], rows.hour[which])
        keys, which = keys[fresh], which[fresh]
        cells = self._cell_rows(keys)
        pairs = self._pairs.rows_of(cells << 20 | rows.origin[which])
        self._new_pairs()
        self._pairs.add("count", pairs, rows.hour[which])

    def _cell_rows(self, keys: Ints) -> Ints:
        rows = self._cells.rows_of(keys)
        for key in self._cells.keys[len(self.cells) :]:
            cell = unpack(key, COMBINATIONS)
            self.cells.append(cell)
            self.kinds.append(self._kind(cell))
        return rows

    def _kind(self, cell: Cell) -> str:
        if cell.topic < 0:
            return "total"
        if self._valence.get(self._names.name[cell.topic], "neutral") == "wish":
            return "slice" if cell.facets else "opportunity"
        return "issue"

    def _new_pairs(self) -> None:
        while len(self._cell_of) < len(self._pairs):
            at = len(self._cell_of)
            cell, origin = self._pairs.keys[at] >> 20, self._pairs.keys[at] & 0xFFFFF
            self._cell_of.append(cell)
            self._origin_of.append(self.origins.row(origin))
            self._codes_of.append(origin)
            self._topic_row.append(at)
            self._all_row.append(at)
            topic = self.cells[cell].topic
            for rows, wanted in ((self._topic_row, topic), (self._all_row, -1)):
                key = int(self._cells.rows.get(int(pack(np.array([wanted]), 0, ())[0]), -1))
                rows[at] = self._pairs.rows.get(key << 20 | origin, at) if key >= 0 else at

    def _expect(self) -> None:
        begin = self.day * 24
        past = slice(0, self._pairs.width - 24)
        known = self.origins.known()
        hours = np.arange(self._pairs.begin, begin)
        week, today = (
            self._calendar.hours_of_week(hours),
            self._calendar.hours_of_week(np.arange(begin, begin + 24)),
        )
        clean = self._pairs.layer("clean")[:, past]
        owner = np.array(self._origin_of)
        alls = np.array([self.cells[c].topic < 0 for c in self._cell_of], bool)
        self._shape = self._learn_shape(clean, known, owner, alls, week)
        due: NDArray[np.float32]
        due, rest = expect_day(clean, known, owner, week, today, self._shape)
        wish = np.array([self.kinds[c] == "opportunity" for c in self._cell_of], bool)
        if wish.any():
            older = expect_day(clean[wish], known, owner[wish], week, today, self._shape, WISH_GUARD)
            due[wish], rest[wish] = older
        self._pairs.span("due0", begin, begin + 24)[:] = due
        learned = np.bincount(self._cell_of, rest, len(self.cells)).astype(np.float64)
        self._unsure = 1.0 / (learned + 1.0)
        settled = self.origins.judged_at(np.int64(begin), self._codes_of)
        self._active = np.bincount(self._cell_of, settled & (due.sum(1) > 0), len(self.cells)) > 0

    @staticmethod
    def _learn_shape(
        clean: NDArray[np.float32], known: Bools, owner: Ints, alls: Bools, week: Ints
    ) -> Floats:
        total = np.where(known[owner[alls]], clean[alls], 0).sum(0).astype(float)
        listened = known.any(0)
        return week_shape(total, np.where(listened, 0.98 ** (np.arange(len(total), 0, -1) / 24), 0.0), week)

    def _live(self, first: int, last: int) -> NDArray[np.float32]:
        live: NDArray[np.float32] = self.origins.live(first, last)[np.array(self._origin_of, np.int64)]
        return live

    def _due(self, first: int, last: int) -> None:
        """Let what is due wait for deliveries, and lift it by the growth of everything else from the same origin."""
        if not len(self._pairs):
            return
        back = first - 24
        live = self._live(back, last)
        waited = self.origins.gathered(
            self._pairs.span("due0", max(back - LONGEST_WAIT, self._pairs.begin), last),
            np.array(self._origin_of, np.int64),
            back,
            last,
        )
        count, due = self._pairs.span("count", back, last) * live, waited * live
        topics = np.array([self.cells[c].topic for c in self._cell_of], np.int64)
        plain = np.array([not self.cells[c].facets for c in self._cell_of], bool)
        growth = growth_of_others(
            count, due, last - first, topics, plain, np.array(self._topic_row), np.array(self._all_row)
        )
        self._pairs.span("due", first, last)[:] = waited[:, 24:] * growth

    def _settle_cells(self, first: int, last: int) -> None:
        if not len(self._pairs):
            return
        live = self._live(first, last)
        wish = np.array([self.kinds[c] == "opportunity" for c in self._cell_of], bool)
        # Without a past as old as the guard nothing is due of a wish, and so nothing may be held against it.
        live[wish] *= self._pairs.span("due0", first, last)[wish] > 0
        self._cells.span("seen", first, last)[:] = self._cell_sums(
            self._pairs.span("count", first, last) * live
        )
        self._cells.span("due", first, last)[:] = self._cell_sums(self._pairs.span("due", first, last) * live)

    def _cell_sums(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        summed = np.zeros((len(self.cells), values.shape[1]), np.float32)
        np.add.at(summed, np.array(self._cell_of, np.int64), values)
        return summed

    def _learn(self) -> None:
        """Clip bursts of the finished day out of the history, and check the tails against it."""
        begin = self.day * 24
        if not len(self._pairs):
            return
        count, due = self._pairs.span("count", begin, begin + 24), self._pairs.span("due", begin, begin + 24)
        live = self._live(begin, begin + 24) > 0
        usual = due + 3.0 * np.sqrt(due + 0.1 * due * due) + 1.0
        self._pairs.span("clean", begin, begin + 24)[:] = np.where(live, np.minimum(count, usual), count)
        seen, expected = (self._cells.span(n, self._cells.begin, begin + 24) for n in ("seen", "due"))
        unsure = np.pad(self._unsure, (0, len(seen) - len(self._unsure)), constant_values=1.0)
        active = np.pad(self._active, (0, len(seen) - len(self._active)))
        for kind, honesty in self.honesty.items():
            # Wishes are few: their tails are learned from all whole topics, not from the very one that rises.
            alike = [
                k == kind if kind == "issue" else c.topic >= 0 and not c.facets
                for k, c in zip(self.kinds, self.cells, strict=True)
            ]
            chosen = active & np.array(alike, bool)
            learn_day(seen, expected, unsure, honesty, self.day, chosen)
