"""Lists of names, places and everyday words, one a line, compiled by ``scripts/gazetteers.py``; sources and licences in NOTICE."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def listed(name: str) -> frozenset[str]:
    """Read one list: given, surnames, places or everyday."""
    return frozenset((files(__name__) / f"{name}.txt").read_text("utf-8").split("\n")) - {""}
