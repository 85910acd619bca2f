"""What is done once a day while the server runs: let go of what is due, topics nobody named, customers who are probably one, verdicts on fixes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from allears.act import issue as issue_desk
from allears.act.happening import Happening, verdict
from allears.act.verdict import record_verdicts
from allears.desk.listening import Mark
from allears.errors import NotAllowed, NotReady
from allears.guard.permit import Permit
from allears.journey import effects, playbooks, retention
from allears.journey.cutoff import cutoff
from allears.journey.ground import Ground
from allears.journey.probable import look_for_links
from allears.journey.teaching import discover_topics

EVERY = timedelta(hours=24)
JUDGED_DAYS = 90
"""How long after a fix its verdict is still measured anew."""
FEWEST_TEXTS = 200
_MARK = "daily_done"


def due(ground: Ground) -> bool:
    """Whether the last day's work is a day old."""
    with ground.desk.reading() as session:
        mark = session.get(Mark, _MARK)
    if mark is None:
        return True
    # A mark in the future: the clock was set back since, and nothing may wait until it catches up.
    return not timedelta() <= ground.clock.now() - datetime.fromisoformat(mark.value) < EVERY


def steps(ground: Ground) -> Iterator[str]:
    """Do it, one step at a time; each is told when it is done. Stopped half-way, it is done again from the start."""
    # First, so that a day's work cut short again and again still lets go of what is due.
    if retention.in_force(ground):
        gone = retention.retire(ground, actor="daily").total
        yield f"retention: {sum(gone.values())} rows went"
    yield _topics(ground)
    if ground.settings.know.link_daily:
        yield _links(ground)
    for issue in fixed_lately(ground):
        yield _judged(ground, issue)
    with ground.desk.session() as session:
        session.merge(Mark(name=_MARK, value=ground.clock.now().isoformat()))
    yield "the day's work"


def _topics(ground: Ground) -> str:
    try:
        found = discover_topics(ground, ground.gate.permit("product"), fewest=FEWEST_TEXTS)
    except (NotReady, NotAllowed) as error:
        return f"topics: {error.message}"
    return f"topics: {len(found)} found"


def _links(ground: Ground) -> str:
    try:
        found = look_for_links(ground)
    except NotReady as error:
        return f"links: {error.message}"
    return f"links: {found['joined']} pairs joined, {found['waiting']} wait for a steward"


def fixed_lately(ground: Ground) -> list[dict[str, Any]]:
    """Issues whose fix is young enough to be judged still."""
    since = cutoff(ground) - timedelta(days=JUDGED_DAYS)
    known = issue_desk.issues(ground.desk, kind="issue")
    return [i for i in known if i["fixed_at"] is not None and i["fixed_at"] > since]


def _judged(ground: Ground, issue: dict[str, Any]) -> str:
    # Where figures are switched off the rest of the day's work goes on.
    try:
        return judge(ground, ground.gate.permit("analytics"), issue)
    except NotAllowed as error:
        return f"verdict on {issue['id']}: {error.message}"


def judge(ground: Ground, permit: Permit, issue: dict[str, Any]) -> str:
    """Measure whether a fix brought trust back, write it down, and let the playbooks that wait for it run."""
    found = effects.verdict_of(ground, permit, issue)
    record_verdicts(ground.desk, found)
    at = ground.clock.now()
    said = [_told(issue, row, at) for row in found.to_pylist() if row["part"] == "both"]
    playbooks.run(ground, ground.gate.permit("service"), since=at, at=at, given=said)
    return f"verdict on {issue['id']}: {said[0].facts['said'] if said else 'cannot tell'}"


def _told(issue: dict[str, Any], row: dict[str, Any], at: datetime) -> Happening:
    return verdict(issue, str(row["said"]), at)
