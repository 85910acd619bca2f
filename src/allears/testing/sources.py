"""The channels the simulated retailer has connected, each with the mapping its owner would have saved."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec


class Source(msgspec.Struct, frozen=True):
    """One configured source: its door (a listen format), its channel, how often it delivers, its mapping as TOML.

    ``hours`` is how much one payload holds; 0 means that each message comes by itself. ``mapping`` is empty where the
    format says it all.
    """

    name: str
    door: str
    hours: int
    channel: str | None = None
    mapping: str = ""


class _Sources(msgspec.Struct):
    sources: list[Source]


@cache
def read_sources() -> dict[str, Source]:
    """Read the sources by name.

    Examples
    --------
    >>> read_sources()["helpdesk"].channel
    'ticket'
    """
    text = Path(__file__).with_name("sources.toml").read_text("utf-8")
    return {source.name: source for source in msgspec.toml.decode(text, type=_Sources).sources}
