"""What simulated people do: visits, orders, returns, goodbyes; hurt people come less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from allears.testing.decoys import visits
from allears.testing.draw import DAY, HOUR, VISITS, Bools, Floats, Ints, draw_index, draw_times, weekdays
from allears.testing.people import People
from allears.testing.places import read_places
from allears.testing.plot import Plot

KINDS = (
    "page", "Product Viewed", "Product Added", "Checkout Started", "Order Completed", "Checkout Failed", "App Crashed",
    "identify", "group", "Order Returned", "Subscription Cancelled", "Unsubscribed", "Order Delivered",
    "Delivery Delayed", "Chat Abandoned", "Order Cancelled", "alias",
)  # fmt: skip
KIND = {name: place for place, name in enumerate(KINDS)}
STORE = -1
MINUTE = 60_000
VISITS_EACH = (
    5.0  # visits per customer in 90 days: regulars look in more than once a week, most others hardly ever
)


class Visit(NamedTuple):
    """Columns of visits."""

    at: Ints
    person: Ints
    device: Ints
    cause: Ints
    end: Ints


@dataclass
class Calls:
    """Everything people did, as columns ordered by time."""

    at: Ints
    kind: Ints
    person: Ints
    device: Ints
    cause: Ints
    value: Ints

    def take(self, places: Ints | Bools) -> Calls:
        """Choose some of them."""
        return Calls(
            *(
                column[places]
                for column in (self.at, self.kind, self.person, self.device, self.cause, self.value)
            )
        )


class Log:
    """Collects chunks of calls, then puts them in order."""

    def __init__(self) -> None:
        self.chunks: list[tuple[Ints, ...]] = []

    def add(
        self, kind: str, at: Ints, person: Ints, device: Ints, cause: Ints, value: Ints | None = None
    ) -> None:
        """Add calls of one kind."""
        empty = np.zeros(len(at), dtype=np.int64)
        self.chunks.append(
            (at, np.full(len(at), KIND[kind]), person, device, cause, empty if value is None else value)
        )

    def calls(self, start: int, end: int) -> Calls:
        """Put together what lies between two times, in order."""
        columns = [np.concatenate(parts) for parts in zip(*self.chunks, strict=True)]
        inside = np.flatnonzero((columns[0] >= start) & (columns[0] < end))
        order = inside[np.argsort(columns[0][inside], kind="stable")]
        return Calls(*(column[order] for column in columns))


def live(rng: np.random.Generator, people: People, plots: list[Plot], start: int, days: int) -> Calls:
    """Let everybody live through all days."""
    log = Log()
    usual = _visits(rng, people, plots, start, days)
    visit = Visit(
        *(np.concatenate(pair) for pair in zip(usual, _incident_visits(rng, people, plots), strict=True))
    )
    _browse(rng, log, visit)
    _orders(rng, log, people, visit, plots)
    _in_stores(rng, log, people, plots, start, days)
    _goodbyes(rng, log, people, plots, start, days)
    _service_events(rng, log, people, plots, start, days)
    return log.calls(start, start + days * DAY)


def anybodys_device(rng: np.random.Generator, people: People, person: Ints) -> Ints:
    """Choose one of each person's devices; staff and partners have none."""
    known = np.minimum(person, people.customers - 1)
    return people.device_first[known] + (rng.random(len(person)) * people.device_count[known]).astype(
        np.int64
    )


def hurt(plots: list[Plot], person: Ints, at: Ints, everybody: int) -> Floats:
    """How much of their usual activity people keep, 0 to 1, after all that happened to them."""
    kept = np.ones(len(at))
    for plot in plots:
        if plot.kind == "incident":
            kept *= 1 - plot.drop * plot.damage(person, at, everybody)
    return kept


def _visits(rng: np.random.Generator, people: People, plots: list[Plot], start: int, days: int) -> Visit:
    daily = weekdays(start, days) * visits(plots, start, days) * rng.gamma(300, 1 / 300, days)
    size = int(rng.poisson(people.customers * VISITS_EACH / 90 * daily.sum()))
    person = draw_index(rng, people.activity[: people.customers], size)
    offsets = np.array([r.offset for r in read_places().regions]) * HOUR
    at = draw_times(rng, start, daily, VISITS, size) - offsets[people.region[person]]
    stay = rng.random(size) < hurt(plots, person, at, people.n)
    at, person = at[stay], person[stay]
    drawn = rng.random(len(at))
    # 0 looks in, 1 adds to the basket, 2 starts to pay, 3 orders, 4 is refused.
    end = np.select([drawn < 0.11, drawn < 0.113, drawn < 0.125, drawn < 0.15], [3, 4, 2, 1], 0)
    return Visit(at, person, anybodys_device(rng, people, person), np.full(len(at), -1), end.astype(np.int64))


def _incident_visits(rng: np.random.Generator, people: People, plots: list[Plot]) -> Visit:
    """Make the visits that an incident causes: tries to pay, starts of a broken app, orders at a wrong price."""
    parts = [Visit(*(np.empty(0, dtype=np.int64) for _ in range(5)))]
    for cause, plot in enumerate(plots):
        ends = {"payment-outage": 4, "app-crash": 5, "price-error": 3}
        if plot.name not in ends:
            continue
        tries = 1 + (rng.random(len(plot.hits)) < (0.0 if plot.name == "price-error" else 0.4))
        person = np.repeat(plot.hits, tries)
        again = np.arange(len(person)) > 0
        again[1:] = person[1:] == person[:-1]
        at = (
            np.repeat(plot.hit_at, tries)
            - 10 * MINUTE
            + again * (rng.exponential(0.3, len(person)) * HOUR).astype(np.int64)
        )
        device = anybodys_device(rng, people, person)
        if plot.name == "app-crash":
            device = _own_device(people, person, 1 if plot.facets["platform"] == "ios" else 2)
        parts.append(Visit(at, person, device, np.full(len(at), cause), np.full(len(at), ends[plot.name])))
    return Visit(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _own_device(people: People, person: Ints, platform: int) -> Ints:
    owned = np.full(people.n, -1, dtype=np.int64)
    fits = np.flatnonzero(people.device_platform == platform)
    owned[people.device_person[fits]] = fits
    return owned[person]


def _browse(rng: np.random.Generator, log: Log, visit: Visit) -> None:
    log.add("page", visit.at, visit.person, visit.device, visit.cause)
    crashed = np.flatnonzero((visit.end == 5) | (rng.random(len(visit.at)) < 0.004))
    later = visit.at[crashed] + rng.integers(500, 20_000, len(crashed))
    log.add("App Crashed", later, visit.person[crashed], visit.device[crashed], visit.cause[crashed])
    # Who comes because of an incident comes to the point: the basket is packed.
    views = np.where(visit.cause >= 0, 0, rng.poisson(0.08, len(visit.at)))
    rows = np.repeat(np.arange(len(visit.at)), views)
    at = visit.at[rows] + rng.integers(5_000, 400_000, len(rows))
    log.add(
        "Product Viewed",
        at,
        visit.person[rows],
        visit.device[rows],
        visit.cause[rows],
        rng.integers(0, 17, len(rows)),
    )


def _orders(rng: np.random.Generator, log: Log, people: People, visit: Visit, plots: list[Plot]) -> None:
    steps = (("Product Added", (1, 2, 3, 4), 420_000), ("Checkout Started", (2, 3, 4), 480_000),
             ("Order Completed", (3,), 600_000), ("Checkout Failed", (4,), 590_000))  # fmt: skip
    for name, ends, after in steps:
        wanted = np.isin(visit.end, ends) & ((visit.cause < 0) | (name != "Product Added"))
        if name in ("Product Added", "Checkout Started"):
            # Most baskets of regulars are last week's, ordered again at a touch.
            wanted &= (visit.cause >= 0) | (rng.random(len(visit.at)) < 0.3)
        rows = np.flatnonzero(wanted)
        at = visit.at[rows] + after + rng.integers(0, 50_000, len(rows))
        value = rng.integers(500, 18_000, len(rows))
        log.add(name, at, visit.person[rows], visit.device[rows], visit.cause[rows], value)
    _after_orders(rng, log, people, visit, plots)


def _after_orders(
    rng: np.random.Generator, log: Log, people: People, visit: Visit, plots: list[Plot]
) -> None:
    done = np.flatnonzero(visit.end == 3)
    at, person, device, cause = visit.at[done], visit.person[done], visit.device[done], visit.cause[done]
    arrives = at + (rng.uniform(1, 4, len(done)) * DAY).astype(np.int64)
    fine = np.flatnonzero(cause < 0)
    # The others are collected in a store.
    sent = fine[rng.random(len(fine)) < 0.45]
    log.add("Order Delivered", arrives[sent], person[sent], device[sent], cause[sent])
    late = sent[rng.random(len(sent)) < 0.03]
    log.add("Delivery Delayed", arrives[late] - 6 * HOUR, person[late], device[late], cause[late])
    back = fine[rng.random(len(fine)) < 0.03]
    log.add(
        "Order Returned",
        arrives[back] + (rng.uniform(1, 14, len(back)) * DAY).astype(np.int64),
        person[back],
        device[back],
        cause[back],
    )
    undone = np.concatenate([np.flatnonzero(cause >= 0), fine[rng.random(len(fine)) < 0.007]])
    wait = (rng.uniform(2, 30, len(undone)) * HOUR).astype(np.int64)
    log.add("Order Cancelled", at[undone] + wait, person[undone], device[undone], cause[undone])


def _in_stores(
    rng: np.random.Generator, log: Log, people: People, plots: list[Plot], start: int, days: int
) -> None:
    daily = weekdays(start, days) * visits(plots, start, days)
    size = int(rng.poisson(people.customers * 0.11 / 90 * daily.sum()))
    members = people.activity[: people.customers] * np.array(
        [bool(u) for u in people.user_id[: people.customers]]
    )
    person = draw_index(rng, members, size)
    opening = [0.0] * 9 + [5, 8, 9, 9, 8, 8, 9, 10, 10, 6, 2] + [0.0] * 4
    at = draw_times(rng, start, daily, opening, size) - HOUR
    stay = rng.random(size) < hurt(plots, person, at, people.n)
    at, person = at[stay], person[stay]
    store = np.full(len(at), STORE)
    log.add("Order Completed", at, person, store, store, rng.integers(300, 12_000, len(at)))


def _goodbyes(
    rng: np.random.Generator, log: Log, people: People, plots: list[Plot], start: int, days: int
) -> None:
    for name, base, more in (("Subscription Cancelled", 0.006, 0.05), ("Unsubscribed", 0.01, 0.05)):
        size = int(rng.poisson(people.customers * base * days / 90))
        person = rng.integers(0, people.customers, size)
        at = start + (rng.random(size) * days * DAY).astype(np.int64)
        none = np.full(size, -1)
        log.add(name, at, person, anybodys_device(rng, people, person), none)
        for cause, plot in enumerate(plots):
            if plot.kind == "incident":
                leave = rng.random(len(plot.hits)) < more * (1 if plot.recovered else 2.4)
                left, when = plot.hits[leave], plot.hit_at[leave]
                when = when + (rng.exponential(3.0, len(left)) * DAY).astype(np.int64)
                log.add(name, when, left, anybodys_device(rng, people, left), np.full(len(left), cause))


def _service_events(
    rng: np.random.Generator, log: Log, people: People, plots: list[Plot], start: int, days: int
) -> None:
    size = int(rng.poisson(people.customers * 0.00012 * days))
    person = draw_index(rng, people.activity[: people.customers], size)
    at = draw_times(rng, start, weekdays(start, days), VISITS, size) - HOUR
    log.add(
        "Chat Abandoned",
        at,
        person,
        anybodys_device(rng, people, person),
        np.full(size, -1),
        rng.integers(60, 600, size),
    )
    for cause, plot in enumerate(plots):
        device = anybodys_device(rng, people, plot.hits)
        here = np.full(len(plot.hits), cause)
        if plot.name == "support-overload":
            value = rng.integers(700, 4_000, len(here))
            log.add(
                "Chat Abandoned",
                plot.hit_at + rng.integers(0, 2 * HOUR, len(here)),
                plot.hits,
                device,
                here,
                value,
            )
        elif plot.name == "carrier-failure":
            log.add(
                "Delivery Delayed", plot.hit_at + rng.integers(0, HOUR, len(here)), plot.hits, device, here
            )
        elif plot.name == "marketing-campaign":
            log.add("page", plot.hit_at, plot.hits, device, here)
