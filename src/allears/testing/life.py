"""Live through a simulated town: its payloads through the real doors, and what came of it beside the truth."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from allears.act.issue import signals_of
from allears.clock import SetClock
from allears.journey.mappings import save_mapping
from allears.journey.second import Second
from allears.journey.take import Waiting, take
from allears.listen.mapping import read_mapping
from allears.settings import Settings, SpaceSettings
from allears.space import Space
from allears.testing.payloads import Payload
from allears.testing.people import CARRIERS
from allears.testing.score import (
    Detection,
    Found,
    redaction_recall,
    score_detection,
    score_identity,
    verdict_truth,
)
from allears.testing.town import Town
from allears.testing.truth import Planted, Truth

Progress = Callable[[str, float, str], None]
DIGEST_EVERY = 50_000
PAYLOADS_AT_ONCE = 1000
EMPLOYEES = ("larkfield.example",)
PARTNERS = tuple(f"{carrier.lower()}.example" for carrier in CARRIERS)


def live_through(
    folder: Path, *, seed: int, days: int, customers: int, progress: Progress = lambda step, share, note: None
) -> tuple[dict[str, Any], Space]:
    """Simulate a retailer and listen to it.

    Returns
    -------
    outcome, space
        What was planted and what was found, with the keys that ``allears demo --json`` documents; and the open space.
    """
    timer = Timer()
    progress("simulate a retailer", 0.0, "")
    senders = _Senders(seed, days, customers)
    with timer("generation"):
        town = Town(seed, days, customers)
    progress("simulate a retailer", 1.0, "")
    clock = SetClock(town.start)
    settings = Settings(
        space=SpaceSettings(name="demo", employee_domains=EMPLOYEES, partner_domains=PARTNERS)
    )
    space = Space.open(folder, clock=clock, settings=settings)
    (folder / ".demo").write_text(f"simulated, seed {seed}\n", "utf-8")
    for source, mapping in town.mappings.items():
        save_mapping(space.ground, source, read_mapping(mapping))
    _listen(space, clock, town, senders, progress, timer)
    clock.set(town.end)
    progress("watch it, hour by hour", 0.0, "")
    with timer("watch"):
        space.lookout.look(town.end)
        space.publish()
    progress("watch it, hour by hour", 1.0, "")
    outcome = _outcome(space, town, progress, timer)
    outcome["seconds"] = round(timer.total(), 2)
    outcome["seconds_by_part"] = {part: round(spent, 2) for part, spent in timer.spent.items()}
    return outcome, space


class Timer:
    """How long each part takes; parts may come by turns."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.spent: dict[str, float] = {}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Add the time spent inside to a part."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.spent[part] = self.spent.get(part, 0.0) + time.monotonic() - began

    def total(self) -> float:
        """Give the seconds since the beginning."""
        return time.monotonic() - self.started


class _Senders:
    """The town's channels, writing their payloads in a process of their own, as they do wherever Allears listens."""

    def __init__(self, seed: int, days: int, customers: int) -> None:
        self._town = (seed, days, customers)
        self._elsewhere = Second((os.cpu_count() or 1) > 1)

    def __iter__(self) -> Iterator[Payload]:
        first, some = 0, self._write(0)
        while written := some():
            first += len(written)
            some = self._write(first)
            yield from written
        self._elsewhere.close()

    def _write(self, first: int) -> Callable[[], list[Payload]]:
        return self._elsewhere.begin(_write_payloads, *self._town, first)


def _write_payloads(seed: int, days: int, customers: int, first: int) -> list[Payload]:
    return list(_build(seed, days, customers).payloads(first, PAYLOADS_AT_ONCE))


@lru_cache(1)
def _build(seed: int, days: int, customers: int) -> Town:
    return Town(seed, days, customers)


def _listen(
    space: Space, clock: SetClock, town: Town, senders: Iterable[Payload], progress: Progress, timer: Timer
) -> None:
    waiting, rows = [], 0
    span = town.end - town.start
    payloads = iter(senders)
    while True:
        with timer("generation"):
            payload = next(payloads, None)
        if payload is None:
            break
        clock.set(payload.received_at)
        with timer("listening"):
            receipt, done = take(
                space.ground, payload.door, payload.body, source=payload.source, channel=payload.channel
            )
        waiting.append(done)
        rows += receipt.accepted
        if rows >= DIGEST_EVERY:
            # Acknowledged means fsynced, here as at any door; only the simulated senders wait for their answers together.
            _digest(space, waiting, timer)
            waiting, rows = [], 0
            progress("listen and digest", (payload.received_at - town.start) / span, "")
    _digest(space, waiting, timer)
    progress("listen and digest", 1.0, "")


def _digest(space: Space, waiting: list[Waiting], timer: Timer) -> None:
    with timer("listening"):
        for one in waiting:
            one.result()
    with timer("digest"):
        for part in space.digester.run():
            if part.signals is not None:
                space.lookout.feed(part.signals)


def _outcome(space: Space, town: Town, progress: Progress, timer: Timer) -> dict[str, Any]:
    progress("compare with the truth", 0.0, "")
    truth = town.truth
    with timer("comparison"):
        issues = {i["id"]: i for i in space.issues()}
        detection = score_detection([_found(space, issue) for issue in issues.values()], truth)
        first = _first(detection, issues, truth)
    with timer("verdicts"):
        verdicts = _verdicts(space, truth, first)
    with timer("comparison"):
        counted = space.ground.engine.query(
            "SELECT count(*) AS n, count(*) FILTER (WHERE text IS NOT NULL) AS m FROM signals"
        ).to_pylist()[0]
        identity, redaction = _identity(space, truth), _redaction(space, truth)
    progress("compare with the truth", 1.0, "")
    return {
        "simulated": True,
        "seed": town.seed,
        "signals": counted["n"],
        "messages": counted["m"],
        "planted": [
            {
                "name": p.name,
                "kind": p.kind,
                "began_at": p.began_at,
                "peak_at": p.peak_at,
                "fixed_at": p.fixed_at,
            }
            for p in truth.planted
        ],
        "found": list(first.values()),
        "decoys_raised": sorted(detection.decoys_raised),
        "false_alarms": [issues[i]["title"] for i in detection.false_alarms],
        "false_alarms_per_week": len(detection.false_alarms) / (town.days / 7),
        "identity": identity,
        "redaction": redaction,
        "verdicts": verdicts,
    }


def _first(detection: Detection, issues: dict[str, Any], truth: Truth) -> dict[str, Any]:
    """Take the earliest issue of each planted thing that was found."""
    first: dict[str, Any] = {}
    for match in detection.matches:
        planted = truth.planted_named(match.planted)
        if match.planted not in first or match.detected_at < first[match.planted]["detected_at"]:
            first[match.planted] = {
                "planted": match.planted,
                "issue": match.issue,
                "title": issues[match.issue]["title"],
                "detected_at": match.detected_at,
                "lead_hours": (planted.peak_at - match.detected_at) / timedelta(hours=1),
            }
    return first


def _found(space: Space, issue: dict[str, Any]) -> Found:
    ids = signals_of(space.ground.desk, issue["id"])
    last: datetime = space.ground.engine.query(
        "SELECT max(occurred_at) AS t FROM signals WHERE list_contains($ids, signal_id)", ids=ids
    )["t"][0].as_py()
    return Found(
        issue=issue["id"], kind=issue["kind"], first_signal_at=issue["first_signal_at"], last_signal_at=last or issue["detected_at"],
        detected_at=issue["detected_at"], signal_ids=ids,
    )  # fmt: skip


def _verdicts(space: Space, truth: Truth, first: dict[str, Any]) -> list[dict[str, Any]]:
    """Let the people of the town say when each fault was mended; whether it worked is for Allears to find out."""
    fixed: dict[str, Planted] = {}
    for planted in truth.planted:
        if planted.name in first and planted.fixed_at is not None and planted.kind == "incident":
            issue = first[planted.name]["issue"]
            space.mark_fixed(issue, max(planted.fixed_at, first[planted.name]["detected_at"]))
            fixed[issue] = planted
    said = {v["issue"]: v for v in space.verdicts().to_pylist() if v["part"] == "both"}
    return [
        {
            "planted": planted.name,
            "issue": issue,
            "said": said[issue]["said"],
            "why": said[issue]["why"],
            "truth": verdict_truth(planted),
        }
        for issue, planted in fixed.items()
        if issue in said
    ]


def _identity(space: Space, truth: Truth) -> dict[str, Any]:
    graph = space.ground.graph
    known = list(truth.identifiers)
    predicted = graph.customers_of([kind for kind, _ in known], [value for _, value in known])
    pairs = score_identity({k: c for k, c in zip(known, predicted, strict=True) if c is not None}, truth)
    return {
        "precision": pairs.precision,
        "recall": pairs.recall,
        "recall_of_all": pairs.recall_of_all,
        "identifiers": len(known),
    }


def _redaction(space: Space, truth: Truth) -> dict[str, Any]:
    rows = space.ground.engine.query("SELECT signal_id, text FROM signals WHERE text IS NOT NULL")
    recall = redaction_recall(
        dict(zip(rows["signal_id"].to_pylist(), rows["text"].to_pylist(), strict=True)), truth
    )
    return {"recall": recall.pop("all"), "by_type": recall}
