"""Where the simulated retailer sells, and what people there are called."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec


class Culture(msgspec.Struct, frozen=True):
    """Names that go together."""

    given: list[str]
    family: list[str]


class Region(msgspec.Struct, frozen=True):
    """One region: who lives there and when their day begins."""

    name: str
    share: float
    offset: int
    country: str
    speaks: dict[str, float]
    people: dict[str, float]
    cities: list[str]
    streets: list[str]


class Places(msgspec.Struct, frozen=True):
    """All cultures and regions."""

    cultures: dict[str, Culture]
    regions: list[Region]


@cache
def read_places() -> Places:
    """Read the names and regions that come with the package.

    Examples
    --------
    >>> [region.name for region in read_places().regions][:3]
    ['uk-south', 'uk-north', 'ireland']
    """
    text = Path(__file__).with_name("names.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=Places)
