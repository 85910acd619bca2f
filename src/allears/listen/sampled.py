"""A column of an unknown file: its name, and the values it was seen with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from allears.listen.ratings import as_number


@dataclass(frozen=True)
class Sampled:
    """A path with the values it was seen with."""

    path: str
    leaf: str
    above: tuple[str, ...]
    values: list[Any]
    rows: int

    @property
    def filled(self) -> float:
        """Share of the rows that have it."""
        return len(self.values) / self.rows

    @property
    def distinct(self) -> float:
        """Share of the values that differ."""
        return len(set(map(str, self.values))) / len(self.values)

    @property
    def texts(self) -> list[str]:
        """Its values that are text."""
        return [value for value in self.values if isinstance(value, str)]

    def share(self, fits: Callable[[Any], bool]) -> float:
        """Count the share of values that fit."""
        return sum(map(fits, self.values)) / len(self.values)

    def within(self, names: Iterable[str]) -> bool:
        """Tell whether it lies below one of these names."""
        return any(name in names for name in self.above)

    def plain(self) -> bool:
        """Tell whether its values are single words or numbers."""
        return not any(isinstance(value, dict | list | bool) for value in self.values)

    def numbers_only(self) -> bool:
        """Tell whether all its values are numbers."""
        return self.share(lambda value: as_number(value) is not None) == 1.0
