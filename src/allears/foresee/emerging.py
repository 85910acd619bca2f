"""Emerging issues: alarms that belong together are raised once, gathered while they last, and closed when quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any

from allears.foresee.account import Account
from allears.foresee.issue import Alarm, Holds, Issue, Part
from allears.foresee.kinship import Kinship
from allears.foresee.memory import Memory
from allears.foresee.rows import FACETS, Names, Rows

QUIET_HOURS = 72
FORGOTTEN_HOURS = 90 * 24
NO_MORE = 1.3


class Emerging:
    """Turns alarms into issues, hour by hour.

    An open issue absorbs later alarms that are its kin, so it is raised once; it closes after 72 quiet hours.

    Parameters
    ----------
    names
        Shared numbering.
    memory
        Rows an issue may gather.
    account
        Puts issues into words.
    least
        Fewest different authors.
    sums
        Authors seen and due in a part's series over some hours.
    onset
        Hour in which the rise behind an alarm began.
    """

    def __init__(
        self,
        names: Names,
        memory: Memory,
        account: Account,
        least: int,
        sums: Callable[[Part, int, int], tuple[float, float]],
        onset: Callable[[Alarm], int],
    ) -> None:
        self._names, self._memory, self._account, self._least = names, memory, account, least
        self._sums, self._onset = sums, onset
        self._kinship = Kinship(memory)
        self.open: list[Issue] = []
        self._closed: list[tuple[int, frozenset[str]]] = []
        self._ended: list[Issue] = []

    def forget(self, hour: int) -> None:
        """Drop what closed a quarter ago."""
        self._closed = [(h, terms) for h, terms in self._closed if h >= hour - FORGOTTEN_HOURS]

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
            self._closed.append((hour, frozenset(self._account.terms(issue))))
            self._ended.append(issue)

    def changed(self, hour: int) -> list[dict[str, Any]]:
        """Describe issues that are new or changed since the last call."""
        for issue in self.open:
            self._gather(issue, hour)
        fresh = [i for i in (*self._ended, *self.open) if i.changed]
        self._ended = []
        for issue in fresh:
            issue.changed = False
        return [self._account.describe(issue) for issue in fresh]

    def _sound(self, alarm: Alarm) -> None:
        mark = (alarm.lane, alarm.series)
        issue = next((i for i in self.open if mark in i.absorbed), None)
        if issue is None:
            onset = self._onset(alarm)
            members = self._memory.members(alarm.lane, alarm.cell, onset, alarm.hour)
            if len(set(members.author.tolist())) < self._least:
                return
            for held in self.open:
                self._gather(held, alarm.hour)
            issue = self._kinship.nearest(alarm, members, self.open)
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
        terms = set(self._account.terms(issue))
        alike = [len(terms & old) / max(1.0, (len(terms) * len(old)) ** 0.5) for _, old in self._closed]
        issue.novelty = 1.0 - 0.5 * max(alike, default=0.0)
        self.open.append(issue)

    @staticmethod
    def _explained(alarm: Alarm, issue: Issue) -> bool:
        """Tell whether a series adds nothing: its topic is gathered already, and it holds no greater excess."""
        if alarm.lane == "text":
            return False
        alike = [p for p in issue.parts if p.lane == alarm.lane and p.cell.topic == alarm.cell.topic]
        narrower = any(set(p.cell.facets) <= set(alarm.cell.facets) for p in alike)
        return narrower or (bool(alike) and alarm.seen - alarm.due <= NO_MORE * (issue.seen - issue.due))

    def _gather(self, issue: Issue, hour: int) -> None:
        for part in issue.parts:
            until = min(hour, issue.warm + 24)
            if until > part.gathered:
                issue.gather(self._memory.members(part.lane, part.cell, part.gathered + 1, until))
                if part is issue.parts[0]:
                    self._compare(issue, part.gathered + 1, until)
                part.gathered = until

    def _compare(self, issue: Issue, first: int, last: int) -> None:
        issue.expected += self._sums(issue.parts[0], first, last + 1)[1]
        seen, due = self._sums(issue.parts[0], last, last + 1)
        issue.growth = (seen + 0.5) / (due + 0.5)

    def _key(self, cell: Holds) -> str:
        topic = self._names.name[cell.topic] if cell.topic >= 0 else getattr(cell, "label", "")
        return topic + "|" + "|".join(f"{FACETS[f]}={self._names.name[v]}" for f, v in cell.facets)
