"""What goes wrong in the town, and the one wish that rises: kinds, places and times that depend on the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allears.testing.contacts import CARRIERS
from allears.testing.draw import DAY, HOUR, Floats, draw_index
from allears.testing.people import PLATFORMS, People
from allears.testing.phrases import METHODS, PRODUCTS
from allears.testing.places import read_places
from allears.testing.plot import Plot, wave

HISTORY_DAYS = 28


@dataclass(frozen=True)
class Kind:
    """What one kind of incident is like; ranges are drawn from, hours count from its beginning."""

    topic: str
    kin: str
    department: str
    messages: tuple[int, int]
    peak_hours: tuple[float, float]
    fix_hours: tuple[float, float]
    channels: dict[str, float]


KINDS = {
    "payment-outage": Kind(
        "payment_outage", "payment", "payments", (150, 320), (3, 7), (10, 30),
        {"helpdesk": 25, "mailbox": 12, "live-chat": 30, "microblog": 22, "sms-line": 5, "app-reviews": 4},
    ),
    "app-crash": Kind(
        "app_crash", "app", "engineering", (120, 340), (5, 18), (30, 80),
        {"app-reviews": 42, "helpdesk": 18, "live-chat": 12, "microblog": 20, "mailbox": 8},
    ),
    "carrier-failure": Kind(
        "carrier_failure", "parcel", "logistics", (120, 320), (8, 22), (60, 120),
        {"helpdesk": 32, "mailbox": 18, "live-chat": 22, "microblog": 18, "sms-line": 8, "product-reviews": 2},
    ),
    "support-overload": Kind(
        "support_overload", "wait", "service", (90, 260), (5, 18), (48, 96),
        {"microblog": 36, "helpdesk": 20, "mailbox": 24, "live-chat": 14, "sms-line": 6},
    ),
    "privacy-rumour": Kind(
        "privacy_rumour", "privacy", "privacy", (90, 230), (5, 15), (36, 80),
        {"microblog": 62, "helpdesk": 14, "mailbox": 15, "live-chat": 9},
    ),
    "price-error": Kind(
        "price_error", "price", "marketing", (70, 260), (3, 9), (12, 36),
        {"microblog": 34, "live-chat": 22, "helpdesk": 24, "mailbox": 18, "sms-line": 2},
    ),
}  # fmt: skip
# Those a system fails in; many people meet a failure and never say so.
SYSTEMS = ("payment-outage", "app-crash", "carrier-failure", "support-overload")
WISHES = {"lockers": "logistics", "refill": "product", "dark": "engineering", "repair": "product"}
_WISH_CHANNELS = {
    "microblog": 28,
    "live-chat": 14,
    "helpdesk": 18,
    "mailbox": 12,
    "product-reviews": 16,
    "app-reviews": 12,
}


def plan_incidents(
    rng: np.random.Generator, people: People, start: int, days: int, scale: float
) -> list[Plot]:
    """Plan the six incidents: one after the other in a drawn order, none in the first weeks."""
    history = min(HISTORY_DAYS, days // 3)
    slot = (days - history - 2) * DAY // len(KINDS)
    order = [list(KINDS)[i] for i in rng.permutation(len(KINDS))]
    sad = set(rng.choice(len(KINDS), 2, replace=False).tolist())
    plots: list[Plot] = []
    free = np.ones(people.n)
    for place, name in enumerate(order):
        room = max(0, slot - 5 * DAY)
        first = start + history * DAY + place * slot + int(rng.random() * room)
        began = first // DAY * DAY + int(rng.integers(7 * 60, 19 * 60)) * 60_000
        began = max(began, start + history * DAY)
        plots.append(_incident(rng, name, people, began, slot, scale, place not in sad, free))
        # Nobody is hit twice: otherwise one incident's recovery would hide behind another's harm.
        free[plots[-1].hits] = 0
    return plots


def plan_wish(rng: np.random.Generator, people: People, start: int, days: int, scale: float) -> Plot:
    """Plan the rising wish: three to four weeks from hardly anybody to its peak."""
    name = str(rng.choice(list(WISHES)))
    length = int(min(rng.uniform(21, 28), days * 0.4) * DAY)
    earliest = min(HISTORY_DAYS, days // 3) * DAY
    began = start + earliest + int(rng.random() * max(0, days * DAY - earliest - length - 2 * DAY))
    count = max(24, int(rng.integers(260, 380) * scale))
    weights = _usual(people)
    hits = np.unique(draw_index(rng, weights, count))
    # The square root turns even chances into a straight rise.
    at = began + (np.sqrt(rng.random(len(hits))) * length).astype(np.int64)
    return Plot(
        f"wish-{name}", "opportunity", f"wish_{name}", f"wish_{name}", WISHES[name], {}, began, length / HOUR,
        None, began + length, count, _WISH_CHANNELS, hits=hits, hit_at=at,
    )  # fmt: skip


def _incident(
    rng: np.random.Generator,
    name: str,
    people: People,
    began: int,
    slot: int,
    scale: float,
    recovers: bool,
    free: Floats,
) -> Plot:
    kind = KINDS[name]
    peak = float(rng.uniform(*kind.peak_hours))
    fixed = began + int(min(rng.uniform(*kind.fix_hours), slot * 0.8 / HOUR) * HOUR)
    ended = min(began + 60 * HOUR, fixed + 12 * HOUR)
    count = max(20, int(rng.integers(*kind.messages) * scale))
    facets, facts, regions = _where(rng, name)
    weights = _usual(people) * _eligible(people, facets, regions) * free
    met = rng.uniform(1.8, 2.6) if name in SYSTEMS else rng.uniform(0.9, 1.2)
    wanted = min(int(count * met), int((weights > 0).sum() * 0.6))
    hits = np.unique(draw_index(rng, weights, int(wanted * 1.2)))
    return Plot(
        name, "incident", kind.topic, kind.kin, kind.department, facets, began, peak, fixed, ended, count,
        kind.channels, facts, regions, hits, wave(rng, began, min(ended, fixed), peak, len(hits)), recovers,
        float(rng.uniform(2, 5)), float(rng.uniform(2, 4)) if recovers else None, float(rng.uniform(0.4, 0.65)),
    )  # fmt: skip


def _usual(people: People) -> Floats:
    weights = people.activity * (0.3 + people.asks_often)
    weights[people.customers :] = 0
    return weights


def _eligible(people: People, facets: dict[str, str], regions: tuple[int, ...]) -> Floats:
    fit = np.ones(people.n)
    if regions:
        fit *= np.isin(people.region, regions)
    if "platform" in facets:
        owners = np.zeros(people.n)
        owners[people.device_person[people.device_platform == PLATFORMS.index(facets["platform"])]] = 1
        fit *= owners
    return fit


def _where(rng: np.random.Generator, name: str) -> tuple[dict[str, str], dict[str, str], tuple[int, ...]]:
    """Draw where it happens: facets for the truth, facts for the texts, regions of those hit."""
    places = read_places().regions
    if name == "payment-outage":
        regions = tuple(sorted(rng.choice(len(places) - 1, 3, replace=False).tolist()))
        shown = {"service": "payments", "region": ",".join(places[r].name for r in regions)}
        return shown, {"method": str(rng.choice(METHODS[:5]))}, regions
    if name == "app-crash":
        platform = str(rng.choice(["ios", "android"]))
        return {"platform": platform, "service": "mobile-app"}, {}, ()
    if name == "carrier-failure":
        region = int(rng.integers(0, len(places) - 1))
        partner = str(rng.choice(CARRIERS))
        facts = {"carrier": partner, "city": str(rng.choice(places[region].cities))}
        return (
            {"partner": partner, "region": places[region].name, "service": "delivery-tracking"},
            facts,
            (region,),
        )
    if name == "support-overload":
        return {"service": "support-chat"}, {}, ()
    if name == "privacy-rumour":
        return {"channel": "social"}, {}, ()
    product = str(rng.choice(PRODUCTS))
    return {"product": product}, {"product": product, "wrong": f"{rng.uniform(0.9, 4.9):.2f}"}, ()
