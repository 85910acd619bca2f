"""How people can be reached: mail addresses, handles, phone numbers, postal addresses."""

from __future__ import annotations

import unicodedata

import numpy as np

from allears.testing.draw import Bools, Ints
from allears.testing.places import Places

CARRIERS = ("Swiftlane", "Postwing")
MAIL_HOSTS = (
    "inbox.example",
    "mailhaus.example",
    "posta.example",
    "courriel.example",
    "correo.example",
    "webpost.example",
)
_PLAIN = str.maketrans({"ł": "l", "Ł": "L", "ı": "i", "ß": "ss", "ø": "o", "ä": "ae", "ö": "oe", "ü": "ue"})


def plain(text: str) -> str:
    """Write a name with ASCII letters only, as people do in mail addresses.

    Examples
    --------
    >>> plain("Jürgen Weiß"), plain("O'Connor"), plain("Łukasz")
    ('juergenweiss', 'oconnor', 'lukasz')
    """
    flat = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(c for c in flat if c.isascii() and c.isalnum()).lower()


def draw_emails(
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


def draw_handles(
    rng: np.random.Generator, given: list[str], family: list[str], customers: int
) -> tuple[list[str], Bools]:
    """Give three in ten a handle; six in ten of those tell it in their profile."""
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
        handle, ahead = stem, number[person] + len(taken)
        while handle in taken:
            handle = f"{stem[:11]}{ahead % 9999}"
            ahead += 1
        taken.add(handle)
        handles.append(handle)
    return handles, rng.random(n) < 0.6


def draw_phones(rng: np.random.Generator, places: Places, region: Ints, customers: int) -> list[str]:
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


def draw_addresses(rng: np.random.Generator, places: Places, region: Ints, city: list[str]) -> list[str]:
    """Write everybody's postal address as their country does."""
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
