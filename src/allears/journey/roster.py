"""Take accounts and their people in from CSV or TOML."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from allears.errors import NotFound, Refused
from allears.journey.belonging import digest_of, put
from allears.journey.ground import Ground
from allears.journey.refusing import keep_refused
from allears.journey.segment import read_rows
from allears.know.accounts import About, Belongs, relate
from allears.know.identifiers import PEOPLE, normalise
from allears.know.relationship import STANDINGS
from allears.know.resolve import FIELDS
from allears.listen.reading import Refusal
from allears.listen.times import read_time

_OF_ROW = {"account", "parent", "name", "role", "relationship", "since", "until"}
_FIELD_OF = {name: kind for kind, names in FIELDS.items() for name in names}


class Imported(msgspec.Struct, frozen=True):
    """What a file brought."""

    rows: int
    accounts: int
    people: int
    refused: int


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
                    put(ground, session, one, about, row.get("parent", "").strip() or None, now)
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
