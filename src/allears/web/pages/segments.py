"""Segments: how many customers belong to each, who entered and left; one segment with its conditions and its last month."""

from __future__ import annotations

from functools import partial
from typing import Any

from allears.guard.access import Action
from allears.journey import people
from allears.show import words
from allears.show.figures import free
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import card, chip, empty, facts, figure, link, table, tag

SHOWN = 20


def register(door: Door) -> None:
    """Open the pages."""
    door.page("/customers/segments", "Segments", Action.SEE_CUSTOMERS, build)
    door.page("/customers/segments/{segment}", "Segment", Action.SEE_CUSTOMERS, build_one)


async def build(page: Page) -> None:
    """Draw the list."""
    with tag("div", classes="head"):
        link("Customers", "/customers", "over")
        tag("h1", "Segments")
    await page.fill("segments", page.space.segments, _list, lines=6)


async def build_one(page: Page, segment: str) -> None:
    """Draw one."""
    with tag("div", classes="head"):
        link("Segments", "/customers/segments", "over")
        tag("h1", segment.replace("-", " "))
    ground, space = page.space.ground, page.space
    await page.fill(
        f"segment{page.eyes}:{segment}",
        lambda: people.segment(ground, page.principal, space.segment(segment)),
        _one,
        lines=8,
    )


def _list(found: list[dict[str, Any]]) -> None:
    on, others = [s for s in found if s["on"]], [s for s in found if not s["on"]]
    with card(
        f"{words.count(len(on), 'segment')}, counted {words.time(_latest(on))}"
        if on
        else "No segment is on yet",
        "Whom a segment's purpose leaves out is in none. Entered and left: in the last week." if on else "",
    ):
        if on:
            table(
                ("Segment", "Customers", "Entered", "Left", "For", "Who"),
                [
                    (
                        partial(_name, s),
                        "not counted" if s["problem"] else s["customers"],
                        s["entered"],
                        s["left"],
                        s["purpose"],
                        f"{s['relationship']}s",
                    )
                    for s in sorted(on, key=lambda s: -(s["customers"] or 0))
                ],
                right=(1, 2, 3),
                caption="Segments",
                classes="cards",
            )
        else:
            empty(
                "A segment is a file of conditions in the folder segments of the space.",
                "Switch one on that ships: allears segments on NAME",
            )
    if others:
        with card("Ready to switch on", "allears segments explain NAME tells the conditions"):
            table(
                ("Segment", "Who it finds"),
                [(partial(link, s["name"], f"/customers/segments/{s['name']}"), s["says"]) for s in others],
                caption="Segments that ship",
                classes="cards",
            )


def _name(segment: dict[str, Any]) -> None:
    with tag("div"):
        link(segment["name"].replace("-", " "), f"/customers/segments/{segment['name']}")
        tag("div", segment["problem"] or segment["says"], "note")


def _latest(segments: list[dict[str, Any]]) -> Any:
    counted = [s["counted_at"] for s in segments if s["counted_at"] is not None]
    return max(counted, default=None)


def _one(found: dict[str, Any]) -> None:
    lines = found["explained"].splitlines()
    with card(found["says"].capitalize()):
        for line in lines[1:]:
            tag("div", line.removeprefix("- "), "condition" if line.startswith("- ") else "note")
        if found["on"]:
            facts(
                [
                    ("In it now", found["problem"] or found["customers"]),
                    ("Entered in a week", found["entered"]),
                    ("Left in a week", found["left"]),
                    ("Counted", words.time(found["counted_at"])),
                ]
            )
        else:
            tag("p", f"Not counted yet. To count it, by command: allears segments on {found['name']}", "note")
    if len(found["trend"]) > 1:
        figure(
            free(found["trend"], kind="line", x="time", y="customers"),
            title="Customers in it, day by day",
            note="At the same hour of each day, as it was counted then",
        )
    if found["on"]:
        _moments(found["moments"])


def _moments(moments: list[dict[str, Any]]) -> None:
    with card("Who entered and left lately", "By what they did or met; not because conditions were changed"):
        if not moments:
            empty("Nobody entered or left since it was first counted.")
            return
        table(
            ("When", "What", "Customer"),
            [
                (
                    words.time(m["at"]),
                    partial(chip, m["what"], "good" if m["what"] == "entered" else "quiet"),
                    partial(link, m["customer"], f"/customers/{m['customer']}"),
                )
                for m in moments[:SHOWN]
            ],
            caption="Who entered and left",
            classes="cards",
        )
