"""Who a breach concerns, and what of theirs: read from the audit and the lake, and told with how sure that is.

Three degrees. *Seen*: the audit says that one of the named keys or accounts opened, exported or changed it. *Concerned*: it
came from a source that is concerned, or the whole store is. *Within reach*: the key's or account's role could read it, and
reading pages, figures and SQL is not written down one by one.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, select

from allears.desk.access import ApiKey, User
from allears.desk.identity import Identifier, IdentityHistory, Profile
from allears.errors import Refused
from allears.guard.access import Action, Principal, Role, allow, read_scopes
from allears.guard.trail import steps_of, targets_of
from allears.journey.breaches import breach_of
from allears.journey.ground import Ground

METHOD = "affected 1"
CARRY_OUT = ("signals", "identities", "links", "cases")
"""Exported tables with rows of people."""
MOST_TRIES = 50_000_000
_SAYS = {
    "open_sealed": "originals or profiles opened",
    "access.export": "access export made",
    "consent.proof": "proof of consent made",
    "customer.merge": "joined with another",
    "customer.part": "parted",
}


class Affected(NamedTuple):
    """Customers of today: those seen, those concerned by where they are kept, and those within reach."""

    seen: frozenset[str]
    concerned: frozenset[str]
    reach: frozenset[str]
    told: dict[str, Any]

    @property
    def certain(self) -> list[str]:
        """Give who is affected for certain, in order."""
        return sorted(self.seen | self.concerned)


def affected(ground: Ground, breach: str) -> Affected:
    """Find out who a breach concerns.

    Raises
    ------
    NotFound
        There is no such breach.
    Refused
        The named accounts did so much in that time that it cannot be matched to people: the time must be narrower.
    """
    found = breach_of(ground, breach)
    until = found["ended_at"] or ground.clock.now()
    since = found["began_at"] or datetime(1970, 1, 1, tzinfo=until.tzinfo)
    ways: list[dict[str, Any]] = []
    seen = _seen(ground, found["actors"], since, until, ways)
    concerned: set[str] = set()
    if found["sources"]:
        keys = _heard(ground, since, until, found["sources"])
        concerned |= _way(ways, f"came from {', '.join(found['sources'])}", "concerned", keys, None)
    if found["everything"]:
        concerned |= _way(ways, "everything that was stored", "concerned", _heard(ground, None, until), None)
    reach: set[str] = set()
    if any(_reaches(ground, name) for name in found["actors"]):
        reach |= _way(
            ways, "could be read by its role, redacted", "within reach", _heard(ground, None, until), None
        )
    certain = seen | concerned
    only = found["sources"] if not (seen or found["everything"]) else []
    told = {
        "breach": breach,
        "customers": len(certain),
        "seen": len(seen),
        "concerned": len(concerned),
        "within_reach": len(reach),
        "ways": ways,
        **_of_what(ground, certain, since if only else None, until, only),
        "since": found["began_at"],
        "until": until,
        "method": METHOD,
        "cutoff": ground.clock.now(),
    }
    return Affected(frozenset(seen), frozenset(concerned), frozenset(reach), told)


def write_people(ground: Ground, people: Sequence[str], breach: str, path: Path, *, actor: str) -> int:
    """Write ids of customers, and nothing else, to a new file that only its owner may read; returns how many.

    Raises
    ------
    Refused
        There is a file already.
    """
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refused("there is a file already", place="--out") from None
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.write("customer\n" + "".join(f"{one}\n" for one in people))
    ground.audit.record(actor, "breach.people", breach, detail={"people": len(people)})
    return len(people)


def _seen(
    ground: Ground, actors: Sequence[str], since: datetime, until: datetime, ways: list[dict[str, Any]]
) -> set[str]:
    entries = steps_of(ground.desk, actors, since, until) if actors else []
    tables = [e for e in entries if e.action in ("export", "backup")]
    others = [e for e in entries if e.action not in ("export", "backup")]
    known = _known(ground) if others else []
    if len(known) * len(others) > MOST_TRIES:
        raise Refused(
            f"{len(others):,} entries of the audit and {len(known):,} customers are too many to match: narrow the time",
            place="--began",
        )
    matched = targets_of(others, known)
    today = _today(ground, matched.values())
    seen: set[str] = set()
    for action in dict.fromkeys(e.action for e in others):
        mine = [e for e in others if e.action == action]
        people = {today[matched[e.number]] for e in mine if e.number in matched}
        if people:
            seen |= _way(ways, _SAYS.get(action, action), "seen", people, len(mine))
        elif action == "open_sealed":
            # Refused rows, and people who were erased since.
            _way(ways, "opened, of nobody known today", "seen", (), len(mine))
    names = targets_of(tables, CARRY_OUT)
    for entry in tables:
        if entry.action == "backup" or names.get(entry.number) in CARRY_OUT:
            what = "backup" if entry.action == "backup" else f"exported: {names[entry.number]}"
            seen |= _way(ways, what, "seen", _heard(ground, None, entry.at), 1)
    return seen


def _way(
    ways: list[dict[str, Any]], way: str, degree: str, people: Iterable[str], entries: int | None
) -> set[str]:
    found = set(people)
    ways.append({"way": way, "degree": degree, "entries": entries, "customers": len(found)})
    return found


def _known(ground: Ground) -> list[str]:
    queries = (
        select(Identifier.customer).distinct(),
        select(IdentityHistory.customer).distinct(),
        select(Profile.subject),
    )
    with ground.desk.reading() as session:
        return sorted({name for query in queries for name in session.scalars(query)})


def _today(ground: Ground, names: Iterable[str]) -> dict[str, str]:
    wanted = sorted(set(names))
    now = ground.graph.resolve_keys(pa.array(wanted, pa.string())).to_pylist()
    return {name: str(one or name) for name, one in zip(wanted, now, strict=True)}


def _heard(ground: Ground, since: datetime | None, until: datetime, sources: Sequence[str] = ()) -> list[str]:
    """Give the customers of today of whom something was stored by then."""
    within = " AND received_at >= $since" if since is not None else ""
    of = " AND source IN (SELECT unnest($sources))" if sources else ""
    values: dict[str, Any] = {"until": until}
    values |= {"since": since} if since is not None else {}
    values |= {"sources": list(sources)} if sources else {}
    rows = ground.engine.query(
        f"SELECT DISTINCT customer_key FROM signals WHERE customer_key IS NOT NULL AND received_at <= $until{within}{of}",
        **values,
    )
    today = ground.graph.resolve_keys(rows["customer_key"].combine_chunks())
    return sorted(set(pc.drop_null(today).to_pylist()))


def _of_what(
    ground: Ground, people: set[str], since: datetime | None, until: datetime, sources: Sequence[str]
) -> dict[str, Any]:
    """Count what is kept of people, by kind of data."""
    nobodys = _of_nobody(ground, since, until, sources)
    if not people:
        return {"records": nobodys, "people": {}, "data": _row("of nobody known", nobodys)}
    values: dict[str, Any] = {"until": until}
    within = ""
    if since is not None and sources:
        within = " AND received_at >= $since AND source IN (SELECT unnest($sources))"
        values |= {"since": since, "sources": list(sources)}
    keys = ground.engine.query("SELECT DISTINCT customer_key FROM signals WHERE customer_key IS NOT NULL")
    used = keys["customer_key"].combine_chunks()
    today = ground.graph.resolve_keys(used)
    mine = used.filter(pc.is_in(today, value_set=pa.array(sorted(people), pa.string())))
    values["keys"] = mine.to_pylist()
    theirs = f"customer_key IN (SELECT unnest($keys)) AND received_at <= $until{within}"
    kinds = ground.engine.query(
        f"""SELECT kind, channel, count(*) AS n, count(DISTINCT customer_key) AS people, count(sealed) AS originals
            FROM signals WHERE {theirs} GROUP BY ALL ORDER BY n DESC, kind, channel""",
        **values,
    ).to_pylist()
    marks = ground.engine.query(
        f"""SELECT mark, count(*) AS n, count(DISTINCT customer_key) AS people
            FROM (SELECT customer_key, unnest(list_distinct(regexp_extract_all(text, '<([A-Z_]+)_[0-9]+>', 1))) AS mark
                  FROM signals WHERE text IS NOT NULL AND {theirs}) GROUP BY mark ORDER BY n DESC, mark""",
        **values,
    ).to_pylist()
    identifiers, relationships, profiles = _in_desk(ground, people)
    data = [
        {"what": f"{r['kind']} by {r['channel'] or 'no channel'}", "records": r["n"], "people": r["people"]}
        for r in kinds
    ]
    data += [
        {
            "what": f"hidden in texts, in the sealed original: {r['mark'].lower()}",
            "records": r["n"],
            "people": r["people"],
        }
        for r in marks
    ]
    data += [
        {"what": f"known by {kind.replace('_', ' ')}, as a digest", "records": n, "people": None}
        for kind, n in sorted(identifiers.items())
    ]
    if profiles:
        data.append({"what": "profile, sealed", "records": profiles, "people": profiles})
    originals = sum(r["originals"] for r in kinds)
    if originals:
        data.append({"what": "originals, sealed", "records": originals, "people": None})
    data += _row("of nobody known", nobodys)
    return {"records": sum(r["n"] for r in kinds) + nobodys, "people": dict(relationships), "data": data}


def _row(what: str, records: int) -> list[dict[str, Any]]:
    return [{"what": what, "records": records, "people": None}] if records else []


def _of_nobody(ground: Ground, since: datetime | None, until: datetime, sources: Sequence[str]) -> int:
    """Count the signals of sources that belong to nobody known: texts all the same."""
    if not sources:
        return 0
    rows = ground.engine.query(
        """SELECT count(*) AS n FROM signals WHERE customer_key IS NULL AND received_at BETWEEN $since AND $until
           AND source IN (SELECT unnest($sources))""",
        since=since or datetime(1970, 1, 1, tzinfo=until.tzinfo),
        until=until,
        sources=list(sources),
    )
    return int(rows["n"][0].as_py())


def _in_desk(ground: Ground, people: set[str]) -> tuple[Counter[str], Counter[str], int]:
    identifiers: Counter[str] = Counter()
    relationships: dict[str, str] = {}
    profiles = 0
    wanted = sorted(people)
    with ground.desk.reading() as session:
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            mine = select(Identifier.type, func.count()).where(Identifier.customer.in_(some))
            for kind, n in session.execute(mine.group_by(Identifier.type)):
                identifiers[kind] += n
            whose = select(Identifier.customer, func.max(Identifier.relationship))
            rows = session.execute(whose.where(Identifier.customer.in_(some)).group_by(Identifier.customer))
            relationships |= {row[0]: row[1] for row in rows}
            told = select(func.count(Profile.customer.distinct())).where(Profile.customer.in_(some))
            profiles += session.scalar(told) or 0
    return identifiers, Counter(relationships.values()), profiles


def _reaches(ground: Ground, name: str) -> bool:
    """Whether a key or account may read rows of people without an entry for each."""
    kind, _, rest = name.partition(":")
    with ground.desk.reading() as session:
        if kind == "key":
            key = session.get(ApiKey, rest)
            if key is None:
                return False
            who = Principal(name, Role(key.role), key.partner, read_scopes((key.scopes or "").split()))
        elif kind == "user" and rest != "local":
            user = session.get(User, rest)
            if user is None:
                return False
            who = Principal(name, Role(user.role), user.partner)
        else:
            # Whoever holds the folder, and the one-time link that it prints.
            return kind == "local" or rest == "local"
    return allow(who, Action.SEE_CUSTOMERS).allowed or allow(who, Action.ASK_SQL).allowed
