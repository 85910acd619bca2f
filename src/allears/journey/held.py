"""What sources are held to, set by hand or worked out, and how they stand against it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from allears.journey import rules
from allears.journey.ground import Ground
from allears.journey.heard import LIVE
from allears.journey.hours import Heard
from allears.measure.freshness import delays
from allears.measure.listening import WINDOW_DAYS, SourceObjectives, held_to, in_words, stands

BUSY = 5.0
"""Signals expected in a busy hour: one that expects five or more stays empty by chance in less than one of a hundred."""


class Held:
    """What each source is held to over four weeks, and how it stands against that."""

    def __init__(self, ground: Ground, now: datetime, heard: Heard) -> None:
        self._heard, self._by_hand = heard, rules.objectives(ground).sources
        limits = {o.within for o in self._by_hand.values() if o.within is not None}
        with ground.serving.asking():
            self._delays = delays(
                ground.serving.table("signals"),
                limits,
                since=now - timedelta(days=WINDOW_DAYS),
                until=now,
                live=LIVE,
                tally=ground.tallied(ground.gate.permit("service")),
            )

    def of(self, source: str) -> list[dict[str, Any]]:
        """Give the rows of one source: refused, heard once it is judged, fresh once a limit is known."""
        held = held_to(self._by_hand, source)
        counts = self._heard.counts.get(source, {})
        size = WINDOW_DAYS * 24
        refused, stored = (float(counts[c][-size:].sum()) if counts else 0.0 for c in ("refused", "stored"))
        found = [
            stands("refused", refused, stored + refused, held.refused,
                   f"at most {_percent(held.refused)} of rows are refused")
        ]  # fmt: skip
        known = self._heard.flows.get(source)
        if known is not None and known.judged:
            busy = ((known.expected >= BUSY) & self._heard.listening)[-size:]
            unheard = float((counts["live"][-size:][busy] == 0).sum())
            says = f"heard in at least {_percent(held.heard)} of busy hours"
            found.append(stands("heard", unheard, float(busy.sum()), held.heard, says))
        delayed = self._delays.get(source)
        limit = held.within or (delayed.usual(held.fresh_share) if delayed else None)
        if delayed is not None and limit is not None:
            says = f"at least {_percent(held.fresh_share)} of signals arrive within {in_words(limit)}"
            late = delayed.n - delayed.within(limit)
            found.append(stands("fresh", late, delayed.n, held.fresh_share, says))
        return [row | {"by_hand": _differs(held, row["objective"])} for row in found]


def _differs(held: SourceObjectives, objective: str) -> bool:
    ships = SourceObjectives()
    names = ("fresh", "fresh_share") if objective == "fresh" else (objective,)
    return any(getattr(held, name) != getattr(ships, name) for name in names)


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
