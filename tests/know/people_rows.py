"""Rows of invented people, and questions asked of a graph in many tests."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from allears.know.graph import Graph
from allears.tables import table

START = datetime(2026, 3, 1, tzinfo=UTC)


def digest(purpose: str, values: Sequence[str]) -> list[str]:
    return [hashlib.blake2b(v.encode(), key=purpose.encode(), digest_size=16).hexdigest() for v in values]


def arrivals(
    *rows: dict[str, str] | list[tuple[str, str]], at: Sequence[int] | None = None, **columns: Any
) -> pa.RecordBatch:
    """Rows of identifiers; `at` in seconds after START, else one second apart."""
    pairs = [list(row.items()) if isinstance(row, dict) else row for row in rows]
    seconds = at if at is not None else range(len(rows))
    made = {
        "identifiers": [[{"type": t, "value": v} for t, v in row] for row in pairs],
        "occurred_at": [START + timedelta(seconds=s) for s in seconds],
        "received_at": [START + timedelta(days=1)] * len(rows),
        "source": ["web"] * len(rows),
    }
    return table("arrivals").arrays(made | columns, len(rows))


ADA = {"email": "ada@x.example", "user_id": "u-ada"}
BOB = {"email": "bob@x.example", "user_id": "u-bob"}


def keys(graph: Graph, *rows: dict[str, str] | list[tuple[str, str]], **more: object) -> list[str | None]:
    answer: list[str | None] = graph.identify(arrivals(*rows, **more)).customer_key.to_pylist()  # type: ignore[arg-type]
    return answer


def partition(graph: Graph) -> dict[str, str]:
    """Digest to customer, today."""
    now = graph.identities().to_pylist()
    return {row["digest"]: row["customer"] for row in now if row["valid_to"] is None}


def household(chance: random.Random, events: int) -> list[tuple[int, list[tuple[str, str]]]]:
    """Events of a town where things are shared, so that limits are met."""
    made = []
    for at in range(events):
        person = chance.randrange(12)
        own = [("user_id", f"u{person}"), ("email", f"p{person}@x.example"), ("anonymous_id", f"b{person}")]
        common = [
            ("phone", f"+120255501{person // 3:02d}"),
            ("device", f"tv{person // 4}"),
            ("email", "desk@x.example"),
        ]
        made.append((at, chance.sample(own + common, chance.randint(1, 3))))
    return made
