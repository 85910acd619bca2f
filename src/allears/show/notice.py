"""The draft of the notice of a breach to the authority: the fields of article 33(3) GDPR, in Markdown. A person reads, completes and sends it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from allears.show.words import count

Told = Mapping[str, Any]
UNKNOWN = "not stated yet"
_RISKS = {"none": "unlikely to be a risk", "some": "a risk", "high": "a high risk"}


def write_notice(breach: Told, affected: Told, stated: Told) -> str:
    """Write the draft.

    Parameters
    ----------
    breach
        What `allears.journey.breaches.breach_of` tells.
    affected
        What `allears.journey.affected.affected` tells, without who.
    stated
        The controller's ``name``, ``contact``, ``officer`` and ``authority``.
    """
    notes = breach["notes"]
    lines = [
        f"# Notice of a breach of personal data (article 33 GDPR): {breach['breach']}",
        "",
        "**Draft, to be completed and sent by a person.** What cannot be told yet may follow in phases (article 33(4)).",
        "",
        f"- To: {stated['authority'] or UNKNOWN}",
        f"- From: {stated['name'] or UNKNOWN}, {stated['contact'] or UNKNOWN}",
        f"- Noticed: {_time(breach['noticed_at'])}; due {_time(breach['due_at'])}",
        f"- Could happen from {_time(breach['began_at'], 'the beginning')} to {_time(breach['ended_at'], 'now')}",
        *(f"- Told late, because: {text}" for text in _said(notes, "delay")),
        "",
        "## (a) Nature of the breach",
        "",
        f"{breach['what'].rstrip('.')}." + (f" Where: {breach['place']}." if breach["place"] else ""),
        "",
        f"Lost: {', '.join(breach['nature'])}. Risk for people: {_RISKS.get(breach['risk'], UNKNOWN)}.",
        "",
        f"People concerned, approximately: {affected['customers']:,}"
        + (
            f" ({', '.join(f'{n:,} {who}s' for who, n in sorted(affected['people'].items()))})"
            if affected["people"]
            else ""
        )
        + f". Records concerned, approximately: {affected['records']:,}.",
        *_reach(affected),
        "",
        *(f"- {_way(way)}" for way in affected["ways"]),
        "",
        "Kinds of data (records, people):",
        "",
        *(
            f"- {row['what']}: {row['records']:,}"
            + (f", {row['people']:,}" if row["people"] is not None else "")
            for row in affected["data"]
        ),
        *([] if affected["data"] else [f"- {UNKNOWN}"]),
        "",
        "## (b) Contact",
        "",
        stated["officer"] or UNKNOWN,
        "",
        "## (c) Likely consequences",
        "",
        *_list(_said(notes, "consequence")),
        "",
        "## (d) Measures taken or proposed",
        "",
        *_list(_said(notes, "measure")),
        "",
        f"Counted as of {_time(affected['cutoff'])} from the audit and the store ({affected['method']}).",
        "",
    ]
    return "\n".join(lines)


def _reach(affected: Told) -> list[str]:
    if not affected["within_reach"]:
        return []
    return [
        "",
        f"Within reach of the role, without a trace of each look: {count(affected['within_reach'], 'person', 'people')}.",
    ]


def _way(way: Told) -> str:
    entries = f", {count(way['entries'], 'entry', 'entries')} of the audit" if way["entries"] else ""
    return f"{way['way']} ({way['degree']}{entries}): {count(way['customers'], 'person', 'people')}"


def _said(notes: Iterable[Told], kind: str) -> list[str]:
    return [note["text"] for note in notes if note["kind"] == kind]


def _list(texts: list[str]) -> list[str]:
    return [f"- {text}" for text in texts] or [f"- {UNKNOWN}"]


def _time(at: datetime | None, without: str = UNKNOWN) -> str:
    return without if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
