"""Failures met: customers whose requests and events failed, among those who tried."""

from __future__ import annotations

import numpy as np
import re2
from numpy.typing import NDArray

from allears.foresee.cells import Cell, pack, unpack
from allears.foresee.expected import GUARD_HOURS, HALF_LIFE_DAYS, HISTORY_DAYS
from allears.foresee.grid import Grid
from allears.foresee.judge import Judged, judge_hours, learn_day, needed_score
from allears.foresee.rows import FACETS, Names, Rows
from allears.foresee.tail import Honesty

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WINDOWS = (1, 3, 12, 48)
SERVICE, RELEASE, PLATFORM, REGION, PARTNER = (
    FACETS.index(f) for f in ("service", "release", "platform", "region", "partner")
)
COMBINATIONS: tuple[tuple[int, ...], ...] = (
    (SERVICE,),
    (SERVICE, PLATFORM),
    (SERVICE, RELEASE),
    (SERVICE, REGION),
    (SERVICE, PARTNER),
    (PLATFORM, RELEASE),
    (PARTNER, REGION),
    (PARTNER,),
    (SERVICE, RELEASE, PLATFORM),
    (SERVICE, PARTNER, REGION),
)
PRIOR_TRIES = 200.0
PRIOR_FAILURES = 0.5
ONLY_FAILURES = 0.6
_FAILS = re2.compile(
    r"(?i)fail|error|crash|declin|denied|reject|late\b|delay|lost|timed? ?out|abort|exception|undeliver"
)


class Failures:
    """Failing customers by service, release, platform, region and partner, given how many tried.

    The share of tries that fail is compared, not the number: a campaign or a season brings more
    tries, an outage a larger share. A new release or partner starts from its service's own share.
    Some streams report failures only: a series is therefore also held against the tries of everybody,
    and a slice that has hardly any tries but failed ones is left to its service.

    Parameters
    ----------
    names
        Shared numbering.
    settle_days
        Days of telemetry before anything is judged.
    """

    def __init__(self, names: Names, settle_days: int) -> None:
        self._names, self._settle = names, settle_days
        self._grid = Grid(("tries", "fails", "due"), HISTORY_DAYS + 1)
        self._all = Grid(("tries",), HISTORY_DAYS + 1)
        self._of_all: Floats = np.empty(0)
        self.honesty = Honesty(WINDOWS)
        self.cells: list[Cell] = []
        self._parent: list[int] = []
        self._share: Floats = np.empty(0)
        self._unsure: Floats = np.empty(0)
        self._began: dict[int, int] = {}
        self._failing: dict[int, bool] = {}
        self._met: set[tuple[int, int, int]] = set()
        self._live = np.empty(0, bool)
        self.day = -1

    def outcome(self, rows: Rows) -> Rows:
        """Tell tries from failures: ``ok`` where given, else an event's own name."""
        unknown = np.nonzero(rows.ok < 0)[0]
        for code in np.unique(rows.name[unknown]):
            if int(code) not in self._failing:
                self._failing[int(code)] = code >= 0 and bool(_FAILS.search(self._names.name[code]))
            rows.ok[unknown[rows.name[unknown] == code]] = 0 if self._failing[int(code)] else 1
        return rows

    def start_day(self, day: int) -> None:
        """Close the running day and learn each cell's usual share of failures."""
        if self.day >= 0 and len(self._grid):
            seen, due = (self._grid.span(n, self._grid.begin, (self.day + 1) * 24) for n in ("fails", "due"))
            unsure = np.pad(self._unsure, (0, len(seen) - len(self._unsure)), constant_values=1.0)
            learn_day(
                seen[:, -96:],
                due[:, -96:],
                unsure,
                self.honesty,
                self.day,
                np.pad(self._live, (0, len(seen) - len(self._live))),
            )
        self.day = day
        self._grid.start_day(day)
        self._all.start_day(day)
        self._learn_shares()

    def take(self, rows: Rows, first: int, last: int) -> None:
        """Count tries and failures of the hours ``first`` to ``last`` (not included): one per customer, cell and hour."""
        failed = rows.ok == 0
        for combination, facets in enumerate(COMBINATIONS):
            present = (rows.facets[:, list(facets)] >= 0).all(axis=1)
            if not present.any():
                continue
            values = tuple(rows.facets[present, f] for f in facets)
            keys = pack(np.full(int(present.sum()), -1), combination, values)
            self._put(keys, rows.author[present], rows.hour[present], failed[present])
        if len(self._grid):
            everybody = np.unique(np.stack([rows.hour, rows.author]), axis=1)[0]
            self._all.add("tries", self._all.rows_of(np.zeros(len(everybody), np.int64)), everybody)
            of_all = np.pad(self._of_all, (0, len(self._grid) - len(self._of_all)))[:, None]
            own = self._grid.span("tries", first, last) * self._share_now()[:, None]
            self._grid.span("due", first, last)[:] = np.maximum(
                own, of_all * self._all.span("tries", first, last)
            )

    def judge(self, first: int, last: int, budget: float, least: int) -> Judged:
        """Judge those hours."""
        width = max(WINDOWS) + last - first
        seen, due = (self._grid.span(n, last - width, last) for n in ("fails", "due"))
        live = np.pad(self._live, (0, len(seen) - len(self._live)))
        for row in range(len(self._live), len(seen)):  # a slice that appeared today: judged if its parent is
            parent = self._parent[row]
            live[row] = 0 <= parent < len(self._live) and self._live[parent]
        unsure = np.pad(self._unsure, (0, len(seen) - len(self._unsure)), constant_values=1.0)
        limit = needed_score(budget, max(int(self._live.sum()), 10), len(WINDOWS))
        return judge_hours(
            seen, due, unsure, WINDOWS, self.honesty, np.arange(first, last), limit, least, live
        )

    def onset(self, cell: int, hour: int) -> int:
        """Where the rise seen at ``hour`` began: largest summed excess looking back a week (Page)."""
        first = max(hour - 168, self._grid.begin)
        seen, due = (self._grid.span(n, first, hour + 1)[cell].astype(float) for n in ("fails", "due"))
        excess = np.cumsum((seen - 2.0 * due - 0.05)[::-1])
        begin = len(seen) - 1 - int(np.argmax(excess))
        later = np.nonzero(seen[begin:])[0]
        return first + begin + (int(later[0]) if len(later) else 0)

    def sums(self, cell: int, first: int, last: int) -> tuple[float, float]:
        """Failing customers seen and due in a cell over some hours."""
        first = max(first, self._grid.begin)
        return tuple(float(self._grid.span(n, first, last)[cell].sum()) for n in ("fails", "due"))  # type: ignore[return-value]

    def spread(self, cell: int) -> float:
        """Extra variance of one cell."""
        return self.honesty.spread(2) + (float(self._unsure[cell]) if cell < len(self._unsure) else 1.0)

    def _put(self, keys: Ints, author: Ints, hour: Ints, failed: NDArray[np.bool_]) -> None:
        # A customer's many requests in an hour are one try; it failed if any of them did. Failures sort first.
        order = np.lexsort((~failed, author, hour, keys))
        keys, author, hour, failed = keys[order], author[order], hour[order], failed[order]
        first = np.append(
            True, (keys[1:] != keys[:-1]) | (author[1:] != author[:-1]) | (hour[1:] != hour[:-1])
        )
        rows = self._grid.rows_of(keys[first])
        for key in self._grid.keys[len(self.cells) :]:
            cell = unpack(key, COMBINATIONS)
            self.cells.append(cell)
            self._parent.append(self._parent_of(cell))
        self._grid.add("tries", rows, hour[first])
        self._grid.add("fails", rows[failed[first]], hour[first][failed[first]])

    def _parent_of(self, cell: Cell) -> int:
        facet, value = cell.facets[0]
        if len(cell.facets) == 1 or facet != SERVICE:
            return -1
        key = int(pack(np.array([-1]), 0, (np.array([value]),))[0])
        return self._grid.rows.get(key, -1)

    def _learn_shares(self) -> None:
        count = len(self._grid)
        if not count:
            return
        begin = self.day * 24
        past = begin - self._grid.begin
        age = np.arange(past, 0, -1)
        weights = np.where(age > GUARD_HOURS, 0.5 ** (age / (24 * HALF_LIFE_DAYS)), 0.0)
        tries, fails, due = (self._grid.layer(n)[:, :past] for n in ("tries", "fails", "due"))
        for row in np.nonzero(tries[:, -24:].any(axis=1))[0]:
            self._began.setdefault(int(row), begin - 24)
        began = np.array([self._began.get(r, begin) for r in range(count)])
        old = (begin - began) >= self._settle * 24
        # Clipped as voices are: an outage must not become the usual.
        usual = np.where(due > 0, np.minimum(fails, due + 3 * np.sqrt(due) + 1), fails)
        failed, tried = usual @ weights, tries @ weights
        whole = (failed.sum() + PRIOR_FAILURES) / (tried.sum() + PRIOR_TRIES)
        single = (failed + whole * PRIOR_TRIES) / (tried + PRIOR_TRIES)
        parent = np.array(self._parent)
        base = np.where(parent >= 0, single[parent], whole)
        self._share = (failed + base * PRIOR_TRIES) / (tried + PRIOR_TRIES)
        since = np.arange(self._grid.begin, begin)[None, :] >= began[:, None]
        everybody = (since * weights) @ self._all.layer("tries")[0, :past]
        self._of_all = failed / np.maximum(everybody, PRIOR_TRIES)
        # What the prior says of a slice with few tries of its own is a guess, and so is not counted as known.
        self._unsure = 1.0 / (failed + base * np.minimum(tried, PRIOR_TRIES) + PRIOR_FAILURES)
        settled = np.where(parent >= 0, old[parent], old)
        self._live = settled & ~((parent >= 0) & (failed > ONLY_FAILURES * tried))

    def _share_now(self) -> Floats:
        """Usual share of each cell; one that appeared today takes its parent's."""
        share = np.pad(self._share, (0, len(self._grid) - len(self._share)))
        for row in range(len(self._share), len(share)):
            parent = self._parent[row]
            share[row] = share[parent] if parent >= 0 else 0.0
        return share
