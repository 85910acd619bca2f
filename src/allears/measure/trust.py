"""The trust index, version 1: what customers say and what they do, told apart, with intervals."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from allears.clock import utc
from allears.errors import NotReady, Refused
from allears.measure import periods
from allears.measure.columns import first_signal
from allears.measure.figures import Figure, figures_table, mark
from allears.measure.intervals import Z95, Estimate, wilson
from allears.measure.reference import Reference, reference_from
from allears.measure.shrink import means
from allears.measure.soundings import ABILITY, BEHAVIOURAL, STATED, Key, Sounding, repeats, soundings
from allears.measure.tally import Tally, afresh

METHOD = "trust/1"
# No single sounding moves the index beyond what odds of 1 to 9 would.
_LIMIT = math.log(9)
# How far soundings of one group differ from period to period (log odds), assumed of one that is missing.
_SPREAD_OF_MISSING = 0.25
_PARTS = {"stated": STATED, "behavioural": BEHAVIOURAL, "ability": ABILITY}


class _Level(NamedTuple):
    """A part's log odds against the reference."""

    value: float
    error: float
    n: float
    coverage: float


def trust(
    signals: Any,
    *,
    by: str | None = None,
    every: str = "week",
    cutoff: datetime,
    since: datetime | None = None,
    reference: Reference | None = None,
    keys: Iterable[str] | None = None,
    tally: Tally = afresh,
) -> pa.Table:
    """Measure trust, 0-100, per group and period; 50 is how it stood in the reference period.

    Each sounding is a share of good m; its odds are compared with the reference's, and an index is
    ``100 x logistic(weighted mean of log odds ratios)``: a geometric mean of odds, so a good sounding does not
    make up fully for a bad one. *stated* takes NPS, CSAT, CES, stars and the sentiment of messages, with the weights of the
    reference period, so that more answers from an angry channel do not look like a fall. *behavioural* takes customers
    who came back against their own expectation, who did not leave, did not have to write again, sent nothing
    back. Reliability is our behaviour, not theirs: it enters the *composite* alone, as the facet of ability,
    beside the other two. What is missing widens the interval; groups borrow from each other.

    Parameters
    ----------
    signals
        Ibis table of ``signals``.
    by
        A dimension, as in `experience`.
    every
        day, week or month (four weeks).
    since, cutoff
        Signals that occurred in ``[since, cutoff)``; start early enough for the reference when none is given.
    reference
        A stored one; learned from the first four whole periods when omitted.
    keys
        Only these values of ``by``.
    tally
        Answers what whole periods added up to.

    Returns
    -------
    pyarrow.Table
        Rows of ``measures``: name ``trust`` with part stated, behavioural or composite; and ``trust divergence``,
        stated less behavioural, marked by its interval. ``method`` tells the reference's version, the share of
        soundings there (coverage) and the prior's strength.

    Raises
    ------
    NotReady
        Fewer than four whole periods, and no reference given.
    """
    found, again, first = _take(signals, by, every, cutoff, since, keys, tally)
    if reference is None:
        reference = (
            _learn(signals, every, cutoff, since, first)
            if by is not None
            else _fit(found, again, every, cutoff, first)
        )
    if reference.every != every:
        raise Refused(f"this reference is for every {reference.every}", place="every")
    found |= _repeat(again, reference)
    levels: dict[tuple[str, str, int], _Level] = {}
    by_cell: dict[tuple[str, int], dict[str, Sounding]] = defaultdict(dict)
    for (name, group, period), s in found.items():
        if name in reference.levels or name == "repeat":
            by_cell[group, period][name] = s
    for (group, period), cell in by_cell.items():
        if period < first:
            continue
        for part, names in _PARTS.items():
            level = _part(
                cell,
                [n for n in names if n in reference.levels or (n == "repeat" and reference.again)],
                reference,
            )
            if level is not None:
                levels[part, group, period] = level
    shrunk, strength = _shrink(levels)
    return figures_table(_figures(shrunk, strength, every, reference), utc(cutoff))


def trust_reference(
    signals: Any,
    *,
    every: str = "week",
    cutoff: datetime,
    since: datetime | None = None,
    tally: Tally = afresh,
) -> Reference:
    """Learn the reference from the first four whole periods, to be stored and handed to `trust` from then on.

    Raises
    ------
    NotReady
        Fewer than four whole periods.
    """
    found, again, first = _take(signals, None, every, cutoff, since, None, tally)
    return _fit(found, again, every, cutoff, first)


def trust_soundings(
    signals: Any,
    *,
    by: str | None = None,
    every: str = "week",
    cutoff: datetime,
    since: datetime | None = None,
) -> pa.Table:
    """Show the soundings under the index: percent of good with Wilson intervals, named ``sounding <name>``."""
    found, again, first = _take(signals, by, every, cutoff, since, None)
    totals: dict[Key, Sounding] = {}
    for (group, period, _), (n, back) in again.items():
        old = totals.get(("repeat", group, period), Sounding(0, 0, 0))
        totals["repeat", group, period] = Sounding(old.good + back, old.n + n, old.n + n)
    figures = []
    for (name, group, period), s in (found | totals).items():
        if period < first or s.n <= 0:
            continue
        part = next(p for p, names in _PARTS.items() if name in names)
        value = wilson(s.good / s.n * s.worth, s.worth)._replace(n=s.n).scaled(100)._replace(n=s.n)
        figures.append(
            Figure(f"sounding {name}", group, part, periods.start(period, every), value, mark(s.n), METHOD)
        )
    return figures_table(figures, utc(cutoff))


def _take(
    signals: Any,
    by: str | None,
    every: str,
    cutoff: datetime,
    since: datetime | None,
    keys: Iterable[str] | None,
    tally: Tally = afresh,
) -> tuple[dict[Key, Sounding], dict[tuple[str, int, int], tuple[float, float]], int]:
    found = soundings(signals, by=by, every=every, cutoff=cutoff, since=since, keys=keys, tally=tally)
    again = repeats(signals, by=by, every=every, cutoff=cutoff, since=since, keys=keys, tally=tally)
    earliest = first_signal(signals, since, cutoff, tally)
    if earliest is None:
        raise NotReady("no signals before the cut-off", got=0, needed=1)
    # The first period counts as whole when its first day has signals.
    first = periods.number(earliest, every)
    if utc(earliest) - periods.start(first, every) > timedelta(seconds=periods.length_of(every) / 7):
        first += 1
    # The first two periods have no full past to come back from.
    return found, {key: v for key, v in again.items() if key[1] >= first + 2}, first


def _learn(signals: Any, every: str, cutoff: datetime, since: datetime | None, first: int) -> Reference:
    # All groups are told against one reference: that of everybody together.
    until = min(utc(cutoff), periods.start(first + 5, every))
    found, again, first = _take(signals, None, every, until, since, None)
    return _fit(found, again, every, cutoff, first)


def _fit(
    found: dict[Key, Sounding],
    again: dict[tuple[str, int, int], tuple[float, float]],
    every: str,
    cutoff: datetime,
    first: int,
) -> Reference:
    whole = periods.number(cutoff, every) - first
    if whole < 4:
        raise NotReady("trust needs four whole periods to compare with", got=max(whole, 0), needed=4)
    return reference_from(found, again, every=every, first=first)


def _repeat(
    again: dict[tuple[str, int, int], tuple[float, float]], reference: Reference
) -> dict[Key, Sounding]:
    """Add up over patterns what came back and what such customers did in the reference."""
    found: dict[Key, Sounding] = {}
    for (group, period, pattern), (n, back) in again.items():
        if pattern in reference.again:
            old = found.get(("repeat", group, period), Sounding(0, 0, 0, 0.0))
            expected = (old.expected or 0.0) + n * reference.again[pattern]
            found["repeat", group, period] = Sounding(old.good + back, old.n + n, old.worth + n, expected)
    return found


def _log_odds(good: float, n: float) -> float:
    return math.log((good + 0.5) / (n - good + 0.5))


def _part(cell: dict[str, Sounding], names: list[str], reference: Reference) -> _Level | None:
    """Average a part's log odds ratios; a missing sounding counts as level with the rest, and as unsure."""
    there = [n for n in names if n in cell and cell[n].n >= 5]
    if not there:
        return None
    weight = {n: reference.weights.get(n, 1.0) if names[0] in STATED else 1.0 for n in names}
    present, whole = sum(weight[n] for n in there), sum(weight.values())
    value = variance = 0.0
    for name in there:
        s = cell[name]
        m = (s.good + 0.5) / (s.n + 1)
        level = s.expected / s.n if s.expected is not None else reference.levels[name]
        ratio = math.log(m / (1 - m)) - math.log(level / (1 - level))
        value += weight[name] / present * min(max(ratio, -_LIMIT), _LIMIT)
        variance += (weight[name] / present) ** 2 / (s.worth * m * (1 - m) + 0.5)
    missing = 1 - present / whole
    n_all = [cell[n].n for n in there]
    count = sum(n_all) if names[0] in STATED else max(n_all)
    return _Level(value, math.sqrt(variance + (missing * _SPREAD_OF_MISSING) ** 2), count, present / whole)


def _shrink(
    levels: dict[tuple[str, str, int], _Level],
) -> tuple[dict[tuple[str, str, int], _Level], dict[tuple[str, int], float]]:
    """Let the groups of a period borrow from each other, part by part."""
    cells: dict[tuple[str, int], list[str]] = defaultdict(list)
    for part, group, period in levels:
        cells[part, period].append(group)
    answer, strength = dict(levels), {}
    for (part, period), groups in cells.items():
        if len(groups) < 3:
            continue
        mine = [levels[part, g, period] for g in groups]
        result = means([m.value for m in mine], [m.error for m in mine])
        # Told in answers: how many of a typical group's the prior is worth.
        typical = float(np.median([m.n for m in mine]))
        strength[part, period] = result.prior.strength * typical
        for g, m, value, error in zip(groups, mine, result.estimate, result.error, strict=True):
            answer[part, g, period] = m._replace(value=float(value), error=float(error))
    return answer, strength


def _figures(
    levels: dict[tuple[str, str, int], _Level],
    strength: dict[tuple[str, int], float],
    every: str,
    reference: Reference,
) -> list[Figure]:
    figures: list[Figure] = []
    for group, period in sorted({(g, p) for _, g, p in levels}):
        parts = {part: levels[part, group, period] for part in _PARTS if (part, group, period) in levels}
        time = periods.start(period, every)
        for part in ("stated", "behavioural"):
            if part in parts:
                method = _method(reference, parts[part].coverage, strength.get((part, period)))
                figures.append(
                    Figure("trust", group, part, time, _index(parts[part]), _mark(parts[part]), method)
                )
        if not {"stated", "behavioural"} & set(parts):
            continue
        together = _composite(parts)
        method = _method(reference, together.coverage, None)
        if {"stated", "behavioural"} <= set(parts):
            apart, differ = _divergence(parts["stated"], parts["behavioural"])
            figures.append(
                Figure("trust divergence", group, "composite", time, apart, _mark(together), METHOD)
            )
            method += "; said and done disagree" if differ else ""
        figures.append(Figure("trust", group, "composite", time, _index(together), _mark(together), method))
    return figures


def _composite(parts: dict[str, _Level]) -> _Level:
    share = 1 / len(_PARTS)
    present = share * len(parts)
    value = sum(p.value for p in parts.values()) / len(parts)
    variance = sum((p.error / len(parts)) ** 2 for p in parts.values())
    missing = 1 - present
    coverage = sum(share * p.coverage for p in parts.values())
    # A part that is not there may stand elsewhere: twice what a missing sounding adds.
    error = math.sqrt(variance + (2 * missing * _SPREAD_OF_MISSING) ** 2)
    return _Level(value, error, max(p.n for p in parts.values()), coverage)


def _divergence(said: _Level, did: _Level) -> tuple[Estimate, bool]:
    s, d = _index(said), _index(did)
    apart = s.estimate - d.estimate
    half = math.hypot(s.error, d.error) * Z95
    return Estimate(apart, apart - half, apart + half, min(said.n, did.n)), abs(apart) > half


def _index(level: _Level) -> Estimate:
    low, middle, high = (100 / (1 + math.exp(-(level.value + k * Z95 * level.error))) for k in (-1, 0, 1))
    return Estimate(middle, low, high, level.n)


def _mark(level: _Level) -> str:
    by_count = mark(level.n)
    return "low data" if by_count == "ok" and level.coverage < 0.5 else by_count


def _method(reference: Reference, coverage: float, strength: float | None) -> str:
    prior = (
        ""
        if strength is None
        else "; groups alike"
        if math.isinf(strength)
        else f"; prior worth {strength:.0f} answers"
    )
    return f"{METHOD} reference {reference.version}, coverage {100 * coverage:.0f} %{prior}"
