"""Segments of a space: read from its folder, counted, and the moments when somebody enters or leaves told to playbooks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from allears.act.happening import Happening, segment_moment
from allears.desk.identity import Identifier
from allears.desk.listening import Mark
from allears.desk.work import Issue, IssueSignal
from allears.errors import NotAllowed, Refused
from allears.guard.consent import STATES
from allears.guard.permit import Permit
from allears.guard.purpose import Purpose
from allears.journey.amend import GONE
from allears.journey.cutoff import cutoff
from allears.journey.ground import Ground
from allears.know.identifiers import ACCOUNT, normalise
from allears.know.members import World, members
from allears.know.segment import Segment, example_text, examples, explain, read_segment
from allears.know.stays import Turned, counts, members_at, moments, settle

log = logging.getLogger("allears.segments")
WEEK = timedelta(days=7)
TREND_DAYS = 30
_MARK, _TOLD = "segment:", "segments_told"


class Counted(msgspec.Struct, frozen=True):
    """When a segment was last counted, by which conditions, and why not, if so."""

    at: datetime
    conditions: str
    problem: str = ""


def folder(ground: Ground) -> Path:
    """Where the space's own segments are."""
    return ground.folder / "segments"


def read_own(text: str, place: str) -> Segment:
    """Read a file of the folder; it must be called as the segment is.

    Raises
    ------
    Refused
        It is wrong; the field is named.
    """
    segment = read_segment(text, place)
    if segment.name != Path(place).stem:
        raise Refused(f"expected a file called {segment.name}.toml", place=f"{place}: name")
    return segment


def own(ground: Ground) -> list[Segment]:
    """Read the segments of a space; one that is wrong is left out, and the log says why."""
    found = []
    for path in sorted(folder(ground).glob("*.toml")):
        try:
            found.append(read_own(path.read_text("utf-8"), f"segments/{path.name}"))
        except (Refused, UnicodeDecodeError) as error:
            log.warning("a segment is left out: %s", error)
    return found


def find(ground: Ground, name: str) -> Segment:
    """Find a segment: the space's own before the one that ships.

    Raises
    ------
    NotFound
        There is none of that name.
    Refused
        The file is wrong.
    """
    path = folder(ground) / f"{name}.toml"
    # No file's name is that long; the system would say so instead of that there is none.
    if len(name) <= 50 and path.parent == folder(ground) and path.is_file():
        return read_own(path.read_text("utf-8"), f"segments/{path.name}")
    return read_segment(example_text(name), f"{name}.toml")


def switch_on(ground: Ground, name: str) -> Path:
    """Copy a segment that ships into the space."""
    find(ground, name)
    path = folder(ground) / f"{name}.toml"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(example_text(name), "utf-8")
    return path


def switch_off(ground: Ground, name: str) -> None:
    """Take a segment out of the space: its file, and its last count; stays that ended are kept."""
    find(ground, name)
    (folder(ground) / f"{name}.toml").unlink(missing_ok=True)
    with ground.desk.session() as session:
        settle(session, name, (), ground.clock.now(), today(ground), defined=True)
        if (mark := session.get(Mark, _MARK + name)) is not None:
            session.delete(mark)


def refresh(ground: Ground) -> dict[str, Turned]:
    """Count every segment now, and write down who entered and who left."""
    return {segment.name: _refresh(ground, segment) for segment in own(ground)}


def _refresh(ground: Ground, segment: Segment) -> Turned:
    began, held = ground.clock.now(), _nobody_held
    try:
        permit = ground.gate.permit(segment.purpose)
        found, problem, held = who(ground, permit, segment), "", permit.held
    except NotAllowed as error:
        # Nobody may be counted for a purpose that is switched off.
        found, problem, held = [], error.message, _all_held
    conditions = blake2b(msgspec.json.encode(segment), digest_size=8).hexdigest()
    with ground.desk.session() as session:
        mark = session.get(Mark, _MARK + segment.name)
        before = msgspec.json.decode(mark.value, type=Counted) if mark is not None else None
        if before is not None and before.at > began:
            return Turned(0, 0)  # somebody else counted later than this
        at = ground.clock.now()
        defined = before is None or before.conditions != conditions
        turned = settle(session, segment.name, found, at, today(ground), defined=defined, held=held)
        told = msgspec.json.encode(Counted(at, conditions, problem)).decode()
        session.merge(Mark(name=_MARK + segment.name, value=told))
    return turned


def who(ground: Ground, permit: Permit, segment: Segment, until: datetime | None = None) -> list[str]:
    """Tell who is in a segment now, counted anew."""
    engine = ground.asked(permit)
    with engine.asking():
        world = World(
            engine.table("signals"),
            until or cutoff(ground),
            today(ground),
            lambda types: _known_by(ground, types),
            lambda topics: _in_issue(ground, topics),
            lambda purpose: _agreed(ground, purpose),  # type: ignore[arg-type]
            lambda account: ground.vault.digest(ACCOUNT, [normalise(ACCOUNT, account) or ""])[0][:32],
        )
        return [str(c) for c in members(segment, world).to_pylist()]


def today(ground: Ground) -> Callable[[pa.Array], pa.Array]:
    """Give today's customer for each key; null for who was erased."""

    def resolved(keys: pa.Array) -> pa.Array:
        names = ground.graph.resolve_keys(keys)
        return pc.if_else(pc.starts_with(names, GONE), pa.scalar(None, pa.string()), names)

    return resolved


def listed(ground: Ground) -> list[dict[str, Any]]:
    """List the space's segments with their last counts, and those that ship."""
    here = {segment.name: segment for segment in own(ground)}
    with ground.desk.reading() as session:
        found = counts(session, list(here), ground.clock.now() - WEEK)
        marks = {m.name.removeprefix(_MARK): m.value for m in session.scalars(_marks())}
    rows = [
        _row(segment, on=True) | found[name] | _counted(marks.get(name)) for name, segment in here.items()
    ]
    others = (read_segment(example_text(n), f"{n}.toml") for n in examples() if n not in here)
    nothing = {"customers": None, "entered": None, "left": None, "counted_at": None, "problem": ""}
    return rows + [_row(segment, on=False) | nothing for segment in others]


def shown(ground: Ground, name: str, limit: int = 50) -> dict[str, Any]:
    """One segment: its conditions in words, counts, how many were in it day by day, and who entered and left lately."""
    segment = find(ground, name)
    row = next((r for r in listed(ground) if r["name"] == name), _row(segment, on=False))
    now = ground.clock.now()
    with ground.desk.reading() as session:
        mark = session.get(Mark, _MARK + name)
        lately = moments(session, today(ground), segment=name, limit=limit)
        days = [now - timedelta(days=back) for back in range(TREND_DAYS, -1, -1)] if mark is not None else []
        trend = [(day, len(members_at(session, name, today(ground), day))) for day in days]
    first = next((place for place, (_, n) in enumerate(trend) if n), len(trend))
    return row | {
        "explained": explain(segment),
        "trend": [{"time": day, "customers": n} for day, n in trend[first:]],
        "moments": lately,
    }


def member_ids(ground: Ground, name: str) -> list[str]:
    """List who was in a segment when it was last counted."""
    find(ground, name)
    with ground.desk.reading() as session:
        return members_at(session, name, today(ground))


def untold(ground: Ground) -> list[Happening]:
    """List the moments that playbooks have not been told of."""
    with ground.desk.reading() as session:
        mark = session.get(Mark, _TOLD)
        since = datetime.fromisoformat(mark.value) if mark is not None else None
        return [_happening(row) for row in moments(session, today(ground), since=since)]


def told(ground: Ground, happenings: Sequence[Happening]) -> None:
    """Note that playbooks were told; a moment told twice does nothing more, one not told would be lost."""
    if happenings:
        with ground.desk.session() as session:
            session.merge(Mark(name=_TOLD, value=max(h.at for h in happenings).isoformat()))


def past_moments(ground: Ground, since: datetime) -> list[Happening]:
    """List the moments since, for rehearsing."""
    with ground.desk.reading() as session:
        return [_happening(row) for row in moments(session, today(ground), since=since)]


def _happening(row: dict[str, Any]) -> Happening:
    return segment_moment(row["segment"], row["what"], row["customer"], row["at"])


def _row(segment: Segment, *, on: bool) -> dict[str, Any]:
    return {
        "name": segment.name, "says": segment.says, "purpose": segment.purpose, "relationship": segment.relationship, "on": on,
    }  # fmt: skip


def _counted(mark: str | None) -> dict[str, Any]:
    if mark is None:
        return {"counted_at": None, "problem": ""}
    counted = msgspec.json.decode(mark, type=Counted)
    return {"counted_at": counted.at, "problem": counted.problem}


def _marks() -> Any:
    return select(Mark).where(Mark.name.startswith(_MARK, autoescape=True))


def _known_by(ground: Ground, types: Sequence[str]) -> list[str]:
    with ground.desk.reading() as session:
        return list(session.scalars(select(Identifier.customer).where(Identifier.type.in_(types)).distinct()))


def _in_issue(ground: Ground, topics: Sequence[str]) -> list[str]:
    with ground.desk.reading() as session:
        active = session.execute(
            select(Issue.id, Issue.topics).where(Issue.state.in_(("open", "acknowledged")))
        ).all()
        ids = [
            i for i, about in active if not topics or any(t.startswith(tuple(topics)) for t in about or ())
        ]
        hit = select(IssueSignal.customer).where(
            IssueSignal.issue.in_(ids), IssueSignal.customer.is_not(None)
        )
        return [str(c) for c in session.scalars(hit.distinct())]


def _agreed(ground: Ground, purpose: Purpose) -> dict[str, pa.Array]:
    stood = ground.gate.stood(purpose)
    return {state: pa.array(stood.of(state)).cast(pa.string()) for state in STATES}


def _nobody_held(people: Sequence[str]) -> list[str]:
    return [""] * len(people)


def _all_held(people: Sequence[str]) -> list[str]:
    return ["the purpose"] * len(people)
