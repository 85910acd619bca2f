"""Who belongs to which organisation or household: learnt as signals are digested, told by hand, shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy.orm import Session

from allears.errors import NotFound, Refused
from allears.journey.ground import Ground
from allears.journey.questions import named
from allears.know.accounts import (
    About,
    Belongs,
    account,
    accounts,
    end_relations,
    put_account,
    relate,
    relations_of,
)
from allears.know.household import HOUSEHOLD, MOST
from allears.know.identified import Identified
from allears.know.identifiers import ACCOUNT, PEOPLE, normalise
from allears.know.relationship import STANDINGS

LABEL = "account"
NAMES, PARENTS = ("name", "company", "company_name"), ("parent", "parent_id", "parentId", "parentGroupId")


def learn(ground: Ground, arrivals: pa.RecordBatch, who: Identified) -> int:
    """Note which organisations a batch names, and who belongs to them; returns how many relations are new.

    Doing it again changes nothing. A trait of a group that is no name or parent is kept as the account's.
    """
    if who.account.null_count == len(who.account):
        return 0
    rows = np.flatnonzero(pc.is_valid(who.account).to_numpy(zero_copy_only=False))
    some, now = arrivals.take(pa.array(rows)), ground.clock.now()
    ids, written = who.account.take(pa.array(rows)).to_pylist(), some["account"].to_pylist()
    about: dict[str, tuple[About, str | None]] = {}
    columns = (
        ids,
        written,
        some["name"].to_pylist(),
        some["kind"].to_pylist(),
        some["properties"].to_pylist(),
    )
    for one, text, name, kind, properties in zip(*columns, strict=True):
        told, parent = _group(properties) if (name, kind) == ("group", "profile") else (About(""), None)
        if text is not None and (one not in about or told.name or told.traits or parent):
            before, above = about.get(one, (About(text), None))
            about[one] = About(text, told.name or before.name, before.traits | told.traits), parent or above
    belongs = set(_belongs(some, rows, who, ids))
    with ground.desk.session() as session:
        for one, (told, parent) in about.items():
            put(ground, session, one, told, parent, now, lenient=True)
        return len(relate(session, belongs, now))


def _belongs(some: pa.RecordBatch, rows: Any, who: Identified, ids: list[str]) -> Iterator[Belongs]:
    """Give for each row the person it is told of, by their strongest identifier."""
    at = pc.coalesce(some["occurred_at"], some["received_at"]).to_pylist()
    sources, relationships = some["source"].to_pylist(), who.relationship.take(pa.array(rows)).to_pylist()
    first: dict[tuple[str, str, str], Belongs] = {}
    for place, given in enumerate(who.identifiers.take(pa.array(rows)).to_pylist()):
        if strongest := strongest_of(given):
            key = (strongest, ids[place], relationships[place])
            if key not in first or at[place] < first[key].since:
                first[key] = Belongs(*key, "", sources[place] or "", at[place])
    yield from first.values()


def strongest_of(given: Sequence[Mapping[str, str]] | None) -> str | None:
    """Give the digest of a row's strongest identifier; a device may be several people's."""
    mine = [i for i in given or () if i["type"] in PEOPLE and i["type"] != "device"]
    return min(mine, key=lambda i: PEOPLE.index(i["type"]))["digest"] if mine else None


def _group(properties: str | None) -> tuple[About, str | None]:
    told = msgspec.json.decode(properties) if properties else {}
    if not isinstance(told, dict):
        return About(""), None
    name = next((str(told[n]) for n in NAMES if isinstance(told.get(n), str)), "")
    parent = next((str(told[p]) for p in PARENTS if isinstance(told.get(p), str | int)), None)
    traits = {
        k: v
        for k, v in told.items()
        if k not in (*NAMES, *PARENTS) and isinstance(v, str | int | float | bool)
    }
    return About("", name[:200], dict(list(traits.items())[:40])), parent


def put(
    ground: Ground,
    session: Session,
    one: str,
    about: About,
    parent: str | None,
    at: datetime,
    *,
    lenient: bool = False,
) -> None:
    """Write an account down with the one above it.

    Raises
    ------
    Refused
        The one above lies below it, unless ``lenient``: then the rest is written.
    """
    above = digest_of(ground, parent) if parent else None
    if above is not None and parent is not None:
        known = {row["account"] for row in accounts(session, _opener(ground), [above])}
        if above not in known:
            put_account(session, above, About(parent), at, seal=sealer(ground), open=_opener(ground))
    try:
        put_account(session, one, about, at, seal=sealer(ground), open=_opener(ground), parent=above)
    except Refused:
        if not lenient:
            raise
        # A circle is kept out; what else was told of the account is not lost for it.
        put_account(session, one, about, at, seal=sealer(ground), open=_opener(ground))


def digest_of(ground: Ground, written: str) -> str | None:
    """Give the id of an account as senders write it; None for what is none."""
    form = normalise(ACCOUNT, written)
    return ground.vault.digest(ACCOUNT, [form])[0][:32] if form else None


def find_account(ground: Ground, given: str) -> str:
    """Find an account by its id, by how senders write it, or by its name.

    Raises
    ------
    NotFound
        There is none.
    """
    ids = [one for one in (given, digest_of(ground, given)) if one is not None]
    with ground.desk.reading() as session:
        if mine := accounts(session, _opener(ground), ids):
            return str(mine[0]["account"])
        found = accounts(session, _opener(ground))
    if named := [row["account"] for row in found if row["name"].casefold() == given.strip().casefold()]:
        return str(named[0])
    raise NotFound("no account is known by that", place="account")


def listed(ground: Ground) -> list[dict[str, Any]]:
    """List accounts, the one with most customers on top."""
    with ground.desk.reading() as session:
        return accounts(session, _opener(ground))


def shown(ground: Ground, given: str) -> dict[str, Any]:
    """Show one account with those above and below it and its people; who is restricted is left out."""
    one = find_account(ground, given)
    with ground.desk.reading() as session:
        found = account(session, _opener(ground), one)
    found["people"] = _served(ground, found["people"])
    return found


def relations(
    ground: Ground, customer: str, seen: Callable[[set[str]], set[str]] = set
) -> list[dict[str, Any]]:
    """List where a customer belongs, with the account's name and those above it; a household only where others live, too.

    Of the others there, those are counted and named that ``seen`` leaves.
    """
    found = []
    with ground.desk.reading() as session:
        for row in relations_of(session, ground.graph.digests_of(customer)):
            told = account(session, _opener(ground), row["account"])
            now = seen({p["customer"] for p in told["people"] if p["valid_to"] is None} - {customer})
            home = told["kind"] == HOUSEHOLD
            if not home or 0 < len(now) < MOST:
                about = {
                    "name": told["name"],
                    "kind": told["kind"],
                    "above": [a["name"] for a in told["above"]],
                }
                others = _served(ground, [{"customer": c} for c in sorted(now)]) if home else []
                found.append(row | about | {"colleagues": len(now), "with": [o["customer"] for o in others]})
    return found


def in_full(ground: Ground, digests: Sequence[str]) -> list[dict[str, Any]]:
    """List what is kept of where somebody belongs, for the person themselves: nobody else is named."""
    with ground.desk.reading() as session:
        found = relations_of(session, digests)
        names = {
            row["account"]: row["name"]
            for row in accounts(session, _opener(ground), [r["account"] for r in found])
        }
    return [row | {"account": names.get(row["account"], "")} for row in found]


def _served(ground: Ground, people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    held = ground.gate.held("service", [p["customer"] for p in people])
    return [p for p, rule in zip(people, held, strict=True) if not rule]


def tell_account(
    ground: Ground, written: str, *, name: str, parent: str | None, traits: dict[str, Any], actor: str
) -> str:
    """Write an account down by hand; returns its id.

    Raises
    ------
    Refused
        It is no id, or its parent lies below it.
    """
    one = digest_of(ground, written)
    if one is None:
        raise Refused("expected an id of an account", place="account")
    with ground.desk.session() as session:
        put(ground, session, one, About(written, name, traits), parent, ground.clock.now())
        ground.audit.write(session, actor, "account", [one], "")
    return one


def tell_relation(
    ground: Ground,
    who: str,
    given: str,
    *,
    role: str,
    relationship: str,
    since: datetime | None,
    actor: str,
) -> str:
    """Say that a customer belongs to an account; returns the customer.

    Raises
    ------
    NotFound
        Nobody, or no account, is known by that.
    Refused
        It begins in the future, or there is no such relationship.
    """
    if relationship not in STANDINGS:
        raise Refused(f"expected one of {', '.join(STANDINGS)}", place="--relationship")
    now = ground.clock.now()
    if since is not None and since > now:
        raise Refused("expected a time that is over", place="--since")
    customer, digests = named(ground, who)
    one = find_account(ground, given)
    with ground.desk.session() as session:
        new = relate(
            session,
            [Belongs(digests[0], one, relationship, role.strip(), f"by hand: {actor}", since or now)],
            now,
            again=True,
        )
        if new:
            ground.audit.write(session, actor, "relate", [customer], "")
    return customer


def end_relation(ground: Ground, who: str, given: str, *, actor: str) -> int:
    """Say that a customer belongs to an account no longer; returns how many relations ended."""
    customer, _ = named(ground, who)
    one = find_account(ground, given)
    with ground.desk.session() as session:
        ended = end_relations(session, ground.graph.digests_of(customer), one, ground.clock.now())
        if ended:
            ground.audit.write(session, actor, "relate.end", [customer], "")
    return ended


def sealer(ground: Ground) -> Any:
    """Give what seals an account's words under the space's key, bound to its id."""
    return lambda plain, one: ground.vault.seal_space(plain, LABEL, one)


def _opener(ground: Ground) -> Any:
    return lambda sealed, one: ground.vault.open_space(sealed, LABEL, one)
