"""Promises the company made in writing, followed up: open, kept, broken.

Kept means that the company wrote again in that conversation by the time it had named. Whether what it promised was done
as well, messages alone do not tell.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from allears.act.case import open_case
from allears.journey import rules
from allears.journey.cutoff import cutoff
from allears.journey.ground import Ground
from allears.measure.promises import promises_kept
from allears.understand.promises import find_promises

FOLLOWED_DAYS = 90
WORK_DAYS = 7
"""A promise that broke longer ago makes no case: history taken in is no news."""
SAME_BREATH = timedelta(minutes=15)
"""A message in several parts keeps no promise made in the first."""
MOST = 100_000
DEPARTMENT, PRIORITY = "service", "P3"


def promises(ground: Ground, *, days: int = FOLLOWED_DAYS) -> list[dict[str, Any]]:
    """List promises made in the last days, the one due first on top, with what became of each by the data cut-off."""
    end = cutoff(ground)
    rows = ground.serving.query(
        """SELECT signal_id, source, thread, customer_key, channel, occurred_at, text FROM signals
           WHERE direction = 'out' AND thread IS NOT NULL AND text IS NOT NULL AND occurred_at > $since AND occurred_at <= $until
           ORDER BY occurred_at DESC, signal_id LIMIT $most""",
        since=end - timedelta(days=days),
        until=end,
        most=MOST,
    ).to_pylist()
    return followed(rows, end)


def followed(rows: list[dict[str, Any]], end: datetime) -> list[dict[str, Any]]:
    """Find the promises in messages the company wrote, newest message first, and what became of each by ``end``."""
    wrote: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for row in reversed(rows):
        wrote[row["source"], row["thread"]].append(row["occurred_at"])
    made = find_promises([r["text"] for r in rows], [r["occurred_at"] for r in rows])
    found = []
    for row, promise in zip(rows, made, strict=True):
        if promise is not None:
            times = wrote[row["source"], row["thread"]]
            place = bisect_right(times, promise.made_at + SAME_BREATH)
            again = times[place] if place < len(times) else None
            kept = again is not None and again <= promise.due_at
            found.append(
                {
                    "signal": row["signal_id"], "customer": row["customer_key"], "channel": row["channel"], "thread": row["thread"],
                    "words": promise.words, "made_at": promise.made_at, "due_at": promise.due_at, "wrote_again_at": again,
                    "state": "kept" if kept else "open" if promise.due_at > end else "broken",
                }
            )  # fmt: skip
    return sorted(found, key=lambda p: (p["due_at"], p["signal"]))


def kept(ground: Ground, found: list[dict[str, Any]], every: str = "week") -> pa.Table:
    """Give the share of promises kept by the period they fell due in, with interval and n."""
    fallen_due = [p for p in found if p["state"] != "open"]
    return promises_kept(
        [p["due_at"] for p in fallen_due],
        [p["state"] == "kept" for p in fallen_due],
        every=every,
        cutoff=cutoff(ground),
    )


def follow_up(ground: Ground) -> int:
    """Open a case for each promise that broke lately and that nobody wrote again about; returns how many are new."""
    at = ground.clock.now()
    late = [
        p
        for p in promises(ground, days=FOLLOWED_DAYS)
        if p["state"] == "broken"
        and p["wrote_again_at"] is None
        and at - p["due_at"] <= timedelta(days=WORK_DAYS)
    ]
    clocks = rules.clocks(ground)
    opened = 0
    with ground.desk.session() as session:
        for promise in late:
            why = f'promised "{promise["words"]}" on {promise["made_at"]:%Y-%m-%d}, due {promise["due_at"]:%Y-%m-%d %H:%M}'
            case = open_case(
                session, f"promise:{promise['signal']}", DEPARTMENT, PRIORITY, "keep a promise that is overdue", clocks, at,
                customer=promise["customer"], why=why, actor="promises",
            )  # fmt: skip
            opened += case is not None
    return opened
