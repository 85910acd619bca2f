"""Clusters of texts: more people than usual say about the same thing, in words a topic knows or not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from allears.foresee.grid import SeenBefore
from allears.foresee.judge import HOT, WEEK, Judged
from allears.foresee.likeness import Likeness
from allears.foresee.rows import Names, Rows
from allears.foresee.tail import rise_score
from allears.foresee.wording import telling_terms

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Objects = NDArray[np.object_]

WINDOWS = (6, 24, 72)
NOW, PAST = 72, 14 * 24
LEAST_PAST = 96
ALIKE = 0.35
HAPPY, SAD, SAD_SHARE = 0.3, -0.1, 0.3
SPREAD = 0.2
BACKGROUND = 1500
GROWTH_PRIOR, MOST_GROWTH = 10.0, 20.0


@dataclass
class Cluster:
    """Messages that say about the same thing; as a cell it has neither topic nor facets."""

    began: int
    label: str
    rate: float = 0.0
    signals: set[str] = field(default_factory=set)
    seen: Counter[int] = field(default_factory=Counter)
    felt: int = 0
    sad: int = 0
    topic: int = -1
    facets: tuple[tuple[int, int], ...] = ()

    def holds(self, rows: Rows) -> Bools:
        """Mark the rows that belong to it."""
        return np.array([s in self.signals for s in rows.signal], bool)

    def words(self, names: Names) -> str:
        """Name its series."""
        return f"words={self.label}"

    def complains(self) -> bool:
        """Tell whether its mood is a problem's: what hardly anybody is sad about is none."""
        return self.sad >= SAD_SHARE * self.felt


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
class Scored:
    """How far each new message's neighbourhood exceeds what is due, in its best window."""

    score: Floats
    seen: Floats
    due: Floats
    window: Ints


class Clusters:
    """First-story detection over TF-IDF ([1]_): every message is compared with those of the last seventeen days.

    A message that more different people resemble now than in the fortnight before opens a cluster;
    later ones join the cluster most of their neighbours are in. Near-copies and an author's
    repetitions count once, happy messages not at all, and a stream that has just begun only teaches.

    References
    ----------
    .. [1] B. Mazoyer et al. (2020), A French Corpus for Event Detection on Twitter, LREC.
    """

    def __init__(self) -> None:
        self._texts = Likeness(ALIKE)
        self._kept = _counted(None, np.empty(0, np.int64), np.empty(0, bool))
        self._copies = SeenBefore(NOW)
        self._copied: list[tuple[int, int, str]] = []
        self._copies_of: dict[int, list[str]] = {}
        self._cluster_of: dict[int, int] = {}
        self._fresh = 0
        self._began = -1
        self.cells: list[Cluster] = []

    def start_day(self, day: int) -> None:
        """Forget what is too old, and weigh the words anew."""
        old = int(np.searchsorted(self._kept.hour, day * 24 - NOW - PAST))
        self._kept = self._kept.take(slice(old, None))
        self._texts.forget(old)
        self._fresh = len(self._kept)
        groups = set(self._kept.group.tolist())
        self._copies_of = {g: s for g, s in self._copies_of.items() if g in groups}
        self._cluster_of = {g: c for g, c in self._cluster_of.items() if g in groups}

    def take(self, rows: Rows, groups: Ints, live: Bools) -> None:
        """Take in the messages of the next hours; ``live`` marks those from streams listened to long enough."""
        counts = np.array([bool(t) for t in rows.text], bool) & ~(rows.sentiment > HAPPY)
        rows, groups, live = rows.take(counts), groups[counts], live[counts]
        first = self._copies.first_only(np.zeros(len(rows), np.int64), groups, rows.hour)
        self._copied = [
            (int(h), int(g), s)
            for h, g, s in zip(rows.hour[~first], groups[~first], rows.signal[~first], strict=True)
        ]
        self._fresh = len(self._kept)
        self._kept = self._kept.join(_counted(rows.take(first), groups[first], live[first]))
        self._texts.add(rows.text[first].tolist())
        if self._began < 0 and len(self._kept):
            self._began = int(self._kept.hour[0])

    def judge(self, first: int, last: int, budget: float, least: int) -> Judged:
        """Judge the hours ``first`` to ``last`` (not included)."""
        row, column, cosine = self._texts.alike(self._fresh)
        scored = self._score(row, column)
        now = self._kept.live[column] & (self._kept.hour[row] - self._kept.hour[column] < NOW)
        row, column, cosine = row[now], column[now], cosine[now]
        begins = np.searchsorted(row, np.arange(self._fresh, len(self._kept) + 1))
        limit = self._limit(first, budget)
        alarms: list[tuple[int, int, int, float, float, float]] = []
        hot: list[tuple[int, int]] = []
        copied = iter([*self._copied, (last, 0, "")])
        copy = next(copied)
        for at in range(self._fresh, len(self._kept)):
            hour = int(self._kept.hour[at])
            while copy[0] < hour:
                self._copy(copy)
                copy = next(copied)
            new = at - self._fresh
            span = slice(begins[new], begins[new + 1])
            risen = scored.score[new] >= limit and scored.seen[new] >= least
            chosen = self._place(at, column[span], cosine[span], bool(risen))
            if chosen < 0:
                continue
            if scored.score[new] >= HOT:
                hot.append((chosen, hour - first))
            if risen and self.cells[chosen].complains():
                self.cells[chosen].rate = scored.due[new] / scored.window[new]
                alarms.append(
                    (
                        chosen,
                        hour,
                        int(scored.window[new]),
                        scored.score[new],
                        scored.seen[new],
                        scored.due[new],
                    )
                )
        while copy[0] < last:
            self._copy(copy)
            copy = next(copied)
        return self._judged(alarms, hot, last - first)

    def onset(self, cell: int, hour: int) -> int:
        """Hour of a cluster's first message."""
        return self.cells[cell].began

    def sums(self, cell: int, first: int, last: int) -> tuple[float, float]:
        """Messages seen and due in a cluster over some hours."""
        cluster = self.cells[cell]
        return float(sum(cluster.seen[h] for h in range(first, last))), cluster.rate * (last - first)

    def spread(self, cell: int) -> float:
        """Extra variance of one cluster."""
        return SPREAD

    def _limit(self, hour: int, budget: float) -> float:
        """Least score: as many tests as messages of the week before, in every window."""
        begin, end = np.searchsorted(self._kept.hour, [hour // 24 * 24 - WEEK, hour // 24 * 24])
        return float(np.log10(max(100, end - begin) * len(WINDOWS) / budget))

    def _score(self, row: Ints, column: Ints) -> Scored:
        kept, count = self._kept, len(self._kept) - self._fresh
        best = Scored(np.zeros(count), np.zeros(count), np.zeros(count), np.ones(count, np.int64))
        hours = kept.hour[self._fresh :]
        past_hours = np.minimum(PAST, hours - NOW - self._began)
        judged = (past_hours >= LEAST_PAST) & kept.live[self._fresh :]
        if not judged.any():
            return best
        _, author = np.unique(kept.author, return_inverse=True)
        age = kept.hour[row] - kept.hour[column]
        other = author[row] != author[column]
        new = row - self._fresh
        old = other & (age >= NOW) & (age < NOW + PAST)
        # A person's many messages are one voice in every three days, now as then.
        past = _distinct(new[old], author[column[old]] * 8 + (age[old] - NOW) // NOW, count)
        per_hour = (past + 0.5) / np.maximum(past_hours, 1)
        for window in WINDOWS:
            within = other & (age < window) & kept.live[column]
            seen = _distinct(new[within], author[column[within]], count) + 1.0
            due = per_hour * window * self._growth(hours, window, past_hours)
            score = np.where(judged & (seen > due), rise_score(seen, due, SPREAD + 1 / (past + 1)), 0.0)
            better = score > best.score
            for name, values in (("score", score), ("seen", seen), ("due", due)):
                getattr(best, name)[better] = values[better]
            best.window[better] = window
        return best

    def _growth(self, hours: Ints, window: int, past_hours: Ints) -> Floats:
        """How much more of everything there is than in the past, at least 1."""
        all_hours = self._kept.hour
        end, begin = (
            np.searchsorted(all_hours, hours + 1),
            np.searchsorted(all_hours, hours + 1 - window),
        )
        since, until = (np.searchsorted(all_hours, hours - a) for a in (NOW + PAST, NOW))
        usual = (until - since) * window / np.maximum(past_hours, 1)
        growth: Floats = np.clip((end - begin + GROWTH_PRIOR) / (usual + GROWTH_PRIOR), 1.0, MOST_GROWTH)
        return growth

    def _place(self, at: int, near: Ints, cosine: Floats, risen: bool) -> int:
        """Let a message join the cluster most of its neighbours are in, or open one; -1 if it does neither."""
        if not len(near) or not self._kept.live[at]:
            return -1
        clusters = self._kept.cluster[near]
        held = clusters >= 0
        if held.any():
            weights = np.bincount(clusters[held], cosine[held])
            if weights.max() >= 0.5 * cosine.sum():
                return self._join(at, int(np.argmax(weights)))
        if not risen:
            return -1
        free = near[~held]
        texts = self._kept.text
        label = " ".join(telling_terms([*texts[free], texts[at]], texts[max(0, at - BACKGROUND) : at], 4))
        self.cells.append(Cluster(int(self._kept.hour[free].min(initial=self._kept.hour[at])), label))
        for member in free:
            self._join(int(member), len(self.cells) - 1)
        return self._join(at, len(self.cells) - 1)

    def _join(self, at: int, chosen: int) -> int:
        kept, cluster, group = self._kept, self.cells[chosen], int(self._kept.group[at])
        kept.cluster[at] = chosen
        cluster.signals.add(kept.signal[at])
        cluster.signals.update(self._copies_of.get(group, ()))
        cluster.seen[int(kept.hour[at])] += 1
        if kept.feeling[at] == kept.feeling[at]:
            cluster.felt += 1
            cluster.sad += bool(kept.feeling[at] < SAD)
        self._cluster_of[group] = chosen
        return chosen

    def _copy(self, copy: tuple[int, int, str]) -> None:
        _, group, signal = copy
        self._copies_of.setdefault(group, []).append(signal)
        if group in self._cluster_of:
            self.cells[self._cluster_of[group]].signals.add(signal)

    def _judged(
        self,
        alarms: list[tuple[int, int, int, float, float, float]],
        hot: list[tuple[int, int]],
        hours: int,
    ) -> Judged:
        warm = np.zeros((len(self.cells), hours), bool)
        for cell, hour in hot:
            warm[cell, hour] = True
        columns = list(zip(*alarms, strict=True)) or [()] * 6
        cell, hour, window = (np.array(c, np.int64) for c in columns[:3])
        score, seen, due = (np.array(c, np.float64) for c in columns[3:])
        return Judged(cell, hour, window, score, seen, due, warm)


def _distinct(which: Ints, what: Ints, count: int) -> Floats:
    """Count different things per row."""
    if not len(which):
        return np.zeros(count)
    width = int(what.max()) + 1
    counted: Floats = np.bincount(np.unique(which * width + what) // width, minlength=count).astype(float)
    return counted


def _counted(rows: Rows | None, groups: Ints, live: Bools) -> Counted:
    if rows is None:
        none, nothing = np.empty(0, np.int64), np.empty(0, object)
        return Counted(none, none, live, none, np.empty(0), nothing, nothing, none)
    return Counted(
        rows.hour, rows.author, live, groups, rows.sentiment, rows.signal, rows.text,
        np.full(len(rows), -1, np.int64),
    )  # fmt: skip
