"""What looks like trouble and is none: a campaign, a seasonal peak, a burst of bots, a channel just connected."""

from __future__ import annotations

import numpy as np

from allears.testing.draw import DAY, HOUR, Floats, Ints
from allears.testing.people import People
from allears.testing.phrases import HASHTAGS
from allears.testing.plot import Plot

Span = tuple[int, int]
_NOBODY = np.empty(0, dtype=np.int64)


def plan_decoys(
    rng: np.random.Generator, people: People, start: int, days: int, scale: float, incidents: list[Plot]
) -> list[Plot]:
    """Plan the four decoys, where they can not be taken for an incident's own rise."""
    busy = [(p.began - 12 * HOUR, min(p.ended, p.began + 48 * HOUR)) for p in incidents]
    campaign_days = int(rng.integers(2, 5))
    season_days = 7 if days >= 40 else max(2, days // 8)
    season = _free(rng, start, days, season_days * DAY, busy)
    campaign = _free(rng, start, days, campaign_days * DAY, [*busy, season])
    bots = _free(rng, start, days, 6 * HOUR, [*busy, campaign, season])
    joined = start + int(days * rng.uniform(0.35, 0.65)) * DAY + 9 * HOUR
    hashtag = str(rng.choice(HASHTAGS))
    fans = rng.choice(people.customers, max(20, int(220 * scale)), replace=False)
    at = campaign[0] + (rng.random(len(fans)) * (campaign[1] - campaign[0])).astype(np.int64)
    return [
        _decoy("marketing-campaign", "campaign", campaign, int(rng.integers(160, 260) * scale), {"microblog": 1.0},
               {"hashtag": hashtag}, hits=fans, hit_at=at),
        _decoy("seasonal-peak", "mention", season, 0, {}, {"factor": f"{rng.uniform(1.6, 2.0):.2f}"}),
        _decoy("bot-burst", "bots", (bots[0], bots[0] + int(rng.uniform(2.5, 6) * HOUR)),
               max(30, int(rng.integers(150, 400) * min(1.0, 2 * scale))), {"microblog": 1.0}, {}),
        _decoy("new-channel", "review", (joined, start + days * DAY), 0, {"review-site": 1.0}, {}),
    ]  # fmt: skip


def volume(plots: list[Plot], start: int, days: int) -> Floats:
    """Multiply each day's volumes by what the season does to all of them."""
    factor = np.ones(days)
    for plot in plots:
        if plot.name == "seasonal-peak":
            factor[(plot.began - start) // DAY : (plot.ended - start) // DAY] = float(plot.facts["factor"])
    return factor


def visits(plots: list[Plot], start: int, days: int) -> Floats:
    """Multiply each day's visits by what season and campaign do."""
    factor = volume(plots, start, days)
    for plot in plots:
        if plot.name == "marketing-campaign":
            factor[(plot.began - start) // DAY : (plot.ended - start) // DAY] *= 2.4
    return factor


def _decoy(
    name: str,
    topic: str,
    span: Span,
    messages: int,
    channels: dict[str, float],
    facts: dict[str, str],
    hits: Ints = _NOBODY,
    hit_at: Ints = _NOBODY,
) -> Plot:
    hours = (span[1] - span[0]) / HOUR
    facets = (
        {"channel": "social"}
        if name == "bot-burst"
        else {"channel": "review"}
        if name == "new-channel"
        else {}
    )
    return Plot(
        name, "decoy", topic, topic, "marketing", facets, span[0], hours / 3, None, span[1], messages, channels,
        facts, hits=hits, hit_at=hit_at,
    )  # fmt: skip


def _free(rng: np.random.Generator, start: int, days: int, length: int, busy: list[Span]) -> Span:
    """Find a stretch that overlaps what is busy as little as possible; whole days for long ones."""
    best, least = (start, start + length), 2**62
    last = days - 1 - -(-length // DAY)
    # First where there is history to compare with, then anywhere after the first days.
    for earliest in (min(28, days // 3), min(12, days // 5)):
        for _ in range(200):
            began = start + int(rng.integers(earliest, max(earliest + 1, last))) * DAY
            if length < DAY:
                began += int(rng.integers(8, 18)) * HOUR
            overlap = sum(max(0, min(began + length, b) - max(began, a)) for a, b in busy)
            if overlap < least:
                best, least = (began, began + length), overlap
            if not least:
                return best
    return best
