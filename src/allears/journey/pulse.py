"""One screen a CIO reads in a minute: what changed, who is hit, what is being done, is trust moving."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allears.act.case import cases
from allears.act.issue import issues
from allears.guard.permit import Permit
from allears.journey import effects
from allears.journey.cutoff import cutoff
from allears.journey.ground import Ground
from allears.journey.volumes import week_counts
from allears.measure.intervals import wilson

OPEN = ("open", "acknowledged")


def pulse(ground: Ground, permit: Permit) -> dict[str, Any]:
    """Put the screen together.

    Returns
    -------
    dict
        ``cutoff``; ``week`` and ``before`` (messages, customers, negative share with interval and n); ``issues`` still
        open, ``opportunities``, ``hit`` (different customers in open issues); ``cases`` (open, late); ``trust`` (the
        last two periods of each part); ``services`` that burn their budget.
    """
    end = cutoff(ground)
    found = issues(ground.desk)
    open_issues = [i for i in found if i["state"] in OPEN and i["kind"] == "issue"]
    work = [c for c in cases(ground.desk, at=end) if c["state"] in OPEN]
    return {
        "cutoff": end,
        "week": _week(ground, permit, 0),
        "before": _week(ground, permit, 1),
        "issues": open_issues[:5],
        "open_issues": len(open_issues),
        "opportunities": [i for i in found if i["state"] in OPEN and i["kind"] == "opportunity"][:3],
        "hit": sum(i["customers"] for i in open_issues),
        "cases": {"open": len(work), "late": sum(bool(c["overdue"]) for c in work)},
        "trust": _trust(ground, permit),
        "services": [s for s in effects.services(ground) if s["burns"]],
    }


def _week(ground: Ground, permit: Permit, back: int) -> dict[str, Any]:
    end = cutoff(ground) - timedelta(days=7 * back)
    row: dict[str, Any] = week_counts(ground, permit, end)
    share = wilson(row["negative"], row["judged"]) if row["judged"] else None
    row["negative_share"] = (
        {"estimate": share.estimate, "low": share.low, "high": share.high, "n": row["judged"]}
        if share
        else None
    )
    return row


def _trust(ground: Ground, permit: Permit) -> dict[str, list[dict[str, Any]]]:
    """Give the last two whole weeks of each part; a week of one day would look like a change."""
    parts: dict[str, list[dict[str, Any]]] = {}
    end = cutoff(ground)
    for row in effects.trust(ground, permit, None, "week").to_pylist():
        if (
            row["name"] == "trust"
            and row["estimate"] is not None
            and row["time"] + timedelta(days=7) <= end + timedelta(hours=1)
        ):
            parts.setdefault(row["part"], []).append(row)
    return {part: sorted(rows, key=lambda r: r["time"])[-2:] for part, rows in parts.items()}
