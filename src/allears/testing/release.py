"""Which version of the app or shop somebody runs: releases come every week or two and spread over days."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from allears.testing.draw import DAY, HOUR, Floats, Ints
from allears.testing.people import PLATFORMS
from allears.testing.plot import Plot


@dataclass
class Releases:
    """Release times and names of each platform, and how late each device takes them up."""

    times: list[Ints]
    names: list[list[str]]
    delay: Floats
    bad: tuple[int, int] | None = None

    def version(self, platform: Ints, device: Ints, at: Ints) -> list[str]:
        """Name the version each device runs at each time."""
        return [
            self.names[p][i]
            for p, i in zip(platform.tolist(), self.place(platform, device, at).tolist(), strict=True)
        ]

    def version_of(self, platform: int, device: int, at: int) -> str:
        """Name the version one device runs at one time."""
        times = self.times[platform]
        found = max(bisect_right(times, at - int(self.delay[device] * DAY)) - 1, 0)
        if (platform, found) == self.bad and at >= times[found + 1]:
            found += 1
        return self.names[platform][found]

    def place(self, platform: Ints, device: Ints, at: Ints) -> Ints:
        """Find the place of the version each device runs at each time."""
        seen = at - (self.delay[device] * DAY).astype(np.int64)
        found = np.zeros(len(at), dtype=np.int64)
        for index, times in enumerate(self.times):
            here = platform == index
            found[here] = np.maximum(np.searchsorted(times, seen[here], side="right") - 1, 0)
        if self.bad is not None:
            index, number = self.bad
            # Whoever has the broken release takes the repair as soon as it is out.
            late = (platform == index) & (found == number) & (at >= self.times[index][number + 1])
            found[late] = number + 1
        return found


def plan_releases(
    rng: np.random.Generator, devices: int, start: int, days: int, plots: list[Plot]
) -> Releases:
    """Plan all releases; an incident's broken one appears an hour before it begins, its repair when it is fixed."""
    crash = next((p for p in plots if p.name == "app-crash"), None)
    times: list[Ints] = []
    names: list[list[str]] = []
    bad = None
    for index, platform in enumerate(PLATFORMS):
        planned = np.cumsum(rng.uniform(8, 14, days // 8 + 2)) * DAY
        at = [start - 30 * DAY, *(start + int(t) for t in planned if t < days * DAY)]
        repair = None
        if crash is not None and crash.facets["platform"] == platform and crash.fixed is not None:
            began, repair = crash.began - HOUR, crash.fixed
            at = sorted([*(t for t in at if not began - 3 * DAY < t < repair + 2 * DAY), began, repair])
            bad = (index, at.index(began))
        name = _name(at, repair, 2 if platform == "web" else 7)
        if bad is not None and bad[0] == index and crash is not None:
            crash.facets["release"] = crash.facts["version"] = name[bad[1]]
        times.append(np.array(at, dtype=np.int64))
        names.append(name)
    return Releases(times, names, rng.exponential(1.6, devices), bad)


def _name(times: list[int], repair: int | None, major: int) -> list[str]:
    names: list[str] = []
    minor = 0
    for at in times:
        if at == repair:
            names.append(f"{major}.{minor}.1")
        else:
            minor += 1
            names.append(f"{major}.{minor}.0")
    return names
