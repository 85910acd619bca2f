"""How it stands and whether it worked: trust, experience, services, who was hit, verdicts. Asked of the measure stage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from allears.act import issue as issue_desk
from allears.errors import NotReady, Refused
from allears.journey.ground import Ground
from allears.journey.questions import GROUPS, cutoff
from allears.measure.burn import burning
from allears.measure.experience import experience as measure_experience
from allears.measure.hit import hit
from allears.measure.objectives import Objective, objectives_from
from allears.measure.panel import panel_from
from allears.measure.reliability import reliability
from allears.measure.drivers import drivers as measure_drivers
from allears.measure.trust import trust as measure_trust
from allears.measure.verdict import verdict
from allears.tables import TABLES

if TYPE_CHECKING:
    import ibis

MET = ("service", "release", "platform", "region", "partner")
MEASURE_DAYS = 180
JUDGED_DAYS = 28


def trust(ground: Ground, by: str | None, every: str) -> pa.Table:
    """Trust index by group and period."""
    return _measured(ground, by, every, measure_trust)


def experience(ground: Ground, by: str | None, every: str) -> pa.Table:
    """Survey figures by group and period."""
    return _measured(ground, by, every, measure_experience)


def _measured(ground: Ground, by: str | None, every: str, measure: Callable[..., pa.Table]) -> pa.Table:
    if by is not None and by not in GROUPS:
        raise Refused(f"expected one of {', '.join(GROUPS)}", place="--by")
    if every not in ("day", "week", "month"):
        raise Refused("expected day, week or month", place="--every")
    end = cutoff(ground)
    with ground.engine.asking():
        return _or_nothing(lambda: measure(signals(ground, end, MEASURE_DAYS), by=by, every=every, cutoff=end))


def drivers(ground: Ground) -> pa.Table:
    """What goes along with stated trust."""
    end = cutoff(ground)
    with ground.engine.asking():
        return _or_nothing(lambda: measure_drivers(signals(ground, end, MEASURE_DAYS), cutoff=end))


def _or_nothing(measure: Callable[[], pa.Table]) -> pa.Table:
    # "Nothing to measure yet" is an answer to somebody who looks, not a failure.
    try:
        return measure()
    except NotReady:
        return TABLES["measures"].schema.empty_table()


def signals(ground: Ground, end: datetime, days: int) -> ibis.Table:
    """Signals of the last days up to a cut-off."""
    table = ground.engine.table("signals")
    return table.filter(table.occurred_at > end - timedelta(days=days), table.occurred_at <= end)


def objectives(ground: Ground) -> list[Objective]:
    """The objectives of each service, worked out from the last four weeks."""
    end = cutoff(ground)
    with ground.engine.asking():
        return objectives_from(ground.engine.table("signals"), since=end - timedelta(days=JUDGED_DAYS), cutoff=end)


def services(ground: Ground) -> list[dict[str, Any]]:
    """Each service against its objectives: share good, budget left, burns now, customers hit this week."""
    end, chosen = cutoff(ground), objectives(ground)
    if not chosen:
        return []
    with ground.engine.asking():
        table = ground.engine.table("signals")
        figures = reliability(table, chosen, now=end).to_pylist()
        alarms = burning(table, chosen, now=end)
        struck = {o.service: hit(table, o.service, end - timedelta(days=7), end) for o in chosen}
    found = []
    for objective in chosen:
        group = f"service={objective.service}"
        share = next((f for f in figures if f["group"] == group and f["name"] == objective.name), None)
        budget = next((f for f in figures if f["group"] == group and f["name"] == "error budget left" and _same(f, objective)), None)
        if share is None:
            continue
        who = struck[objective.service]
        found.append(
            {
                "service": objective.service,
                "objective": objective.describe(),
                "target": objective.target * 100,
                "estimate": share["estimate"],
                "low": share["low"],
                "high": share["high"],
                "n": share["n"],
                "budget_left": budget["estimate"] if budget else None,
                "burns": [msgspec.to_builtins(b, enc_hook=str) for b in alarms if b.service == objective.service and b.objective == objective.name],
                "hit": who.num_rows if objective.name == "availability" else None,
                "silent": sum(who["silent"].to_pylist()) if objective.name == "availability" else None,
                "cutoff": end,
            }
        )
    return found


def _same(figure: dict[str, Any], objective: Objective) -> bool:
    return str(objective.name) in str(figure["method"]) or objective.name == "availability"


def exposed_to(ground: Ground, issue: dict[str, Any], until: datetime) -> set[str]:
    """Who met an issue: by failed requests where its facets say which, else those whose messages it gathers."""
    facets = {k: v for k, v in (issue.get("facets") or {}).items() if k in MET and v}
    if facets:
        with ground.engine.asking():
            table = ground.engine.table("signals")
            for name, value in facets.items():
                table = table.filter(table[name] == value)
            name, value = next(iter(facets.items()))
            start = issue["first_signal_at"]
            met = set(hit(table, value, start, max(until, start + timedelta(hours=1)), of=name)["customer"].to_pylist())
        if len(met) >= 10:
            return met
    return set(issue_desk.customers_of(ground.desk, issue["id"]))


def verdicts(ground: Ground) -> pa.Table:
    """Judge each issue that was marked as fixed."""
    fixed = [i for i in issue_desk.issues(ground.desk) if i.get("fixed_at") is not None]
    found = [verdict_of(ground, issue) for issue in fixed]
    return pa.concat_tables(found) if found else TABLES["verdicts"].schema.empty_table()


def verdict_of(ground: Ground, issue: dict[str, Any]) -> pa.Table:
    """Judge one issue: damage, recovery, said and done."""
    end = cutoff(ground)
    began, fixed = issue["first_signal_at"], issue.get("fixed_at")
    exposed = exposed_to(ground, issue, fixed or end)
    with ground.engine.asking():
        panel = panel_from(ground.engine.table("signals"), exposed, began, fixed, end)
    return verdict(panel, issue=issue["id"], began_at=began, fixed_at=fixed, cutoff=end)
