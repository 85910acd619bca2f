"""Emerging issues: alarms that belong together become one issue with words, first signal, and who is hit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from allears.foresee.rows import FACETS, Names, Rows
from allears.foresee.wording import SAMPLE, telling_terms, typical

METHOD = "emerging 1"
QUIET_HOURS = 72
REMEMBER_HOURS = 14 * 24
SHARED_ROWS = 0.5
SHARED_AUTHORS = 0.3
FACET_SHARE, FACET_KNOWN, FACET_LIFT = 0.6, 0.3, 1.2
MOST_BURST = 50.0
_STORE = {"words": "said", "text": "said"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
            self.topics.update(rows.topics[at])
            self.first = min(self.first, int(rows.occurred[at]))
            for counter, value in zip(self.facets, rows.facets[at], strict=True):
                if value >= 0:
                    counter[int(value)] += 1
            if rows.text[at] and len(self.texts) < SAMPLE:
                self.texts.append((rows.signal[at], rows.text[at]))
            if rows.sentiment[at] == rows.sentiment[at]:
                self.felt += 1
                self.negative += bool(rows.sentiment[at] < -0.1)


class Emerging:
    """Turns alarms into issues, hour by hour.

    An open issue absorbs later alarms that share its topic, its signals or its authors, so it is
    raised once; it closes after 72 quiet hours.

    Parameters
    ----------
    names
        Shared numbering.
    least
        Fewest different authors.
    labels
        Topic id to words a person understands.
    sums
        Authors seen and due in a part's series over some hours.
    onset
        Hour in which the rise behind an alarm began.
    """

    def __init__(
        self,
        names: Names,
        least: int,
        labels: Mapping[str, str],
        sums: Callable[[Part, int, int], tuple[float, float]],
        onset: Callable[[Alarm], int],
    ) -> None:
        self._names, self._least, self._labels, self._sums, self._onset = names, least, labels, sums, onset
        self._rows: dict[str, Rows] = {}
        self.open: list[Issue] = []
        self._closed: list[tuple[int, frozenset[str]]] = []
        self._ended: list[Issue] = []

    def remember(self, lane: str, rows: Rows) -> None:
        """Keep rows an issue may gather, for a fortnight."""
        if lane in self._rows:
            old = self._rows[lane]
            rows = Rows.join([old, rows])
        self._rows[lane] = rows

    def forget(self, hour: int) -> None:
        """Drop rows older than a fortnight."""
        for lane, rows in self._rows.items():
            self._rows[lane] = rows.take(rows.hour >= hour - REMEMBER_HOURS)
        self._closed = [(h, terms) for h, terms in self._closed if h >= hour - 90 * 24]

    def step(self, hour: int, alarms: Iterable[Alarm], warm: Callable[[Part, int], bool]) -> None:
        """Live through one hour: gather, absorb or open, close what went quiet."""
        for issue in self.open:
            if any(warm(part, hour) for part in issue.parts):
                issue.warm = hour
        for alarm in sorted(alarms, key=lambda a: (-a.score, a.lane, a.series)):
            self._sound(alarm)
        for issue in [i for i in self.open if hour - i.warm >= QUIET_HOURS]:
            self._gather(issue, hour)
            self.open.remove(issue)
            self._closed.append((hour, frozenset(self._terms(issue))))
            self._ended.append(issue)

    def changed(self, hour: int) -> list[dict[str, Any]]:
        """Describe issues that are new or changed since the last call."""
        for issue in self.open:
            self._gather(issue, hour)
        fresh = [i for i in (*self._ended, *self.open) if i.changed]
        self._ended = []
        for issue in fresh:
            issue.changed = False
        return [self._describe(issue) for issue in fresh]

    def _sound(self, alarm: Alarm) -> None:
        mark = (alarm.lane, alarm.series)
        issue = next((i for i in self.open if mark in i.absorbed), None)
        if issue is None:
            onset = self._onset(alarm)
            members = self._members(alarm.lane, alarm.cell, onset, alarm.hour)
            authors = {int(a) for a in members.author}
            if len(authors) < self._least:
                return
            for held in self.open:
                self._gather(held, alarm.hour)
            issue = next((i for i in self.open if self._belongs(alarm, members, authors, i)), None)
            if issue is None:
                self._raise(alarm, members, onset)
                return
            issue.absorbed.add(mark)
            if not self._explained(alarm, issue):
                issue.parts.append(Part(alarm.lane, alarm.series, alarm.cell, onset, onset - 1))
        issue.warm = alarm.hour
        if alarm.score > issue.score:
            issue.score, issue.seen, issue.due = alarm.score, alarm.seen, alarm.due
            issue.changed = True

    def _raise(self, alarm: Alarm, members: Rows, onset: int) -> None:
        mark = f"{alarm.kind}|{alarm.lane}|{self._key(alarm.cell)}|{alarm.hour}"
        issue = Issue(
            id=blake2b(mark.encode(), digest_size=8).hexdigest(),
            kind=alarm.kind,
            detected=alarm.hour,
            score=alarm.score,
            seen=alarm.seen,
            due=alarm.due,
            warm=alarm.hour,
        )
        issue.parts.append(Part(alarm.lane, alarm.series, alarm.cell, onset, alarm.hour))
        issue.absorbed.add((alarm.lane, alarm.series))
        issue.gather(members)
        self._compare(issue, onset, alarm.hour)
        issue.expected = issue.expected or alarm.due
        terms = set(self._terms(issue))
        alike = [len(terms & old) / max(1.0, (len(terms) * len(old)) ** 0.5) for _, old in self._closed]
        issue.novelty = 1.0 - 0.5 * max(alike, default=0.0)
        self.open.append(issue)

    def _belongs(self, alarm: Alarm, members: Rows, authors: set[int], issue: Issue) -> bool:
        if issue.kind != alarm.kind:
            return False
        if any(p.lane == alarm.lane and self._same(p.cell, alarm.cell) for p in issue.parts):
            return True
        if sum(s in issue.signals for s in members.signal) >= SHARED_ROWS * min(
            len(members), len(issue.signals)
        ):
            return True
        return len(authors & issue.authors) >= SHARED_AUTHORS * min(len(authors), len(issue.authors))

    @staticmethod
    def _same(left: Holds, right: Holds) -> bool:
        """Two series of one topic (or one service) whose facets do not contradict each other."""
        if left.topic != right.topic:
            return False
        ours, theirs = dict(left.facets), dict(right.facets)
        shared = ours.keys() & theirs.keys()
        if any(ours[f] != theirs[f] for f in shared):
            return False
        return left.topic >= 0 or bool(shared)

    @staticmethod
    def _explained(alarm: Alarm, issue: Issue) -> bool:
        """Tell whether a series adds nothing: its topic is gathered already, and it holds no greater excess."""
        alike = [p for p in issue.parts if p.lane == alarm.lane and p.cell.topic == alarm.cell.topic]
        narrower = any(set(p.cell.facets) <= set(alarm.cell.facets) for p in alike)
        return narrower or (bool(alike) and alarm.seen - alarm.due <= 1.3 * (issue.seen - issue.due))

    def _members(self, lane: str, cell: Holds, first: int, last: int) -> Rows:
        rows = self._rows[_STORE.get(lane, lane)]
        begin, end = np.searchsorted(rows.hour, [first, last + 1])
        span = rows.take(np.arange(begin, end))
        return span.take(cell.holds(span))

    def _gather(self, issue: Issue, hour: int) -> None:
        for part in issue.parts:
            until = min(hour, issue.warm + 24)
            if until > part.gathered:
                issue.gather(self._members(part.lane, part.cell, part.gathered + 1, until))
                if part is issue.parts[0]:
                    self._compare(issue, part.gathered + 1, until)
                part.gathered = until

    def _compare(self, issue: Issue, first: int, last: int) -> None:
        issue.expected += self._sums(issue.parts[0], first, last + 1)[1]
        seen, due = self._sums(issue.parts[0], last, last + 1)
        issue.growth = (seen + 0.5) / (due + 0.5)

    def _terms(self, issue: Issue) -> list[str]:
        said = self._rows.get("said")
        background = (
            []
            if said is None
            else [
                t
                for t, s in zip(said.text[-1500:], said.signal[-1500:], strict=True)
                if s not in issue.signals
            ]
        )
        return telling_terms([t for _, t in issue.texts], background)

    def _key(self, cell: Holds) -> str:
        topic = self._names.name[cell.topic] if cell.topic >= 0 else getattr(cell, "label", "")
        return topic + "|" + "|".join(f"{FACETS[f]}={self._names.name[v]}" for f, v in cell.facets)

    def _shared_facets(self, issue: Issue) -> dict[str, str]:
        """Values that most signals share and that others share less."""
        fixed = dict(issue.parts[0].cell.facets)
        shared = {FACETS[f]: self._names.name[v] for f, v in fixed.items()}
        rows = self._rows[_STORE.get(issue.parts[0].lane, issue.parts[0].lane)]
        for facet, counter in enumerate(issue.facets):
            known = sum(counter.values())
            if FACETS[facet] in shared or known < FACET_KNOWN * len(issue.signals) or not known:
                continue
            value, count = counter.most_common(1)[0]
            usual = rows.facets[:, facet]
            base = float((usual == value).sum() + 1) / float((usual >= 0).sum() + 1)
            if count >= FACET_SHARE * known and count / known >= FACET_LIFT * min(base, 0.8):
                shared[FACETS[facet]] = self._names.name[value]
        return {f: shared[f] for f in FACETS if f in shared}

    def _title(self, issue: Issue, facets: Mapping[str, str], terms: list[str]) -> str:
        topics = [p.cell.topic for p in issue.parts if p.cell.topic >= 0] or [
            t for t, _ in issue.topics.most_common(1)
        ]
        if topics:
            topic = self._names.name[topics[0]]
            label = (
                self._labels.get(topic)
                or topic.split("/", 1)[-1].replace("_", " ").replace("-", " ").capitalize()
            )
        elif terms:
            label = ", ".join(terms[:3]).capitalize()
        else:
            label = "Failing requests"
        platform = " ".join(facets[f] for f in ("platform", "release") if f in facets)
        where = [
            facets.get("region"),
            facets.get("partner"),
            platform,
            facets.get("service"),
            facets.get("channel"),
        ]
        if issue.kind == "opportunity" and topics and terms:
            label = f"{label}: {', '.join(terms[:3])}"
        said = ", ".join(w for w in where if w)
        return f"{label} - {said}" if said else label

    def _describe(self, issue: Issue) -> dict[str, Any]:
        terms = self._terms(issue)
        facets = self._shared_facets(issue)
        factors = self._factors(issue)
        picked = [issue.texts[i][0] for i in typical([t for _, t in issue.texts])] if issue.texts else []
        return {
            "issue": issue.id,
            "title": self._title(issue, facets, terms),
            "kind": issue.kind,
            "topics": [
                self._names.name[t] for t, n in issue.topics.most_common(5) if n >= 0.1 * len(issue.signals)
            ],
            "facets": json.dumps(facets),
            "terms": terms,
            "exemplars": picked or list(issue.signals)[:3],
            "signal_ids": list(issue.signals),
            "first_signal_at": EPOCH + timedelta(microseconds=issue.first),
            "detected_at": EPOCH + timedelta(hours=issue.detected + 1),
            "signals": len(issue.signals),
            "customers": len(issue.authors),
            "expected": issue.expected,
            "growth": issue.growth,
            "score": float(np.prod(list(factors.values()))),
            "factors": json.dumps({k: round(v, 3) for k, v in factors.items()}),
            "method": METHOD,
        }

    @staticmethod
    def _factors(issue: Issue) -> dict[str, float]:
        share, n, z = issue.negative / max(1, issue.felt), max(1, issue.felt), 1.645
        low = (share + z * z / (2 * n) - z * ((share * (1 - share) + z * z / (4 * n)) / n) ** 0.5) / (
            1 + z * z / n
        )
        spread = 0.0
        for counter in issue.facets:
            total = sum(counter.values())
            spread += -sum(c / total * np.log(c / total) for c in counter.values()) if total else 0.0
        return {
            "burst": min(issue.score, MOST_BURST),
            "severity": 1.0 + (max(0.0, low) if issue.kind == "issue" else 0.0),
            "breadth": float(np.log2(1 + len(issue.authors)) * (1 + 0.1 * spread)),
            "novelty": issue.novelty,
        }
