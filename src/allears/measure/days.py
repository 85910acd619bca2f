"""A panel as columns of numbers, and the days that bound what is compared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from allears.clock import utc
from allears.measure.impact import Flags, Floats, Ints
from allears.measure.panel import WHAT

DAMAGE_DAYS = 3
SOON_DAYS = 7

Spans = list[tuple[int | Ints, int]]


class Timeline(NamedTuple):
    """Whole days since 1970; ends are exclusive."""

    first: int
    began: int
    fixed: int
    last: int
    damage_days: int = DAMAGE_DAYS

    @property
    def damage_start(self) -> int:
        """The start of the time in which damage is measured.

        Soon mended: the day after the fix, because retries and second visits while it was broken are activity that the
        incident itself made. Else, and whenever it is known when each customer last met it, from the day after that.
        """
        return self.fixed + 1 if self.soon else self.began

    @property
    def damage_end(self) -> int:
        """The end of the time in which damage is measured."""
        return min(max(self.fixed, self.damage_start + self.damage_days), self.last)

    @property
    def soon(self) -> bool:
        """Whether the fix came within a week."""
        return self.fixed - self.began < SOON_DAYS

    def recovery(self, days: int) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Give the last two consecutive windows of so many days after the damage; ``None`` when they do not fit."""
        start = self.last - 2 * days
        if start < self.damage_end:
            return None
        return (start, start + days), (start + days, self.last)


class Groups(NamedTuple):
    """Who is compared with whom, over which baseline."""

    own: Flags
    other: Flags
    base: int
    weight: Floats


class Days:
    """A panel as columns of numbers."""

    def __init__(
        self, panel: pa.Table, began_at: datetime, fixed_at: datetime | None, cutoff: datetime
    ) -> None:
        everyone = panel.filter(pc.is_null(panel["customer"]))
        panel = panel.filter(pc.is_valid(panel["customer"])).combine_chunks()
        codes = panel["customer"].combine_chunks().dictionary_encode()
        self.size = len(codes.dictionary)
        self.customer: Ints = codes.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        self.day, self._what, self.n, self.total = _columns(panel)
        self.all_day, self._all_what, self.all_n, self.all_total = _columns(everyone)
        self.exposed: Flags = np.zeros(self.size, bool)
        self.exposed[self.customer[panel["exposed"].to_numpy(zero_copy_only=False).astype(bool)]] = True
        self.times = _timeline(np.concatenate([self.day, self.all_day]), began_at, fixed_at, cutoff)
        # A customer's own day of meeting it; what made them be counted as exposed is not held for or against anyone.
        self.met: Ints = np.full(self.size, self.times.began)
        inside = self.told("seen") & (self.day >= self.times.began) & (self.day <= self.times.fixed)
        first = np.full(self.size, np.iinfo(np.int64).max)
        np.minimum.at(first, self.customer[inside], self.day[inside])
        self.seen: Flags = first < np.iinfo(np.int64).max
        self.first_seen: Ints = np.full(self.size, np.iinfo(np.int64).max)
        here = self.told("seen")
        np.minimum.at(self.first_seen, self.customer[here], self.day[here])
        self.met[self.seen] = first[self.seen]
        self.chosen: dict[str, tuple[Groups, float]] = {}  # by what was counted; the same for every window
        told = self.told("met")
        self.met_known = bool(told.any())
        self.met[self.customer[told]] = self.day[told]

    def told(self, *what: str) -> Flags:
        """Say which rows are of these."""
        return np.isin(self._what, [WHAT.index(w) for w in what])

    def all_told(self, *what: str) -> Flags:
        """Say which rows of everybody together are of these."""
        return np.isin(self._all_what, [WHAT.index(w) for w in what])

    def place(self, of: Sequence[str]) -> Ints:
        """Give each row's place among some names; rows of other names have any."""
        places = np.zeros(len(WHAT), np.int64)
        places[[WHAT.index(w) for w in of]] = np.arange(len(of))
        return places[self._what]

    def counts(self, what: str, spans: Spans) -> tuple[Floats, Floats]:
        """Count per customer and span, and the days observed; a span may start on each customer's own day."""
        mine = self.told(what)
        who, day, n = self.customer[mine], self.day[mine], self.n[mine]
        counts, days = np.zeros((self.size, len(spans))), np.zeros((self.size, len(spans)))
        for k, (start, end) in enumerate(spans):
            starts = np.broadcast_to(np.asarray(start), self.size)
            inside = (day >= starts[who]) & (day < end)
            counts[:, k] = np.bincount(who[inside], n[inside], self.size)
            days[:, k] = np.maximum(end - starts, 0)
        return counts, days


def _columns(panel: pa.Table) -> tuple[Ints, npt.NDArray[np.int32], Floats, Floats]:
    day = panel["day"].cast(pa.int32()).to_numpy().astype(np.int64)
    what = pc.index_in(panel["what"], pa.array(WHAT)).to_numpy()
    return day, what, panel["n"].to_numpy().astype(float), panel["total"].to_numpy().astype(float)


def _timeline(seen: Ints, began_at: datetime, fixed_at: datetime | None, cutoff: datetime) -> Timeline:
    began, last = (int(utc(m).timestamp() // 86_400) for m in (began_at, cutoff))
    fixed = last if fixed_at is None else max(int(utc(fixed_at).timestamp() // 86_400), began)
    first = int(seen.min()) if len(seen) else began
    return Timeline(min(first, began), began, fixed, last)
