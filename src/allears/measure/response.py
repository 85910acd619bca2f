"""Response rates: of those who were asked, how many answered; by stratum, each with its interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from allears.measure.intervals import wilson

METHOD = "response/1"
STRATA = ("relationship", "channel", "region", "language", "asked_by")


def response_rates(
    invitations: Iterable[tuple[str, str, dict[str, str], datetime]], *, by: str | None, at: datetime
) -> list[dict[str, Any]]:
    """Count invitations and answers, and give the share that answered with its 95 % Wilson interval.

    Links that may still be answered count as not answered so far: while some are ``open`` the rate can only rise.

    Parameters
    ----------
    invitations
        Survey, state, strata and end of each invitation; held ones are counted apart.
    by
        One of `STRATA`; None for the survey as a whole.
    at
        As of when.

    Returns
    -------
    list of dict
        survey, group, invited, answered, open, held, estimate, low, high, n, method, cutoff; by survey and group.

    Examples
    --------
    >>> from datetime import UTC
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> asked = [("nps", "answered" if n < 3 else "invited", {"channel": "chat"}, day) for n in range(12)]
    >>> [row] = response_rates(asked, by="channel", at=day)
    >>> row["group"], row["answered"], row["n"], round(row["low"], 2), round(row["high"], 2)
    ('channel=chat', 3, 12, 0.09, 0.53)
    """
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(
        lambda: {"invited": 0, "answered": 0, "open": 0, "held": 0}
    )
    for survey, state, strata, ends in invitations:
        group = "all" if by is None else f"{by}={strata.get(by) or 'unknown'}"
        row = counts[survey, group]
        if state in ("held", "withdrawn"):
            row["held"] += state == "held"
            continue
        row["invited"] += 1
        row["answered"] += state == "answered"
        row["open"] += state == "invited" and ends > at
    return [
        {
            "survey": survey,
            "group": group,
            **row,
            **_share(row),
            "n": row["invited"],
            "method": METHOD,
            "cutoff": at,
        }
        for (survey, group), row in sorted(counts.items())
    ]


def _share(row: dict[str, int]) -> dict[str, float | None]:
    if not row["invited"]:
        return {"estimate": None, "low": None, "high": None}
    share = wilson(row["answered"], row["invited"])
    return {"estimate": share.estimate, "low": share.low, "high": share.high}
