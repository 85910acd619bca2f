"""What people say: everyday messages on every channel, and those that plots cause."""

from __future__ import annotations

import random

import numpy as np

from allears.testing.compose import Composer
from allears.testing.decoys import volume
from allears.testing.draw import (
    DAY,
    HOUR,
    WRITES,
    Floats,
    Ints,
    draw_index,
    draw_times,
    pick,
    scatter_one,
    weekdays,
)
from allears.testing.message import Message, tone
from allears.testing.people import PLATFORMS, People
from allears.testing.places import read_places
from allears.testing.plot import Plot, most_felt, wave
from allears.testing.release import Releases

# Messages in 90 days of a town of 20,000.
VOLUMES = {
    "helpdesk": 4700, "mailbox": 2800, "live-chat": 5200, "microblog": 5100, "app-reviews": 2200, "product-reviews": 3500,
    "sms-line": 1250, "staff-desk": 1250, "carrier-portal": 620, "review-site": 2000,
}  # fmt: skip
_ASKING: dict[str, float] = {"payment": 11, "parcel": 22, "app": 8, "wait": 7, "privacy": 4, "price": 7, "returns": 12, "quality": 9, "stock": 6,
           "question": 18, "praise_service": 4, "wish": 2}  # fmt: skip
TOPICS: dict[str, dict[str, float]] = {
    "helpdesk": _ASKING, "mailbox": _ASKING, "live-chat": _ASKING | {"question": 26, "praise_service": 2}, "sms-line": _ASKING,
    "microblog": {"mention": 36, "praise_product": 6, "praise_delivery": 4, "praise_service": 5, "parcel": 9, "wait": 6, "price": 7,
                  "payment": 4, "app": 6, "privacy": 2, "quality": 4, "stock": 4, "question": 3, "wish": 3},
    "app-reviews": {"app": 40, "praise_service": 16, "praise_delivery": 8, "payment": 6, "parcel": 6, "wait": 5, "price": 5,
                    "wish": 4, "stock": 4, "praise_product": 6},
    "product-reviews": {"praise_product": 54, "quality": 22, "praise_delivery": 9, "price": 6, "parcel": 5, "wish": 3, "returns": 3},
    "review-site": {"praise_product": 26, "praise_service": 14, "praise_delivery": 14, "parcel": 14, "wait": 8, "quality": 10,
                    "returns": 7, "price": 5, "payment": 3, "app": 2, "wish": 2},
    "staff-desk": {"staff": 1}, "carrier-portal": {"partner": 1},
}  # fmt: skip
WISH_SHARE = {"wish_lockers": 1, "wish_refill": 1, "wish_dark": 1, "wish_repair": 1}


class Speech:
    """Everything that is said in the town, in the order it was drawn."""

    def __init__(
        self,
        rng: np.random.Generator,
        people: People,
        plots: list[Plot],
        releases: Releases,
        start: int,
        days: int,
        seed: int,
    ) -> None:
        self.rng, self.people, self.plots, self.releases = rng, people, plots, releases
        self.start, self.days, self.seed = start, days, seed
        self.end = start + days * DAY
        self.random = random.Random(seed * 1_000_003 + 17)
        self.composer = Composer(people, plots, self.random)
        self.messages: list[Message] = []
        self.social = self.can_write("microblog")
        self._incident_of = {p.name: place for place, p in enumerate(plots)}

    def say_everything(self, scale: float) -> list[Message]:
        """Write everyday messages, then those that plots cause."""
        for source, in_90_days in VOLUMES.items():
            self._everyday(source, in_90_days * scale)
        for cause, plot in enumerate(self.plots):
            if plot.messages and plot.name != "bot-burst":
                self._caused(cause, plot)
        return self.messages

    def add(self, at: int, source: str, person: int, topic: str, cause: int) -> Message | None:
        """Write one message; None when its time lies outside the town's days."""
        if not self.start <= at < self.end:
            return None
        people = self.people
        cause = self._still(cause, at)
        language = people.language[person]
        platform, version = self._runs(source, person, topic, cause, at)
        facts = self.composer.facts(person, language, cause, version, platform)
        text, personal = self.composer.message(person, source, language, topic, facts)
        message = Message(at, source, self.next_id(source), person, language, topic, cause, text, personal)
        if version:
            message.extra |= {"version": version, "platform": platform}
        self.messages.append(message)
        return message

    def _still(self, cause: int, at: int) -> int:
        """Forget the cause of what is said long after an incident: it is everyday anger by then."""
        if (
            cause >= 0
            and (plot := self.plots[cause]).fixed is not None
            and at > max(plot.fixed, plot.ended) + DAY
        ):
            return -1
        return cause

    def next_id(self, source: str) -> str:
        """Make an id as that vendor would; no two messages share one."""
        number = len(self.messages)
        mixed = scatter_one(number, self.seed * 7 + 4)
        match source:
            case "microblog":
                return f"19{number:07d}{mixed % 10**10:010d}"
            case "mailbox":
                return f"{mixed:016x}.{number}@mail.larkfield.example"
            case "live-chat" | "recommendation" | "satisfaction" | "app-reviews":
                return f"{number:06x}{mixed:016x}"
            case "sms-line":
                return f"SM{number:08x}{mixed:016x}"
        return str(30_000_000 + number * 7 + mixed % 7)

    def _everyday(self, source: str, in_90_days: float) -> None:
        daily = weekdays(self.start, self.days) * volume(self.plots, self.start, self.days)
        daily = daily * self.rng.gamma(120, 1 / 120, self.days)
        if source == "review-site":
            joined = self.plots[self._incident_of["new-channel"]].began
            daily[: (joined - self.start) // DAY] = 0
        size = int(self.rng.poisson(in_90_days / 90 * daily.sum()))
        person = self._authors(source, size)
        offsets = np.array([r.offset for r in read_places().regions]) * HOUR
        at = draw_times(self.rng, self.start, daily, WRITES, size) - offsets[self.people.region[person]]
        topics = pick(self.rng, TOPICS[source], size)
        harm, because = most_felt(self.plots, person, at, self.people.n)
        for row, topic in enumerate(topics):
            cause = -1
            if topic == "wish":
                topic = self.random.choice(list(WISH_SHARE))
            if harm[row] > 0.05 and tone(topic) >= 0 and self.random.random() < 0.5 * harm[row]:
                cause = int(because[row])
                topic = self.plots[cause].kin
            if source == "review-site":
                cause = self._incident_of["new-channel"] if cause < 0 else cause
            self.add(int(at[row]), source, int(person[row]), topic, cause)

    def _authors(self, source: str, size: int) -> Ints:
        people = self.people
        if source == "staff-desk":
            return people.customers + self.rng.integers(0, people.employees, size)
        if source == "carrier-portal":
            return people.customers + people.employees + self.rng.integers(0, people.partners, size)
        return draw_index(self.rng, self.can_write(source), size)

    def can_write(self, source: str) -> Floats:
        """How likely each person writes on a channel: nobody tweets without a handle."""
        people = self.people
        weights = np.sqrt(people.activity) * (0.2 + people.asks_often)
        if source == "microblog":
            weights = weights * np.array([bool(h) for h in people.handle])
        if source == "sms-line":
            weights = weights * np.array([bool(p) for p in people.phone])
        weights[people.customers :] = 0
        return weights

    def _caused(self, cause: int, plot: Plot) -> None:
        """Write what a plot causes: soon after each person met it, on the channels it is talked about."""
        wanted = pick(self.rng, plot.channels, plot.messages)
        lag = {"carrier-failure": 4.0, "privacy-rumour": 0.5}.get(plot.name, 0.8)
        for source in sorted(set(wanted)):
            count = wanted.count(source)
            likely = self.can_write(source)[plot.hits]
            if not likely.sum():
                source, likely = "live-chat", self.can_write("live-chat")[plot.hits]
            row = draw_index(self.rng, likely, count)
            at = plot.hit_at[row] + (self.rng.exponential(lag, count) * HOUR).astype(np.int64)
            for hit, when in zip(row.tolist(), at.tolist(), strict=True):
                own = plot.kind != "incident" or self.random.random() < 0.68
                self.add(when, source, int(plot.hits[hit]), plot.topic if own else plot.kin, cause)
        if plot.kind == "incident":
            self._bystanders(cause, plot)

    def _bystanders(self, cause: int, plot: Plot) -> None:
        """Employees hear of it, and a carrier's people say what is wrong with them."""
        people = self.people
        sides = [("staff-desk", "staff_trouble", people.customers, people.employees, 0.03)]
        if plot.name == "carrier-failure":
            sides.append(
                (
                    "carrier-portal",
                    "partner_trouble",
                    people.customers + people.employees,
                    people.partners,
                    0.04,
                )
            )
        for source, topic, first, count, share in sides:
            size = 2 + int(plot.messages * share)
            for when in wave(self.rng, plot.began, plot.ended, plot.peak_hours, size).tolist():
                self.add(when, source, first + int(self.rng.integers(0, count)), topic, cause)

    def _runs(self, source: str, person: int, topic: str, cause: int, at: int) -> tuple[str, str]:
        """Platform and version, for messages that would mention them."""
        if topic not in ("app", "app_crash", "wish_dark") and source != "app-reviews":
            return "", ""
        people = self.people
        known = min(person, people.customers - 1)
        first, count = int(people.device_first[known]), int(people.device_count[known])
        mine = [d for d in range(first, first + count) if people.device_platform[d] > 0]
        device = mine[0] if mine else first
        platform = int(people.device_platform[device]) if mine else 1 + person % 2
        plot = self.plots[cause] if cause >= 0 else None
        if plot is not None and plot.name == "app-crash":
            return plot.facets["platform"], plot.facts["version"]
        return PLATFORMS[platform], self.releases.version_of(platform, device, at)
