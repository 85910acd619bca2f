"""How the rows of a source are read: its mapping, one for each other kind of rows it sends, and where both are kept."""

from __future__ import annotations

from collections.abc import Mapping as Mapping_
from hashlib import blake2b
from typing import Any

import msgspec

from allears.desk.listening import Mark, Source
from allears.errors import Refused
from allears.journey.ground import Ground
from allears.listen.mapping import Mapping, infer
from allears.listen.rows import first_rows


def mapping_of(ground: Ground, source: str, body: bytes) -> Mapping:
    """Find how a payload of a source is to be read: by the source's mapping where it fits, else by one for payloads of such columns.

    A source may send several kinds of rows: each kind has its own mapping, worked out from its first payload and kept.
    """
    usual = mapping_kept(ground, source)
    rows = first_rows(body, most=1, path=usual.records if usual else None)
    if usual is not None and (not rows or fits(usual, rows[0])):
        return usual
    kind = _kind_of(source, rows[0]) if rows else ""
    if kind in ground.mappings:
        return ground.mappings[kind]
    with ground.desk.session() as session:
        mark = session.get(Mark, kind)
    if mark is not None:
        ground.mappings[kind] = msgspec.json.decode(mark.value, type=Mapping)
        return ground.mappings[kind]
    sample = first_rows(body)
    if not sample:
        raise Refused("expected JSON objects: one, a list of them, or one a line", place="line 1")
    found = infer(sample)
    if usual is None:
        save_mapping(ground, source, found)
        return found
    with ground.desk.session() as session:
        session.merge(Mark(name=kind, value=msgspec.json.encode(found).decode()))
    ground.mappings[kind] = found
    return found


def mapping_kept(ground: Ground, source: str) -> Mapping | None:
    """Give the mapping that a source's rows are usually read by."""
    # Asked for each time, which is seldom: another process may have mended it.
    with ground.desk.reading() as session:
        row = session.get(Source, source)
        return msgspec.json.decode(row.mapping, type=Mapping) if row is not None and row.mapping else None


def fits(mapping: Mapping, row: Mapping_[str, Any]) -> bool:
    """Tell whether a row has the columns that a mapping reads.

    Examples
    --------
    >>> fits(Mapping(text="body", id="id"), {"id": 1, "body": "Hello"}), fits(Mapping(text="body", id="id"), {"comment": "Hello"})
    (True, False)
    """
    said = [path for path in (mapping.text, mapping.rating) if path is not None]
    rest = [
        path
        for path in (mapping.id, mapping.occurred_at, mapping.thread, *mapping.identifiers)
        if path is not None
    ]
    there = [any(_at(path, key) for key in row) for path in (*said, *rest)]
    # A row may well lack what is said; then most of the rest must be there.
    return any(there[: len(said)]) or 2 * sum(there) >= len(there)


def _at(path: str, key: str) -> bool:
    before, star, _ = path.partition("*")
    return key.startswith(before) if star else key == path


def _kind_of(source: str, row: Mapping_[str, Any]) -> str:
    named = "\0".join((source, *sorted(row))).encode()
    return f"mapping:{blake2b(named, digest_size=16).hexdigest()}"


def save_mapping(ground: Ground, source: str, mapping: Mapping, channel: str | None = None) -> None:
    """Remember how a source's columns are to be read."""
    with ground.desk.session() as session:
        row = session.get(Source, source) or Source(name=source, channel=channel)
        row.mapping = msgspec.json.encode(mapping).decode()
        session.add(row)
