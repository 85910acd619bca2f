"""The people of the simulated town: customers, employees and partners, with all their identifiers.

Nobody is real: names are free combinations, mail addresses end in reserved domains, numbers are random digits.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np

from allears.testing.draw import Bools, Floats, Ints, draw_index, pick, scatter
from allears.testing.places import Places, read_places

CARRIERS = ("Swiftlane", "Postwing")
MAIL_HOSTS = (
    "inbox.example",
    "mailhaus.example",
    "posta.example",
    "courriel.example",
    "correo.example",
    "webpost.example",
)
PLACEHOLDERS = ("none@none.com", "noreply@none.com", "n/a@test.com")
_PLAIN = str.maketrans({"ł": "l", "Ł": "L", "ı": "i", "ß": "ss", "ø": "o", "ä": "ae", "ö": "oe", "ü": "ue"})


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


PLATFORMS = ("web", "ios", "android")


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
    email, second = _emails(rng, given, family, customers, employees, partners)
    handle, told = _handles(rng, given, family, customers)
    registered = rng.random(n) < 0.86
    registered[customers:] = False
    numbers = scatter(np.arange(n), seed * 7 + 1)
    devices = _devices(rng, customers, seed)
    cities = [places.regions[r].cities for r in region.tolist()]
    city = [here[int(x * len(here))] for here, x in zip(cities, rng.random(n).tolist(), strict=True)]
    phone = _phones(rng, places, region, customers)
    activity = rng.lognormal(0.0, 1.0, n)
    return People(
        customers, employees, partners, region, language, given, family, email, second, phone,
        [f"u{int(x) % 10**9:09d}" if r else "" for x, r in zip(numbers, registered, strict=True)],
        handle, told, (rng.pareto(0.9, n) * 40).astype(np.int64).clip(3, 900_000),
        _addresses(rng, places, region, city), city,
        ["Larkfield" if p < customers + employees else CARRIERS[p % 2] for p in range(n)],
        activity / activity[:customers].mean(), rng.normal(0, 1, n), rng.gamma(1.2, 1.0, n), *devices,
    )  # fmt: skip


def plain(text: str) -> str:
    """Write a name with ASCII letters only, as people do in mail addresses.

    Examples
    --------
    >>> plain("Jürgen Weiß"), plain("O'Connor"), plain("Łukasz")
    ('juergenweiss', 'oconnor', 'lukasz')
    """
    flat = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(c for c in flat if c.isascii() and c.isalnum()).lower()


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


def _emails(
    rng: np.random.Generator,
    given: list[str],
    family: list[str],
    customers: int,
    employees: int,
    partners: int,
) -> tuple[list[str], list[str]]:
    """One address each, a second one for a fifth; every address belongs to one person only."""
    taken: set[str] = set()
    first: list[str] = []
    second: list[str] = []
    styles, hosts = (
        rng.integers(0, 5, len(given)).tolist(),
        rng.integers(0, len(MAIL_HOSTS), len(given)).tolist(),
    )
    has_second = rng.random(len(given)) < 0.2
    years = rng.integers(50, 99, len(given)).tolist()
    for person, (a, b) in enumerate(zip(given, family, strict=True)):
        x, y = plain(a), plain(b)
        host = MAIL_HOSTS[hosts[person]]
        if person >= customers:
            firm = "larkfield" if person < customers + employees else CARRIERS[person % 2].lower()
            first.append(_own(f"{x}.{y}", f"{firm}.example", taken))
            second.append("")
            continue
        local = (f"{x}.{y}", f"{x[0]}{y}", f"{y}.{x}", f"{x}{years[person]}", f"{x}_{y}{years[person]}")[
            styles[person]
        ]
        first.append(_own(local, host, taken))
        other = _own(f"{x[0]}.{y}", f"work-{y[:6]}.example", taken) if has_second[person] else ""
        second.append(other)
    return first, second


def _own(local: str, host: str, taken: set[str]) -> str:
    number, address = 1, f"{local}@{host}"
    while address in taken:
        number += 1
        address = f"{local}{number}@{host}"
    taken.add(address)
    return address


def _handles(
    rng: np.random.Generator, given: list[str], family: list[str], customers: int
) -> tuple[list[str], Bools]:
    words = (
        "tea",
        "runs",
        "reads",
        "garden",
        "pixel",
        "moon",
        "bakes",
        "vinyl",
        "hikes",
        "blue",
        "cat",
        "north",
    )
    n = len(given)
    social = rng.random(n) < 0.3
    style, word, number = (
        rng.integers(0, 4, n).tolist(),
        rng.integers(0, len(words), n).tolist(),
        rng.integers(1, 999, n).tolist(),
    )
    taken: set[str] = set()
    handles: list[str] = []
    for person in range(n):
        if person >= customers or not social[person]:
            handles.append("")
            continue
        x, y, w = plain(given[person]), plain(family[person]), words[word[person]]
        stem = (f"{x}_{y}", f"{x}{w}", f"{w}_{y}", f"the{w}{x}")[style[person]][:14]
        handle = stem
        while handle in taken:
            handle = f"{stem[:11]}{(number[person] + len(taken)) % 9999}"
        taken.add(handle)
        handles.append(handle)
    return handles, rng.random(n) < 0.6


def _phones(rng: np.random.Generator, places: Places, region: Ints, customers: int) -> list[str]:
    """Mobile numbers in E.164; about a quarter gave none, a few share one with the household."""
    starts = {
        "GB": "+447",
        "IE": "+3538",
        "DE": "+4915",
        "FR": "+336",
        "IT": "+393",
        "ES": "+346",
        "NL": "+316",
    }
    lengths = {"GB": 9, "IE": 8, "DE": 9, "FR": 8, "IT": 9, "ES": 8, "NL": 8}
    # A step that shares no factor with the range visits every number once: nobody gets another's by chance.
    digits = (np.arange(len(region)) * 61_803_401 + int(rng.integers(0, 90_000_000))) % 90_000_000
    has = rng.random(len(region)) < 0.72
    phones = []
    for person, r in enumerate(region.tolist()):
        country = places.regions[r].country
        tail = f"{digits[person] + 10_000_000:08d}"
        # The first digits after the prefix are those that mobile ranges really use.
        lead = {"GB": "4578"[person % 4], "DE": "1", "IT": "2", "IE": "3567"[person % 4]}.get(country, "")
        body = (lead + tail)[: lengths[country]]
        phones.append(starts[country] + body if has[person] else "")
    for person in (np.flatnonzero(rng.random(max(customers - 1, 0)) < 0.012) + 1).tolist():
        if phones[person - 1] and region[person] == region[person - 1]:
            phones[person] = phones[person - 1]
    return phones


def _addresses(rng: np.random.Generator, places: Places, region: Ints, city: list[str]) -> list[str]:
    house, street, code = (
        rng.integers(1, 180, len(region)),
        rng.random(len(region)),
        rng.integers(0, 100_000, len(region)),
    )
    found = []
    for person, r in enumerate(region.tolist()):
        place = places.regions[r]
        road = place.streets[int(street[person] * len(place.streets))]
        number, post = int(house[person]), f"{int(code[person]):05d}"
        if place.country in ("GB", "IE"):
            letters = "ABDEFGHJLN"
            outward = f"{city[person][:2].upper()}{int(post[0]) + 1}"
            tail = f"{post[1]}{letters[int(post[2])]}{letters[int(post[3])]}"
            found.append(f"{number} {road}, {city[person]} {outward} {tail}")
        elif place.country == "FR":
            found.append(f"{number} {road}, {post} {city[person]}")
        elif place.country in ("IT", "ES"):
            found.append(f"{road} {number}, {post} {city[person]}")
        else:
            found.append(f"{road} {number}, {post} {city[person]}")
    return found


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
        f"{int(a) >> 20:011X}{int(b) >> 44:05X}" if p else ""
        for a, b, p in zip(low, high, platform, strict=True)
    ]
    first = np.cumsum(count) - count
    for other in (np.flatnonzero(rng.random(max(customers - 1, 0)) < 0.02) + 1).tolist():
        mine, theirs = int(first[other]), int(first[other - 1])
        anonymous[mine], ids[mine], platform[mine] = anonymous[theirs], ids[theirs], platform[theirs]
    return person, platform, anonymous, ids, first, count.astype(np.int64)


def _uuid(high: int, low: int) -> str:
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
