"""One customer's page, at a million simulated signals; ``ALLEARS_BENCH_SIGNALS=10_000_000`` asks for it among ten."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench.questions import DAYS, END, SIGNALS, fill, timed
from bench.report import Row

MINE = 200
"""Signals of the one who is looked at, spread over all days: more than most have."""
FLOOR = "low/high: range of 5 runs, engine warm; reference: the whole page at ten million, as asked for"


def rows() -> list[Row]:
    from allears.clock import SetClock
    from allears.space import Space

    data = f"{SIGNALS:,} simulated signals, {MINE} of them the customer's"
    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR")) as folder,
        Space.open(Path(folder) / "space", clock=SetClock(END)) as space,
    ):
        fill(space)
        who = _somebody(space)
        found = [timed(name, data, ask, FLOOR, 300) for name, ask in _asked(space, who).items()]
        for name in ("gone-quiet", "unhappy-lately", "hit-and-silent"):
            space.segment_on(name)
        found.append(timed("three segments counted", data, space.count_segments, "low/high: range of 5 runs"))
    return found


def _asked(space: Any, who: str) -> dict[str, Callable[[], Any]]:
    def whole() -> None:
        person = space.customer(who)
        person.overview(), person.timeline(limit=60), person.dealings(), person.traits(), person.relations()
        person.restricted(), space.consent(who), space.merges(who), space.issues()

    return {
        "found by an identifier": lambda: space.customer("bench-one"),
        "figures": lambda: space.customer(who).overview(),
        "last 60 signals": lambda: space.customer(who).timeline(limit=60),
        "conversations, promises, cases, what was sent": lambda: space.customer(who).dealings(),
        "traits": lambda: space.customer(who).traits(),
        "organisations and household": lambda: space.customer(who).relations(),
        "consent": lambda: space.consent(who),
        "the whole page": whole,
    }


def _somebody(space: Any) -> str:
    """Make one customer known at the door, and give them signals of every day."""
    from allears.tables import TABLES

    first = {"signal_id": "one", "text": "hello", "channel": "chat", "occurred_at": END.isoformat()}
    space.hear([first | {"identifiers": {"user_id": "bench-one"}}], source="bench")
    space.digest(look=False)
    who = str(space.customer("bench-one").id)
    rng = np.random.default_rng(2)
    at = [END - timedelta(seconds=int(s)) for s in rng.integers(0, DAYS * 86400, MINE)]
    columns = {
        "signal_id": [f"mine:{i}" for i in range(MINE)],
        "occurred_at": at,
        "received_at": at,
        "kind": ["feedback"] * MINE,
        "channel": ["chat"] * MINE,
        "source": ["bench"] * MINE,
        "direction": ["out" if i % 2 else "in" for i in range(MINE)],
        "customer_key": [who] * MINE,
        "relationship": ["consumer"] * MINE,
        "thread": [f"t{i // 8}" for i in range(MINE)],
        "text": ["we will call you back by tomorrow" if i % 2 else "where is my parcel" for i in range(MINE)],
        "sentiment": rng.uniform(-1, 1, MINE),
        "topics": pa.array([["delivery/late"]] * MINE),
        "day": [f"{moment:%Y-%m-%d}" for moment in at],
    }
    space.ground.store.append("signals", TABLES["signals"].arrays(columns, MINE))
    space.ground.store.compact("signals")
    return who
