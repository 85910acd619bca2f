"""What Allears does by itself: the playbooks of a space, explained, rehearsed, run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from allears.act.explain import explain
from allears.act.happening import Happening
from allears.act.issue import Change, issues, signals_of
from allears.act.playbook import Playbook, Survey, example, examples, read_playbook
from allears.act.rehearse import Rehearsal
from allears.act.rehearse import rehearse as rehearse_playbook
from allears.act.run import run as run_playbooks
from allears.act.scene import COLUMNS, Scene
from allears.errors import NotFound
from allears.guard.permit import Permit
from allears.journey.cutoff import cutoff
from allears.journey.ground import Ground
from allears.journey.rules import clocks
from allears.journey.segments import past_moments

SCENE_DAYS = 31


def folder(ground: Ground) -> Path:
    """Where the space's own playbooks are."""
    return ground.folder / "playbooks"


def switched_on(ground: Ground) -> list[Playbook]:
    """Read the playbooks that are on: the files in the space's folder.

    Raises
    ------
    Refused
        One is wrong; the field is named.
    """
    return [read_playbook(p.read_text("utf-8"), str(p)) for p in sorted(folder(ground).glob("*.toml"))]


def listed(ground: Ground) -> list[dict[str, Any]]:
    """List playbooks that ship and the space's own."""
    own = {p.stem: p for p in folder(ground).glob("*.toml")}
    return [
        {
            "name": name,
            "on": name in own,
            "file": str(own.get(name, "ships with Allears")),
            "summary": summary(find(ground, name)),
        }
        for name in sorted({*examples(), *own})
    ]


def summary(playbook: Playbook) -> str:
    """Give the first sentence of what a playbook does."""
    return explain(playbook).splitlines()[0]


def find(ground: Ground, name: str) -> Playbook:
    """Find a playbook: the space's own before the one that ships."""
    own = folder(ground) / f"{name}.toml"
    if own.parent == folder(ground) and own.is_file():
        return read_playbook(own.read_text("utf-8"), str(own))
    if name not in examples():
        raise NotFound(f"no playbook of that name; there are {', '.join(examples())}")
    return example(name)


def switch_on(ground: Ground, name: str) -> Path:
    """Copy a playbook that ships into the space."""
    from importlib.resources import files

    find(ground, name)
    path = folder(ground) / f"{name}.toml"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text((files("allears.act") / "playbooks" / f"{name}.toml").read_text("utf-8"), "utf-8")
    return path


def switch_off(ground: Ground, name: str) -> None:
    """Take a playbook out of the space."""
    find(ground, name)
    (folder(ground) / f"{name}.toml").unlink(missing_ok=True)


def scene(ground: Ground, permit: Permit, until: datetime, days: int = SCENE_DAYS) -> Scene:
    """Recent signals that decisions may look at, and which of them each issue gathered."""
    columns = ", ".join(f'"{c}"' for c in COLUMNS)
    rows = ground.serving.query(
        f"SELECT {columns} FROM signals WHERE occurred_at > $since AND occurred_at <= $until",
        since=until - timedelta(days=days),
        until=until,
    )
    active = [i["id"] for i in issues(ground.desk) if i["detected_at"] > until - timedelta(days=days)]
    return Scene(rows, {i: signals_of(ground.desk, i) for i in active})


def survey_destinations(ground: Ground) -> dict[str, str] | None:
    """Name the playbooks that ask by a survey of ours, and where each sends its links; None when none does."""
    asking = [
        (playbook.name, action.via)
        for playbook in switched_on(ground)
        for action in playbook.then
        if isinstance(action, Survey) and action.survey
    ]
    return {name: via for name, via in asking if via} if asking else None


def rehearse(ground: Ground, permit: Permit, name: str, days: int) -> dict[str, Any]:
    """Count what a playbook would have done in the last days."""
    end = cutoff(ground)
    past = scene(ground, permit, end, days + SCENE_DAYS)
    known = issues(ground.desk)
    members = {i["id"]: signals_of(ground.desk, i["id"]) for i in known}
    found: Rehearsal = rehearse_playbook(
        find(ground, name),
        past.signals,
        known,
        gate=ground.gate,
        members=members,
        given=past_moments(ground, end - timedelta(days=days)),
        until=end,
        days=days,
        timezone=ground.settings.space.timezone,
    )
    return dict(msgspec.to_builtins(found, builtin_types=(datetime,)))


def run(
    ground: Ground,
    permit: Permit,
    *,
    since: datetime,
    at: datetime,
    changes: Iterable[Change] = (),
    given: Iterable[Happening] = (),
) -> int:
    """Run the playbooks that are on over what arrived since; returns how many moves are new."""
    chosen = switched_on(ground)
    if not chosen:
        return 0
    space = ground.settings.space
    moves = run_playbooks(
        ground.desk, chosen, scene(ground, permit, at), since=since, at=at, outbox=ground.outbox,
        clocks=clocks(ground), gate=ground.gate, changes=changes,
        given=given, timezone=space.timezone,
    )  # fmt: skip
    return len(moves)
