"""Kinship: whether an alarm is about the same thing as an open issue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

from allears.foresee.issue import Alarm, Holds, Issue
from allears.foresee.memory import Memory
from allears.foresee.rows import FACETS, Rows
from allears.foresee.wording import words_of

SHARED_ROWS = 0.4
SHARED_AUTHORS = 0.3
FEW_AUTHORS, AUTHORS_LIFT = 2, 8.0
FEW = 3
RECENT_HOURS = 36
MOSTLY, KNOWN, LIFT = 0.6, 0.3, 1.5
STEM, LETTERS = 6, 4
OFTEN, SELDOM = 0.2, 0.02
NEAR_HOURS, NEAR = 24, 0.5
CARRIED = 0.25
ENOUGH = 2.0
# How much two anomalies of the same hours have in common when both are mostly about one value.
_SAME = {"service": 1.5, "platform": 0.5, "release": 1.0, "region": 1.0, "partner": 1.0, "channel": 0.5}
# Releases differ by app and by service, and one problem is talked about in many channels.
_OTHER = _SAME | {"channel": 0.0, "release": 0.0}


class Kinship:
    """Weighs what an alarm and an issue share: series, signals, customers; and in the same hours facets and words.

    Parameters
    ----------
    memory
        What is usual.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def nearest(self, alarm: Alarm, members: Rows, issues: list[Issue]) -> Issue | None:
        """Find the issue an alarm belongs to, if any."""
        weights = [
            self._weigh(alarm, members, issue) if issue.kind == alarm.kind else 0.0 for issue in issues
        ]
        best = max(weights, default=0.0)
        return issues[weights.index(best)] if best >= ENOUGH else None

    def _weigh(self, alarm: Alarm, members: Rows, issue: Issue) -> float:
        shared = sum(s in issue.signals for s in members.signal)
        weight = ENOUGH * shared / (SHARED_ROWS * min(len(members), len(issue.signals)))
        if any(p.lane == alarm.lane and same_series(p.cell, alarm.cell) for p in issue.parts):
            weight += ENOUGH
        weight += self._authors({int(a) for a in members.author}, issue)
        if weight < ENOUGH and alarm.kind == "issue" and alarm.hour - issue.warm <= RECENT_HOURS:
            weight += self._facets(alarm, members, issue) + self._words(members, issue)
            weight += _topics(members, issue) + NEAR * (alarm.hour - issue.detected <= NEAR_HOURS)
        return weight

    def _authors(self, authors: set[int], issue: Issue) -> float:
        """More shared customers than two groups drawn by chance would have."""
        shared, least = len(authors & issue.authors), min(len(authors), len(issue.authors))
        if shared >= SHARED_AUTHORS * least:
            return ENOUGH
        chance = len(authors) * len(issue.authors) / max(1, self._memory.authors())
        return 1.0 if shared >= max(FEW_AUTHORS, AUTHORS_LIFT * chance) else 0.0

    def _facets(self, alarm: Alarm, members: Rows, issue: Issue) -> float:
        """Facets in which both are mostly one and the same value, and not by habit; a contradiction weighs against."""
        ours = [Counter(int(v) for v in members.facets[:, f] if v >= 0) for f in range(len(FACETS))]
        weight = 0.0
        for facet, name in enumerate(FACETS):
            left = self._mostly(ours[facet], len(members), alarm.lane, facet)
            right = self._mostly(issue.facets[facet], len(issue.signals), issue.parts[0].lane, facet)
            if left >= 0 and right >= 0:
                weight += _SAME[name] if left == right else -_OTHER[name]
        return weight

    def _mostly(self, counter: Counter[int], count: int, lane: str, facet: int) -> int:
        known = sum(counter.values())
        if known < max(3, KNOWN * count):
            return -1
        value, most = counter.most_common(1)[0]
        usual = self._memory.usual_facet(lane, facet, value)
        return value if most >= MOSTLY * known and most / known >= min(LIFT * usual, 0.95) else -1

    def _words(self, members: Rows, issue: Issue) -> float:
        """Words that many messages of both use, and few did before."""
        if len(members) < FEW or len(issue.texts) < FEW:
            return 0.0
        ours, theirs = _used(members.text.tolist()), _used([text for _, text in issue.texts])
        both = [w for w, share in ours.items() if share >= OFTEN and theirs.get(w, 0.0) >= OFTEN]
        before = _used(self._memory.before(issue.parts[0].onset)) if both else {}
        return float(min(2, sum(before.get(word, 0.0) <= SELDOM for word in both)))


def _used(texts: Sequence[str]) -> dict[str, float]:
    """Share of texts that use each word (its beginning, for want of stems)."""
    found = [{w[:STEM] for w in words_of(text) if len(w) >= LETTERS} for text in texts if text]
    counts = Counter(chain.from_iterable(found))
    return {word: count / len(found) for word, count in counts.items()}


def _topics(members: Rows, issue: Issue) -> float:
    """Look for a topic that many messages of both carry."""
    messages = int(members.spoken.sum())
    ours = Counter(topic for topics in members.topics for topic in topics)
    alike = [
        t for t, n in ours.items() if n >= CARRIED * messages and issue.topics[t] >= CARRIED * issue.messages
    ]
    return 1.5 if alike and messages >= FEW else 0.0


def same_series(left: Holds, right: Holds) -> bool:
    """Two series of one topic (or one service) whose facets do not contradict each other."""
    if left.topic != right.topic:
        return False
    ours, theirs = dict(left.facets), dict(right.facets)
    shared = ours.keys() & theirs.keys()
    if any(ours[f] != theirs[f] for f in shared):
        return False
    return left.topic >= 0 or bool(shared)
