"""A small invented shop: messages and requests by hour of the week, with bursts put in at known times."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from allears.foresee.watch import WatchRules
from allears.tables import TABLES

START = datetime(2026, 1, 5, tzinfo=UTC)
VALENCE = {
    "payment/declined": "problem", "delivery/late": "problem", "app/crash": "problem", "support/wait": "problem",
    "privacy/leak": "problem", "price/wrong": "problem", "product/broken": "problem", "returns/slow": "problem",
    "praise/product": "praise", "question/order": "neutral", "wish/lockers": "wish", "wish/refill": "wish",
}  # fmt: skip
RATES = {
    "payment/declined": 0.8, "delivery/late": 1.6, "app/crash": 0.7, "support/wait": 0.9, "privacy/leak": 0.2, "price/wrong": 0.4,
    "product/broken": 1.2, "returns/slow": 0.8, "praise/product": 3.0, "question/order": 3.5, "wish/lockers": 0.15, "wish/refill": 0.15,
}  # fmt: skip
CHANNELS = ("email", "chat", "social", "review", "ticket")
REGIONS = ("North", "South", "East", "West")
PARTNERS = ("Swallow", "Heron")
SERVICES = ("checkout", "search", "account", "tracking")
SOUNDS = [
    "ba",
    "be",
    "bi",
    "bo",
    "bu",
    "da",
    "de",
    "di",
    "do",
    "du",
    "ka",
    "ke",
    "ki",
    "ko",
    "ku",
    "la",
    "le",
    "li",
    "lo",
    "lu",
    "ma",
    "me",
    "mi",
    "mo",
    "mu",
    "na",
    "ne",
    "ni",
    "no",
    "nu",
    "ra",
    "re",
    "ri",
    "ro",
    "ru",
    "sa",
    "se",
    "si",
    "so",
    "su",
]


@dataclass
class Shop:
    """Draws signals in the ``signals`` schema; every draw is added to the same company."""

    seed: int = 0
    customers: int = 6000
    rows: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.dice = random.Random(self.seed)
        self.vocabulary = {
            t: ["".join(self.random.choice(SOUNDS, 3)) for _ in range(12)] for t in (*VALENCE, "")
        }
        self.common = ["".join(self.random.choice(SOUNDS, 2)) for _ in range(300)]

    def background(self, days: int, scale: float = 1.0, requests: int = 0) -> Shop:
        """Usual traffic: a day and week shape, Poisson."""
        hours = np.arange(days * 24)
        shape = 1 + 0.7 * np.sin((hours % 24 - 8) / 24 * 2 * np.pi)
        shape *= np.where(hours // 24 % 7 >= 5, 0.7, 1.1)
        for topic, rate in RATES.items():
            for hour, count in enumerate(self.random.poisson(rate * scale * shape)):
                for _ in range(count):
                    self.say(topic, hour + self.random.random())
        for hour in self.random.integers(0, days * 24, requests):
            self.meet(hour + self.random.random(), ok=bool(self.random.random() > 0.01))
        return self

    def burst(self, topic: str, begin: float, hours: float, count: int, **given: Any) -> list[str]:
        """Add complaints spread evenly over some hours; returns their ids."""
        return [self.say(topic, begin + hours * self.random.random(), **given) for _ in range(count)]

    def say(self, topic: str, hour: float, **given: Any) -> str:
        """Add one message."""
        words = [*self.dice.choices(self.vocabulary[topic], k=4), *self.dice.choices(self.common, k=7)]
        self.dice.shuffle(words)
        valence = VALENCE.get(topic, "neutral")
        feeling = {"problem": -0.6, "wish": 0.1, "praise": 0.7}.get(valence, 0.0)
        channel = self.dice.choice(CHANNELS)
        row = {
            "kind": "feedback", "channel": channel, "source": f"{channel}-in", "topics": [topic] if topic else [],
            "text": " ".join(words), "sentiment": feeling + 0.1 * self.random.normal(),
            "region": self.dice.choice(REGIONS), "partner": self.dice.choice(PARTNERS) if "delivery" in topic else None,
        }  # fmt: skip
        return self._add(hour, row | given)

    def meet(self, hour: float, **given: Any) -> str:
        """Add one request."""
        row = {
            "kind": "telemetry", "channel": "web", "source": "otel", "name": "request", "service": self.dice.choice(SERVICES),
            "platform": self.dice.choice(["ios", "android", "web"]), "release": "1.0", "region": self.dice.choice(REGIONS),
            "ok": True,
        }  # fmt: skip
        return self._add(hour, row | given)

    def _add(self, hour: float, row: dict[str, Any]) -> str:
        at = START + timedelta(hours=float(hour))
        signal = f"s{len(self.rows):07d}"
        usual = {
            "signal_id": signal, "occurred_at": at, "received_at": at, "direction": "in",
            "customer_key": f"c{self.random.integers(self.customers)}", "day": at.strftime("%Y-%m-%d"),
        }  # fmt: skip
        self.rows.append(usual | row)
        return signal

    def table(self, order: Sequence[int] | None = None) -> pa.Table:
        """All signals so far."""
        rows = self.rows if order is None else [self.rows[i] for i in order]
        return pa.Table.from_batches([TABLES["signals"].rows(rows)])

    def at(self, hour: float) -> datetime:
        """Moment of an hour since the start."""
        return START + timedelta(hours=hour)


@pytest.fixture
def shop() -> type[Shop]:
    return Shop


@pytest.fixture
def rules() -> WatchRules:
    return WatchRules(valence=VALENCE)
