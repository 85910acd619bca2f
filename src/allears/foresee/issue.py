"""An issue while it is being gathered: its parts, its signals, and what they have in common."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from allears.foresee.rows import FACETS, Rows
from allears.foresee.wording import SAMPLE

NEGATIVE = -0.1


class Holds(Protocol):
    """Anything that says which rows it counts."""

    @property
    def topic(self) -> int:
        """Number of the topic, -1 for none."""
        ...

    @property
    def facets(self) -> tuple[tuple[int, int], ...]:
        """Facet and value, by number."""
        ...

    def holds(self, rows: Rows) -> NDArray[np.bool_]:
        """Mark rows."""
        ...


@dataclass(frozen=True)
class Alarm:
    """One series over its limit at the end of one hour."""

    kind: str
    lane: str
    series: int
    cell: Holds
    hour: int
    score: float
    seen: float
    due: float


@dataclass
class Part:
    """One series an issue gathers from."""

    lane: str
    series: int
    cell: Holds
    onset: int
    gathered: int


@dataclass
class Issue:
    """A problem or a wish that is being gathered."""

    id: str
    kind: str
    detected: int
    score: float
    seen: float
    due: float
    parts: list[Part] = field(default_factory=list)
    absorbed: set[tuple[str, int]] = field(default_factory=set)
    signals: dict[str, int] = field(default_factory=dict)
    authors: set[int] = field(default_factory=set)
    messages: int = 0
    topics: Counter[int] = field(default_factory=Counter)
    facets: list[Counter[int]] = field(default_factory=lambda: [Counter() for _ in FACETS])
    texts: list[tuple[str, str]] = field(default_factory=list)
    negative: int = 0
    felt: int = 0
    first: int = 2**62
    warm: int = 0
    changed: bool = True
    novelty: float = 1.0
    expected: float = 0.0
    growth: float = 1.0

    def gather(self, rows: Rows) -> None:
        """Take in rows not yet held."""
        for at in range(len(rows)):
            if rows.signal[at] in self.signals:
                continue
            self.changed = True
            self.signals[rows.signal[at]] = int(rows.author[at])
            self.authors.add(int(rows.author[at]))
            self.messages += bool(rows.spoken[at])
            self.topics.update(rows.topics[at])
            self.first = min(self.first, int(rows.occurred[at]))
            for counter, value in zip(self.facets, rows.facets[at], strict=True):
                if value >= 0:
                    counter[int(value)] += 1
            if rows.text[at] and len(self.texts) < SAMPLE:
                self.texts.append((rows.signal[at], rows.text[at]))
            if rows.sentiment[at] == rows.sentiment[at]:
                self.felt += 1
                self.negative += bool(rows.sentiment[at] < NEGATIVE)
