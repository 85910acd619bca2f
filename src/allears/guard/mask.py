"""Which fields about a person are shown to whom, and what stands in the place of those that are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import pyarrow as pa

from allears.guard.access import Role

MASK = "hidden"


class Field(StrEnum):
    """A field about a person that may be hidden from a role."""

    TEXT = "text"
    PROPERTIES = "properties"
    IDENTIFIERS = "identifiers"
    ACCOUNT = "account"
    ORIGINAL = "original"
    NAME = "name"
    HANDLE = "handle"
    ADDRESS = "address"
    EMAIL = "email"
    PHONE = "phone"
    BIRTHDAY = "birthday"


MEANINGS: Mapping[Field, str] = {
    Field.TEXT: "what customers wrote, redacted",
    Field.PROPERTIES: "what else a signal carried, redacted",
    Field.IDENTIFIERS: "digests of identifiers and conversations, and what somebody is known by",
    Field.ACCOUNT: "the organisation, as its pseudonym",
    Field.ORIGINAL: "what customers wrote, as it came",
    Field.NAME: "names a customer told",
    Field.HANDLE: "handles a customer told",
    Field.ADDRESS: "addresses a customer told",
    Field.EMAIL: "e-mail addresses a customer told",
    Field.PHONE: "telephone numbers a customer told",
    Field.BIRTHDAY: "birthdays a customer told",
}
TOLD = frozenset({Field.NAME, Field.HANDLE, Field.ADDRESS, Field.EMAIL, Field.PHONE, Field.BIRTHDAY})
"""What a customer told of themselves: sealed, and opened with the right ``open_sealed`` alone."""
IN_CLEAR = TOLD | {Field.ORIGINAL}
"""Any of these may stand in an original, so whoever is refused one of them opens none."""
EVERY = frozenset(Field)

HIDDEN: Mapping[Role, frozenset[Field]] = {
    Role.CIO: IN_CLEAR,
    Role.ANALYST: IN_CLEAR,
    Role.AGENT: frozenset(),
    Role.ENGINEER: EVERY,
    Role.PRIVACY: frozenset(),
    Role.PARTNER: IN_CLEAR | {Field.IDENTIFIERS, Field.PROPERTIES, Field.ACCOUNT},
    Role.SENDER: EVERY,
}
"""What is hidden from each role as it ships; ``access.toml`` hides more or shows again."""

COLUMNS: Mapping[Field, tuple[str, ...]] = {
    Field.TEXT: ("text", "words", "terms"),
    Field.PROPERTIES: ("properties",),
    Field.IDENTIFIERS: ("identifiers", "thread", "digest"),
    Field.ACCOUNT: ("account",),
}
"""Where the fields stand in rows; those that are only ever opened stand in none."""


def mask_columns(hidden: Iterable[Field]) -> frozenset[str]:
    """Name the columns that are not shown."""
    return frozenset(column for field in hidden for column in COLUMNS.get(field, ()))


def mask_rows(rows: Sequence[Mapping[str, Any]], hidden: frozenset[Field]) -> list[dict[str, Any]]:
    """Put the mask in the place of what is not shown: a word for a word, nothing for a list.

    Examples
    --------
    >>> mask_rows([{"text": "My parcel", "terms": ["parcel"], "channel": "chat"}], frozenset({Field.TEXT}))
    [{'text': 'hidden', 'terms': [], 'channel': 'chat'}]
    """
    columns = mask_columns(hidden)
    return [{name: _masked(v) if name in columns else v for name, v in row.items()} for row in rows]


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return MASK
    return None if value is None else type(value)()


def mask_table(rows: pa.Table, hidden: frozenset[Field]) -> pa.Table:
    """Put the mask in the place of what is not shown in a table; its schema stays."""
    for name in mask_columns(hidden) & set(rows.schema.names):
        place, field = rows.schema.get_field_index(name), rows.schema.field(name)
        if pa.types.is_string(field.type):
            there = pa.compute.is_valid(rows[name])
            column = pa.compute.if_else(there, pa.scalar(MASK, field.type), pa.scalar(None, field.type))
        else:
            column = pa.nulls(rows.num_rows, field.type)
        rows = rows.set_column(place, field, column)
    return rows


def mask_sql(columns: Mapping[str, pa.DataType], hidden: frozenset[Field]) -> dict[str, str]:
    """Say in SQL what stands in the place of a table's columns that are not shown."""
    found = {}
    for name in sorted(mask_columns(hidden) & columns.keys()):
        words = pa.types.is_string(columns[name])
        found[name] = f"CASE WHEN \"{name}\" IS NOT NULL THEN '{MASK}' END" if words else "NULL"
    return found
