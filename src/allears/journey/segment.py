"""Whom a survey is for: customers chosen by what they did lately, or people named in a file."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Meta

from allears.act.invite import Candidate
from allears.errors import NotFound, Refused
from allears.journey.cutoff import cutoff
from allears.journey.ground import Ground
from allears.know.identifiers import PEOPLE, normalise
from allears.know.resolve import FIELDS

MOST_ROWS = 1_000_000
STRATUM_DAYS = 400
_COLUMNS = (
    "relationship",
    "channel",
    "source",
    "region",
    "language",
    "service",
    "platform",
    "partner",
    "account",
)
_FIELD_OF = {name: kind for kind, names in FIELDS.items() for name in names}


class Segment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Customers who were seen lately, narrowed down; within one word any of its values."""

    relationship: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    platform: tuple[str, ...] = ()
    partner: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    topic: tuple[str, ...] = ()
    days: Annotated[int, Meta(ge=1, le=3650)] = 90


def read_segment(text: str, place: str = "--to") -> Segment:
    """Read a segment such as ``channel=chat,channel=email,region=north,days=30``.

    Raises
    ------
    Refused
        A word is unknown or has no value; the message lists the words there are.

    Examples
    --------
    >>> read_segment("channel=chat,channel=email,days=30").channel
    ('chat', 'email')
    """
    given: dict[str, Any] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, value = (p.strip() for p in part.partition("="))
        if name not in Segment.__struct_fields__ or not value:
            raise Refused(
                f"expected a CSV file, or words such as channel=chat,days=30; there are {', '.join(Segment.__struct_fields__)}",
                place=place,
            )
        if name == "days":
            given[name] = int(value) if value.isdigit() else value
        else:
            given.setdefault(name, []).append(value)
    try:
        return msgspec.convert(given, Segment)
    except msgspec.ValidationError as error:
        raise Refused(str(error), place=place) from None


def customers_in(ground: Ground, segment: Segment, sample: int | None = None) -> list[Candidate]:
    """List today's customers of a segment, or a random part of them that is the same for the same data."""
    end = cutoff(ground)
    asked = [f'"{name}" IN (SELECT unnest(${name}))' for name in _COLUMNS if getattr(segment, name)]
    values: dict[str, Any] = {
        n: list(getattr(segment, n)) for n in (*_COLUMNS, "topic") if getattr(segment, n)
    }
    if segment.topic:
        asked.append("list_has_any(topics, $topic)")
    rows = ground.serving.query(
        f"""SELECT DISTINCT customer_key FROM signals WHERE direction = 'in' AND customer_key IS NOT NULL
            AND occurred_at > $since AND occurred_at <= $until {"".join(f" AND {a}" for a in asked)}""",
        since=end - timedelta(days=segment.days),
        until=end,
        **values,
    )
    found = (
        pc.unique(ground.graph.resolve_keys(rows["customer_key"].combine_chunks())).drop_null().to_pylist()
    )
    # Drawn by a hash, so that a rehearsal and the real thing ask the same people, in no order that means something.
    mixed = sorted(found, key=lambda c: hashlib.sha256(f"{end:%Y-%m-%d}\0{c}".encode()).digest())
    return with_strata(ground, [Candidate(c) for c in mixed[:sample]])


def people_in(ground: Ground, path: Path) -> tuple[list[dict[str, str]], list[Candidate | None]]:
    """Read people from a CSV file: rows as they are, and the candidate of each; None where no identifier can be used.

    Raises
    ------
    NotFound
        There is no such file.
    Refused
        It is not UTF-8, or has no column that holds an identifier.
    """
    rows, columns = read_rows(path)
    kinds = {column: _FIELD_OF[c] for column in columns if (c := column.strip().lower()) in _FIELD_OF}
    if not kinds:
        raise Refused(f"expected a column named {', '.join(PEOPLE)}", place=f"{path.name} line 1")
    region = ground.settings.space.region
    pairs = [
        [(kind, row[column]) for column, kind in kinds.items() if normalise(kind, row[column], region)]
        for row in rows
    ]
    flat = [pair for found in pairs for pair in found]
    owners = iter(ground.graph.customers_of([k for k, _ in flat], [v for _, v in flat]))
    spoken = next((c for c in columns if c.strip().lower() in ("language", "lang", "locale")), None)
    candidates: list[Candidate | None] = []
    for row, found in zip(rows, pairs, strict=True):
        known = [owner for owner in (next(owners) for _ in found) if owner is not None]
        if not found:
            candidates.append(None)
            continue
        kind, value = min(found, key=lambda pair: PEOPLE.index(pair[0]))
        person = ground.vault.digest(kind, [str(normalise(kind, value, region))])[0]
        language = (row.get(spoken) or "").strip().lower()[:2] or None if spoken else None
        candidates.append(Candidate(known[0] if known else None, person, language))
    chosen = iter(with_strata(ground, [c for c in candidates if c is not None]))
    return rows, [next(chosen) if c is not None else None for c in candidates]


def identifiers_of(row: dict[str, str], region: str) -> dict[str, str]:
    """Give the identifiers that a row names, by type."""
    return {
        kind: value
        for column, value in row.items()
        if (kind := _FIELD_OF.get(column.strip().lower(), "")) and normalise(kind, value, region)
    }


def strata_of(ground: Ground, customers: Sequence[str]) -> dict[str, dict[str, str]]:
    """Tell the strata of customers as last seen: relationship, channel, region, language."""
    if not customers:
        return {}
    rows: pa.Table = ground.serving.query(
        """SELECT customer_key, arg_max(relationship, occurred_at) AS relationship, arg_max(channel, occurred_at) AS channel,
                  arg_max(region, occurred_at) AS region,
                  arg_max(language, occurred_at) FILTER (WHERE language_p > 0.6) AS language
           FROM signals WHERE direction = 'in' AND channel <> 'survey' AND occurred_at > $since
             AND customer_key IN (SELECT unnest($keys)) GROUP BY customer_key""",
        since=cutoff(ground) - timedelta(days=STRATUM_DAYS),
        keys=list(customers),
    )
    return {
        r["customer_key"]: {k: v for k, v in r.items() if k != "customer_key" and v} for r in rows.to_pylist()
    }


def with_strata(ground: Ground, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Add strata, and the language where none was given."""
    known = strata_of(ground, [c.customer for c in candidates if c.customer is not None])
    found = []
    for candidate in candidates:
        told = known.get(candidate.customer or "", {})
        language = candidate.language or told.get("language")
        told = told | ({"language": language} if language else {})
        found.append(msgspec.structs.replace(candidate, strata=told, language=language))
    return found


def read_rows(path: Path) -> tuple[list[dict[str, str]], list[str]]:
    """Read a CSV file with a line of names: its rows, and the names."""
    if not path.is_file():
        raise NotFound("no such file", place=str(path))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            rows: list[dict[str, str]] = []
            for row in reader:
                if len(rows) >= MOST_ROWS:
                    raise Refused(f"more than {MOST_ROWS:,} people in one file", place=path.name)
                rows.append({c: row.get(c) or "" for c in columns})
    except UnicodeDecodeError:
        raise Refused("expected UTF-8 text", place=path.name) from None
    except csv.Error as error:
        raise Refused(f"not CSV: {error}", place=path.name) from None
    return rows, columns
