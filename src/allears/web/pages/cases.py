"""Cases: the work, most urgent first, moved on where it stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote as in_path

from allears.act import case as case_desk
from allears.act.transition import AFTER
from allears.guard.access import Action
from allears.journey.seen import cases as seen_cases
from allears.journey.seen import require_own
from allears.show import words
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import button, card, chip, empty, link, state, tabs, tag
from allears.web.pages.playbooks import waiting

LANES = (
    ("open", "Waits for somebody"),
    ("acknowledged", "Being worked on"),
    ("fixed", "Fixed, to be closed"),
)
MOVES = {"acknowledged": "Take it on", "fixed": "Fixed", "closed": "Close", "open": "Open again"}
MOST = 40
SOON_SHARE = 0.25


def register(door: Door) -> None:
    """Open the page."""
    door.page("/cases", "Cases", Action.SEE_CASES, build, narrowed=True)


async def build(page: Page) -> None:
    """Draw it."""
    department = page.request.query_params.get("department", "")
    tag("h1", "Cases")
    if page.figures and page.may(Action.RUN_PLAYBOOKS):
        await page.fill(
            "moves", page.space.moves, lambda found: link(waiting(found), "/cases/playbooks"), lines=1
        )

    def draw(seen: Any) -> None:
        chosen = [c for c in seen if department in ("", c["department"])]
        departments = sorted({c["department"] for c in seen})
        tabs(
            [
                (f"All {len(seen)}", "/cases", department == ""),
                *(
                    (
                        f"{d} {sum(c['department'] == d for c in seen)}",
                        f"/cases?department={in_path(d)}",
                        d == department,
                    )
                    for d in departments
                ),
            ],
            "Department",
        )
        _said(chosen)
        now = page.space.now()
        with tag("div", classes="lanes"):
            for lane, title in LANES:
                _lane(page, title, [c for c in chosen if c["state"] == lane], now)

    await page.fill(
        f"cases:all{page.eyes}", lambda: seen_cases(page.space.ground, page.principal), draw, lines=8
    )


def _said(cases: list[dict[str, Any]]) -> None:
    active = [c for c in cases if c["state"] in ("open", "acknowledged")]
    late = [c for c in active if c["overdue"]]
    if not active:
        tag("p", "Nothing waits.", "lead")
        return
    worst = f" The next to take: {active[0]['title']}, with {active[0]['department']}." if active else ""
    verb = "is" if len(late) == 1 else "are"
    tag(
        "p",
        f"{words.count(len(active), 'case is', 'cases are')} open; {len(late) or 'none'} {verb} late.{worst}",
        "lead",
    )


def _lane(page: Page, title: str, cases: list[dict[str, Any]], now: datetime) -> None:
    with tag("section", classes="stack"):
        tag("h2", f"{title} ({len(cases)})")
        if not cases:
            with card():
                empty("None.")
        for case in cases[:MOST]:
            _case(page, case, now)
        if len(cases) > MOST:
            tag("p", f"and {len(cases) - MOST:,} more; choose a department to see fewer", "note")


def _case(page: Page, case: dict[str, Any], now: datetime) -> None:
    active = case["state"] in ("open", "acknowledged")
    tone = "" if not active else "late" if case["overdue"] else "soon" if _soon(case, now) else ""
    with card(classes=f"case {tone}"):
        with tag("div", classes="row"):
            chip(case["priority"], "bad" if case["priority"] == "P1" else "")
            tag("span", case["department"], "note")
            if case["reopened"]:
                chip(f"opened again {case['reopened']} ×", "warn")
        if case["issue"]:
            link(case["title"], f"/issues/{case['issue']}", "title")
        else:
            tag("span", case["title"], "title")
        if case["customer"] and page.may(Action.SEE_CUSTOMERS):
            link(case["customer"], f"/customers/{case['customer']}", "note")
        if active:
            clock, by = (
                ("take on", case["acknowledge_by"])
                if case["state"] == "open" and case["late"] != "resolve"
                else ("resolve", case["resolve_by"])
            )
            tag(
                "span",
                "clocks stand still" if case["paused_at"] else f"{words.due(by, now)} to {clock}",
                "bad-text" if case["overdue"] else "",
            )
        else:
            state(case["state"])
        tag("span", case["why"], "note")
        if page.may(Action.WORK_CASES):
            _moves(page, case)


def _soon(case: dict[str, Any], now: datetime) -> bool:
    opened, by = case["opened_at"], case["resolve_by"]
    return by is not None and (by - now) < SOON_SHARE * (by - opened)


def _moves(page: Page, case: dict[str, Any]) -> None:
    with tag("div", classes="row"):
        for to in AFTER.get(case["state"], ()):
            if to not in MOVES or (case["state"] == "acknowledged" and to == "open"):
                continue

            async def press(to: str = to) -> None:
                def work(principal: Any) -> None:
                    require_own(page.space.ground, principal, case["issue"], case["id"])
                    case_desk.move_case(
                        page.space.ground.desk, case["id"], to, principal.name, page.space.now()
                    )

                await page.act(Action.WORK_CASES, work, f"{case['title']}: {words.STATES[to]}")

            button(MOVES[to], press, "small")
