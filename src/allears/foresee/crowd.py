"""Crowds: how many different people say about the same as a message does, now and in the fortnight before."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from allears.foresee.rows import Rows
from allears.foresee.tail import rise_score

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Objects = NDArray[np.object_]

WINDOWS = (6, 24, 72)
NOW, PAST = 72, 14 * 24
LEAST_PAST = 96
SPREAD = 0.2
GROWTH_PRIOR, MOST_GROWTH = 10.0, 20.0


@dataclass
class Counted:
    """Messages of the last days that count, oldest first, beside their `Likeness`."""

    hour: Ints
    author: Ints
    live: Bools
    group: Ints
    feeling: Floats
    signal: Objects
    text: Objects
    cluster: Ints

    @staticmethod
    def none() -> Counted:
        """Begin with nothing."""
        number, thing = np.empty(0, np.int64), np.empty(0, object)
        return Counted(number, number, np.empty(0, bool), number, np.empty(0), thing, thing, number)

    @staticmethod
    def of(rows: Rows, groups: Ints, live: Bools) -> Counted:
        """Take what counts of messages; none is in a cluster yet."""
        nowhere = np.full(len(rows), -1, np.int64)
        return Counted(rows.hour, rows.author, live, groups, rows.sentiment, rows.signal, rows.text, nowhere)

    def __len__(self) -> int:
        return len(self.hour)

    def take(self, which: slice | Ints) -> Counted:
        """Choose rows."""
        return Counted(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    def join(self, more: Counted) -> Counted:
        """Put rows underneath."""
        parts = {f.name: (getattr(self, f.name), getattr(more, f.name)) for f in fields(self)}
        return Counted(**{name: np.concatenate(both) for name, both in parts.items()})


@dataclass
class Crowd:
    """How far each new message's neighbourhood exceeds what is due, in its best window."""

    score: Floats
    seen: Floats
    due: Floats
    window: Ints

    def keep(self, where: Bools, score: Floats, seen: Floats, due: Floats, window: int) -> None:
        """Take a window's values where they are the best so far."""
        self.score[where], self.seen[where], self.due[where] = score[where], seen[where], due[where]
        self.window[where] = window


def crowds(kept: Counted, fresh: int, row: Ints, column: Ints, began: int) -> Crowd:
    """Score the messages from number ``fresh`` on.

    Parameters
    ----------
    row, column
        Pairs of a message and an earlier one that is alike.
    began
        Hour of the first message ever.
    """
    count, hours = len(kept) - fresh, kept.hour[fresh:]
    best = Crowd(np.zeros(count), np.zeros(count), np.zeros(count), np.ones(count, np.int64))
    past_hours = np.minimum(PAST, hours - NOW - began)
    judged = (past_hours >= LEAST_PAST) & kept.live[fresh:]
    if not judged.any():
        return best
    _, author = np.unique(kept.author, return_inverse=True)
    age, new = kept.hour[row] - kept.hour[column], row - fresh
    other = author[row] != author[column]
    old = other & (age >= NOW) & (age < NOW + PAST)
    # A person's many messages are one voice in every three days, now as then.
    past = _distinct(new[old], author[column[old]] * 8 + (age[old] - NOW) // NOW, count)
    per_hour = (past + 0.5) / np.maximum(past_hours, 1)
    for window in WINDOWS:
        within = other & (age < window) & kept.live[column]
        seen = _distinct(new[within], author[column[within]], count) + 1.0
        due = per_hour * window * _growth(kept.hour, hours, window, past_hours)
        score = np.where(judged & (seen > due), rise_score(seen, due, SPREAD + 1 / (past + 1)), 0.0)
        best.keep(score > best.score, score, seen, due, window)
    return best


def _growth(all_hours: Ints, hours: Ints, window: int, past_hours: Ints) -> Floats:
    """How much more of everything there is than in the past, at least 1."""
    end, begin, until, since = (
        np.searchsorted(all_hours, hours + at) for at in (1, 1 - window, -NOW, -NOW - PAST)
    )
    usual = (until - since) * window / np.maximum(past_hours, 1)
    growth: Floats = np.clip((end - begin + GROWTH_PRIOR) / (usual + GROWTH_PRIOR), 1.0, MOST_GROWTH)
    return growth


def _distinct(which: Ints, what: Ints, count: int) -> Floats:
    """Count different things per row."""
    if not len(which):
        return np.zeros(count)
    width = int(what.max()) + 1
    counted: Floats = np.bincount(np.unique(which * width + what) // width, minlength=count).astype(float)
    return counted
