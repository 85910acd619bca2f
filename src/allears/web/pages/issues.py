"""Issues and opportunities: what many customers share, ranked."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from allears.guard.access import Action
from allears.journey.seen import issues as seen_issues
from allears.show import figures, words
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import card, empty, figure, state, table, tabs, tag, titled

VIEWS = {
    "open": ("Open", lambda i: i["kind"] == "issue" and i["state"] in ("open", "acknowledged")),
    "settled": ("Settled", lambda i: i["kind"] == "issue" and i["state"] in ("fixed", "closed", "dismissed")),
    "wishes": ("Opportunities", lambda i: i["kind"] == "opportunity"),
    "all": ("All", lambda i: True),
}
SORTS = {
    "score": ("Rank", lambda i: -(i["score"] or 0)),
    "customers": ("Customers", lambda i: -i["customers"]),
    "newest": ("Newest", lambda i: -i["detected_at"].timestamp()),
}
MOST_SPANS = 14


def register(door: Door) -> None:
    """Open the page."""
    door.page("/issues", "Issues", Action.SEE_FIGURES, build, narrowed=True)


async def build(page: Page) -> None:
    """Draw it."""
    view, sort = page.request.query_params.get("view", "open"), page.request.query_params.get("sort", "score")
    view, sort = view if view in VIEWS else "open", sort if sort in SORTS else "score"
    tag("h1", "Issues")

    def draw(seen: list[dict[str, Any]]) -> None:
        with tag("div", classes="spread"):
            tabs(
                [
                    (f"{t} {sum(map(has, seen))}", f"/issues?view={v}&sort={sort}", v == view)
                    for v, (t, has) in VIEWS.items()
                ],
                "Which issues",
            )
            tabs([(t, f"/issues?view={view}&sort={s}", s == sort) for s, (t, _) in SORTS.items()], "Order")
        chosen = sorted(filter(VIEWS[view][1], seen), key=SORTS[sort][1])
        _spans(chosen, page.space.now())
        _table(chosen)

    await page.fill(
        f"issues{page.eyes}",
        lambda: seen_issues(page.space.ground, page.principal),
        draw,
        lines=8,
    )


def _spans(issues: list[dict[str, Any]], now: datetime) -> None:
    if not issues:
        return
    shown = sorted(issues, key=lambda i: -i["detected_at"].timestamp())[:MOST_SPANS]
    end = min(now, max(max(i["fixed_at"] or i["detected_at"] for i in shown), now))
    rows = [
        {
            "label": i["title"],
            "start": i["first_signal_at"],
            "noticed": i["detected_at"],
            "end": i["fixed_at"] or i["closed_at"],
            "tone": "good"
            if i["state"] in ("fixed", "closed")
            else "quiet"
            if i["state"] == "dismissed"
            else "bad",
            "tip": f"{i['title']}\n{words.headline(i)}\n{words.noticed(i)}",
        }
        for i in shown
    ]
    waits = sorted(i["detected_at"] - i["first_signal_at"] for i in shown)
    figure(
        figures.spans(rows, end=end),
        title=f"Half were noticed within {words.lasting(waits[(len(waits) - 1) // 2])} of their first signal",
        note=f"From first signal to fix (or today); the stroke is when Allears noticed it; n {len(shown)}, newest on top",
        height=60 + 30 * len(shown),
    )


def _table(issues: list[dict[str, Any]]) -> None:
    with card():
        if not issues:
            empty("There is none.", "Issues appear when more customers than usual meet or say the same.")
            return
        table(
            ("Issue", "Customers", "Signals", "First signal", "Noticed after", "With", "State", "Score"),
            [
                (
                    partial(
                        titled, i["title"], f"/issues/{i['id']}", words.outgrown(i["signals"], i["expected"])
                    ),
                    i["customers"],
                    i["signals"],
                    words.time(i["first_signal_at"]),
                    words.lasting(i["detected_at"] - i["first_signal_at"]),
                    i["department"] or "nobody yet",
                    partial(state, i["state"]),
                    words.number(i["score"]),
                )
                for i in issues
            ],
            right=(1, 2, 7),
            caption="Issues",
            classes="cards",
        )
