"""Whether a list of acts by right is whole: no line missing in it, and none at its end that the desk, or a backup's desk, knows of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from allears.errors import Refused
from allears.guard.chain import demand_whole, reaches
from allears.guard.erasures import Act, Link, Listed, read_acts
from allears.journey.ends import acts_path, chain_key, cuts, forget_end, known_ends, tell_cut
from allears.journey.ground import Ground

_MANY = 1_000


class WholeActs(NamedTuple):
    """What a check of the whole list found: what is wrong, if anything; how many lines, how many of them chained, and how often its end was found missing."""

    wrong: str
    lines: int
    chained: int
    cut: int


def verify_acts(ground: Ground) -> WholeActs:
    """Check that each line of the list follows the one before, and that its end is there as far as this desk knows."""
    ends, times = known_ends(ground), len(cuts(ground, _MANY))
    try:
        acts = read_acts(acts_path(ground)).acts
        end = demand_whole(acts, chain_key(ground))
        for known in _own_ends(ground, ends, end):
            if not reaches(acts, known):
                raise Refused(
                    f"its end is missing: line {known.number} was noted", place="list of acts by right"
                )
    except Refused as error:
        return WholeActs(str(error), 0, 0, times)
    return WholeActs("", len(acts), sum(act.link is not None for act in acts), times)


def chained(ground: Ground, before: str, last: str) -> tuple[Listed, Link | None]:
    """Read what came after an earlier reading, and see that each line follows the one before."""
    listed = read_acts(acts_path(ground), before)
    link = msgspec.json.decode(last, type=Link) if last and not listed.whole else None
    if link is None and not listed.whole:
        # Read before lines were chained: the first that is follows all of them.
        listed = read_acts(acts_path(ground))
    return listed, demand_whole(listed.acts, chain_key(ground), link)


def kept(end: Link | None) -> str:
    """Write down where a list ended, for `chained`."""
    return msgspec.json.encode(end).decode() if end is not None else ""


def _own_ends(ground: Ground, ends: Sequence[Link], end: Link | None) -> list[Link]:
    """Choose the lists that the file here must hold: its own; on a desk of one machine there is no other."""
    if ground.desk.shared:
        return [known for known in ends if end is not None and known.list == end.list]
    return list(ends)


def note_cuts(ground: Ground, ends: Sequence[Link], listed: Listed, end: Link | None) -> None:
    """Tell of each list that ends before what the desk knew of it."""
    for known in _own_ends(ground, ends, end):
        later = end is not None and known.list == end.list and known.number <= end.number
        if later and (reaches(listed.acts, known) or not _holds_number(listed.acts, known.number)):
            continue
        with ground.desk.session() as session:
            tell_cut(ground, session, known, end, found=end.number if end is not None else 0)


def _holds_number(acts: Sequence[Act], number: int) -> bool:
    """Tell whether that line is among these, and not among those that were read before."""
    return any(act.link is not None and act.link.number == number for act in acts)


def settle_ends(
    ground: Ground, own: Sequence[Act], mine: Link | None, lists: Sequence[Sequence[Act]]
) -> list[Link]:
    """Hold lists that were given against what this desk knows of them; returns the ends of those that nobody gave."""
    missing = []
    for known in known_ends(ground):
        theirs = [acts for acts in lists if _named(acts) == known.list]
        if theirs and not any(reaches(acts, known) for acts in theirs):
            raise Refused(
                f"its end is missing: the backup knows {known.number} lines of it",
                place="list of acts by right",
            )
        here = mine is not None and mine.list == known.list
        if not theirs and not here:
            missing.append(known)
        if not here:
            # What it holds goes on the list of this space, which has a name of its own.
            with ground.desk.session() as session:
                forget_end(session, known.list)
    return missing


def _named(acts: Sequence[Act]) -> str:
    return next((act.link.list for act in reversed(acts) if act.link is not None), "")
