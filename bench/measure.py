"""Whether the measures can be believed: coverage, false alarms, power and wrong verdicts, on simulated customers.

And false alarms of interrupted series on real ones, at random hours; and how long questions over a million signals take.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from allears.measure.panel import PANEL

START = datetime(2026, 1, 5, tzinfo=UTC)


def simulate(
    seed: int,
    *,
    customers: int = 6000,
    days: int = 90,
    began: int = 45,
    fixed: int = 47,
    exposed: int = 400,
    drop: float = 0.0,
    said_drop: float = 0.0,
    half_life: float | None = None,
    rate: float = 0.11,
    answers: float = 0.006,
    contagion: float = 0.3,
    shape: float = 0.7,
) -> tuple[pa.Table, dict[str, Any]]:
    """Simulate a panel: uneven customers, bursts, weekdays, growth, and an incident that hits the active ones.

    ``drop`` is the share of activity lost from the day of exposure, ``said_drop`` the points lost in answers; both
    halve every ``half_life`` days after the fix, or stay when it is ``None``.
    """
    rng = np.random.default_rng(seed)
    base = rng.gamma(shape, rate / shape, customers)
    season = 1 + 0.25 * np.sin(2 * np.pi * np.arange(days) / 7) + 0.002 * np.arange(days)
    # Bursts: a customer is in a busy or a quiet spell of about four days.
    spell = rng.random((customers, days // 4 + 1)) < 0.5
    burst = np.repeat(np.where(spell, 1 + contagion, 1 - contagion), 4, axis=1)[:, :days]
    level = base[:, None] * season * burst
    activity = rng.poisson(level)
    hits = activity[:, began : fixed + 1] > 0
    active = np.flatnonzero(hits.any(1))
    # Half of those active met it: the other half used what still worked.
    chosen = rng.permutation(active)[: min(exposed, len(active) // 2)]
    met = np.full(customers, days)
    met[chosen] = began + hits[chosen].argmax(1)
    at = np.arange(days)
    since_fix = np.maximum(at - fixed, 0)
    fade = np.ones(days) if half_life is None else 2.0 ** (-since_fix / half_life)
    after = at[None, :] > met[:, None]
    activity = np.where(
        after, rng.binomial(activity, np.clip(1 - drop * fade, 0, 1)[None, :].repeat(customers, 0)), activity
    )
    told = rng.random((customers, days)) < answers
    told[chosen, met[chosen]] |= rng.random(len(chosen)) < 0.15
    temper = rng.normal(0, 12, customers)
    points = 70 + temper[:, None] + rng.normal(0, 22, (customers, days))
    points = np.clip(points - np.where(at[None, :] >= met[:, None], said_drop * fade[None, :], 0), 0, 100)
    scale = np.where(rng.random((customers, days)) < 0.6, "csat-1-5", "nps-0-10")
    known = (activity[:, :began] > 0).any(1) | told[:, :began].any(1)
    seen_then = (activity[:, began : fixed + 1] > 0).any(1) | told[:, began : fixed + 1].any(1)
    keep = known & seen_then
    first = max(began - 70, 0)
    parts = []
    is_exposed = np.zeros(customers, bool)
    is_exposed[chosen] = True
    for what, matrix in (("activity", activity), ("seen", activity + told)):
        who, day = np.nonzero((matrix > 0) & keep[:, None] & (at >= first))
        parts.append((who, day, np.full(len(who), what), matrix[who, day], matrix[who, day].astype(float)))
    who, day = np.nonzero(told & keep[:, None] & (at >= first))
    parts.append((who, day, scale[who, day], np.ones(len(who), int), points[who, day]))
    who, day, what, n, total = (np.concatenate([p[i] for p in parts]) for i in range(5))
    epoch = (START.date() - datetime(1970, 1, 1).date()).days
    panel = {
        "customer": [f"c{i}" for i in who],
        "exposed": is_exposed[who],
        "day": pa.array(day + epoch, pa.int32()).cast(pa.date32()),
        "what": what.tolist(),
        "n": n,
        "total": total,
    }
    each = pa.table(panel, schema=PANEL)
    everyone = pa.table(
        {
            "customer": pa.nulls(days - first, pa.string()),
            "exposed": [False] * (days - first),
            "day": pa.array(np.arange(first, days) + epoch, pa.int32()).cast(pa.date32()),
            "what": ["activity"] * (days - first),
            "n": activity.sum(0)[first:],
            "total": activity.sum(0)[first:].astype(float),
        },
        schema=PANEL,
    )
    when = {
        "began_at": START + timedelta(days=began, hours=10),
        "fixed_at": START + timedelta(days=fixed, hours=10),
        "cutoff": START + timedelta(days=days),
    }
    return pa.concat_tables([each, everyone]), when


RUNS = 120


def rows() -> list[Any]:
    """Measure everything; takes some minutes."""
    return [*_coverage(), *_verdicts(), *_placebo_hours(), *_questions()]


def _coverage() -> list[Any]:
    from allears.measure.intervals import nps, wilson
    from bench.report import row

    rng = np.random.default_rng(0)
    wave = rng.choice([-1, 0, 1], 20_000, p=[0.2, 0.3, 0.5])
    found = []
    for n in (50, 200):
        draws = rng.choice(wave, (4000, n))
        up, down = (draws > 0).sum(1), (draws < 0).sum(1)
        held = [
            (a := nps(int(u), int(d), n)).low <= 100 * wave.mean() <= a.high
            for u, d in zip(up, down, strict=True)
        ]
        share = [(b := wilson(int(u), n)).low <= (wave > 0).mean() <= b.high for u in up]
        for name, hits in (("NPS", held), ("CSAT", share)):
            found.append(
                row(
                    f"coverage of 95 % intervals, {name}",
                    f"{n} answers of 20,000, simulated",
                    float(np.mean(hits)),
                    "share",
                    reference="0.93-0.97",
                    source="4,000 subsamples",
                )
            )
    return found


def _verdicts() -> list[Any]:
    from allears.measure.verdict import verdict
    from bench.report import row

    def run(**how: Any) -> list[list[dict[str, Any]]]:
        return [
            verdict(panel, issue="i", **when).to_pylist()
            for panel, when in (simulate(s, **how) for s in range(RUNS))
        ]

    def shown(verdicts: list[list[dict[str, Any]]], part: int) -> float:
        rated = [v[part] for v in verdicts if v[part]["damage"] is not None]
        return float(np.mean([not v["damage_low"] <= 0 <= v["damage_high"] for v in rated]))

    def said(verdicts: list[list[dict[str, Any]]], what: str, part: int = 2) -> float:
        return float(np.mean([v[part]["said"] == what for v in verdicts]))

    source = f"{RUNS} simulated incidents of 400 among 6,000 customers"
    found = []
    placebo = run()
    for part, name in enumerate(("stated", "behavioural")):
        found.append(
            row(
                f"effect found where there is none, {name}",
                "simulated",
                shown(placebo, part),
                "share",
                reference=0.07,
                source=source,
            )
        )
    for drop in (0.2, 0.3, 0.4):
        injected = run(drop=drop)
        damage = np.array([v[1]["damage"] for v in injected])
        held = np.mean([v[1]["damage_low"] <= -100 * drop <= v[1]["damage_high"] for v in injected])
        found.append(
            row(
                f"damage of {100 * drop:.0f} % found", "simulated", shown(injected, 1), "share", source=source
            )
        )
        found.append(
            row(
                f"bias of damage of {100 * drop:.0f} %",
                "simulated",
                float(damage.mean() + 100 * drop),
                "points",
                source=source,
            )
        )
        found.append(
            row(
                f"coverage of damage of {100 * drop:.0f} %",
                "simulated",
                float(held),
                "share",
                reference="0.93-0.97",
                source=source,
            )
        )
    stays, returns = run(drop=0.45, said_drop=20), run(drop=0.45, said_drop=20, half_life=3)
    strong = run(drop=0.55, said_drop=25, half_life=4, days=110, rate=0.3, answers=0.06, exposed=800)
    half = run(drop=0.25, said_drop=12)
    found.append(
        row(
            "damage stays: called regained (wrong)",
            "simulated",
            said(stays, "regained"),
            "share",
            reference=0.0,
            source=source,
        )
    )
    found.append(
        row(
            "smaller damage stays: called regained (wrong)",
            "simulated",
            said(half, "regained"),
            "share",
            reference=0.0,
            source=source,
        )
    )
    found.append(
        row(
            "damage stays: called not regained",
            "simulated",
            said(stays, "not regained"),
            "share",
            source=source,
        )
    )
    found.append(
        row(
            "damage heals: called not regained (wrong)",
            "simulated",
            said(returns, "not regained"),
            "share",
            source=source,
        )
    )
    found.append(
        row(
            "damage heals: called regained, little data",
            "simulated",
            said(returns, "regained"),
            "share",
            source=source,
        )
    )
    found.append(
        row(
            "damage heals: called regained, much data",
            "simulated",
            said(strong, "regained"),
            "share",
            source=f"{RUNS} incidents of 800, three times the activity, ten times the answers",
        )
    )
    return found


def _placebo_hours() -> list[Any]:
    from allears.measure.impact import interrupted
    from bench.report import row, shared_data

    folder = shared_data()
    if folder is None:
        return []
    rng, alarms = np.random.default_rng(0), []
    for path in sorted((folder / "nab" / "data" / "realAdExchange").glob("*.csv")):
        with path.open() as lines:
            y = np.log([float(line["value"]) + 1e-3 for line in csv.DictReader(lines)])
        for start in rng.integers(0, len(y) - 350, 40):
            window = (np.arange(350) >= 336).astype(int)
            found = interrupted(y[start : start + 350], np.arange(350), window, windows=2, season=24)
            alarms.append(abs(found.effect[1]) > found.quantile(0.975) * found.error(1))
    return [
        row(
            "interrupted series: effect found at random hours",
            "NAB realAdExchange, 6 hourly series",
            float(np.mean(alarms)),
            "share",
            reference=0.07,
            source=f"{len(alarms)} random hours, 14 days before, 14 hours after; the series hold real anomalies",
        )
    ]


def _questions() -> list[Any]:
    import ibis

    from allears.measure.burn import burning
    from allears.measure.experience import experience
    from allears.measure.objectives import objectives_from
    from allears.measure.reliability import reliability
    from allears.measure.trust import trust, trust_reference
    from bench.report import median_of, row

    con = ibis.duckdb.connect()
    con.con.register("arrow", _million())
    con.raw_sql("create table signals as select * from arrow")
    signals, now = con.table("signals"), START + timedelta(days=90)
    objectives, reference = objectives_from(signals, cutoff=now), trust_reference(signals, cutoff=now)
    asked: dict[str, Callable[[], Any]] = {
        "experience by channel, weekly": lambda: experience(signals, by="channel", cutoff=now),
        "reliability": lambda: reliability(signals, objectives, now=now),
        "burn alerts": lambda: burning(signals, objectives, now=now),
        "trust, weekly": lambda: trust(signals, cutoff=now, reference=reference),
        "trust by channel, weekly": lambda: trust(signals, by="channel", cutoff=now, reference=reference),
    }
    found = []
    for name, ask in asked.items():

        def once(ask: Callable[[], Any] = ask) -> float:
            began = time.perf_counter()
            ask()
            return 1000 * (time.perf_counter() - began)

        middle, low, high = median_of(once)
        found.append(
            row(
                f"question: {name}",
                "1 million signals, simulated",
                middle,
                "ms",
                low=low,
                high=high,
                reference=500,
                source="median of 5, table in memory",
            )
        )
    return found


def _million(n: int = 1_000_000) -> pa.Table:
    from allears.tables.signals import SIGNALS

    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(0, 90 * 86_400, n)) + int(START.timestamp())
    kind = rng.choice(["event", "telemetry", "feedback"], n, p=[0.5, 0.35, 0.15])
    said, met = kind == "feedback", kind == "telemetry"
    rated = said & (rng.random(n) < 0.3)
    names = rng.choice(
        ["Order Completed", "Product Viewed", "Session Started", "Unsubscribed", "Order Refunded"],
        n,
        p=[0.12, 0.4, 0.45, 0.01, 0.02],
    )
    columns = {
        "signal_id": pa.array(np.arange(n)).cast(pa.string()),
        "occurred_at": pa.array(at * 1_000_000).cast(pa.timestamp("us", tz="UTC")),
        "kind": pa.array(kind),
        "channel": pa.array(rng.choice(["email", "chat", "web", "app"], n)),
        "name": pa.array(names, mask=kind != "event"),
        "direction": pa.array(np.full(n, "in")),
        "customer_key": pa.array(
            np.char.add("c", (rng.pareto(1.5, n) * 3000 % 20_000).astype(int).astype(str))
        ),
        "text": pa.array(np.full(n, "x"), mask=~(said & ~rated)),
        "sentiment": pa.array(rng.normal(0, 0.4, n).clip(-1, 1), mask=~(said & ~rated)),
        "rating": pa.array(rng.choice([0, 0.25, 0.5, 0.75, 1], n), mask=~rated),
        "rating_scale": pa.array(
            rng.choice(["csat-1-5", "nps-0-10", "ces-1-7", "stars-1-5"], n), mask=~rated
        ),
        "service": pa.array(rng.choice(["checkout", "search"], n), mask=~met),
        "ok": pa.array(rng.random(n) < 0.998, mask=~met),
        "duration_ms": pa.array(rng.gamma(2, 80, n), mask=~met),
        "day": pa.array(np.datetime_as_string(at.astype("datetime64[s]"), unit="D")),
    }
    return pa.Table.from_batches([SIGNALS.arrays(columns, n)])
