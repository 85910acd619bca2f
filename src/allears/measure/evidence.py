"""Evidence for a verdict: how far the exposed stood from their counterfactual, window by window."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from allears.errors import NotReady
from allears.measure.days import DAMAGE_DAYS, Days, Groups, Spans, Timeline
from allears.measure.impact import (
    Effects,
    Flags,
    Floats,
    Ints,
    interrupted,
    matching_weights,
    mean_effects,
    ratio_effects,
)
from allears.measure.panel import ASKED, STATED

# A short outage does its damage afterwards, too: it is measured over three days at least, over a week when
# three are too few to see damage worth the name. How unsure it is decides, never how large.
LONGER_DAMAGE_DAYS = 7
CLEAR_ERROR, CLEAR_ANSWERS = 12.0, 40
FEWEST_EVENTS = 20
FEWEST_ANSWERS = 10
FEWEST_PEERS = 30
COMPARABLE_P = 0.05
_MATCH_SHARE, _MATCH_DAYS = 1 / 3, 7


class Evidence(NamedTuple):
    """Effects in points: of the damage, of the gap afterwards, and of each recovery window."""

    damage: tuple[float, float, float]  # estimate, 95 % low and high
    damage_error: float
    gap: tuple[float, float, float] | None  # estimate, 90 % low and high; both windows together
    windows: tuple[tuple[float, float, float], ...]
    window_error: float  # largest standard error of a window, were its gap 0
    window_days: int
    leads_p: float
    n: int
    peers: int
    method: str


def behavioural(days: Days, what: str, window_days: int) -> Evidence:
    """Weigh what exposed customers did against what unexposed ones did.

    Raises
    ------
    NotReady
        Too few events or customers; ``facts`` holds ``got`` and ``needed``.
    """
    if (~days.exposed).sum() < FEWEST_PEERS:
        return _interrupted_counts(days, what, window_days)
    groups, leads = _groups(days, what)
    early = days.times._replace(damage_days=DAMAGE_DAYS)
    before = days.counts(what, [(groups.base, early.began)])[0][groups.own].sum()
    if before < FEWEST_EVENTS:
        raise NotReady(
            "too few events of exposed customers before the start", got=int(before), needed=FEWEST_EVENTS
        )
    first_look: Spans = [(groups.base, early.began), (_after_meeting(days), early.damage_end)]
    clear = 100 * _ratio(days, what, first_look, groups).error(1) <= CLEAR_ERROR
    t = early if clear else early._replace(damage_days=LONGER_DAMAGE_DAYS)
    spans: Spans = [(groups.base, t.began), (_after_meeting(days), t.damage_end)]
    after = t.recovery(window_days)
    if after is not None:
        spans += [after[0], after[1], (after[0][0], after[1][1])]
    effects = _ratio(days, what, spans, groups)
    return Evidence(
        damage=_percent(effects, 1, 0.975),
        damage_error=100 * effects.error(1),
        gap=None if after is None else _percent(effects, 4, 0.95),
        windows=() if after is None else (_percent(effects, 2, 0.95), _percent(effects, 3, 0.95)),
        window_error=float("nan") if after is None else 100 * max(effects.error(2), effects.error(3)),
        window_days=window_days,
        leads_p=leads,
        n=int(groups.own.sum()),
        peers=int(groups.other.sum()),
        method="ratio difference-in-differences by customer/2",
    )


def stated(days: Days, window_days: int) -> Evidence:
    """Weigh what exposed customers said against what unexposed ones said.

    Raises
    ------
    NotReady
        Exposed customers gave too few answers before, or while it was broken; ``facts`` holds ``got`` and ``needed``.
    """
    if (~days.exposed).sum() < FEWEST_PEERS:
        return _interrupted_means(days, window_days)
    t = days.times
    scales = ASKED if _enough(days, t, ASKED) else STATED
    if _answers(days, scales, t.began, t.damage_end) < CLEAR_ANSWERS:
        t = t._replace(damage_days=LONGER_DAMAGE_DAYS)
    after = t.recovery(window_days)
    bounds = [(t.first, t.began), (t.began, t.damage_end), *(after or ())]
    answers = [_answers(days, scales, a, b) for a, b in bounds]
    for k, when in enumerate(("before the start", "while it was broken")):
        if answers[k] < FEWEST_ANSWERS:
            raise NotReady(
                f"too few answers of exposed customers {when}", got=answers[k], needed=FEWEST_ANSWERS
            )
    if min(answers) < FEWEST_ANSWERS:
        after, bounds = None, bounds[:2]
    effects = _means(days, scales, bounds)
    middle = t.began - (t.began - t.first) // 2
    halves = [(t.first, middle), (middle, t.began)]
    compare = min(_answers(days, scales, a, b) for a, b in halves) >= FEWEST_ANSWERS
    leads = _means(days, scales, halves).joint_p([1]) if compare else 1.0
    peers = int((~days.exposed).sum())
    method = f"difference-in-differences of {'survey' if scales == ASKED else 'all'} answers/1"
    return _in_points(effects, answers, after is not None, window_days, leads, peers, method)


def _enough(days: Days, t: Timeline, scales: tuple[str, ...]) -> bool:
    """Say whether answers to surveys suffice: who is asked is not chosen by having trouble, who writes is."""
    late = t._replace(damage_days=LONGER_DAMAGE_DAYS)
    spans = ((t.first, t.began), (t.began, late.damage_end), (late.damage_end, t.last))
    return min(_answers(days, scales, a, b) for a, b in spans) >= CLEAR_ANSWERS


def half_life(days: Days, what: str) -> float | None:
    """Fit how fast the gap closes after the fix, in days; ``None`` when no closing is seen."""
    t = days.times
    starts = list(range(max(t.fixed, t.began) + 1, t.last - 6, 7))
    if len(starts) < 3 or (~days.exposed).sum() < FEWEST_PEERS:
        return None
    groups, _ = _groups(days, what)
    effects = _ratio(days, what, [(groups.base, t.began), *((s, s + 7) for s in starts)], groups)
    gap, error = effects.effect[1:], np.sqrt(np.diag(effects.covariance)[1:])
    return closing(np.array(starts) + 3.5 - t.fixed, gap, error)


def closing(at: npt.ArrayLike, gap: npt.ArrayLike, error: npt.ArrayLike) -> float | None:
    """Fit ``gap = size x 2 ** (-at / half_life)`` by weighted least squares over a grid of half-lives.

    Examples
    --------
    >>> closing([0, 7, 14, 21], [-0.8, -0.4, -0.2, -0.1], [0.1] * 4)
    7.0
    """
    t, y, w = np.asarray(at, float), np.asarray(gap, float), 1 / np.asarray(error, float) ** 2
    lives = np.concatenate([np.arange(1.0, 30.0, 0.5), np.arange(30.0, 92.0, 2.0)])
    curve = 2.0 ** (-t[None, :] / lives[:, None])
    size = (curve * w) @ y / ((curve**2) @ w)
    misfit = ((y - size[:, None] * curve) ** 2) @ w
    best = int(np.argmin(misfit))
    flat = float(np.sum(w * (y - np.sum(w * y) / w.sum()) ** 2))
    # A curve no better than a level line says nothing of closing.
    if size[best] >= 0 or best in (0, len(lives) - 1) or flat - misfit[best] < 2:
        return None
    return float(lives[best])


def _ratio(days: Days, what: str, spans: Spans, groups: Groups) -> Effects:
    counts, seen = days.counts(what, spans)
    own, other = groups.own, groups.other
    return ratio_effects(counts[own], seen[own], counts[other], seen[other], weight=groups.weight)


def _after_meeting(days: Days) -> int | Ints:
    return days.times.damage_start if days.times.soon and not days.met_known else days.met + 1


def _groups(days: Days, what: str) -> tuple[Groups, float]:
    """Choose the unexposed who moved most as the exposed did before the start; nothing after it is looked at.

    Those seen while it was broken: exposed customers were often caught because they were busy then, and busy days come
    in spells. All known ones when those do not compare, or when the exposed were not seen then.
    """
    if what not in days.chosen:
        days.chosen[what] = _choose(days, what)
    return days.chosen[what]


def _choose(days: Days, what: str) -> tuple[Groups, float]:
    tried = []
    base = _baseline(days)
    early = days.first_seen < base
    mine = days.exposed & early
    for seen in (days.seen, np.ones(days.size, bool)):
        own, other = mine & seen, ~days.exposed & early & seen
        if own.sum() < 0.8 * mine.sum() or min(own.sum(), other.sum()) < FEWEST_PEERS:
            continue
        groups = _matched(days, what, own, other, base)
        tried.append((groups, _leads(days, what, groups)))
        if tried[-1][1] >= COMPARABLE_P:
            return tried[-1]
    if not tried:
        raise NotReady(
            "too few customers were known long enough before the start",
            got=int(min(mine.sum(), (~days.exposed & early).sum())),
            needed=FEWEST_PEERS,
        )
    return max(tried, key=lambda pair: pair[1])


def _baseline(days: Days) -> int:
    """Give the first day of the baseline: what comes before it only tells who was known, and how active.

    Customers known through the baseline itself were active in it by choice of ours, and seldom customers so chosen seem to
    lose interest afterwards, whatever happens; so do those matched by it.
    """
    t = days.times
    length = t.began - t.first
    return t.first + max(int(length * _MATCH_SHARE), min(_MATCH_DAYS, length // 2))


def _matched(days: Days, what: str, own: Flags, other: Flags, base: int) -> Groups:
    """Match the unexposed on how active they were before the baseline."""
    level = np.digitize(days.counts(what, [(days.times.first, base)])[0][:, 0], [1, 2, 4, 8, 16])
    return Groups(own, other, base, matching_weights(level[own], level[other]))


def _leads(days: Days, what: str, groups: Groups) -> float:
    """Test that both groups moved alike before the start, over up to four blocks of at least a week."""
    length = days.times.began - groups.base
    blocks = min(length // 7, 4)
    if blocks < 2:
        return 1.0
    edges = [groups.base + length * k // blocks for k in range(blocks + 1)]
    spans: Spans = list(itertools.pairwise(edges))
    return _ratio(days, what, spans, groups).joint_p(list(range(1, blocks)))


def _answers(days: Days, scales: tuple[str, ...], start: int, end: int) -> int:
    mine = days.told(*scales) & days.exposed[days.customer] & (days.day >= start) & (days.day < end)
    return int(days.n[mine].sum())


def _means(days: Days, scales: tuple[str, ...], bounds: list[tuple[int, int]]) -> Effects:
    window = np.full(len(days.day), -1)
    for k, (start, end) in enumerate(bounds):
        window[(days.day >= start) & (days.day < end)] = k
    use = days.told(*scales) & (window >= 0)
    scale = days.place(scales)[use]
    who = days.customer[use]
    n = days.n[use]
    return mean_effects(
        days.total[use] / n, n, days.exposed[who], window[use], scale, who, windows=len(bounds)
    )


def _in_points(
    effects: Effects,
    answers: list[int],
    recovered: bool,
    window_days: int,
    leads: float,
    peers: int,
    method: str,
) -> Evidence:
    def points(k: int, p: float) -> tuple[float, float, float]:
        b, half = float(effects.effect[k]), effects.quantile(p) * effects.error(k)
        return b, b - half, b + half

    gap = None
    if recovered:
        share = np.array(answers[2:4], float) / max(sum(answers[2:4]), 1)
        both = float(share @ effects.effect[2:4])
        error = math.sqrt(max(float(share @ effects.covariance[2:4, 2:4] @ share), 0.0))
        gap = both, both - effects.quantile(0.95) * error, both + effects.quantile(0.95) * error
    return Evidence(
        damage=points(1, 0.975),
        damage_error=effects.error(1),
        gap=gap,
        windows=(points(2, 0.95), points(3, 0.95)) if recovered else (),
        window_error=max(effects.error(2), effects.error(3)) if recovered else float("nan"),
        window_days=window_days,
        leads_p=leads,
        n=sum(answers),
        peers=peers,
        method=method,
    )


def _interrupted_counts(days: Days, what: str, window_days: int) -> Evidence:
    mine = days.all_told(what)
    t = days.times
    at = np.arange(t.first, t.last)
    inside = mine & (days.all_day >= t.first) & (days.all_day < t.last)
    y = np.log(np.bincount(days.all_day[inside] - t.first, days.all_n[inside], len(at)) + 0.5)
    effects, after = _interrupted(y, at, t, window_days)
    pooled = _interrupted(y, at, t, window_days, pooled=True)[0] if after else None
    return Evidence(
        damage=_percent(effects, 1, 0.975),
        damage_error=100 * effects.error(1),
        gap=_percent(pooled, 2, 0.95) if pooled is not None else None,
        windows=(_percent(effects, 2, 0.95), _percent(effects, 3, 0.95)) if after else (),
        window_error=100 * max(effects.error(2), effects.error(3)) if after else float("nan"),
        window_days=window_days,
        leads_p=1.0,
        n=days.size,
        peers=0,
        method="interrupted series with AR(1) errors/1",
    )


def _interrupted_means(days: Days, window_days: int) -> Evidence:
    mine = days.all_told(*STATED)
    t = days.times
    at = np.arange(t.first, t.last)
    inside = mine & (days.all_day >= t.first) & (days.all_day < t.last)
    n = np.bincount(days.all_day[inside] - t.first, days.all_n[inside], len(at))
    total = np.bincount(days.all_day[inside] - t.first, days.all_total[inside], len(at))
    full = n >= 3  # a day of one answer is no mean
    effects, after = _interrupted(total[full] / n[full], at[full], t, window_days)
    bounds = [
        (t.first, t.began),
        (t.began, t.damage_end),
        *((t.recovery(window_days) or ()) if after else ()),
    ]
    answers = [int(n[(at >= a) & (at < b)].sum()) for a, b in bounds]
    return _in_points(effects, answers, after, window_days, 1.0, 0, "interrupted series with AR(1) errors/1")


def _interrupted(
    y: Floats, at: Ints, t: Timeline, window_days: int, *, pooled: bool = False
) -> tuple[Effects, bool]:
    window = np.where(at < t.began, 0, np.where(at < t.damage_end, 1, 2))
    after = t.recovery(window_days)
    if after is not None:
        (first, second), (_, end) = after
        window = np.select(
            [at < t.began, at < t.damage_end, at < first, at < second, at < end],
            [0, 1, 4, 2, 2 if pooled else 3],
            4,
        )
    used, compact = np.unique(window, return_inverse=True)
    effects = interrupted(y, at, compact, windows=len(used))
    return effects, after is not None and {2} <= set(used.tolist())


def _percent(effects: Effects, k: int, p: float) -> tuple[float, float, float]:
    b, half = float(effects.effect[k]), effects.quantile(p) * effects.error(k)
    low, middle, high = (100 * math.expm1(min(max(x, -20.0), 20.0)) for x in (b - half, b, b + half))
    return middle, low, high
