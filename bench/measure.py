"""Whether the measures can be believed: coverage, false alarms, power and wrong verdicts, on simulated customers.

``python bench/measure.py [--runs N]`` prints one JSON object per figure.
"""

from __future__ import annotations

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
