"""Services: what customers touch, against its objectives, and who was hit."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from allears.guard.access import Action
from allears.show import figures, words
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import card, chip, empty, figure, table, tag, titled

SEVERITIES = {"page": "now", "ticket": "slowly"}


def register(door: Door) -> None:
    """Open the page."""
    door.page("/services", "Services", Action.SEE_FIGURES, build)


async def build(page: Page) -> None:
    """Draw it."""
    tag("h1", "Services")
    await page.fill("services", page.space.services, _services, lines=10)


def _services(rows: list[dict[str, Any]]) -> None:
    if not rows:
        with card("No service was heard of in 28 days"):
            empty(
                "Services come from requests that applications report.",
                "Point any OpenTelemetry SDK at /v1/traces with an API key.",
            )
        return
    tag("p", _said(rows), "lead")
    with tag("div", classes="grid"):
        for kind, title in (("work", "Requests that work"), ("fast", "Requests that are fast enough")):
            _compared([r for r in rows if _kind(r) == kind and r["estimate"] is not None], title)
        _burns(rows)
        _all(rows)


def _kind(row: dict[str, Any]) -> str:
    return "fast" if " within " in row["objective"] else "work"


def _said(rows: list[dict[str, Any]]) -> str:
    burning = sorted({r["service"] for r in rows if r["burns"]})
    missed = sorted({r["service"] for r in rows if r["high"] is not None and r["high"] < r["target"]})
    hit = sum(r["hit"] or 0 for r in rows)
    told = (
        f"{' and '.join(burning)} {'burns its' if len(burning) == 1 else 'burn their'} error budget"
        if burning
        else "No service burns its error budget"
    )
    return f"{told}; {len(missed) or 'none'} of {len({r['service'] for r in rows})} surely missed an objective in 28 days; {words.count(hit, 'customer')} met failures this week."


def _compared(rows: list[dict[str, Any]], title: str) -> None:
    if not rows:
        return
    missed = [r for r in rows if r["high"] < r["target"]]
    worst = min(rows, key=lambda r: r["estimate"] - r["target"])
    found = (
        f"{worst['service']} is furthest below: {worst['estimate']:.1f} % of {worst['target']:g} %"
        if missed
        else f"{title}: no objective is surely missed"
    )
    listed = [{**r, "label": r["service"]} for r in sorted(rows, key=lambda r: r["estimate"] - r["target"])]
    figure(
        figures.forest(listed, unit=f"% of requests ({title.lower()})", reference=None, digits=1),
        title=found,
        note=f"28 days, 95 % intervals; the upright stroke is the objective; n {min(r['n'] for r in rows):,} to {max(r['n'] for r in rows):,} requests",
        height=60 + 30 * len(listed),
        classes="half",
    )


def _burns(rows: list[dict[str, Any]]) -> None:
    burns = [(r, b) for r in rows for b in r["burns"]]
    if not burns:
        return
    with card(
        "Burning now", "A budget is what an objective allows to fail; at rate 1 it lasts exactly 28 days"
    ):
        table(
            ("Service", "Objective", "How fast", "Budget spent", "Since", "Bad of all"),
            [
                (
                    r["service"],
                    r["objective"],
                    partial(
                        chip,
                        f"{b['rate']:.1f} times the rate it can bear",
                        "bad" if b["severity"] == "page" else "warn",
                    ),
                    f"{100 * b['budget_spent']:.0f} %",
                    words.time(_moment(b["began_at"])),
                    f"{b['bad']:,} of {b['total']:,}",
                )
                for r, b in burns
            ],
            right=(3, 5),
            caption="Burns",
            classes="cards",
        )


def _moment(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) or value is None else datetime.fromisoformat(value)


def _all(rows: list[dict[str, Any]]) -> None:
    with card("Every objective"):
        table(
            ("Service", "Objective", "Reached", "Interval", "n", "Budget left", "Customers hit this week"),
            [
                (
                    partial(titled, r["service"], "", _standing(r)),
                    r["objective"],
                    f"{r['estimate']:.1f} %" if r["estimate"] is not None else "?",
                    f"{words.interval(r, 1)} %" if r["estimate"] is not None else "too few requests",
                    r["n"],
                    _budget(r["budget_left"]),
                    ""
                    if r["hit"] is None
                    else f"{r['hit']:,}" + (f" ({r['silent']:,} of them silent)" if r["silent"] else ""),
                )
                for r in rows
            ],
            right=(2, 3, 4, 5),
            caption="Objectives",
            classes="cards",
        )


def _budget(left: float | None) -> str:
    """Say what is left of an error budget, percent; below nothing, how often it was spent."""
    if left is None:
        return ""
    return f"{left:.0f} %" if left >= 0 else f"spent {1 - left / 100:.1f} times"


def _standing(row: dict[str, Any]) -> str:
    if row["estimate"] is None:
        return "can not be told"
    if row["low"] >= row["target"]:
        return "meets it"
    return "misses it" if row["high"] < row["target"] else "too close to tell"
