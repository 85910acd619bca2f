"""What a playbook would have done last month, before it is let loose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from allears.act.decide import TOLD, decide, happened_before
from allears.act.fatigue import Ledger
from allears.act.happening import Happening, from_issues, from_signals
from allears.act.playbook import Playbook
from allears.act.scene import Scene
from allears.desk.work import Move
from allears.guard.permit import Gate


class Rehearsal(msgspec.Struct, frozen=True):
    """What would have happened. ``suppressed`` counts by the rule that held back; all days of the while are in ``per_day``."""

    playbook: str
    since: datetime
    until: datetime
    happenings: int
    answered: int
    per_day: dict[str, int]
    actions: dict[str, int]
    people: int
    held_out: int
    suppressed: dict[str, int]
    postponed: int
    most_to_one: int
    why: tuple[str, ...]

    def text(self) -> str:
        """Say it in plain words."""
        days = (self.until - self.since).days
        busiest = max(self.per_day.items(), key=lambda item: item[1], default=("", 0))
        lines = [
            f"{self.playbook}: in {days} days it would have answered {self.answered} of {self.happenings} happenings",
            *(f"with {n} times: {action}" for action, n in sorted(self.actions.items())),
            f"{self.people} customers contacted, none more than {self.most_to_one} times; {self.held_out} contacts held out",
            f"{self.postponed} contacts moved out of the quiet hours",
            *(f"{n} contacts suppressed by: {rule}" for rule, n in sorted(self.suppressed.items())),
        ]
        return "\n".join(
            lines + ([f"busiest day {busiest[0]} with {busiest[1]} moves"] if busiest[1] else [])
        )


def rehearse(
    playbook: Playbook,
    signals: pa.Table,
    issues: Iterable[Mapping[str, Any]],
    *,
    gate: Gate,
    members: Mapping[str, Iterable[str]] | None = None,
    given: Iterable[Happening] = (),
    until: datetime | None = None,
    days: int = 30,
    timezone: str = "UTC",
) -> Rehearsal:
    """Count what a playbook would have done, through the very decision that running it makes.

    Parameters
    ----------
    signals
        The ``signals`` of that while, best with what came shortly before it.
    issues
        Issues as `allears.act.issue.issues` lists them.
    gate
        Says who may be contacted for what, as of now.
    members
        Ids of the signals that each issue gathered.
    given
        What signals and issues cannot tell: burns, verdicts, reopened issues.
    until
        End of the while; by default the last arrival.
    days
        Its length.
    timezone
        Where quiet hours are meant.
    """
    scene = Scene(signals, members)
    end = until or pc.max(signals["received_at"]).as_py() or datetime.fromtimestamp(0, tz=ZoneInfo("UTC"))
    since = end - timedelta(days=days)
    listed = list(issues)
    told = [*given, *from_issues(listed, scene, since, end), *from_signals(playbook, scene, since, end)]
    seen = [h for h in told if h.what == TOLD[type(playbook.when)] and since < h.at <= end]
    ledger, moves, answered = past_ledger(scene, listed), list[Move](), set[str]()
    for happening in sorted(seen, key=happened_before):
        decided = decide(playbook, happening, scene, ledger, ZoneInfo(timezone), gate)
        moves += decided
        answered |= {happening.key} if decided else set()
    return _count(playbook, since, end, len({h.key for h in seen}), len(answered), moves)


def past_ledger(scene: Scene, issues: Iterable[Mapping[str, Any]]) -> Ledger:
    """Build the ledger from history: what the company sent unasked, and who complained about which issue until when."""
    ledger = Ledger()
    for customer, contacts in scene.reached_out.items():
        for at, survey in contacts:
            ledger.note(customer, at, survey=survey)
    for issue in issues:
        if issue.get("kind") == "issue":
            end = issue.get("fixed_at") or issue.get("closed_at")
            for customer, at in scene.wrote_first(str(issue["id"])).items():
                ledger.complain(customer, at, end)
    return ledger


def _count(
    playbook: Playbook, since: datetime, until: datetime, seen: int, answered: int, moves: list[Move]
) -> Rehearsal:
    done = [m for m in moves if m.state == "proposed"]
    per_person = Counter(m.customer for m in done if m.contacts)
    days = [f"{since + timedelta(days=n + 1):%Y-%m-%d}" for n in range((until - since).days)]
    per_day = dict.fromkeys(days, 0) | Counter(f"{m.due_at:%Y-%m-%d}" for m in done)
    return Rehearsal(
        playbook=playbook.name,
        since=since,
        until=until,
        happenings=seen,
        answered=answered,
        per_day=dict(sorted(per_day.items())),
        actions=dict(Counter(f"{m.action} ({m.target})" for m in done)),
        people=len(per_person),
        held_out=sum(m.state == "held out" for m in moves),
        suppressed=dict(Counter(str(m.held_by) for m in moves if m.state == "suppressed")),
        postponed=sum(m.held_by == "quiet hours" for m in done),
        most_to_one=max(per_person.values(), default=0),
        why=tuple(dict.fromkeys(m.why for m in moves))[:5],
    )
