"""What a space has set by hand, in files beside its settings: routes, clocks, objectives, retention, purposes, access, segments. What is not there is as it ships.

A file that turns out wrong while the server runs must not stop it: the last good one stays in force, and the log and
``allears doctor`` say what is wrong. At start a wrong file is an error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from sqlalchemy import select

from allears.act.clocks import Clocks, read_clocks
from allears.act.playbook import read_playbook
from allears.act.route import Rules, default_rules, read_rules
from allears.desk.listening import Source
from allears.errors import Refused
from allears.guard.access import Principal
from allears.guard.purpose import Purposes, default_purposes, read_purposes
from allears.guard.retain import Retention, read_retention
from allears.guard.sight import FILE as ACCESS
from allears.guard.sight import Sight, Sights, read_sights, sight_of
from allears.guard.stated import Stated, read_stated
from allears.journey.ground import Ground
from allears.know.segment import read_segment
from allears.measure.listening import EVERY
from allears.measure.objectives import Objectives, read_objectives

log = logging.getLogger("allears.rules")
ROUTES, CLOCKS, OBJECTIVES, RETENTION = "routes.toml", "clocks.toml", "objectives.toml", "retention.toml"
PURPOSES, REGISTER = "purposes.toml", "register.toml"
T = TypeVar("T")


def routes(ground: Ground) -> Rules:
    """Give the routing table: the space's own, else the one that ships.

    Raises
    ------
    Refused
        The space's own is wrong, and none was right before it.
    """
    return _read(ground, ROUTES, read_rules, default_rules)


def clocks(ground: Ground) -> Clocks:
    """Give the clocks of cases; zone and holidays are the space's where the file names none."""
    space = ground.settings.space
    return _read(
        ground,
        CLOCKS,
        lambda text, place: read_clocks(text, place, zone=space.timezone, country=space.country),
        lambda: Clocks.default(zone=space.timezone, country=space.country),
    )


def objectives(ground: Ground) -> Objectives:
    """Give the objectives set by hand, of services and of sources."""
    return _read(ground, OBJECTIVES, read_objectives, Objectives)


def retention(ground: Ground) -> Retention:
    """Give the periods after which things go; without a file nothing does."""
    return _read(ground, RETENTION, read_retention, Retention)


def purposes(ground: Ground) -> Purposes:
    """Give what data is used for and on which basis."""
    return _read(ground, PURPOSES, read_purposes, default_purposes)


def sights(ground: Ground) -> Sights:
    """Give what belongs to whom; without a file, a partner sees signals that name it and nothing more."""
    return _read(ground, ACCESS, read_sights, Sights)


def stated(ground: Ground) -> Stated:
    """Give what the company states of itself and of who receives data; without a file, nothing."""
    return _read(ground, REGISTER, read_stated, Stated)


def sight(ground: Ground, principal: Principal) -> Sight:
    """Say what somebody may see; whoever holds the folder sees what is in it.

    Raises
    ------
    NotAllowed
        A sight that is not there, or a partner without a name.
    """
    return Sight() if principal.name.startswith("local:") else sight_of(principal, lambda: sights(ground))


def remember(ground: Ground) -> None:
    """Hold on to today's files as the last good ones."""
    for read in (routes, clocks, objectives, retention, purposes, sights, stated):
        read(ground)


def check(ground: Ground) -> Iterator[dict[str, Any]]:
    """Read each file anew and say whether it is right; playbooks that are on and segments too."""
    space = ground.settings.space
    readers: dict[str, Callable[[str, str], Any]] = {
        ROUTES: read_rules,
        CLOCKS: lambda text, place: read_clocks(text, place, zone=space.timezone, country=space.country),
        OBJECTIVES: read_objectives,
        RETENTION: read_retention,
        PURPOSES: read_purposes,
        ACCESS: read_sights,
        REGISTER: read_stated,
    }
    playbooks = sorted((ground.folder / "playbooks").glob("*.toml"))
    readers |= {f"playbooks/{path.name}": read_playbook for path in playbooks}
    segments = sorted((ground.folder / "segments").glob("*.toml"))
    readers |= {f"segments/{path.name}": read_segment for path in segments}
    for name, read in readers.items():
        path = ground.folder / name
        if not path.is_file():
            yield {"check": name, "ok": True, "says": "as it ships"}
            continue
        try:
            found = read(path.read_text("utf-8"), name)
            yield {"check": name, "ok": True, "says": "set by hand, and right" + _unheard(ground, found)}
        except (Refused, UnicodeDecodeError) as error:
            yield {"check": name, "ok": False, "says": str(error)}


def _unheard(ground: Ground, found: Any) -> str:
    # A source may be named before its first signal; a name that is misspelt looks the same.
    if isinstance(found, Retention):
        named = {k.source for k in found.keep if k.source is not None}
    elif isinstance(found, Objectives):
        named = found.sources.keys() - {EVERY}
    else:
        return ""
    with ground.desk.reading() as session:
        heard = set(session.scalars(select(Source.name)))
    unheard = sorted(named - heard)
    return f"; nothing was heard yet of {', '.join(unheard)}" if unheard else ""


def _read(ground: Ground, name: str, read: Callable[[str, str], T], ships: Callable[[], T]) -> T:
    path = ground.folder / name
    if not path.is_file():
        return ships()
    try:
        ground.rules[name] = read(path.read_text("utf-8"), name)
    except (Refused, UnicodeDecodeError) as error:
        if name not in ground.rules:
            raise Refused(str(error), place=name) from None
        log.warning("%s is wrong, the one before stays in force: %s", name, error)
    found: T = ground.rules[name]
    return found
