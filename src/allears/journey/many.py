"""How many people something concerns: what decides whether a second person must agree."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from allears.errors import NotFound
from allears.journey.amend import GONE
from allears.journey.ground import Ground
from allears.journey.leave import EXPORTED

COLUMNS = {"signals": "customer_key", "identities": "customer"}
_SECONDS = 600.0


def people_in_table(ground: Ground, table: str) -> int:
    """Count the people whose rows an export of a table would carry out; none for tables that tell of nobody.

    Raises
    ------
    NotFound
        There is no such table.
    """
    if table not in EXPORTED:
        raise NotFound(f"no table of that name; there are {', '.join(EXPORTED)}", place="TABLE")
    if table in COLUMNS:
        found = ground.engine.near.query(
            f"SELECT count(DISTINCT {COLUMNS[table]}) AS n FROM {table} WHERE NOT starts_with({COLUMNS[table]}, $gone)",
            gone=GONE,
        )
        return int(found["n"][0].as_py())
    if table == "links":
        return int(ground.graph.links().num_rows)
    return 0


def subject_of(ground: Ground, people: Sequence[str]) -> str:
    """Name a list of people without naming any: the same list, in whatever order, has the same name."""
    told = "\n".join(sorted(set(people))).encode()
    return hmac.digest(ground.vault.sub_key("approval/list"), told, "sha256").hex()[:32]
