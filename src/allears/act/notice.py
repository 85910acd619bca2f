"""What deliveries say: facts about issues, cases and moves, nothing about a person."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from allears.desk.access import BrokenGlass
from allears.desk.work import Case
from allears.errors import Refused

_PERSONAL = frozenset(
    {
        "customer",
        "customer_key",
        "customer_id",
        "person",
        "email",
        "phone",
        "handle",
        "name",
        "first_name",
        "last_name",
        "address",
    }
    | {
        "text",
        "identifiers",
        "personal",
        "sealed",
        "thread",
        "user_id",
        "anonymous_id",
        "account",
        "birthday",
    }
)
_IDS = frozenset({"id", "issue", "case", "decision", "exemplars"})
_LOOKS_PERSONAL = re.compile(
    r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+|(?<![\w.:-])\+?\d(?:[ ()/-]{0,2}\d){8,}(?![\w:])"
)


def issue_notice(issue: Mapping[str, Any]) -> dict[str, Any]:
    """Tell about an issue: counts, words, department."""
    names = ("id", "kind", "state", "department", "signals", "customers", "score", "topics")
    times = ("detected_at", "fixed_at")
    told = {"title": without_personal(str(issue.get("title") or ""))} | {n: issue.get(n) for n in names}
    return told | {n: _time(issue.get(n)) for n in times}


def case_notice(case: Case) -> dict[str, Any]:
    """Tell about a case: what, who, by when and why."""
    names = ("id", "issue", "department", "priority", "state")
    times = ("opened_at", "acknowledge_by", "resolve_by")
    told = {"title": without_personal(case.title), "why": without_personal(case.why)} | {
        n: getattr(case, n) for n in names
    }
    return told | {n: _time(getattr(case, n)) for n in times}


def glass_notice(row: BrokenGlass) -> dict[str, Any]:
    """Tell that somebody looks past mask and sight: who, why and until when; not at whom."""
    told = {
        "glass": row.id,
        "actor": without_personal(row.actor),
        "role": row.role,
        "why": without_personal(row.why),
    }
    return told | {"began_at": _time(row.began_at), "ends_at": _time(row.ends_at)}


def without_personal(text: str) -> str:
    """Take out what looks like an e-mail address or a phone number; titles are made of customers' words.

    Examples
    --------
    >>> without_personal("call 555 010 9999 about refunds")
    'call <REMOVED> about refunds'
    """
    return _LOOKS_PERSONAL.sub("<REMOVED>", text)


def envelope(event_type: str, payload: Mapping[str, Any], at: datetime) -> str:
    """Write the body of an event as Standard Webhooks recommend: type, timestamp, data.

    Raises
    ------
    Refused
        A field is one of those that hold personal data, or a text looks like an e-mail address or phone number.

    Examples
    --------
    >>> from datetime import UTC
    >>> envelope("issue.opened", {"id": "i1"}, datetime(2026, 1, 1, tzinfo=UTC))
    '{"type":"issue.opened","timestamp":"2026-01-01T00:00:00+00:00","data":{"id":"i1"}}'
    """
    for place, key, value in _leaves(payload, "$"):
        if key in _PERSONAL or (isinstance(value, str) and key not in _IDS and _LOOKS_PERSONAL.search(value)):
            raise Refused("a delivery holds no personal data", place=place)
    try:
        return json.dumps(
            {"type": event_type, "timestamp": at.isoformat(), "data": dict(payload)}, separators=(",", ":")
        )
    except (TypeError, ValueError):
        raise Refused("expected texts, numbers, lists and objects only", place="$") from None


def _leaves(value: Any, place: str, key: str = "") -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, Mapping):
        for inner, held in value.items():
            yield from _leaves(held, f"{place}.{inner}", str(inner).casefold())
    elif isinstance(value, list | tuple):
        for index, held in enumerate(value):
            yield from _leaves(held, f"{place}[{index}]", key)
    else:
        yield place, key, value


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
