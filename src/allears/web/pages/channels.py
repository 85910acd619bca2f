"""Channels: the listening watched like any other service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from allears.guard.access import Action
from allears.show import words
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import card, chip, empty, link, table, tag, titled

STATES = {
    "heard": ("heard", "good"),
    "silent": ("silent", "bad"),
    "learning": ("still learning its week", "quiet"),
    "past only": ("taken in as history", "quiet"),
}
FIELDS = {"column": "", "who": "identifier ", "property": "property "}
SHOWN = 8


def register(door: Door) -> None:
    """Open the page."""
    door.page("/channels", "Channels", Action.SEE_HEALTH, build)


async def build(page: Page) -> None:
    """Draw it."""
    tag("h1", "Channels")
    await page.fill("channels", page.space.health, partial(_channels, page.space.now), lines=10)


def _channels(now: Callable[[], datetime], rows: list[dict[str, Any]]) -> None:
    if not rows:
        with card("Nothing is listened to yet"):
            empty(
                "A source appears here with its first signal.",
                "allears listen FILE --source NAME takes a file in; keys for programs: allears keys add.",
            )
        return
    tag("p", said(rows), "lead")
    if now() - rows[0]["cutoff"] > timedelta(days=1):
        tag(
            "p",
            f"Nothing has arrived since {words.day(rows[0]['cutoff'])}: this is how it stood then.",
            "note",
        )
    with tag("div", classes="grid"):
        _sources(rows)
        _refused(rows)
        _objectives(rows)
        _drift(rows)


def said(rows: list[dict[str, Any]]) -> str:
    """Say in a sentence how the listening stands."""
    silent = [r["source"] for r in rows if r["state"] == "silent"]
    odd = [r["source"] for r in rows if r["state"] != "silent" and (r["week"] or {}).get("unusual")]
    missed = {r["source"] for r in rows for o in r["objectives"] if o["standing"] == "misses it"}
    heard = (
        f"Nothing arrives from {' and '.join(silent)}"
        if silent
        else "No source that is judged has gone silent"
    )
    volume = f"{len(odd) or 'none'} of {len(rows)} {'bring' if len(odd) > 1 else 'brings'} an unusual volume this week"
    return f"{heard}; {volume}; {len(missed) or 'none'} of {len(rows)} surely missed an objective."


def _sources(rows: list[dict[str, Any]]) -> None:
    with card(
        "Sources", "What was expected is learned from each source's own week; ranges are 95 % intervals"
    ):
        table(
            ("Source", "How it stands", "Last arrival", "Last 24 hours", "Last 7 days", "Seen before", "Of known customers", "Stored"),
            [
                (
                    partial(titled, r["source"], "", words.channel(r["channel"]) if r["channel"] else ""),
                    partial(chip, *STATES[r["state"]]),
                    partial(titled, words.ago(r["last_at"], r["cutoff"]), "", words.time(r["last_at"])),
                    partial(_volume, r["day"]),
                    partial(_volume, r["week"]),
                    _percent(r["duplicates"]),
                    _percent(r["known"], 0),
                    r["stored"],
                )
                for r in sorted(rows, key=lambda r: r["state"] != "silent")
            ],
            right=(7,),
            caption="Sources",
            classes="cards",
        )  # fmt: skip


def _volume(row: dict[str, Any] | None) -> None:
    if row is None:
        tag("span", "not judged", "note")
        return
    titled(f"{row['observed']:,}", "", f"expected {words.number(row['expected'])} ({words.interval(row)})")
    if row["unusual"]:
        chip("less than usual" if row["observed"] < row["low"] else "more than usual", "warn")


def _percent(row: dict[str, Any], digits: int = 1) -> str:
    return words.spread(row, digits, " %") if row["n"] else "nothing this week"


def _refused(rows: list[dict[str, Any]]) -> None:
    reasons = [(r["source"], e) for r in rows for e in r["reasons"]]
    worst = max(rows, key=lambda r: r["refused"]["estimate"] or 0.0)
    title = (
        f"{worst['source']} refuses {words.spread(worst['refused'], 1, ' %')}"
        if worst["refused"]["estimate"]
        else "Nothing was refused this week"
    )
    with card(title, "Rows of the last 7 days that were not accepted; they are kept, sealed", "half"):
        if not reasons:
            empty("No row of the last 7 days waits.")
            link("All refused rows", "/channels/refused")
            return
        table(
            ("Source", "Why", "Rows", "Latest"),
            [(source, e["reason"], e["n"], words.time(e["last_at"])) for source, e in reasons],
            right=(2,),
            caption="Refused",
            classes="cards",
        )
        link("All refused rows", "/channels/refused")


def _objectives(rows: list[dict[str, Any]]) -> None:
    judged = [(r["source"], o) for r in rows for o in r["objectives"] if o["n"]]
    missed = [(source, o) for source, o in judged if o["standing"] == "misses it"]
    close = sum(o["standing"] == "too close to tell" for _, o in judged)
    title = f"{len(missed) or 'None'} of {len(judged)} objectives surely missed"
    with card(
        title,
        "Of each source: rows refused in 7 days, and busy hours of 28 days in which it was heard",
        "half",
    ):
        if missed:
            table(
                ("Source", "Objective", "Reached", "n"),
                [
                    (
                        source,
                        f"{o['objective']} {'at most' if o['objective'] == 'rows refused' else 'at least'} {o['target']:g} %",
                        f"{o['estimate']:.1f} % ({words.interval(o, 1)})",
                        o["n"],
                    )
                    for source, o in missed
                ],
                right=(3,),
                caption="Objectives",
                classes="cards",
            )
        tag(
            "p",
            f"{len(judged) - len(missed) - close} surely met, {close} too close to tell. Busy: five signals or more were expected.",
            "note",
        )


def _drift(rows: list[dict[str, Any]]) -> None:
    moved = [r for r in rows if r["drift"]["new"] or r["drift"]["missing"]]
    title = (
        f"Fields changed in {' and '.join(r['source'] for r in moved)}"
        if moved
        else "No source changed its fields this week"
    )
    with card(
        title,
        "Missing: twenty signals or more should have held it since it was last seen. New: of this week",
    ):
        table(
            ("Source", "Identifiers", "New", "Missing"),
            [
                (
                    r["source"],
                    ", ".join(
                        f"{name.replace('_', ' ')} {words.number(share['estimate'])} %"
                        for name, share in r["identifiers"].items()
                    )
                    or "none",
                    _listed(r["drift"]["new"]),
                    _listed(r["drift"]["missing"]),
                )
                for r in rows
            ],
            caption="Fields",
            classes="cards",
        )


def _listed(fields: list[str]) -> str:
    named = [FIELDS[kind] + name for kind, _, name in (f.partition(":") for f in fields)]
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return ", ".join(named[:SHOWN]) + more or "none"
