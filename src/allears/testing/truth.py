"""What really happened in the simulated town: for judging only, never shown to a stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Identifier = tuple[str, str]


@dataclass
class Planted:
    """One thing that was planted in the town.

    ``messages`` holds ``source:id`` of texts it caused, ``telemetry`` those of events and spans. ``recovered`` is None
    for what can not recover: decoys and opportunities.
    """

    name: str
    kind: Literal["incident", "opportunity", "decoy"]
    department: str
    facets: dict[str, str]
    began_at: datetime
    peak_at: datetime
    fixed_at: datetime | None
    ended_at: datetime
    recovered: bool | None
    half_life_days: float | None = None
    drop: float = 0.0
    hit: set[int] = field(default_factory=set)
    messages: set[str] = field(default_factory=set)
    telemetry: set[str] = field(default_factory=set)


@dataclass
class Truth:
    """Everything an evaluation needs.

    Attributes
    ----------
    planted
        What was planted, oldest first.
    identifiers
        ``(type, raw value as emitted)`` -> person.
    shared
        Identifiers that several people use, or that say nothing (placeholders): no single owner.
    components
        ``(type, raw value)`` -> part of that person's identifiers which structured fields tie together; two
        identifiers of one person in different parts can not be linked by fields alone.
    personal
        ``source:id`` of a text message -> ``(type, value)`` written inside its text.
    person_of_message
        ``source:id`` of a text message -> who wrote it.
    relationship
        Person -> consumer, employee or partner.
    """

    planted: list[Planted] = field(default_factory=list)
    identifiers: dict[Identifier, int] = field(default_factory=dict)
    shared: set[Identifier] = field(default_factory=set)
    components: dict[Identifier, int] = field(default_factory=dict)
    personal: dict[str, list[Identifier]] = field(default_factory=dict)
    person_of_message: dict[str, int] = field(default_factory=dict)
    relationship: dict[int, str] = field(default_factory=dict)

    def planted_named(self, name: str) -> Planted:
        """Find one planted item by name."""
        return next(item for item in self.planted if item.name == name)
