"""Channels: the listening watched like any other service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from allears.guard.access import Action
from allears.show import words
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import card, chip, empty, link, table, tag, titled

STATES = {
    "heard": ("heard", "good"),
    "silent": ("silent", "bad"),
    "learning": ("still learning its week", "quiet"),
    "past only": ("taken in as history", "quiet"),
    "refused": ("all it sent was refused", "bad"),
}
OBJECTIVES = {"refused": "Refused", "heard": "Busy hours heard", "fresh": "Arrived in time"}
LITTLE_LEFT = 50.0
"""Percent of a budget: a source with less left of any is shown unasked."""
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
        _objectives(rows)
        _refused(rows)
        _drift(rows)


def said(rows: list[dict[str, Any]]) -> str:
    """Say in a sentence how the listening stands."""
    silent = [r["source"] for r in rows if r["state"] == "silent"]
    volumes = [r for r in rows if r["week"]]
    odd = [r["source"] for r in volumes if r["state"] != "silent" and r["week"]["unusual"]]
    held = [r for r in rows if any(o["n"] for o in r["objectives"])]
    missed = {r["source"] for r in held for o in r["objectives"] if o["standing"] == "misses it"}
    lost = [r["source"] for r in rows if r["state"] == "refused"]
    heard = [
        *([f"nothing arrives from {' and '.join(silent)}"] if silent else []),
        *([f"all that {' and '.join(lost)} sent was refused"] if lost else []),
    ]
    if not volumes:
        heard.append("no source is judged yet: that takes two weeks of live arrivals")
    elif not heard:
        heard.append("no source that is judged has gone silent")
    if volumes:
        brings = "bring" if len(odd) > 1 else "brings"
        heard.append(f"{len(odd) or 'none'} of {len(volumes)} {brings} an unusual volume this week")
    if held:
        heard.append(f"{len(missed) or 'none'} of {len(held)} surely missed an objective")
    told = "; ".join(heard)
    return f"{told[:1].upper()}{told[1:]}."


def _sources(rows: list[dict[str, Any]]) -> None:
    past = [r for r in rows if r["state"] == "past only"]
    now = [r for r in rows if r["state"] != "past only"]
    with card(
        "Sources", "What was expected is learned from each source's own week; ranges are 95 % intervals"
    ):
        if now:
            _stands(sorted(now, key=lambda r: r["state"] not in ("silent", "refused")))
        if past:
            with _folded(f"{words.count(len(past), 'source')} taken in as history", shut=bool(now)):
                _stands(past)


def _stands(rows: list[dict[str, Any]]) -> None:
    table(
        ("Source", "How it stands", "Last arrival", "Last 24 hours", "Last 7 days", "Duplicates", "Customer known", "Stored"),
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
            for r in rows
        ],
        right=(7,),
        caption="Sources",
        classes="cards",
    )  # fmt: skip


def _folded(text: str, *, shut: bool) -> Any:
    """Put rows that call for nothing behind a line that opens."""
    box = tag("details")
    if not shut:
        box.props["open"] = True
    with box:
        tag("summary", text)
    return box


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
    waiting = sum(e["n"] for _, e in reasons)
    title = (
        f"Of {worst['source']} {words.spread(worst['refused'], 1, ' %')} was refused"
        if worst["refused"]["estimate"]
        else f"{words.count(waiting, 'row waits', 'rows wait')}"
        if waiting
        else "Nothing was refused this week"
    )
    with card(title, "Rows of the last 7 days that were not accepted; they are kept, sealed", "half"):
        if not reasons:
            empty("No row of the last 7 days waits.")
            link("All refused rows", "/channels/refused")
            return
        table(
            ("Source", "Why", "Rows", "Latest"),
            [
                (
                    partial(link, source, f"/channels/refused?source={quote(source)}"),
                    e["reason"],
                    e["n"],
                    words.time(e["last_at"]),
                )
                for source, e in reasons
            ],
            right=(2,),
            caption="Refused",
            classes="cards",
        )
        link("All refused rows", "/channels/refused")


def _objectives(rows: list[dict[str, Any]]) -> None:
    judged = [(r["source"], o) for r in rows for o in r["objectives"] if o["n"]]
    missed = sum(o["standing"] == "misses it" for _, o in judged)
    close = sum(o["standing"] == "too close to tell" for _, o in judged)
    title = f"{missed or 'None'} of {len(judged)} objectives surely missed"
    note = (
        f"{len(judged) - missed - close} surely met, {close} too close to tell. Over 28 days. Budget: how much of what may go "
        "wrong has not gone wrong yet. Busy: five signals or more were expected."
    )
    if not judged:
        title, note = (
            "No objective is judged yet",
            "A source needs live arrivals: a history that was taken in is held to none.",
        )
    held = sorted((r for r in rows if any(o["n"] for o in r["objectives"])), key=_least_left)
    spent = [r for r in held if _least_left(r) < LITTLE_LEFT]
    with card(title, note):
        if spent:
            _budgets(spent)
        if len(held) > len(spent):
            kept = words.count(len(held) - len(spent), "source has", "sources have")
            with _folded(f"{kept} half of every budget left or more", shut=bool(spent)):
                _budgets(held[len(spent) :])
        tag(
            "p",
            "How soon signals should arrive is worked out from each source's usual days; all three can be set in objectives.toml.",
            "note",
        )


def _budgets(rows: list[dict[str, Any]]) -> None:
    table(
        ("Source", *OBJECTIVES.values()),
        [
            (source["source"], *(partial(_objective, objectives.get(name)) for name in OBJECTIVES))
            for source in rows
            for objectives in [{o["objective"]: o for o in source["objectives"]}]
        ],
        caption="Objectives",
        classes="cards",
    )


def _least_left(row: dict[str, Any]) -> float:
    left = [o["budget_left"]["estimate"] for o in row["objectives"] if o["budget_left"]]
    return min(left, default=100.0)


def _objective(row: dict[str, Any] | None) -> None:
    if row is None or not row["n"]:
        tag("span", "not judged", "note")
        return
    titled(words.spread(row, 1, " %"), "", f"{row['says']}{', set by hand' if row['by_hand'] else ''}")
    left = row["budget_left"]["estimate"]
    spent = f"{words.number(left)} % of its budget left" if left >= 0 else "its budget is overspent"
    tag("span", spent, "note")
    if row["standing"] == "misses it":
        chip("missed", "bad")


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
        "" if moved else "half",
    ):
        if moved:
            _fields(moved)
        if len(moved) < len(rows):
            with _folded(
                "Identifiers of every other source" if moved else "Identifiers of each source", shut=True
            ):
                _fields([r for r in rows if r not in moved])


def _fields(rows: list[dict[str, Any]]) -> None:
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
