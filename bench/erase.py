"""Measure erasing: many customers at once, and one alone, out of a space of simulated customers.

Run: allears bench erase. ERASE_CUSTOMERS (10000), ERASE_OTHERS (as many stay), ERASE_SIGNALS (10 each), ERASE_REFUSED (5000).
"""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from allears.guard.erasures import Scope
from allears.guard.receipt import verify_receipt
from allears.space import Space
from bench.report import Row, row

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAYS = 60
WORDS = (
    "the parcel never came and nobody answers", "thank you, all is well with my order", "the app stops when I pay by card",
    "please change my address before you send it", "the driver left it in the rain again",
)  # fmt: skip


def rows() -> list[Row]:
    many, others, each, refused = (
        int(os.environ.get(f"ERASE_{name}", given))
        for name, given in (("CUSTOMERS", 10_000), ("OTHERS", 10_000), ("SIGNALS", 10), ("REFUSED", 5_000))
    )
    data = f"{many + others:,} simulated customers, {(many + others) * each:,} signals over {DAYS} days, {refused:,} refused rows"
    with tempfile.TemporaryDirectory() as folder, Space.open(Path(folder) / "space") as space:
        _fill(space, many + others, each, refused)
        before = _figures(space)
        alone = _seconds(lambda: space.erase(_mail(many)))
        part = _seconds(lambda: space.erase(_mail(many + 1), scope=Scope("chat")))
        began = time.perf_counter()
        done = space.erase_all([_mail(n) for n in range(many)], why="bench")
        seconds = time.perf_counter() - began
        began = time.perf_counter()
        receipts = space.receipts(done.receipts)
        given = time.perf_counter() - began
        sound = sum(verify_receipt(r.json()).receipt == "erasure" for r in receipts[:: max(1, many // 100)])
        left = space.sql("SELECT count(*) AS n FROM signals WHERE text IS NOT NULL")["n"].to_pylist()[0]
        kept = _figures(space) == before
    assert len(done.receipts) == many and sound and left >= (others - 2) * each and kept
    return [
        row("erasing many", f"{many:,} of {data}", round(seconds, 1), "s", reference=60, source="the bar; all of it: lake, refused rows, desk, files removed"),
        row("receipts of them, proven and signed", f"{many:,}", round(given, 1), "s"),
        row("erasing one", data, round(alone, 2), "s", source="one run"),
        row("erasing one channel of one", data, round(part, 2), "s", source="one run"),
    ]  # fmt: skip


def _mail(n: int) -> str:
    return f"person{n}@example.com"


def _fill(space: Space, customers: int, each: int, refused: int) -> None:
    for start in range(0, customers, 1_000):
        told = [_said(n, k, each) for n in range(start, min(start + 1_000, customers)) for k in range(each)]
        space.hear(told, source="bench")
        space.digest(look=False)
    bad = [
        {"text": WORDS[n % 5], "identifiers": {"email": _mail(n)}, "occurred_at": "never"}
        for n in range(refused)
    ]
    for start in range(0, refused, 1_000):
        space.hear(bad[start : start + 1_000], source="bench")


def _said(n: int, k: int, each: int) -> dict[str, Any]:
    at = NOW - timedelta(days=(n * 7 + k * DAYS // each) % DAYS, minutes=n % 600)
    who = (
        {"email": _mail(n), "user_id": f"user-{n}"} if k % 2 else {"email": _mail(n), "device": f"device-{n}"}
    )
    return {
        "id": f"b{n}-{k}", "identifiers": who, "channel": ("chat", "email", "app")[k % 3], "occurred_at": at.isoformat(),
        "text": f"{WORDS[(n + k) % 5]} {n % 97}", "rating": 1 + (n + k) % 5, "rating_scale": "stars-1-5",
    }  # fmt: skip


def _figures(space: Space) -> list[dict[str, Any]]:
    asked = "SELECT channel, count(*) AS n, count(DISTINCT customer_key) AS people, round(avg(rating), 9) AS rating FROM signals GROUP BY ALL ORDER BY ALL"
    # A part has a name of its own: one more is counted by the channels that are not the part's.
    return [r | {"people": None} for r in space.sql(asked).to_pylist()]


def _seconds(act: Any) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
