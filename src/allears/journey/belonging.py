"""Who belongs to which organisation: learnt as signals are digested, taken from files, told by hand, shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy.orm import Session

from allears.errors import NotFound, Refused
from allears.journey.ground import Ground
from allears.journey.questions import named
from allears.journey.segment import read_rows
from allears.journey.take import keep_refused
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
from allears.know.identified import Identified
from allears.know.identifiers import ACCOUNT, PEOPLE, normalise
from allears.know.relationship import STANDINGS
from allears.know.resolve import FIELDS
from allears.listen.reading import Refusal
from allears.listen.times import read_time

LABEL = "account"
NAMES, PARENTS = ("name", "company", "company_name"), ("parent", "parent_id", "parentId", "parentGroupId")
_OF_ROW = {"account", "parent", "name", "role", "relationship", "since", "until"}
_FIELD_OF = {name: kind for kind, names in FIELDS.items() for name in names}


class Imported(msgspec.Struct, frozen=True):
    """What a file brought."""

    rows: int
    accounts: int
    people: int
    refused: int


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
            _put(ground, session, one, told, parent, now, lenient=True)
        return relate(session, belongs, now)


def _belongs(some: pa.RecordBatch, rows: Any, who: Identified, ids: list[str]) -> Iterator[Belongs]:
    """Give for each row the person it is told of, by their strongest identifier."""
    at = pc.coalesce(some["occurred_at"], some["received_at"]).to_pylist()
    sources, relationships = some["source"].to_pylist(), who.relationship.take(pa.array(rows)).to_pylist()
    first: dict[tuple[str, str, str], Belongs] = {}
    for place, given in enumerate(who.identifiers.take(pa.array(rows)).to_pylist()):
        mine = [i for i in given or () if i["type"] in PEOPLE and i["type"] != "device"]
        if mine:
            strongest = min(mine, key=lambda i: PEOPLE.index(i["type"]))["digest"]
            key = (strongest, ids[place], relationships[place])
            if key not in first or at[place] < first[key].since:
                first[key] = Belongs(*key, "", sources[place] or "", at[place])
    yield from first.values()


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


def _put(
    ground: Ground,
    session: Session,
    one: str,
    about: About,
    parent: str | None,
    at: datetime,
    *,
    lenient: bool = False,
) -> None:
    above = digest_of(ground, parent) if parent else None
    if above is not None and parent is not None:
        known = {row["account"] for row in accounts(session, _opener(ground), [above])}
        if above not in known:
            put_account(session, above, About(parent), at, seal=_sealer(ground), open=_opener(ground))
    try:
        put_account(session, one, about, at, seal=_sealer(ground), open=_opener(ground), parent=above)
    except Refused:
        if not lenient:
            raise
        # A circle is kept out; what else was told of the account is not lost for it.
        put_account(session, one, about, at, seal=_sealer(ground), open=_opener(ground))


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
    with ground.desk.reading() as session:
        found = accounts(session, _opener(ground))
    wanted = digest_of(ground, given)
    for fits in (
        lambda row: row["account"] in (given, wanted),
        lambda row: row["name"].casefold() == given.strip().casefold(),
    ):
        if mine := [row["account"] for row in found if fits(row)]:
            return str(mine[0])
    raise NotFound("no account is known by that", place="account")


def listed(ground: Ground) -> list[dict[str, Any]]:
    """List accounts, the one with most customers on top."""
    with ground.desk.reading() as session:
        return accounts(session, _opener(ground))


def shown(ground: Ground, given: str) -> dict[str, Any]:
    """Show one account with those above and below it and its people."""
    one = find_account(ground, given)
    with ground.desk.reading() as session:
        return account(session, _opener(ground), one)


def relations(ground: Ground, customer: str) -> list[dict[str, Any]]:
    """List where a customer belongs, with the account's name and those above it."""
    with ground.desk.reading() as session:
        found = relations_of(session, ground.graph.digests_of(customer))
        for row in found:
            told = account(session, _opener(ground), row["account"])
            row["name"], row["above"] = told["name"], [a["name"] for a in told["above"]]
            row["colleagues"] = len(
                {p["customer"] for p in told["people"] if p["valid_to"] is None} - {customer}
            )
    return found


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
        _put(ground, session, one, About(written, name, traits), parent, ground.clock.now())
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


def take_accounts(ground: Ground, path: Path, *, actor: str) -> Imported:
    """Take accounts and their people in from a CSV or TOML file; rows that say too little are kept in ``refused``.

    Raises
    ------
    NotFound
        There is no such file.
    Refused
        It has no column ``account``, or is no TOML.
    """
    rows = list(_rows(path))
    now, seen, people, refusals = ground.clock.now(), set[str](), 0, list[Refusal]()
    with ground.desk.session() as session:
        for place, row in rows:
            try:
                one, told = _of_row(ground, row, path.name, now)
                with session.begin_nested():
                    about = About(row["account"].strip(), row.get("name", "").strip(), _traits(row))
                    _put(ground, session, one, about, row.get("parent", "").strip() or None, now)
                    relate(session, told, now)
                seen.add(one)
                people += bool(told)
            except Refused as error:
                refusals.append(Refusal(place, error.message, msgspec.json.encode(row), "raw"))
        counts: dict[str, str | int] = {"rows": len(rows), "accounts": len(seen), "refused": len(refusals)}
        ground.audit.write(session, actor, "accounts.import", [path.name], "", dict(counts))
    keep_refused(ground, refusals, source="accounts", channel=None, at=now)
    return Imported(len(rows), len(seen), people, len(refusals))


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    if path.suffix == ".toml":
        yield from _toml(path)
        return
    rows, columns = read_rows(path)
    names = {column: column.strip().lower() for column in columns}
    if "account" not in names.values():
        raise Refused("expected a column account", place=f"{path.name} line 1")
    for number, row in enumerate(rows, start=2):
        yield f"{path.name} line {number}", {names[c]: v for c, v in row.items()}


def _toml(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        told = msgspec.toml.decode(path.read_text("utf-8"), type=dict[str, list[dict[str, Any]]])
    except FileNotFoundError:
        raise NotFound("no such file", place=str(path)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"expected tables [[account]] and [[person]]: {error}", place=path.name) from None
    if unknown := told.keys() - {"account", "person"}:
        raise Refused(f"expected [[account]] and [[person]], got [[{sorted(unknown)[0]}]]", place=path.name)
    for sort in ("account", "person"):
        for number, row in enumerate(told.get(sort, ())):
            yield f"{path.name}: {sort}[{number}]", {k.lower(): str(v) for k, v in row.items()}


def _of_row(ground: Ground, row: dict[str, str], file: str, now: datetime) -> tuple[str, list[Belongs]]:
    one = digest_of(ground, row.get("account", ""))
    if one is None:
        raise Refused("no id of an account that can be used")
    kinds = {kind: row[column] for column, kind in _FIELD_OF.items() if row.get(column, "").strip()}
    region = ground.settings.space.region
    forms = {kind: form for kind, value in kinds.items() if (form := normalise(kind, value, region))}
    if kinds and not forms:
        raise Refused("no identifier that can be used")
    if not forms:
        return one, []
    relationship = row.get("relationship", "").strip().lower() or "consumer"
    if relationship not in STANDINGS:
        raise Refused(f"expected one of {', '.join(STANDINGS)} in relationship")
    since, until = _time(row, "since", now), _time(row, "until", None)
    if since is None or since > now:
        raise Refused("since is in the future")
    if until is not None and until < since:
        raise Refused("until is before since")
    kind = min(forms, key=PEOPLE.index)
    digest = ground.vault.digest(kind, [forms[kind]])[0]
    return one, [
        Belongs(digest, one, relationship, row.get("role", "").strip(), f"file {file}", since, until)
    ]


def _time(row: dict[str, str], column: str, instead: datetime | None) -> datetime | None:
    text = row.get(column, "").strip()
    if not text:
        return instead
    found = read_time(text)
    if found is None:
        raise Refused(f"expected a time such as 2026-05-04 in {column}")
    return datetime.fromtimestamp(found[0] / 1_000_000, UTC)


def _traits(row: dict[str, str]) -> dict[str, Any]:
    if any(row.get(column, "").strip() for column in _FIELD_OF):
        return {}  # the row is about a person
    return {k: v.strip() for k, v in row.items() if k not in _OF_ROW and k not in _FIELD_OF and v.strip()}


def _sealer(ground: Ground) -> Any:
    return lambda plain, one: ground.vault.seal_space(plain, LABEL, one)


def _opener(ground: Ground) -> Any:
    return lambda sealed, one: ground.vault.open_space(sealed, LABEL, one)
