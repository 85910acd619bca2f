"""How much is hidden: what points at a person always; what a company decides, by level or one kind at a time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from allears.errors import Refused

Level = Literal["standard", "strict"]

KINDS: dict[str, str] = {
    "PLACE": "towns, regions and countries",
    "ORGANISATION": "firms, offices and institutions",
    "DATE": "days and moments other than birthdays, which always go",
    "TITLE": "what somebody does for a living",
    "NATIONALITY": "where somebody comes from or belongs",
    "SITE": "web sites and domains that carry nothing personal in themselves",
    "GUESS": "words that look like a name or a place though no list knows them; hidden as NAME or PLACE",
    "AMOUNT": "sums of money",
}
"""Kinds that are policy: telling about somebody only together with something else, and much of what analysts read."""

_STRICT = frozenset(KINDS) - {"AMOUNT"}


def hidden_kinds(level: str, also: Collection[str] = (), keep: Collection[str] = ()) -> frozenset[str]:
    """Say which kinds of `KINDS` go besides what is always hidden.

    Raises
    ------
    Refused
        A level or a kind that does not exist.

    Examples
    --------
    >>> sorted(hidden_kinds("standard", also=["DATE"]))
    ['DATE']
    >>> "ORGANISATION" in hidden_kinds("strict", keep=["ORGANISATION"])
    False
    """
    if level not in ("standard", "strict"):
        raise Refused("expected standard or strict", place="level")
    for place, kinds in (("also", also), ("keep", keep)):
        if not set(kinds) <= set(KINDS):
            raise Refused(f"expected kinds among {', '.join(KINDS)}", place=place)
    return ((_STRICT if level == "strict" else frozenset()) | frozenset(also)) - frozenset(keep)
