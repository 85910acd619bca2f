"""Issues and cases as somebody may see them: told of the signals within their sight, and to a partner of what was shared with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from allears.act import issue as issue_desk
from allears.act.case import cases as all_cases
from allears.desk.access import Share
from allears.desk.work import IssueSignal
from allears.errors import NotFound
from allears.guard.access import Principal
from allears.guard.mask import Field, mask_rows
from allears.guard.sight import Condition, Sight
from allears.journey import briefing, questions, rules
from allears.journey.channels import SILENCE
from allears.journey.cutoff import earliest_day
from allears.journey.ground import Ground
from allears.journey.models import topics_of
from allears.journey.sharing import shared_with
from allears.know.identifiers import ACCOUNT, normalise

Row = dict[str, Any]
FACETS = ("channel", "service", "release", "platform", "region", "partner")
# What is told of an issue as a whole would tell of others' signals: words, ranks, what was expected.
_HIDDEN: Row = {"terms": [], "expected": None, "growth": None, "score": None, "factors": {}, "method": None}
_OF_CASE: Row = {"customer": None, "why": "", "score": None, "urgency": None}


def sight(ground: Ground, principal: Principal) -> Sight:
    """Say what somebody may see."""
    return rules.sight(ground, principal)


def condition(ground: Ground, mine: Sight) -> Condition:
    """Say as a condition on signals what may be seen."""

    def digest(account: str) -> str:
        return ground.vault.digest(ACCOUNT, [normalise(ACCOUNT, account) or ""])[0][:32]

    return mine.condition(digest)


def issues(ground: Ground, principal: Principal, state: str | None = None) -> list[Row]:
    """List the issues somebody may see, each told from the signals within their sight."""
    found, mine = issue_desk.issues(ground.desk, state), sight(ground, principal)
    if mine.whole:
        return mask_rows(found, mine.hidden) if mine.hidden else found
    told = _own(ground, mine, found)
    return sorted(told, key=lambda row: (-row["signals"], row["detected_at"], row["id"]))


def issue(ground: Ground, principal: Principal, issue_id: str) -> Row:
    """One issue with its history, typical messages and cases.

    Raises
    ------
    NotFound
        There is none of that id, or none that this reader may see: nothing tells which.
    """
    mine = sight(ground, principal)
    if mine.whole:
        return _masked(questions.issue(ground, issue_id), mine)
    own = find_issue(ground, principal, issue_id)
    told = questions.issue(ground, issue_id, condition(ground, mine))
    rest = {
        "messages": told["messages"],
        "hours": told["hours"],
        "cases": _cases(ground, mine, told["cases"], [own]),
    }
    return _masked(own | {"history": _history(told["history"], mine)} | rest, mine)


def find_issue(ground: Ground, principal: Principal, issue_id: str) -> Row:
    """Find one issue, without its signals.

    Raises
    ------
    NotFound
        As for `issue`.
    """
    mine = sight(ground, principal)
    if mine.whole:
        return _masked(issue_desk.issue(ground.desk, issue_id), mine)
    found = [row for row in issue_desk.issues(ground.desk) if row["id"] == issue_id]
    told = _own(ground, mine, found)
    if not told:
        raise NotFound("no issue has that id", place="issue")
    return told[0]


def story(ground: Ground, principal: Principal, issue_id: str) -> Row:
    """Tell one issue for its page.

    Raises
    ------
    NotFound
        As for `issue`.
    """
    mine = sight(ground, principal)
    if mine.whole:
        whole = briefing.story(ground, issue_id) | {"shared_with": shared_with(ground, issue_id)}
        return _masked(whole, mine)
    own = find_issue(ground, principal, issue_id)
    told = briefing.story(ground, issue_id, condition(ground, mine))
    rest = {name: told[name] for name in ("counts", "every", "examples", "voices")}
    rest |= {"people": [], "known": 0} if mine.partner else {"people": told["people"], "known": told["known"]}
    rest["cases"] = _cases(ground, mine, told["cases"], [own])
    return _masked(own | {"history": _history(told["history"], mine)} | rest, mine)


def cases(ground: Ground, principal: Principal, state: str | None = None) -> list[Row]:
    """List the cases somebody may see: those of issues, or of customers, within their sight."""
    found = all_cases(ground.desk, ground.clock.now(), state=state)
    mine = sight(ground, principal)
    if mine.whole:
        return found
    return _cases(ground, mine, found, _own(ground, mine, issue_desk.issues(ground.desk)))


def require_own(
    ground: Ground, principal: Principal, issue_id: str | None, case_id: str | None = None
) -> None:
    """Insist that somebody may act on an issue, or a case: what was only shared with a partner is not its to settle.

    Raises
    ------
    NotFound
        It may not be seen, or not be acted on.
    """
    mine = sight(ground, principal)
    if mine.whole:
        return
    if case_id is not None and mine.partner is None:
        if not any(case["id"] == case_id for case in cases(ground, principal)):
            raise NotFound("no case has that id", place="case")
        return
    if issue_id is None or find_issue(ground, principal, issue_id)["shared"]:
        raise NotFound("no issue has that id", place="issue")


def _own(ground: Ground, mine: Sight, found: Sequence[Row]) -> list[Row]:
    """Tell of those issues that concern somebody or were shared with them, from the signals within their sight."""
    shared: dict[str, str] = {}
    spoken = [row for row in found if SILENCE not in (row["topics"] or ())]
    if mine.partner is not None:
        with ground.desk.reading() as session:
            found_shares = session.scalars(select(Share).where(Share.partner == mine.partner))
            shared = {row.issue: row.title for row in found_shares}
        spoken = [
            row
            for row in spoken
            if row["id"] in shared or (row["facets"] or {}).get("partner") == mine.partner
        ]
    elif mine.departments:
        theirs = _of_departments(ground, mine)
        spoken = [row for row in spoken if row["department"] in mine.departments or row["id"] in theirs]
    counted = _counted(ground, mine, spoken)
    if mine.partner is None:
        spoken = [row for row in spoken if row["id"] in counted]
    labels = topics_of(ground).describe()
    named = dict(zip(labels["topic"].to_pylist(), labels["label"].to_pylist(), strict=True))
    told = [_narrowed(row, counted.get(row["id"]), mine, shared, named) for row in spoken]
    return mask_rows(told, mine.hidden)


def _of_departments(ground: Ground, mine: Sight) -> set[str]:
    found = all_cases(ground.desk, ground.clock.now())
    return {case["issue"] for case in found if case["department"] in mine.departments}


def _counted(ground: Ground, mine: Sight, seen: Sequence[Row]) -> dict[str, Row]:
    if not seen:
        return {}
    with ground.desk.reading() as session:
        gathered = session.execute(
            select(IssueSignal.issue, IssueSignal.signal_id).where(
                IssueSignal.issue.in_([row["id"] for row in seen])
            )
        ).all()
    limit, of_all = condition(ground, mine), Counter(issue for issue, _ in gathered)
    facets = ", ".join(f"list(DISTINCT {f}) FILTER (WHERE {f} IS NOT NULL) AS {f}" for f in FACETS)
    rows = ground.serving.query(
        f"""SELECT issue, count(*) AS signals, count(DISTINCT customer_key) AS customers, min(occurred_at) AS first_at,
                   list(signal_id) AS ids, list_distinct(flatten(list(topics) FILTER (WHERE topics IS NOT NULL))) AS topics, {facets}
            FROM signals JOIN (SELECT unnest($issues) AS issue, unnest($ids) AS signal_id) USING (signal_id)
            WHERE day >= $day AND {limit.sql} GROUP BY issue""",
        issues=[issue for issue, _ in gathered],
        ids=[signal for _, signal in gathered],
        day=min(earliest_day(row["first_signal_at"]) for row in seen),
        **limit.values,
    )
    return {row["issue"]: row | {"every": row["signals"] == of_all[row["issue"]]} for row in rows.to_pylist()}


def _narrowed(row: Row, own: Row | None, mine: Sight, shared: dict[str, str], named: dict[str, str]) -> Row:
    facets = row["facets"] or {}
    concerns = mine.partner is None or facets.get("partner") == mine.partner
    if mine.partner is None and own is not None and own["every"]:
        # Nothing of it lies outside: it may be told as it is.
        return row | {"shared": False}
    told = own or {"signals": 0, "customers": 0, "first_at": None, "ids": (), "topics": ()}
    topics = [topic for topic in row["topics"] or () if topic in (told["topics"] or ())]
    # A signal of their account may name another firm: that it is an issue of that firm is not theirs to know.
    firm = {"partner": mine.partner} if concerns and mine.partner else {}
    open_facets = {n: v for n, v in facets.items() if mine.partner is None or n != "partner"}
    kept = {n: value for n, value in open_facets.items() if value in (told.get(n) or ())}
    label = named.get(topics[0]) if topics else None
    whose = f" - {mine.name}" if mine.name else ""
    title = shared.get(row["id"]) or f"{label or 'Failing or complaining customers'}{whose}"
    return (
        row
        | _HIDDEN
        | {
            "title": title,
            "topics": topics,
            "facets": kept | firm,
            "signals": told["signals"],
            "customers": told["customers"],
            "first_signal_at": _earliest(told["first_at"], row),
            "exemplars": [one for one in row["exemplars"] or () if one in set(told["ids"])],
            "shared": not concerns,
        }
    )


def _earliest(first: datetime | None, row: Row) -> datetime:
    # An issue of which nothing is theirs tells them when it was noticed, not when it began elsewhere.
    found: datetime = first or row["detected_at"]
    noticed: datetime = row["detected_at"]
    return min(found, noticed)


def _cases(ground: Ground, mine: Sight, found: Sequence[Row], own: Sequence[Row]) -> list[Row]:
    titles = {row["id"]: row["title"] for row in own if not row["shared"]}
    if mine.partner is not None:
        return [
            case | _OF_CASE | {"title": titles[case["issue"]]} for case in found if case["issue"] in titles
        ]
    theirs = visible(ground, mine, {case["customer"] for case in found if case["customer"]})
    part = {row["id"] for row in own if row["score"] is None}
    told = []
    for case in found:
        if mine.departments and case["department"] not in mine.departments:
            continue
        if case["customer"] not in theirs if case["customer"] else case["issue"] not in titles:
            continue
        if case["issue"] is not None and (case["issue"] in part or case["issue"] not in titles):
            hidden = {"title": titles.get(case["issue"], "A case of this customer"), "why": ""}
            case |= hidden | {"score": None, "urgency": None}
        told.append(case)
    return told


def open_groups(mine: Sight, found: pa.Table) -> pa.Table:
    """Leave out of figures by group the groups that are closed to a reader: with few in it, a figure tells of each."""
    if not mine.closed or "group" not in found.schema.names:
        return found
    closed = pc.is_in(found["group"].cast(pa.string()), value_set=pa.array(list(mine.closed)))
    return found.filter(pc.invert(pc.fill_null(closed, False)))


def of_sight(ground: Ground, mine: Sight, relations: Sequence[Row]) -> list[Row]:
    """Leave out relations of a kind, or to an organisation, outside a sight."""
    own = set(condition(ground, mine).values.get("sight_accounts", ())) if mine.accounts else None
    return [
        row
        for row in relations
        if row["relationship"] not in mine.closed
        and (not mine.relationships or row["relationship"] in mine.relationships)
        and (own is None or row["account"] in own)
    ]


def visible(ground: Ground, mine: Sight, customers: Iterable[str]) -> set[str]:
    """Tell of which customers a signal may be seen."""
    given = sorted(set(customers))
    if mine.whole or not given:
        return set(given)
    limit = condition(ground, mine)
    keys = {
        key: customer
        for customer, (_, own) in zip(given, ground.graph.belongings(given), strict=True)
        for key in {customer, *own}
    }
    rows = ground.serving.query(
        f"SELECT DISTINCT customer_key FROM signals WHERE customer_key IN (SELECT unnest($keys)) AND {limit.sql}",
        keys=list(keys),
        **limit.values,
    )
    return {keys[key] for key in rows["customer_key"].to_pylist()}


def _masked(told: Row, mine: Sight) -> Row:
    """Mask an issue and the signals it quotes."""
    if Field.TEXT not in mine.hidden:
        return told
    quoted = {n: mask_rows(told[n], mine.hidden) for n in ("messages", "examples", "voices") if n in told}
    return mask_rows([told], mine.hidden)[0] | quoted


def _history(events: Sequence[Row], mine: Sight) -> list[Row]:
    # What staff note, and who they are, stays in the house.
    if mine.partner is None:
        return list(events)
    steps = [event for event in events if event["what"] in ("found", "state")]
    return [event | {"actor": "allears" if event["what"] == "found" else "", "note": ""} for event in steps]
