"""What is held of one person, as a page that person can read: nothing fetched, no script, everything escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from allears.show.brief import STYLE
from allears.show.markup import Markup, join, table, tag, text
from allears.show.words import count

Told = Mapping[str, Any]
NAMES = {
    "kind": "kind", "channel": "channel", "source": "source", "name": "name", "language": "language we took it for",
    "sentiment": "mood we read in it, -1 to 1", "topics": "topics we found in it", "rating": "rating, 0 to 1",
    "rating_scale": "scale of the rating", "service": "service", "ok": "worked", "duration_ms": "took, milliseconds", "release": "version",
    "platform": "platform", "region": "region", "partner": "partner firm", "account": "organisation, as a pseudonym", "properties": "further facts",
}  # fmt: skip
KINDS = {"feedback": "you said", "event": "you did", "telemetry": "you met", "profile": "you told"}


def write_dossier(told: Told) -> str:
    """Write the page.

    Parameters
    ----------
    told
        What `allears.journey.access.gather` gathers.
    """
    parts = (_head, _known, _work, _signals, _rights)
    body = join(part(told) for part in parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text('What ' + told['company'] + ' holds about you')}</title><style>{STYLE}</style></head>\n<body>{body}</body></html>\n"
    )


def _head(told: Told) -> Markup:
    about = told["about"]
    lines = [
        tag("h1", f"What {told['company']} holds about you"),
        tag("p", f"As of {_time(told['made_at'])}: {count(len(told['signals']), 'record')}.", class_="lead"),
        tag("h2", "Where it came from, who received it, how long it is kept"),
        tag("p", "Sources: ", ", ".join(about["sources"]) or "none"),
        tag("p", "Where notices are sent: ", ", ".join(about["recipients"]) or "nowhere"),
    ]
    periods = [
        f"{p['what']}{_of(p)}: {p['days']} days" if p.get("days") else f"{p['what']}{_of(p)}: for good"
        for p in about["kept_for"]
    ]
    lines.append(tag("p", "Kept: ", "; ".join(periods) or "until you ask for it to be erased"))
    return join(lines)


def _of(period: Told) -> str:
    named = [period[n] for n in ("source", "channel") if period.get(n)]
    return f" of {', '.join(named)}" if named else ""


def _known(told: Told) -> Markup:
    known = [(kind, ", ".join(values)) for kind, values in told["profile"].items()]
    ways = [(row["type"], _time(row["since"])) for row in told["identifiers"]]
    return join(
        [
            tag("h2", "What we know you by"),
            _listed(("what", "value"), known, "No name, address or number is kept."),
            tag("p", "Ways to recognise you are kept as fingerprints, not as values:", class_="note"),
            _listed(("way", "since"), ways, "None."),
        ]
    )


def _work(told: Told) -> Markup:
    return join(
        [
            tag("h2", "What was done about you"),
            _rows("Cases", told["cases"]),
            _rows("Decisions of our rules", told["decisions"]),
            _rows("Surveys you were asked", told["invitations"]),
            _rows("Organisations and households you are taken to belong to", told["belongs_to"]),
        ]
    )


def _rows(title: str, rows: list[Told]) -> Markup:
    columns = list(rows[0]) if rows else []
    body = [[_shown(row[name]) for name in columns] for row in rows]
    return join(
        [tag("h3", title), table([c.replace("_", " ") for c in columns], body) if rows else tag("p", "None.")]
    )


def _signals(told: Told) -> Markup:
    return join([tag("h2", "Everything recorded, oldest first"), *(_signal(row) for row in told["signals"])])


def _signal(row: Told) -> Markup:
    original = row.get("original") or {}
    said = original.get("text") or row.get("text")
    who = "we wrote" if row.get("direction") == "out" else KINDS.get(row["kind"], row["kind"])
    facts = [(NAMES[n], _shown(row[n])) for n in NAMES if row.get(n) not in (None, [], "")]
    facts += [(f"personal: {one['type']}", one["value"]) for one in original.get("personal") or []]
    facts += [("further facts, as sent", original["properties"])] if original.get("properties") else []
    parts = [tag("h3", f"{_time(row['occurred_at'])}: {who}")]
    if said:
        parts.append(tag("blockquote", said))
    parts.append(_listed(("what", "value"), facts, ""))
    return tag("section", *parts, class_="issue")


def _rights(told: Told) -> Markup:
    return tag(
        "footer",
        tag("p", "You may have this corrected or erased, object to its use, have its use restricted, and complain to your data protection authority."),
        tag("p", "The same is in your-data.json, for other programs to read. signature.json lets anybody check that neither was changed.", class_="note"),
    )  # fmt: skip


def _listed(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], none: str) -> Markup:
    found = list(rows)
    return table(columns, found) if found else tag("p", none)


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return (
        {True: "yes", False: "no"}[value] if isinstance(value, bool) else "" if value is None else str(value)
    )


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
