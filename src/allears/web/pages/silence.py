"""A silence: what its source brought until it stopped, in the place of signals that the issue has none of."""

from __future__ import annotations

from typing import Any

from allears.guard.access import Action
from allears.show import figures, words
from allears.web.pages.frame import Page
from allears.web.pages.pieces import card, facts, figure, link, tag


def before_it(told: dict[str, Any]) -> None:
    """Draw what the source brought, hour by hour, around its silence."""
    last, found = told["first_signal_at"], told["detected_at"]
    marks = [(last, "last heard"), (found, "noticed")]
    again = next((at for at, n in told["heard"] if n and at >= last), None)
    if again is not None:
        marks.append((again, "again"))
    lasted = f"It was silent for {words.lasting(again - last)}" if again else "It has been silent ever since"
    figure(
        figures.outbreak(told["heard"], None, marks, "signals an hour"),
        title=f"{lasted}; {words.number(told['expected'])} signals were expected until it was noticed",
        note=f"Signals an hour that arrived from {told['facets']['source']}; n {sum(n for _, n in told['heard']):,}",
        height=290,
    )


def about(page: Page, told: dict[str, Any]) -> None:
    """Say what went silent, and how that is known."""
    with card("What went silent"):
        facts([("Source", told["facets"]["source"])])
        tag(
            "p",
            "What it usually brings at this hour of the week is missing for longer than chance allows, and than its longest gap "
            "so far by half. Either nobody wrote, or something between them and Allears is broken. It is put away by itself when signals arrive again.",
            "note",
        )
        if page.may(Action.SEE_HEALTH):
            link("How every source stands", "/channels")
