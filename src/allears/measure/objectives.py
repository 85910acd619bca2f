"""Objectives: what good service means, and which ones a service could sensibly be held to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import median
from typing import Annotated, Any

import msgspec
import pyarrow as pa
from msgspec import Meta

from allears.errors import Refused
from allears.measure import periods
from allears.measure.columns import during, only
from allears.measure.listening import EVERY, SourceObjectives
from allears.measure.tally import Span, Tally, afresh

TARGETS = (0.999, 0.995, 0.99, 0.98, 0.95, 0.9)
_ROUND_MS = (50.0, 100.0, 200.0, 300.0, 500.0, 1000.0, 2000.0, 3000.0, 5000.0, 10_000.0, 30_000.0)


class Objective(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share of good requests that a service promises over a window.

    Examples
    --------
    >>> Objective(service="checkout", name="latency", below_ms=500.0, target=0.95).budget
    0.05
    """

    service: Annotated[str, Meta(description="The service, as signals name it.", min_length=1)]
    name: Annotated[str, Meta(description="availability, latency, or a name of your own.", min_length=1)]
    below_ms: (
        Annotated[float, Meta(description="Good means ok and faster than this; null: ok is enough.", gt=0)]
        | None
    ) = None
    target: Annotated[float, Meta(description="Share of good requests promised.", gt=0, lt=1)] = 0.995
    window_days: Annotated[int, Meta(description="Whole weeks avoid weekday artefacts.", ge=1, le=365)] = 28

    @property
    def budget(self) -> float:
        """The share of requests that may be bad."""
        return round(1 - self.target, 12)

    def describe(self) -> str:
        """Say it in words.

        Examples
        --------
        >>> Objective(service="search", name="availability").describe()
        '99.5 % of search requests work, over 28 days'
        """
        limit = self.below_ms
        within = (
            ""
            if limit is None
            else f" within {limit / 1000:g} s"
            if limit >= 1000
            else f" within {limit:g} ms"
        )
        good = f"work{within}"
        return f"{100 * self.target:g} % of {self.service} requests {good}, over {self.window_days} days"


class Objectives(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Objectives set by hand: of services, and of sources by name."""

    objective: tuple[Objective, ...] = ()
    sources: dict[str, SourceObjectives] = {}


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    objective: tuple[Objective, ...] = ()
    sources: dict[str, dict[str, Any]] = {}


def read_objectives(text: str, place: str = "objectives.toml") -> Objectives:
    """Read objectives set by hand from TOML.

    Raises
    ------
    Refused
        It is not TOML, a field is wrong (the message names it), or one service has two objectives of one name.

    Examples
    --------
    >>> found = read_objectives('''
    ... [[objective]]
    ... service = "checkout"
    ... name = "latency"
    ... below_ms = 400.0
    ... target = 0.99
    ...
    ... [sources.chat]
    ... fresh = "15m"
    ... ''')
    >>> found.objective[0].describe(), found.sources["chat"].fresh
    ('99 % of checkout requests work within 400 ms, over 28 days', '15m')
    """
    try:
        found = msgspec.toml.decode(text, type=_File)
    except msgspec.ValidationError as error:
        raise Refused(str(error), place=place) from None
    except msgspec.DecodeError as error:
        raise Refused(f"not TOML: {error}", place=place) from None
    seen: set[tuple[str, str]] = set()
    for index, one in enumerate(found.objective):
        if (one.service, one.name) in seen:
            raise Refused("one service has two objectives of this name", place=f"{place}: objective[{index}]")
        seen.add((one.service, one.name))
    return Objectives(found.objective, _sources(found.sources, place))


def _sources(rows: dict[str, dict[str, Any]], place: str) -> dict[str, SourceObjectives]:
    sources: dict[str, SourceObjectives] = {}
    for name, row in rows.items():
        try:
            # First alone, so that a message names the table that is wrong; then with what all sources are held to.
            msgspec.convert(row, SourceObjectives)
            sources[name] = msgspec.convert(rows.get(EVERY, {}) | row, SourceObjectives)
        except msgspec.ValidationError as error:
            raise Refused(str(error), place=f"{place}: sources.{name}") from None
    return sources


def overridden(worked_out: list[Objective], by_hand: list[Objective]) -> list[Objective]:
    """Put objectives set by hand in the place of those worked out for the same service and name.

    Examples
    --------
    >>> mine = Objective(service="search", name="availability", target=0.9)
    >>> overridden([Objective(service="search", name="availability")], [mine]) == [mine]
    True
    """
    own = {(o.service, o.name) for o in by_hand}
    kept = [o for o in worked_out if (o.service, o.name) not in own]
    return sorted([*kept, *by_hand], key=lambda o: (o.service, o.name))


def met(signals: Any) -> Any:
    """Keep requests that customers met: telemetry, and events that say whether they worked."""
    return signals.filter(
        signals.service.notnull(), signals.ok.notnull(), signals.kind.isin(["telemetry", "event"])
    )


def bad(requests: Any, objective: Objective) -> Any:
    """Give the condition that breaks an objective; a request of unknown duration is not called slow."""
    failed = ~requests.ok
    if objective.below_ms is None:
        return failed
    return failed | (requests.duration_ms.fill_null(0.0) > objective.below_ms)


def objectives_from(
    signals: Any,
    *,
    cutoff: datetime,
    since: datetime | None = None,
    min_requests: int = 200,
    tally: Tally = afresh,
) -> list[Objective]:
    """Propose an availability and a latency objective for each service found.

    A target is only useful when it is usually kept and sometimes missed. So the availability target is the
    strictest usual one that the service kept on its median day (99.5 % while there is too little to tell), and the
    latency threshold is a round number above the median day's 95th percentile. Medians over days: an
    incident among them loosens nothing.

    Parameters
    ----------
    signals
        Ibis table with kind, service, ok, duration_ms and occurred_at.
    since, cutoff
        Signals that occurred in ``[since, cutoff)``.
    min_requests
        Services with fewer requests get no objective.
    tally
        Answers what whole days added up to.

    Raises
    ------
    Refused
        ``min_requests`` is below 1.
    """
    if min_requests < 1:
        raise Refused("expected at least 1", place="min_requests")
    thin = only(signals, "service", "ok", "duration_ms")

    def ask(spans: Sequence[Span]) -> pa.Table:
        requests = met(during(thin, spans))
        requests = requests.mutate(period=periods.numbered(requests.occurred_at, "day"))
        return (
            requests.group_by("service", "period")
            .agg(
                n=requests.count(),
                good=requests.ok.mean(),
                timed=requests.duration_ms.count(),
                slow=requests.duration_ms.quantile(0.95, where=requests.ok),
            )
            .to_pyarrow()
        )

    days: dict[str, list[dict[str, Any]]] = {}
    for row in tally("objectives/1", ask, every="day", since=since, until=cutoff).to_pylist():
        days.setdefault(row["service"], []).append(row)
    found: list[Objective] = []
    for service, rows in sorted(days.items()):
        if sum(r["n"] for r in rows) < min_requests:
            continue
        usual, busy = median(r["good"] for r in rows), median(r["n"] for r in rows)
        found.append(Objective(service=service, name="availability", target=_target(usual, busy)))
        slow = [r["slow"] for r in rows if r["slow"] is not None]
        if slow and sum(r["timed"] for r in rows) >= min_requests:
            limit = next((x for x in _ROUND_MS if x >= median(slow)), _ROUND_MS[-1])
            found.append(Objective(service=service, name="latency", below_ms=limit, target=0.95))
    return found


def _target(good: float, per_day: float) -> float:
    # 1 in 1,000 cannot be told from 1 in 200 on days of 100 requests: stay at 99.5 % until there are 2,000.
    kept = [t for t in TARGETS if t <= good and (t <= 0.995 or per_day >= 2000)]
    return kept[0] if kept else TARGETS[-1]
