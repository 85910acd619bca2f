"""A simulated retailer with known truth: what its customers do and say for ninety days, as its channels would send it.

Nothing in it is real. It exists to show what Allears finds, and to measure how well.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from allears.clock import utc
from allears.errors import Refused
from allears.testing.behaviour import live
from allears.testing.conversation import converse
from allears.testing.decoys import plan_decoys
from allears.testing.draw import Ints
from allears.testing.incidents import plan_incidents, plan_wish
from allears.testing.introduce import introduce
from allears.testing.message import Message
from allears.testing.payloads import Parcel, Payload, deliver, pack
from allears.testing.people import make_people
from allears.testing.places import read_places
from allears.testing.plot import Plot
from allears.testing.record import record_truth
from allears.testing.release import plan_releases
from allears.testing.rows import moment, write_mail, write_rows
from allears.testing.segment import SOURCES, Journal
from allears.testing.signin import sign_in
from allears.testing.sources import read_sources
from allears.testing.spans import Traces
from allears.testing.speech import Speech
from allears.testing.surveys import ask
from allears.testing.telemetry import trace
from allears.testing.truth import Truth

LAST_DAY_ENDS = datetime(2026, 9, 1, tzinfo=UTC)


class Town:
    """A simulated retailer, its customers, employees and carriers.

    The same arguments always make the same town, to the byte.

    Parameters
    ----------
    seed
        Decides who, what, when and where.
    days
        How long it lives, at least 14.
    customers
        How many consumers, at least 50; volumes grow with them.
    start
        First moment, with a zone; by default so early that the last day is 31 August 2026.

    Raises
    ------
    Refused
        A number is too small, or the start has no zone.

    Examples
    --------
    >>> town = Town(seed=1, days=14, customers=100)
    >>> first = next(town.payloads())
    >>> first.door, first.source
    ('segment', 'mobile-app')
    >>> len(town.truth.planted)
    11
    """

    def __init__(
        self, seed: int = 1, days: int = 90, customers: int = 20_000, start: datetime | None = None
    ) -> None:
        if days < 14:
            raise Refused("a town lives at least 14 days", place="days")
        if customers < 50:
            raise Refused("a town has at least 50 customers", place="customers")
        if start is not None and start.tzinfo is None:
            raise Refused("expected a time with zone", place="start")
        begin = utc(start) if start is not None else LAST_DAY_ENDS - timedelta(days=days)
        self.seed, self.days, self.customers = seed, days, customers
        self.start = begin.replace(hour=0, minute=0, second=0, microsecond=0)
        self.end = self.start + timedelta(days=days)
        self._build()

    def payloads(self, first: int = 0, most: int | None = None) -> Iterator[Payload]:
        """Yield everything the channels send, ordered by arrival; or ``most`` payloads from the ``first`` on."""
        return deliver(self._parcels[first : None if most is None else first + most])

    @property
    def mappings(self) -> dict[str, str]:
        """For each source of vendor-shaped rows, the mapping its owner would have saved, as TOML."""
        return {name: source.mapping for name, source in read_sources().items() if source.mapping}

    def describe(self) -> dict[str, Any]:
        """Say what is in the town, for the docs: all of it simulated."""
        by_source = Counter(m.source for m in self._messages)
        return {
            "simulated": True,
            "seed": self.seed,
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "customers": self.customers,
            "employees": self.people.employees,
            "partner_staff": self.people.partners,
            "regions": [region.name for region in read_places().regions],
            "messages_with_text": sum(bool(m.text) for m in self._messages),
            "messages_by_source": dict(sorted(by_source.items())),
            "events": len(self._journal.calls.at),
            "spans": len(self._traces.spans.at),
            "payloads": len(self._parcels),
            "planted": [
                {"name": p.name, "kind": p.kind, "began_at": p.began_at.isoformat(), "peak_at": p.peak_at.isoformat(),
                 "fixed_at": p.fixed_at.isoformat() if p.fixed_at else None, "hit": len(p.hit), "messages": len(p.messages),
                 "recovered": p.recovered, "facets": dict(p.facets)}
                for p in self.truth.planted
            ],
        }  # fmt: skip

    def _build(self) -> None:
        rng = np.random.default_rng([self.seed, self.days, self.customers])
        start, scale = int(self.start.timestamp() * 1000), self.customers / 20_000
        self.people = people = make_people(rng, self.customers, self.seed)
        incidents = plan_incidents(rng, people, start, self.days, scale)
        decoys = plan_decoys(rng, people, start, self.days, scale, incidents)
        plots = [*incidents, plan_wish(rng, people, start, self.days, scale), *decoys]
        plots.sort(key=lambda plot: plot.began)
        releases = plan_releases(rng, len(people.device_person), start, self.days, plots)
        signed, calls = sign_in(rng, people, live(rng, people, plots, start, self.days), start, self.days)
        speech = Speech(rng, people, plots, releases, start, self.days, self.seed)
        speech.say_everything(scale)
        converse(speech)
        ask(speech)
        self._messages = sorted(speech.messages, key=lambda m: m.at)
        chats = [m for m in self._messages if m.source == "live-chat" and not m.extra.get("out")]
        queue = (
            np.array([m.at for m in chats], dtype=np.int64),
            np.array([m.person for m in chats], dtype=np.int64),
        )
        self._journal = Journal(people, plots, releases, calls, signed, self.seed)
        self._traces = Traces(people, releases, trace(rng, people, plots, calls, signed, queue), self.seed)
        self._finish(plots)

    def _finish(self, plots: list[Plot]) -> None:
        self._show_authors()
        self.truth: Truth = record_truth(self.people, plots, self._messages, self._journal, self._traces)
        parcels = [*self._pack_messages(), *self._pack_calls(), *self._pack_spans()]
        self._parcels = sorted(parcels, key=lambda p: (p.received, p.source.name))

    def _show_authors(self) -> None:
        chance = random.Random(self.seed * 31 + 5)
        followers = self.people.followers
        for message in self._messages:
            message.extra["who"] = introduce(message, self.people, chance)
            if message.source == "microblog":
                message.extra["followers"] = (
                    int(followers[message.person]) if message.person >= 0 else chance.randrange(9)
                )
            if message.source == "carrier-portal":
                message.extra["organisation"] = self.people.organisation[message.person]

    def _pack_messages(self) -> Iterator[Parcel]:
        held: dict[str, list[int]] = {}
        for place, message in enumerate(self._messages):
            held.setdefault(message.source, []).append(place)
        for name, places in held.items():
            at = np.array([self._messages[p].at for p in places], dtype=np.int64)
            write = self._write_mail if name == "mailbox" else self._write_rows
            yield from pack(read_sources()[name], at, np.array(places), write, self.seed)

    def _pack_calls(self) -> Iterator[Parcel]:
        source = self._journal.source()
        for index, name in enumerate(SOURCES):
            places = np.flatnonzero(source == index)
            yield from pack(
                read_sources()[name], self._journal.calls.at[places], places, self._write_calls, self.seed
            )

    def _pack_spans(self) -> Iterator[Parcel]:
        at = self._traces.spans.at
        yield from pack(
            read_sources()["observability"], at, np.arange(len(at)), self._traces.write, self.seed
        )

    def _market(self, message: Message) -> str:
        return (
            read_places().regions[int(self.people.region[message.person])].name
            if message.person >= 0
            else "unknown"
        )

    def _write_rows(self, places: Ints) -> bytes:
        return write_rows([self._messages[p] for p in places.tolist()], self._market)

    def _write_mail(self, places: Ints) -> bytes:
        message = self._messages[int(places[0])]
        phone = self.people.phone[message.person]
        signature = f"{self.people.name(message.person)}\n{phone}" if message.at % 5 == 0 and phone else ""
        return write_mail(message, signature)

    def _write_calls(self, places: Ints) -> bytes:
        last = moment(int(self._journal.calls.at[places[-1]]) + 2_000)
        return self._journal.write(places, last.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
