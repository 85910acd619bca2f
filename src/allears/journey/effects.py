"""How it stands and whether it worked: trust, experience, services, who was hit, verdicts. Asked of the measure stage."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from allears.act import issue as issue_desk
from allears.act.happening import Happening, burn
from allears.act.verdict import record_verdicts
from allears.act.verdict import verdicts as kept_verdicts
from allears.errors import NotReady, Refused
from allears.guard.permit import Permit
from allears.journey import rules
from allears.journey.cutoff import cutoff, earliest_day
from allears.journey.ground import Ground
from allears.journey.models import keep, load
from allears.journey.volumes import GROUPS
from allears.measure import periods
from allears.measure.burn import burning
from allears.measure.drivers import drivers as measure_drivers
from allears.measure.experience import experience as measure_experience
from allears.measure.hit import hit, struck
from allears.measure.objectives import Objective, objectives_from, overridden
from allears.measure.panel import panel_from
from allears.measure.reference import Reference, extend_reference
from allears.measure.reliability import reliability
from allears.measure.trust import trust as measure_trust
from allears.measure.trust import trust_reference
from allears.measure.verdict import METHOD as VERDICT_METHOD
from allears.measure.verdict import verdict
from allears.tables import TABLES

if TYPE_CHECKING:
    import ibis

MET = ("service", "release", "platform", "region", "partner")
MEASURE_DAYS = 180
JUDGED_DAYS = 28
FEWEST_MET = 10
KEPT_FOR = timedelta(hours=24)


def trust(ground: Ground, permit: Permit, by: str | None, every: str) -> pa.Table:
    """Trust index by group and period, against the space's own reference periods."""
    _known(by, every)
    end = cutoff(ground)
    engine = ground.asked(permit)
    with engine.asking():
        return _or_nothing(
            lambda: measure_trust(
                engine.table("signals"),
                by=by,
                every=every,
                since=_since(end, every),
                cutoff=end,
                reference=_reference(ground, permit, every, end),
                tally=ground.tallied(permit),
            )
        )


def _reference(ground: Ground, permit: Permit, every: str, end: datetime) -> Reference:
    """Give the first whole periods, learned once and kept: a reference that moved along would hide a slow decline."""
    name = f"trust reference {every}"
    content = load(ground, name)
    engine = ground.asked(permit)
    table = engine.table("signals")
    if content is not None:
        known = msgspec.json.decode(content, type=Reference)
        rows = engine.query(
            "SELECT DISTINCT rating_scale AS s FROM signals WHERE rating_scale IS NOT NULL AND occurred_at > $since",
            since=end - timedelta(days=MEASURE_DAYS),
        )
        whole = extend_reference(table, known, scales=sorted(rows["s"].to_pylist()), cutoff=end)
        if whole != known:
            keep(
                ground,
                name,
                msgspec.json.encode(whole),
                at=ground.clock.now(),
                note=f"version {whole.version}",
            )
        return whole
    days = engine.made_of("signals")
    oldest = datetime.fromisoformat(min(days, default=end.date().isoformat())).replace(tzinfo=UTC)
    since = periods.start(periods.number(oldest, every), every)
    learned = trust_reference(table, every=every, since=since, cutoff=end, tally=ground.tallied(permit))
    keep(ground, name, msgspec.json.encode(learned), at=ground.clock.now(), note=f"version {learned.version}")
    return learned


def experience(ground: Ground, permit: Permit, by: str | None, every: str) -> pa.Table:
    """Survey figures by group and period."""
    _known(by, every)
    end = cutoff(ground)
    engine = ground.asked(permit)
    with engine.asking():
        return measure_experience(
            engine.table("signals"),
            by=by,
            every=every,
            since=_since(end, every),
            cutoff=end,
            tally=ground.tallied(permit),
        )


def _since(end: datetime, every: str) -> datetime:
    # From the start of a whole period: one that is cut off would look like a change, and changes as time goes on.
    return periods.start(periods.number(end - timedelta(days=MEASURE_DAYS), every), every)


def _known(by: str | None, every: str) -> None:
    if by is not None and by not in GROUPS:
        raise Refused(f"expected one of {', '.join(GROUPS)}", place="--by")
    if every not in ("day", "week", "month"):
        raise Refused("expected day, week or month", place="--every")


def drivers(ground: Ground, permit: Permit) -> pa.Table:
    """Tell what goes along with stated trust."""
    end = cutoff(ground)
    with ground.asked(permit).asking():
        return _or_nothing(lambda: measure_drivers(signals(ground, permit, end, MEASURE_DAYS), cutoff=end))


def _or_nothing(measure: Callable[[], pa.Table]) -> pa.Table:
    # "Nothing to measure yet" is an answer to somebody who looks, not a failure.
    try:
        return measure()
    except NotReady:
        return TABLES["measures"].schema.empty_table()


def signals(ground: Ground, permit: Permit, end: datetime, days: int) -> ibis.Table:
    """Signals of the last days up to a cut-off."""
    table = ground.asked(permit).table("signals")
    return table.filter(table.occurred_at > end - timedelta(days=days), table.occurred_at <= end)


def objectives(ground: Ground) -> list[Objective]:
    """Give the objectives of each service: set by hand, else worked out from the last four weeks."""
    end = cutoff(ground)
    with ground.serving.asking():
        worked_out = objectives_from(
            ground.serving.table("signals"),
            since=end - timedelta(days=JUDGED_DAYS),
            cutoff=end,
            tally=ground.tallied(ground.gate.permit("service")),
        )
    return overridden(worked_out, list(rules.objectives(ground).objective))


def services(ground: Ground) -> list[dict[str, Any]]:
    """Each service against its objectives: share good, budget left, burns now, customers hit this week."""
    end, chosen = cutoff(ground), objectives(ground)
    if not chosen:
        return []
    with ground.serving.asking():
        table = ground.serving.table("signals")
        figures = reliability(
            table, chosen, now=end, tally=ground.tallied(ground.gate.permit("service"))
        ).to_pylist()
        alarms = burning(table, chosen, now=end)
        hurt = struck(table, end - timedelta(days=7), end)
    found = []
    for objective in chosen:
        group = f"service={objective.service}"
        share = next((f for f in figures if f["group"] == group and f["name"] == objective.name), None)
        budget = next(
            (
                f
                for f in figures
                if f["group"] == group
                and f["name"] == "error budget left"
                and f" {objective.name} " in f"{f['method']} "
            ),
            None,
        )
        if share is None:
            continue
        customers, silent = hurt.get(objective.service, (0, 0))
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
                "burns": [
                    msgspec.to_builtins(b, enc_hook=str)
                    for b in alarms
                    if b.service == objective.service and b.objective == objective.name
                ],
                "hit": customers if objective.name == "availability" else None,
                "silent": silent if objective.name == "availability" else None,
                "cutoff": end,
            }
        )
    return found


def burning_now(ground: Ground) -> list[Happening]:
    """Say which services burn their error budget too fast now, for playbooks."""
    chosen, end = objectives(ground), cutoff(ground)
    with ground.serving.asking():
        alarms = burning(ground.serving.table("signals"), chosen, now=end) if chosen else []
    return [burn(b.service, b.rate, b.at, objective=b.objective) for b in alarms]


def exposed_to(ground: Ground, permit: Permit, issue: dict[str, Any], until: datetime) -> dict[str, datetime]:
    """Who met an issue, and when last: by failed requests where its facets say which, else those whose messages it gathers.

    Only until it was fixed: whoever still complains afterwards would be chosen for not having come back.
    """
    facets = {k: v for k, v in (issue.get("facets") or {}).items() if k in MET and v}
    if facets:
        with ground.asked(permit).asking():
            table = ground.asked(permit).table("signals")
            for name, value in facets.items():
                table = table.filter(table[name] == value)
            name, value = next(iter(facets.items()))
            start = issue["first_signal_at"]
            met = hit(table, value, start, max(until, start + timedelta(hours=1)), of=name)
        if met.num_rows >= FEWEST_MET:
            return dict(zip(met["customer"].to_pylist(), met["last_at"].to_pylist(), strict=True))
    rows = ground.asked(permit).query(
        "SELECT customer_key, max(occurred_at) AS last_at FROM signals WHERE day >= $day AND customer_key IS NOT NULL "
        "AND occurred_at <= $until AND signal_id IN (SELECT unnest($ids)) GROUP BY customer_key",
        day=earliest_day(issue["first_signal_at"]),
        ids=issue_desk.signals_of(ground.desk, issue["id"]),
        until=until,
    )
    return dict(zip(rows["customer_key"].to_pylist(), rows["last_at"].to_pylist(), strict=True))


def verdicts(ground: Ground, permit: Permit) -> pa.Table:
    """Judge each issue that was marked as fixed: measured at most once a day, since it takes seconds and moves slowly."""
    end = cutoff(ground)
    known = _raised(ground)
    told: dict[str, list[dict[str, Any]]] = {}
    for row in reversed(kept_verdicts(ground.desk)):
        told.setdefault(row["issue"], []).append(row)
    fixed = [issue for issue in known if issue.get("fixed_at") is not None]
    due = [issue for issue in fixed if not _is_young(told.get(issue["id"]), issue["fixed_at"], end)]
    met = _met(ground, permit, known) if due else {}
    for issue in due:
        found = verdict_of(ground, permit, issue, met)
        record_verdicts(ground.desk, found)
        told[issue["id"]] = found.to_pylist()
    rows = [row for issue in fixed for row in told[issue["id"]]]
    return pa.Table.from_pylist(rows, schema=TABLES["verdicts"].schema)


def _is_young(rows: list[dict[str, Any]] | None, fixed: datetime, end: datetime) -> bool:
    if not rows:
        return False
    newest = rows[0]["cutoff"]
    current = all(row["method"].startswith(VERDICT_METHOD) for row in rows)
    return bool(current and newest >= fixed and timedelta(0) <= end - newest < KEPT_FOR)


def verdict_of(
    ground: Ground, permit: Permit, issue: dict[str, Any], met: dict[str, dict[str, datetime]] | None = None
) -> pa.Table:
    """Judge one issue: damage, recovery, said and done.

    Who met another issue is left out of the comparison, or one fault's harm is laid at another's door. Issues that share
    most of their people are one fault seen twice.
    """
    end = cutoff(ground)
    began, fixed = issue["first_signal_at"], issue.get("fixed_at")
    met = met if met is not None else _met(ground, permit, _raised(ground))
    exposed = met[issue["id"]] if issue["id"] in met else exposed_to(ground, permit, issue, fixed or end)
    others = {
        c for i, who in met.items() if i != issue["id"] and not _mostly(exposed, who) for c in who
    } - set(exposed)
    with ground.asked(permit).asking():
        panel = panel_from(ground.asked(permit).table("signals"), exposed, began, fixed, end, others=others)
    return verdict(panel, issue=issue["id"], began_at=began, fixed_at=fixed, cutoff=end)


def _met(ground: Ground, permit: Permit, issues: list[dict[str, Any]]) -> dict[str, dict[str, datetime]]:
    end = cutoff(ground)
    return {i["id"]: exposed_to(ground, permit, i, i.get("fixed_at") or end) for i in issues}


def _raised(ground: Ground) -> list[dict[str, Any]]:
    return [i for i in issue_desk.issues(ground.desk, kind="issue") if i["state"] != "dismissed"]


def _mostly(mine: Collection[str], theirs: Collection[str]) -> bool:
    shared = len(set(mine) & set(theirs))
    return shared > 0.5 * min(len(mine), len(theirs) or 1)
