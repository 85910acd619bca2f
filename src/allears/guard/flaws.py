"""Known flaws of what is installed, asked of OSV (or of a mirror that speaks its form): names and versions leave, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from allears.errors import WorldFailed
from allears.guard.materials import Part

OSV = "https://api.osv.dev"
SECONDS = 30.0


def flaws(found: Sequence[Part], *, where: str = OSV) -> list[dict[str, Any]]:
    """Tell for each part that has any which flaws are known of its version.

    Returns
    -------
    list of dict
        ``name``, ``version``, ``flaws`` (their ids), by name.

    Raises
    ------
    WorldFailed
        Nobody answered, or not in that form; ``facts`` hold ``again``.
    """
    asked = {"queries": [{"package": {"purl": part.purl}} for part in found]}
    try:
        answer = httpx.post(f"{where.rstrip('/')}/v1/querybatch", json=asked, timeout=SECONDS)
        answer.raise_for_status()
        results = answer.json()["results"]
        told = [[str(flaw["id"]) for flaw in one.get("vulns") or ()] for one in results]
        named = list(zip(found, told, strict=True))
    except httpx.HTTPError as error:
        raise WorldFailed(f"known flaws could not be asked for: {type(error).__name__}", place="osv", again=True) from None  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError):
        raise WorldFailed("whoever was asked for known flaws answered in another form", place="osv", again=False) from None  # fmt: skip
    return [{"name": p.name, "version": p.version, "flaws": sorted(ids)} for p, ids in named if ids]
