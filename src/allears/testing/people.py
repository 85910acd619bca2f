"""The people of the simulated town: customers, employees and partners, with all their identifiers.

Nobody is real: names are free combinations, mail addresses end in reserved domains, numbers are random digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allears.testing.contacts import CARRIERS, draw_addresses, draw_emails, draw_handles, draw_phones
from allears.testing.draw import Bools, Floats, Ints, draw_index, pick, scatter
from allears.testing.places import Places, read_places

PLACEHOLDERS = ("none@none.com", "noreply@none.com", "n/a@test.com")


@dataclass
class People:
    """Everybody, as columns; a person is a place in them. Customers first, then employees, then partners."""

    customers: int
    employees: int
    partners: int
    region: Ints
    language: list[str]
    given: list[str]
    family: list[str]
    email: list[str]
    second_email: list[str]
    phone: list[str]
    user_id: list[str]
    handle: list[str]
    handle_told: Bools
    followers: Ints
    address: list[str]
    city: list[str]
    organisation: list[str]
    activity: Floats
    mood: Floats
    asks_often: Floats
    device_person: Ints
    device_platform: Ints
    device_anonymous: list[str]
    device_id: list[str]
    device_first: Ints
    device_count: Ints

    @property
    def n(self) -> int:
        """How many people there are."""
        return len(self.given)

    def name(self, person: int) -> str:
        """Given and family name."""
        return f"{self.given[person]} {self.family[person]}"

    def relationship(self, person: int) -> str:
        """Consumer, employee or partner."""
        if person < self.customers:
            return "consumer"
        return "employee" if person < self.customers + self.employees else "partner"


__all__ = ["CARRIERS", "PLATFORMS", "People", "make_people"]

PLATFORMS = ("web", "ios", "android")
REGULARS = 0.32
OCCASIONAL = 0.03  # of a regular's visits


def make_people(rng: np.random.Generator, customers: int, seed: int) -> People:
    """Draw everybody.

    Parameters
    ----------
    rng
        The source of chance.
    customers
        How many consumers; employees (2 %) and partner staff (0.3 %) come on top.
    seed
        Mixed into the identifiers, so that two towns share none.
    """
    places = read_places()
    employees, partners = max(12, customers // 50), max(8, customers // 330)
    n = customers + employees + partners
    region = draw_index(rng, np.array([r.share for r in places.regions]), n)
    given, family = _names(rng, places, region)
    _make_families(rng, family, region, customers)
    language = _languages(rng, places, region, customers)
    email, second = draw_emails(rng, given, family, customers, employees, partners)
    handle, told = draw_handles(rng, given, family, customers)
    registered = rng.random(n) < 0.86
    registered[customers:] = False
    numbers = scatter(np.arange(n), seed * 7 + 1)
    devices = _devices(rng, customers, seed)
    cities = [places.regions[r].cities for r in region.tolist()]
    city = [here[int(x * len(here))] for here, x in zip(cities, rng.random(n).tolist(), strict=True)]
    phone = draw_phones(rng, places, region, customers)
    activity = _activity(rng, n)
    return People(
        customers, employees, partners, region, language, given, family, email, second, phone,
        [f"u{int(x) % 10**9:09d}" if r else "" for x, r in zip(numbers, registered, strict=True)],
        handle, told, (rng.pareto(0.9, n) * 40).astype(np.int64).clip(3, 900_000),
        draw_addresses(rng, places, region, city), city,
        ["Larkfield" if p < customers + employees else CARRIERS[p % 2] for p in range(n)],
        activity / activity[:customers].mean(), rng.normal(0, 1, n), rng.gamma(1.2, 1.0, n), *devices,
    )  # fmt: skip


def _activity(rng: np.random.Generator, n: int) -> Floats:
    """Let a third come back week by week and the rest now and then: a shop lives on its regulars."""
    regular = rng.random(n) < REGULARS
    return np.where(regular, rng.lognormal(0.0, 0.35, n), rng.lognormal(0.0, 0.8, n) * OCCASIONAL)


def _names(rng: np.random.Generator, places: Places, region: Ints) -> tuple[list[str], list[str]]:
    given = [""] * len(region)
    family = [""] * len(region)
    for index, place in enumerate(places.regions):
        here = np.flatnonzero(region == index).tolist()
        cultures = pick(rng, place.people, len(here))
        first, last = rng.random(len(here)), rng.random(len(here))
        for person, culture, a, b in zip(here, cultures, first, last, strict=True):
            names = places.cultures[culture]
            given[person] = names.given[int(a * len(names.given))]
            family[person] = names.family[int(b * len(names.family))]
    return given, family


def _make_families(rng: np.random.Generator, family: list[str], region: Ints, customers: int) -> None:
    """Let some neighbours in the list be one household: same region, same family name."""
    for person in (np.flatnonzero(rng.random(max(customers - 1, 0)) < 0.06) + 1).tolist():
        family[person] = family[person - 1]
        region[person] = region[person - 1]


def _languages(rng: np.random.Generator, places: Places, region: Ints, customers: int) -> list[str]:
    language = ["en"] * len(region)
    for index, place in enumerate(places.regions):
        here = np.flatnonzero(region[:customers] == index).tolist()
        for person, spoken in zip(here, pick(rng, place.speaks, len(here)), strict=True):
            language[person] = spoken
    return language


def _devices(
    rng: np.random.Generator, customers: int, seed: int
) -> tuple[Ints, Ints, list[str], list[str], Ints, Ints]:
    """One to three devices each; some households share one."""
    count = 1 + (rng.random(customers) < 0.55) + (rng.random(customers) < 0.2)
    person = np.repeat(np.arange(customers), count)
    rank = np.arange(len(person)) - np.repeat(np.cumsum(count) - count, count)
    drawn = rng.random(len(person))
    phone = np.where(rng.random(customers) < 0.48, 1, 2)[person]
    platform = np.where(
        (rank == 0) & (drawn < 0.7),
        0,
        np.where((rank == 1) & (drawn < 0.85), phone, (drawn * 97).astype(int) % 3),
    )
    platform = np.where((rank == 0) & (drawn >= 0.7), phone, platform).astype(np.int64)
    high, low = scatter(np.arange(len(person)), seed * 7 + 2), scatter(np.arange(len(person)), seed * 7 + 3)
    anonymous = [_uuid(int(a), int(b)) for a, b in zip(high, low, strict=True)]
    ids = [
        f"{int(a):016X}" if p else ""
        for a, p in zip(scatter(np.arange(len(person)), seed * 7 + 9), platform, strict=True)
    ]
    first = np.cumsum(count) - count
    for other in (np.flatnonzero(rng.random(max(customers - 1, 0)) < 0.02) + 1).tolist():
        mine, theirs = int(first[other]), int(first[other - 1])
        anonymous[mine], ids[mine], platform[mine] = anonymous[theirs], ids[theirs], platform[theirs]
    return person, platform, anonymous, ids, first, count.astype(np.int64)


def _uuid(high: int, low: int) -> str:
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
