"""Let go of what was kept long enough: told first, then done, with a receipt. Done again after a crash, it ends the same.

The lake goes first, class by class, then what the desk keeps. Each step removes whatever is due then, so a run that was
cut off is simply run again. What periods added up to before stays: sums by group name nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, String, and_, cast, delete, false, func, not_, or_, select, true, update

from allears.desk.asking import Invitation
from allears.desk.listening import Mark, RefusedRow
from allears.desk.work import Delivery, IssueSignal
from allears.errors import Refused
from allears.guard.audit import Detail
from allears.guard.key_ring import secure
from allears.guard.receipt import COMMITTED, Attested, commitment, give, keep
from allears.guard.retain import CLASSES, EMPTIED, Due, Retention, predicates
from allears.journey import rules
from allears.journey.amend import DUE_SINCE, tidy
from allears.journey.belongings import keys_used
from allears.journey.ground import Ground
from allears.journey.holds import held_customers, held_digests

ACTION, DONE = "retention", "retention.done"
_CHUNK = 500
Rows = list[dict[str, Any]]


class Retired(Attested, frozen=True, kw_only=True, tag="retention"):
    """Receipt of a run: what went, by class, source and month; no value of anybody."""

    at: datetime
    removed: Rows
    total: dict[str, int]
    held: int
    periods_kept: int
    files_removed: int
    files_wait: bool


def due(ground: Ground) -> Rows:
    """Say what a run would remove now: class, source, month, and how many rows; nothing is changed."""
    return [row for _, rows in _plan(ground) for row in rows]


def retire(ground: Ground, *, actor: str, why: str = "", now: bool = False) -> Retired:
    """Remove what is due, and sign a receipt.

    Parameters
    ----------
    now
        Remove the files that held it at once; else they go an hour later, so that readers can end. Only when nobody
        else works in this space.

    Raises
    ------
    WorldFailed
        The lake or the desk failed, or somebody changed the same files; what went is gone, the rest goes next time.
    """
    plan = dict(_plan(ground))
    removed = [row for rows in plan.values() for row in rows]
    # Written before anything goes, so that no removal is without a trace.
    totals = _totals(removed)
    ground.audit.record(actor, ACTION, "space", why=why, detail=dict(totals))
    frozen = _lake(ground, plan) if removed else 0
    _desk(ground)
    _untie(ground)
    ground.vault.keys.scrub()
    files = tidy(ground, now=True)["removed"] if now else 0
    receipt = Retired(
        tenant=ground.vault.tenant,
        at=ground.clock.now(),
        actor=actor,
        removed=removed,
        total=totals,
        held=len(held_customers(ground)),
        periods_kept=frozen,
        files_removed=files,
        files_wait=not now and _waits(ground),
    )
    with ground.desk.session() as session:
        committed: Detail = {COMMITTED: commitment(receipt)}
        entry = ground.audit.write(session, actor, DONE, ["space"], why, committed)[0]
        keep(session, receipt, entry)
    return give(ground.desk, ground.audit, [entry.number], Retired)[0]


def in_force(ground: Ground) -> bool:
    """Tell whether this space lets anything go by itself."""
    return any(k.days is not None for k in _periods(ground).keep)


def _periods(ground: Ground) -> Retention:
    found = rules.retention(ground)
    shortest = ground.settings.lake.dedup_days
    if any(k.what == "signals" and k.days is not None and k.days < shortest for k in found.keep):
        # A signal that is sent again after it went would count a second time.
        raise Refused(f"signals stay at least `[lake] dedup_days` = {shortest} days", place=rules.RETENTION)
    return found


def _today(ground: Ground) -> date:
    return ground.clock.now().astimezone(UTC).date()


def _plan(ground: Ground) -> Iterator[tuple[str, Rows]]:
    periods = _periods(ground)
    lake = _predicates(ground, periods)
    for what in CLASSES:
        if what in lake:
            yield what, _in_lake(ground, what, lake[what])
        elif what in DESK:
            yield what, _in_desk(ground, what, periods.due(what, _today(ground)))


def _predicates(ground: Ground, periods: Retention) -> dict[str, str]:
    held: set[str] = set()
    for customer in held_customers(ground):
        held |= set(keys_used(ground, customer))
    return predicates(periods, _today(ground), held)


def _in_lake(ground: Ground, what: str, predicate: str) -> Rows:
    found = ground.engine.near.query(
        f"""SELECT coalesce(source, '') AS source, substr(day, 1, 7) AS month, count(*) AS n FROM signals
            WHERE {predicate} GROUP BY ALL ORDER BY ALL"""
    )
    return [{"what": what, **row} for row in found.to_pylist()]


def _lake(ground: Ground, plan: dict[str, Rows]) -> int:
    lake = _predicates(ground, _periods(ground))
    frozen = 0
    if any(plan.get(what) for what in lake):
        with ground.desk.session() as session:
            session.merge(Mark(name=DUE_SINCE, value=ground.clock.now().isoformat()))
    if plan.get("signals"):
        days = ground.engine.near.query(f"SELECT DISTINCT day FROM signals WHERE {lake['signals']}")["day"]
        frozen = ground.tallies.freeze(days.to_pylist())
        if ground.gate.use("analytics").on:
            narrowed = ground.tallied(ground.gate.permit("analytics"))
            frozen += narrowed.freeze(days.to_pylist()) if narrowed is not ground.tallies else 0
        ground.store.delete("signals", lake["signals"])
    for what, columns in EMPTIED.items():
        if plan.get(what):
            ground.store.empty("signals", columns, lake[what])
    return frozen


def _untie(ground: Ground) -> None:
    # Issues keep their counts; whose the signals were that went, they forget.
    with ground.desk.reading() as session:
        ids = session.scalars(
            select(IssueSignal.signal_id).where(IssueSignal.customer.is_not(None)).distinct()
        )
        tied = list(ids)
    if not tied:
        return
    gone = ground.engine.near.query(
        "SELECT id FROM (SELECT unnest($ids) AS id) ANTI JOIN signals ON signals.signal_id = id", ids=tied
    )["id"].to_pylist()
    with ground.desk.session() as session:
        secure(session)
        for start in range(0, len(gone), _CHUNK):
            some = IssueSignal.signal_id.in_(gone[start : start + _CHUNK])
            session.execute(update(IssueSignal).where(some).values(customer=None))


def _waits(ground: Ground) -> bool:
    with ground.desk.reading() as session:
        return session.get(Mark, DUE_SINCE) is not None


# -- what the desk keeps -----------------------------------------------------------------------------------------------


class _Kept(msgspec.Struct, frozen=True):
    """Rows of one desk table: of what, since when, and which of them may go at all."""

    model: Any
    at: Any
    source: Any
    channel: Any
    may_go: Callable[[Ground], ColumnElement[bool]]


def _over(ground: Ground) -> ColumnElement[bool]:
    held = sorted(held_digests(ground))
    free = or_(Invitation.person.is_(None), Invitation.person.not_in(held))
    return and_(Invitation.expires_at < ground.clock.now(), Invitation.digest.not_in(held), free)


DESK: dict[str, _Kept] = {
    "refused": _Kept(
        RefusedRow, RefusedRow.received_at, RefusedRow.source, RefusedRow.channel, lambda _: true()
    ),
    "invitations": _Kept(Invitation, Invitation.made_at, Invitation.survey, None, _over),
    "deliveries": _Kept(
        Delivery, Delivery.put_at, Delivery.destination, None, lambda _: Delivery.state.in_(("sent", "dead"))
    ),
}


def _in_desk(ground: Ground, what: str, dues: list[Due]) -> Rows:
    kept = DESK[what]
    month = func.substr(cast(kept.at, String), 1, 7)
    query = select(kept.source, month, func.count()).where(_where(ground, what, dues))
    counted: Counter[tuple[str, str]] = Counter()
    with ground.desk.reading() as session:
        for source, when, n in session.execute(query.group_by(kept.source, month)):
            counted[source, when] += n
    return [{"what": what, "source": s, "month": m, "n": n} for (s, m), n in sorted(counted.items())]


def _desk(ground: Ground) -> None:
    periods = _periods(ground)
    with ground.desk.session() as session:
        secure(session)
        for what, kept in DESK.items():
            dues = periods.due(what, _today(ground))
            if dues:
                session.execute(delete(kept.model).where(_where(ground, what, dues)))


def _where(ground: Ground, what: str, dues: list[Due]) -> ColumnElement[bool]:
    kept = DESK[what]
    return and_(kept.may_go(ground), or_(false(), *(_condition(kept, one) for one in dues)))


def _condition(kept: _Kept, one: Due) -> ColumnElement[bool]:
    before = datetime.combine(one.before, time(), UTC)
    others = [not_(and_(*_names(kept, source, channel))) for source, channel in one.others]
    return and_(kept.at < before, *_names(kept, one.source, one.channel), *others)


def _names(kept: _Kept, source: str | None, channel: str | None) -> Iterator[ColumnElement[bool]]:
    if source is not None:
        yield kept.source == source
    if channel is not None and kept.channel is not None:
        yield func.coalesce(kept.channel, "") == channel


def _totals(rows: Rows) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for row in rows:
        totals[row["what"]] += row["n"]
    return dict(totals)
