"""Whether this version can read a table, and write to it without losing what a newer one put there."""

from __future__ import annotations

import json
from typing import Any

from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError

from allears.errors import Refused
from allears.tables import table

_SIGNS = ("Unsupported", "not supported", "unknown variant")


def require_known(delta: DeltaTable, name: str) -> None:
    """Refuse a table with columns, or types of columns, that this version does not know.

    Raises
    ------
    Refused
        A newer Allears, or another program, changed the table.
    """
    known = _types(Schema.from_arrow(table(name).schema))
    found = _types(delta.schema())
    if strange := sorted(found.keys() - known.keys()):
        raise Refused(_words(f"columns this one does not know ({', '.join(strange[:5])})"), place=name)
    if other := sorted(c for c in found if found[c] != known[c]):
        raise Refused(_words(f"other types in {', '.join(other[:5])}"), place=name)


def too_new(error: Exception, name: str) -> Refused | None:
    """Say of what a table's reader complains that it asks for more than this version can do, where that is so."""
    if isinstance(error, DeltaError) and any(sign in str(error) for sign in _SIGNS):
        return Refused(_words("features of Delta Lake that this one does not know"), place=name)
    return None


def _words(what: str) -> str:
    return f"this table was changed by a newer Allears or another program: it has {what}; open it with that version. Nothing was changed"


def _types(schema: Schema) -> dict[str, Any]:
    return {field["name"]: _bare(field["type"]) for field in json.loads(schema.to_json())["fields"]}


def _bare(kind: Any) -> Any:
    """Leave out what two writers of one type may say differently: whether a part may be missing, and remarks."""
    if isinstance(kind, dict):
        return {k: _bare(v) for k, v in kind.items() if k not in ("nullable", "containsNull", "metadata")}
    return [_bare(k) for k in kind] if isinstance(kind, list) else kind
