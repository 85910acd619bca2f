"""Resolve: which plain records are one person. The graph's own rules, without a desk and without keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from allears.know.appearances import appearances, weave
from allears.know.clusters import run_starts
from allears.know.components import Components
from allears.know.identified import node_of_rows
from allears.know.limits import Limits
from allears.know.relationship import Rules

FIELDS = {
    "email": ("email", "e-mail", "email_address", "mail"),
    "phone": ("phone", "phone_number", "telephone", "mobile"),
    "user_id": ("user_id", "userid", "customer_id", "customerid"),
    "anonymous_id": ("anonymous_id", "anonymousid"),
    "handle": ("handle", "username", "screen_name"),
    "device": ("device", "device_id", "deviceid"),
}
"""Names of fields that hold identifiers, compared in lower case; all other fields, names of people first of all, join nobody."""

_TYPE = pa.list_(pa.struct([("type", pa.string()), ("value", pa.string())]))
_TYPE_OF = {field: kind for kind, fields in FIELDS.items() for field in fields}


def resolve(
    records: Sequence[Mapping[str, Any]] | pa.Table | pa.RecordBatch,
    *,
    region: str = "US",
    limits: Limits | None = None,
) -> list[int]:
    """Say which records are one person.

    Two records are one when they share an identifier, directly or through others, as far as the limits allow.

    Parameters
    ----------
    records
        Each with any of `FIELDS`; a field may hold one value or a list.
    region
        ISO country assumed for phone numbers without a prefix.
    limits
        How much one person may hold.

    Returns
    -------
    list of int
        A cluster number per record, counted from 0 in the order of the records; the clusters do not depend on that order.

    Examples
    --------
    >>> resolve([
    ...     {"email": "Ada@x.example", "phone": "+12025550143"},
    ...     {"name": "Ada"},
    ...     {"phone": "(202) 555-0143"},
    ... ])
    [0, 1, 0]
    """
    rows = records.to_pylist() if isinstance(records, pa.Table | pa.RecordBatch) else list(records)
    if not rows:
        return []
    seen = appearances(pa.array([list(_identifiers(row)) for row in rows], _TYPE), _digest, region, Rules())
    components = Components(limits or Limits())
    nothing = np.zeros(len(rows), np.int64)
    woven = weave(components, seen, nothing, nothing)
    components.settle()
    node = node_of_rows(seen, woven, components, len(rows))
    owner = np.where(
        node >= 0, components.nodes["owner"][node] if len(components.nodes) else -1, -1 - np.arange(len(rows))
    )
    return [int(n) for n in _numbered(owner)]


def _identifiers(record: Mapping[str, Any]) -> Iterable[dict[str, str]]:
    for field, held in record.items():
        kind = _TYPE_OF.get(str(field).lower())
        if kind is None or held is None:
            continue
        for value in held if isinstance(held, list | tuple) else (held,):
            if value is not None:
                yield {"type": kind, "value": str(value)}


def _digest(purpose: str, values: Sequence[str]) -> list[str]:
    # Never leaves this function's caller, so no key is needed.
    return [
        hashlib.blake2b(v.encode(), digest_size=16, person=purpose.encode()[:16]).hexdigest() for v in values
    ]


def _numbered(owner: Any) -> Any:
    """Give each group a number, counted by first appearance."""
    order = np.argsort(owner, kind="stable")
    starts = run_starts(owner[order])
    first = order[starts]
    group = np.zeros(len(owner), np.int64)
    group[order] = np.repeat(np.argsort(np.argsort(first)), np.diff(np.r_[starts, len(owner)]))
    return group
