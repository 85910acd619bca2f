"""A plot: one planted thing while the town is being built, with times in milliseconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from allears.testing.draw import DAY, HOUR, Floats, Ints

NEVER = 2**62


@dataclass
class Plot:
    """What happens, where, to whom, and how people take it.

    ``hits`` are the people concerned and ``hit_at`` when each met it; ``topic`` is the bank of its own words and
    ``kin`` the bank of the everyday complaints it resembles.
    """

    name: str
    kind: Literal["incident", "opportunity", "decoy"]
    topic: str
    kin: str
    department: str
    facets: dict[str, str]
    began: int
    peak_hours: float
    fixed: int | None
    ended: int
    messages: int
    channels: Mapping[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    regions: tuple[int, ...] = ()
    hits: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    hit_at: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    recovered: bool | None = None
    told_days: float = 0.0
    half_life_days: float | None = None
    drop: float = 0.0

    def damage(self, people: Ints, times: Ints, everybody: int) -> Floats:
        """How much of the harm each person still feels at each time, 0 to 1.

        Nobody comes back before they are told that it was mended, ``told_days`` after the fix.
        """
        since = np.full(everybody, NEVER, dtype=np.int64)
        since[self.hits] = self.hit_at
        felt = np.where(times > since[people], 1.0, 0.0)
        if self.fixed is None:
            return felt
        after = np.maximum((times - self.fixed) / DAY - self.told_days, 0)
        if self.recovered:
            felt *= 0.5 ** (after / (self.half_life_days or 3.0))
        else:
            felt *= np.maximum(0.8, 1 - after * 0.005)
        return felt


def wave(
    rng: np.random.Generator, began: int, ended: int, peak_hours: float, size: int, night: float = 0.5
) -> Ints:
    """Draw times that ramp up to a peak and fall off until the end; fewer at night.

    Times follow a gamma law of shape 2, whose mode is its scale, cut at the end.
    """
    found: list[int] = []
    width = max(ended - began, HOUR)
    while len(found) < size:
        hours = rng.gamma(2.0, peak_hours, 4 * size + 16)
        times = began + (hours * HOUR).astype(np.int64)
        local = ((times + HOUR) // HOUR) % 24
        awake = np.where((local >= 7) & (local < 23), 1.0, night)
        keep = (times < began + width) & (rng.random(len(times)) < awake)
        found += times[keep].tolist()
    return np.array(found[:size], dtype=np.int64)


def most_felt(plots: list[Plot], people: Ints, times: Ints, everybody: int) -> tuple[Floats, Ints]:
    """Find the greatest damage each person feels at each time, and the place of its plot (-1: none)."""
    most, because = np.zeros(len(times)), np.full(len(times), -1, dtype=np.int64)
    for place, plot in enumerate(plots):
        if plot.kind == "incident":
            felt = plot.damage(people, times, everybody)
            because = np.where(felt > most, place, because)
            most = np.maximum(felt, most)
    return most, because
