"""Texts that are alike: more people than usual say about the same thing, in whatever words, known to a topic or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from allears.foresee.grid import SeenBefore
from allears.foresee.judge import HOT, INDEPENDENT, Judged, as_judged
from allears.foresee.rows import Names, Rows
from allears.foresee.tail import rise_score
from allears.foresee.wording import telling_terms, words_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WINDOWS = (6, 24, 72)
WINDOW, PAST = 72, 14 * 24
LEAST_PAST = 96
ALIKE = 0.35
COMMON_SHARE = 0.1
STEM = 7
MILD, GLAD = 0.3, 0.1
SPREAD = 0.1
MOST_GROWTH = 20.0
GROWTH_PRIOR = 10.0
LEAST_WORDS = 3


@dataclass
class Cluster:
    """Messages that say about the same thing."""

    began: int
    label: str = ""
    rate: float = 0.0
    signals: dict[str, int] = field(default_factory=dict)
    feelings: list[float] = field(default_factory=list)
    topic: int = -1
    facets: tuple[tuple[int, int], ...] = ()

    def holds(self, rows: Rows) -> Bools:
        """Mark the rows that belong to it."""
        return np.array([s in self.signals for s in rows.signal], bool)

    def words(self, names: Names) -> str:
        """Name its series."""
        return f"words={self.label}"

    def complains(self) -> bool:
        """Tell whether its mood is that of a problem: what many are glad about is none."""
        known = [f for f in self.feelings if f == f]
        return not known or float(np.mean(known)) <= GLAD


@dataclass
class Texts:
    """The counted messages of the last days, oldest first."""

    hour: Ints
    author: Ints
    live: Bools
    group: Ints
    sentiment: Floats
    signal: NDArray[np.object_]
    text: NDArray[np.object_]
    cluster: Ints
    starts: Ints
    words: Ints

    def __len__(self) -> int:
        return len(self.hour)


class Clusters:
    """First-story detection over TF-IDF ([1]_): every message is compared with those of the last three days.

    A message that more different people resemble now than in the fortnight before opens a cluster;
    later ones join the cluster that most of their neighbours belong to. Near-copies and an author's repetitions count once,
    messages of a happy mood not at all, and a stream that has just begun only teaches.

    References
    ----------
    .. [1] B. Mazoyer et al. (2020), A French corpus for event detection on Twitter, LREC.
    """

    def __init__(self) -> None:
        self._vocabulary = Names()
        self._idf: Floats = np.empty(0)
        self._texts = _none()
        self._copies = SeenBefore(WINDOW)
        self._began = -1
        self._found: list[tuple[int, int, int, float, float, float]] = []
        self._hot: list[tuple[int, int]] = []
        self.cells: list[Cluster] = []

    def start_day(self, day: int) -> None:
        """Forget what is too old, and weigh the words anew."""
        texts = self._texts
        kept = int(np.searchsorted(texts.hour, day * 24 - WINDOW - PAST))
        self._texts = _sliced(texts, kept)
        count = np.bincount(self._texts.words, minlength=len(self._vocabulary.name)).astype(float)
        share = count / max(1, len(self._texts))
        self._idf = np.where(share > COMMON_SHARE, 0.0, np.log1p(len(self._texts) / (count + 1)))
        self._default = float(np.log1p(len(self._texts)))
