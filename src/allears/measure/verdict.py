"""Was trust regained? Damage, recovery and their proof, against a counterfactual."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa

from allears.clock import utc
from allears.errors import NotReady
from allears.measure.days import Days
from allears.measure.evidence import Evidence, behavioural, half_life, stated
from allears.measure.intervals import Z90, Z95
from allears.measure.panel import PANEL, panel_from
from allears.measure.power import more_to_equate, more_to_find
from allears.tables.outcomes import VERDICTS

METHOD = "verdict/2"

WINDOWS = (7, 10, 14, 18, 21, 28)
# Share of the damage that may remain, and points that are nothing in any case.
MARGIN_SHARE, MARGIN_POINTS = 0.25, 2.0
LEADS_P = 0.01
# Damage of this size should be found; smaller ones are not worth waiting for.
WORTH_FINDING = {"stated": 5.0, "behavioural": 10.0}
REGAINED, NOT_REGAINED, CANNOT_TELL = "regained", "not regained", "cannot tell"


class _Said(NamedTuple):
    said: str
    why: str
    needs: int | None


def verdict(
    panel: pa.Table,
    *,
    issue: str,
    began_at: datetime,
    fixed_at: datetime | None,
    cutoff: datetime,
    exposed: Iterable[str] | Mapping[str, datetime] = (),
    others: Iterable[str] = (),
) -> pa.Table:
    """Say whether trust was regained after an incident, in what customers say and in what they do.

    A part is *regained* when damage was shown (95 % interval below 0) and the gap to the counterfactual lies inside
    the margin - a quarter of the damage, at least 2 points - with a 90 % interval, in each of the last two
    consecutive windows. It is *not regained* when a gap remains beyond doubt. All else is *cannot tell*, with how
    much more it would take. Both together: regained only if said and done agree; not regained if either is not.

    Parameters
    ----------
    panel
        From `panel_from`, or Arrow rows of ``signals`` together with ``exposed``.
    issue
        Which issue.
    began_at, fixed_at, cutoff
        Start, fix (``None``: not yet) and end of the data; whole days before the cut-off's day are read.
    exposed, others
        Customers who met it, and those who met another incident, when ``panel`` holds signals; see `panel_from`.

    Returns
    -------
    pyarrow.Table
        Three rows of ``verdicts``: stated, behavioural, both. Stated points are 0-100 of the scale;
        behavioural points are percent of the counterfactual.
    """
    if not panel.schema.equals(PANEL):
        panel = panel_from(panel, exposed, began_at, fixed_at, cutoff, others=others)
    days = Days(panel, began_at, fixed_at, cutoff)
    fixed = fixed_at is not None
    what = _richest(days)
    said_row, said = _part(issue, "stated", lambda w: stated(days, w), days, cutoff, fixed, None)
    did_row, did = _part(
        issue,
        "behavioural",
        lambda w: behavioural(days, what, w),
        days,
        cutoff,
        fixed,
        lambda: half_life(days, what),
    )
    both = _both(said, did)
    both_row = {
        "issue": issue,
        "part": "both",
        "said": both.said,
        "n": int(days.exposed.sum()),
        "needs": both.needs,
        "method": METHOD,
        "cutoff": utc(cutoff),
        "why": both.why,
    }
    return pa.Table.from_batches([VERDICTS.rows([said_row, did_row, both_row])])


def _richest(days: Days) -> str:
    """Take orders and sessions where there are events; else visits seen by telemetry."""
    before = days.exposed[days.customer] & (days.day < days.times.began) & days.told("activity")
    return "activity" if days.n[before].sum() >= 20 else "visits"


def _part(
    issue: str,
    part: str,
    weigh: Callable[[int], Evidence],
    days: Days,
    cutoff: datetime,
    fixed: bool,
    fade: Callable[[], float | None] | None,
) -> tuple[dict[str, Any], _Said]:
    row: dict[str, Any] = {"issue": issue, "part": part, "cutoff": utc(cutoff), "n": 0, "method": METHOD}
    if not days.exposed.any():
        said = _Said(CANNOT_TELL, "No exposed customer was known before the start.", None)
        return {**row, "said": said.said, "why": said.why}, said
    try:
        evidence = _long_enough(weigh)
    except NotReady as no:
        got, needed = int(no.facts.get("got", 0)), int(no.facts.get("needed", 0))
        said = _Said(CANNOT_TELL, f"Cannot tell: {no.message} ({got} of {needed}).", max(needed - got, 1))
        return {**row, "said": said.said, "why": said.why, "needs": said.needs}, said
    said = judge(part, evidence, fixed)
    life = fade() if fade is not None and evidence.damage[2] < 0 and fixed else None
    why = said.why + (f" The gap halves in about {life:.0f} days." if life is not None else "")
    gap = evidence.gap or (None, None, None)
    row |= {
        "said": said.said,
        "why": why,
        "needs": said.needs,
        "n": evidence.n,
        "damage": evidence.damage[0],
        "damage_low": evidence.damage[1],
        "damage_high": evidence.damage[2],
        "gap": gap[0],
        "gap_low": gap[1],
        "gap_high": gap[2],
        "method": f"{METHOD}, {evidence.method}",
    }
    return row, said._replace(why=why)


def _long_enough(weigh: Callable[[int], Evidence]) -> Evidence:
    """Take the shortest windows that could show recovery if it were complete; their errors decide, not their gaps."""
    evidence = weigh(WINDOWS[0])
    for days in WINDOWS:
        longer = evidence if days == WINDOWS[0] else weigh(days)
        if longer.gap is None and evidence.gap is not None:
            break
        evidence = longer
        if evidence.gap is not None and (Z90 + Z95) * evidence.window_error <= margin(evidence):
            break
    return evidence


def margin(evidence: Evidence) -> float:
    """Give the points within which a gap counts as closed."""
    return max(MARGIN_SHARE * abs(evidence.damage[0]), MARGIN_POINTS)


def judge(part: str, evidence: Evidence, fixed: bool = True) -> _Said:
    """Decide one part from its evidence; see `verdict` for the rules."""
    d, low, high = evidence.damage
    who = f"{evidence.n} {'answers' if part == 'stated' else 'customers'} exposed, {evidence.peers} customers compared"
    hurt = f"{_noun(part)} fell {-d:.1f} points below what would have been (95 % interval {-high:.1f} to {-low:.1f}; {who})"
    if not all(map(math.isfinite, evidence.damage)):
        return _Said(
            CANNOT_TELL, f"Cannot tell: the damage to {_noun(part, False)} cannot be estimated ({who}).", 1
        )
    if evidence.leads_p < LEADS_P:
        why = f"Cannot tell: exposed and unexposed customers moved apart before it began (p = {evidence.leads_p:.3f}), so they do not compare."
        return _Said(CANNOT_TELL, why, None)
    if high >= 0:
        worth = WORTH_FINDING[part]
        needs = more_to_find(max(worth, abs(d)), evidence.damage_error, evidence.n) or None
        more = f" It takes {needs} more to find {max(worth, abs(d)):.0f} points." if needs else ""
        why = f"Cannot tell: no damage to {_noun(part, False)} is shown ({d:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}; {who}).{more}"
        return _Said(CANNOT_TELL, why, needs)
    if not fixed:
        return _Said(CANNOT_TELL, f"{hurt}. Not fixed yet.", evidence.n)
    if evidence.gap is None:
        why = f"{hurt}. Cannot tell yet: two windows of {WINDOWS[0]} days with enough data must pass after the damage."
        return _Said(CANNOT_TELL, why, evidence.n)
    return _recovery(part, evidence, hurt)


def _recovery(part: str, evidence: Evidence, hurt: str) -> _Said:
    assert evidence.gap is not None
    limit = margin(evidence)
    gap, low, high = evidence.gap
    after = (
        f"in the last two windows of {evidence.window_days} days the gap was {gap:+.1f} points "
        f"(90 % interval {low:+.1f} to {high:+.1f}), margin {limit:.1f}"
    )
    inside = all(-limit < w[1] and w[2] < limit for w in evidence.windows)
    if inside and -limit < low and high < limit:
        return _Said(REGAINED, f"{hurt}; {after}: regained.", None)
    # Outside the margin beyond chance, as it was to be inside it, and not just because it was so at first.
    if high <= -limit and evidence.windows[-1][0] <= -limit:
        return _Said(NOT_REGAINED, f"{hurt}; {after}: not regained.", None)
    needs = max(more_to_equate(limit, evidence.window_error, evidence.n, gap=gap), evidence.n // 10, 1)
    reason = "above the counterfactual by more than chance" if low > 0 else "too wide to say either way"
    return _Said(CANNOT_TELL, f"{hurt}; {after}: cannot tell, {reason}. It takes {needs} more.", needs)


def _both(said: _Said, did: _Said) -> _Said:
    if NOT_REGAINED in (said.said, did.said):
        which = [
            w for w, p in (("what customers say", said), ("what they do", did)) if p.said == NOT_REGAINED
        ]
        return _Said(
            NOT_REGAINED,
            f"Not regained in {' and '.join(which)}. Stated: {said.why} Behavioural: {did.why}",
            None,
        )
    if said.said == did.said == REGAINED:
        return _Said(
            REGAINED,
            f"Regained in what customers say and in what they do. Stated: {said.why} Behavioural: {did.why}",
            None,
        )
    needs = max((p.needs for p in (said, did) if p.said == CANNOT_TELL and p.needs), default=None)
    reason = "neither part settles it"
    if said.said == REGAINED:
        reason = "words came back, but behaviour does not show it, and words alone prove nothing"
    if did.said == REGAINED:
        reason = "behaviour came back, but what customers say does not show it"
    return _Said(CANNOT_TELL, f"Cannot tell: {reason}. Stated: {said.why} Behavioural: {did.why}", needs)


def _noun(part: str, start: bool = True) -> str:
    word = "what customers say" if part == "stated" else "activity"
    return word.capitalize() if start else word
