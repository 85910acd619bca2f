"""Clusters of texts: more people than usual say about the same thing, in words a topic knows or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from allears.foresee.crowd import NOW, PAST, SPREAD, WINDOWS, Counted, crowds
from allears.foresee.grid import SeenBefore
from allears.foresee.judge import HOT, WEEK, Judged
from allears.foresee.likeness import Likeness
from allears.foresee.rows import Names, Rows
from allears.foresee.wording import telling_terms

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ALIKE = 0.35
HAPPY, SAD, SAD_SHARE = 0.3, -0.1, 0.3
BACKGROUND = 1500


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


class Clusters:
    """First-story detection over TF-IDF ([1]_): every message is compared with those of the last seventeen days.

    A message that more different people resemble now than in the fortnight before opens a cluster;
    later ones join the cluster most of their neighbours are in. Near-copies and an author's
    repetitions count once, happy messages not at all, and a stream that has just begun only teaches.

    Parameters
    ----------
    empty
        Words that name nothing: they are in no cluster's name.

    References
    ----------
    .. [1] B. Mazoyer et al. (2020), A French Corpus for Event Detection on Twitter, LREC.
    """

    def __init__(self, empty: Collection[str] = ()) -> None:
        self._empty = empty
        self._texts = Likeness(ALIKE)
        self._kept = Counted.none()
        self._copies = SeenBefore(NOW)
        self._copied: dict[int, list[tuple[int, str]]] = {}
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
        for hour, group, signal in zip(
            rows.hour[~first].tolist(), groups[~first].tolist(), rows.signal[~first], strict=True
        ):
            self._copied.setdefault(hour, []).append((group, signal))
        self._fresh = len(self._kept)
        self._kept = self._kept.join(Counted.of(rows.take(first), groups[first], live[first]))
        self._texts.add(rows.text[first].tolist())
        if self._began < 0 and len(self._kept):
            self._began = int(self._kept.hour[0])

    def judge(self, first: int, last: int, budget: float, least: int) -> Judged:
        """Judge the hours ``first`` to ``last`` (not included)."""
        kept = self._kept
        row, column, cosine = self._texts.alike(self._fresh)
        crowd = crowds(kept, self._fresh, row, column, self._began)
        risen = (crowd.score >= self._limit(first, budget)) & (crowd.seen >= least)
        now = kept.live[column] & (kept.hour[row] - kept.hour[column] < NOW)
        row, column, cosine = row[now], column[now], cosine[now]
        begins = np.searchsorted(row, np.arange(self._fresh, len(kept) + 1))
        placed = np.full(len(kept) - self._fresh, -1, np.int64)
        alarmed = np.zeros(len(placed), bool)
        for hour in range(first, last):
            for new in range(*(np.searchsorted(kept.hour, [hour, hour + 1]) - self._fresh).tolist()):
                near = slice(begins[new], begins[new + 1])
                placed[new] = self._place(self._fresh + new, column[near], cosine[near], bool(risen[new]))
                if placed[new] >= 0 and risen[new]:
                    cluster = self.cells[placed[new]]
                    cluster.rate = float(crowd.due[new] / crowd.window[new])
                    alarmed[new] = cluster.complains()
            self._attach(hour)
        hours = kept.hour[self._fresh :]
        hot = np.zeros((len(self.cells), last - first), bool)
        warm = (placed >= 0) & (crowd.score >= HOT)
        hot[placed[warm], hours[warm] - first] = True
        return Judged(
            placed[alarmed], hours[alarmed], crowd.window[alarmed], crowd.score[alarmed], crowd.seen[alarmed],
            crowd.due[alarmed], hot,
        )  # fmt: skip

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
        background = texts[max(0, at - BACKGROUND) : at].tolist()
        label = " ".join(telling_terms([*texts[free], texts[at]], background, 4, self._empty))
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

    def _attach(self, hour: int) -> None:
        """Let an hour's copies follow their originals; they are gathered, but not counted."""
        for group, signal in self._copied.pop(hour, ()):
            self._copies_of.setdefault(group, []).append(signal)
            if group in self._cluster_of:
                self.cells[self._cluster_of[group]].signals.add(signal)
