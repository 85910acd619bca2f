"""The brief of a week: one page that needs nothing else, to be read, printed and sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from allears.show import drawings, words
from allears.show.markup import Markup, join, table, tag, text

Told = Mapping[str, Any]
Row = Mapping[str, Any]

STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 720px; padding: 40px 28px 60px; color: #1c2430; background: #fff;
  font: 14.5px/1.5 Roboto, "Segoe UI", Helvetica, Arial, sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 27px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -.01em; } h2 { font-size: 18px; margin: 34px 0 4px; } h3 { font-size: 15px; margin: 18px 0 2px; }
p { margin: 4px 0; } .note { color: #55606f; font-size: 12.5px; } .lead { font-size: 17px; margin: 12px 0; }
ul { margin: 6px 0; padding-left: 20px; } li { margin: 3px 0; }
table { border-collapse: collapse; width: 100%; margin: 8px 0; font-size: 13.5px; } th { text-align: left; font-weight: 500; color: #55606f; font-size: 12px; }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid #e6e8ec; vertical-align: top; } .number { text-align: right; white-space: nowrap; }
blockquote { margin: 8px 0; padding: 0 0 0 12px; border-left: 3px solid #dcdfe4; overflow-wrap: anywhere; white-space: pre-line; }
figure { margin: 10px 0; } figure svg { max-width: 100%; height: auto; } figcaption { font-weight: 600; } .bad { color: #b3400a; } .good { color: #11694f; }
section { break-inside: auto; } h2, h3, figcaption { break-after: avoid; } figure, blockquote, tr, .issue { break-inside: avoid; }
footer { margin-top: 40px; padding-top: 12px; border-top: 1px solid #dcdfe4; }
@page { size: A4; margin: 16mm 15mm; } @media print { body { padding: 0; max-width: none; } }
@media (max-width: 520px) { body { padding: 22px 15px; } table { font-size: 12.5px; } th, td { padding-right: 7px; } }
"""
WORTH_TELLING, QUOTES = 8, 3


def write_brief(told: Told) -> str:
    """Write the brief as one HTML document: styles and charts inside, no script, nothing fetched.

    Parameters
    ----------
    told
        What `allears.journey.briefing.brief` gathers: ``name``, ``start``, ``end``, ``past``, ``weeks``, ``new_issues``, ``issues`` (with
        ``examples``), ``more_issues``, ``opportunities``, ``cases``, ``settled``, ``volumes``, ``trust``, ``drivers``,
        ``experience``, ``titles`` (of issues by id), ``services``, ``verdicts``, ``forecast``, ``topics``.
    """
    parts = (_head, _changed, _issues, _work, _trust, _services, _ahead, _wishes, _untold)
    body = join([*(part(told) for part in parts), _foot(told)])
    title = text(f"{told['name']}: the week to {words.day(told['end'])}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body>{body}</body></html>\n"
    )


def _head(told: Told) -> Markup:
    fresh = told["new_issues"]
    late = sum(bool(c["overdue"]) for c in told["cases"])
    lines = [
        f"{words.count(fresh, 'new issue')} this week" if fresh else "No new issue this week",
        *([] if told["past"] else [_hit(told["weeks"]["hit"])]),
        f"{words.count(late, 'case is', 'cases are')} late" if late else "no case is late",
    ]
    return join(
        [
            tag("h1", told["name"]),
            tag("p", f"The week from {words.day(told['start'])} to {words.day(told['end'])}", class_="note"),
            tag("p", "; ".join(lines) + ". ", words.trust(told["trust"]) + ".", class_="lead"),
        ]
    )


def _hit(customers: int) -> str:
    return (
        f"{words.count(customers, 'customer')} hit by what is open"
        if customers
        else "nobody is hit by an open issue"
    )


def _changed(told: Told) -> Markup:
    now, before = told["weeks"]["week"], told["weeks"]["before"]
    unhappy = f"Unhappy messages: {words.spread(now['unhappy'], 0, ' %')}: {words.change(now['unhappy'], before['unhappy'], unit=' %')}."
    rows = [
        (t["label"], t["this_week"], t["week_before"] or 0, t["customers"])
        for t in told["topics"][:WORTH_TELLING]
    ]
    parts: list[object] = [
        tag("h2", "What changed"),
        tag(
            "p",
            f"{words.number(now['messages'])} messages, {words.number(before['messages'])} the week before, from {words.count(now['customers'], 'customer')}.",
        ),
        tag("p", unhappy),
    ]
    if told["volumes"]:
        parts.append(
            _figure(
                "What came in over four weeks",
                "Signals a day by channel; counted, not estimated",
                drawings.volume_chart(told["volumes"]),
            )
        )
    if rows:
        parts.append(
            table(
                ("What they talk about most", "Messages", "Week before", "Customers"), rows, right=(1, 2, 3)
            )
        )
    return join(parts)


def _issues(told: Told) -> Markup:
    if not told["issues"]:
        return join([tag("h2", "Issues"), tag("p", "Nothing stood out from what is normal.")])
    parts: list[object] = [
        tag("h2", f"{words.count(len(told['issues']) + told['more_issues'], 'issue')}, and who is hit")
    ]
    for issue in told["issues"]:
        shared = ", ".join(f"{name}: {value}" for name, value in issue["facets"].items() if value)
        told_by = [*issue["examples"], *issue["voices"]]
        quotes = [
            tag(
                "blockquote",
                e["text"],
                tag("div", f"{words.channel(e['channel'])}, {words.time(e['occurred_at'])}", class_="note"),
            )
            for e in told_by
            if e["text"]
        ][:QUOTES]
        state = (
            f"{words.STATES.get(issue['state'], issue['state'])}, with {issue['department'] or 'nobody yet'}"
        )
        parts.append(
            tag(
                "div",
                tag("h3", issue["title"]),
                tag("p", f"{words.headline(issue)}. {words.noticed(issue)}. State: {state}."),
                tag("p", f"Shared: {shared}.", class_="note") if shared else "",
                *quotes,
                class_="issue",
            )
        )
    if told["more_issues"]:
        parts.append(tag("p", f"And {told['more_issues']} smaller ones.", class_="note"))
    return join(parts)


def _work(told: Told) -> Markup:
    cases = told["cases"]
    parts: list[object] = [tag("h2", "What is being done")]
    late = [c for c in cases if c["overdue"]]
    parts.append(
        tag(
            "p",
            f"{words.count(len(cases), 'case is', 'cases are')} open, {len(late) or 'none'} late; {told['settled']} were fixed this week.",
        )
    )
    if cases:
        rows = [
            (
                c["title"],
                c["department"],
                c["priority"],
                words.STATES.get(c["state"], c["state"]),
                words.due(c["resolve_by"], told["end"]),
            )
            for c in cases[:WORTH_TELLING]
        ]
        parts.append(table(("Case", "With", "Priority", "State", "Clock"), rows))
    if len(cases) > WORTH_TELLING:
        parts.append(tag("p", f"And {len(cases) - WORTH_TELLING} more.", class_="note"))
    verdicts = [v for v in told["verdicts"] if v["part"] == "both"] or list(told["verdicts"])
    if verdicts:
        parts.append(tag("h3", "Did fixes bring trust back?"))
        parts.append(tag("ul", *(_verdict(told, v) for v in verdicts[:WORTH_TELLING])))
    return join(parts)


def _verdict(told: Told, whole: Row) -> Markup:
    reasons = [
        v["why"] for v in told["verdicts"] if v["issue"] == whole["issue"] and v["part"] != "both"
    ] or [whole["why"]]
    return tag(
        "li",
        tag("strong", _title(told, whole["issue"])),
        f": {whole['said']}.",
        *(tag("div", r, class_="note") for r in reasons),
    )


def _trust(told: Told) -> Markup:
    series = words.whole_weeks(words.index(told["trust"]))
    parts: list[object] = [tag("h2", "Is trust moving?"), tag("p", words.trust(told["trust"]) + ".")]
    if len(series) > 1:
        n = f"n {min(r['n'] for r in series):,} to {max(r['n'] for r in series):,} a week"
        parts.append(
            _figure(
                "Trust index by week",
                f"Band: 95 % interval; {n}; 50 is this company's usual level",
                drawings.trust_chart(series),
            )
        )
    clear = [r for r in told["drivers"] if r["estimate"] is not None and (r["low"] > 0 or r["high"] < 0)]
    if clear:
        shown = sorted(clear, key=lambda r: -abs(r["estimate"]))[:WORTH_TELLING]
        rows = [{**r, "label": words.group(r["group"])} for r in sorted(shown, key=lambda r: -r["estimate"])]
        n = f"n {min(r['n'] for r in rows):,} to {max(r['n'] for r in rows):,} answers each"
        parts.append(
            _figure(
                "What goes along with stated trust",
                f"Association, not cause; 95 % intervals; {n}",
                drawings.forest_chart(rows, "points", 0.0),
            )
        )
    names = [
        n
        for n in dict.fromkeys(r["name"] for r in told["experience"])
        if words.latest(told["experience"], name=n)
    ]
    surveys = [(n, words.whole_weeks(words.latest(told["experience"], name=n))) for n in names]
    if surveys:
        rows_told = [
            (
                words.MEASURES.get(n, n),
                words.spread(s[-1], 2 if n in ("stars", "sentiment") else 0),
                words.change(s[-1], s[-2] if len(s) > 1 else None, than="the week before"),
            )
            for n, s in surveys
        ]
        parts.append(table(("Measure", "Last whole week (95 % interval, n)", "Change"), rows_told))
    return join(parts)


def _services(told: Told) -> Markup:
    if told["past"]:
        return join([])
    rows = [s for s in told["services"] if s["estimate"] is not None]
    if not rows:
        return join([tag("h2", "Services"), tag("p", "No service was heard of in 28 days.")])
    burning = sorted({s["service"] for s in rows if s["burns"]})
    said = (
        f"{', '.join(burning)} {'burns its' if len(burning) == 1 else 'burn their'} error budget now."
        if burning
        else "No service burns its error budget now."
    )
    listed = [
        (
            s["objective"],
            f"{words.spread(s, 1, ' %')}",
            "burning" if s["burns"] else "",
            "" if s["hit"] is None else f"{s['hit']:,}",
        )
        for s in rows
    ]
    return join(
        [
            tag("h2", "Services"),
            tag("p", said),
            table(("Objective", "Reached (95 % interval, n)", "", "Customers hit"), listed, right=(3,)),
        ]
    )


def _ahead(told: Told) -> Markup:
    if told["past"]:
        return join([])
    days = _by_day(told["forecast"])
    if not days:
        return join(
            [tag("h2", "The week ahead"), tag("p", "Too little history for a forecast: it takes two weeks.")]
        )
    mid = sum(d["mid"] for d in days)
    title = f"About {words.number(mid)} messages are to be expected"
    note = f"By day; the band adds up each hour's 90 % interval, so it is wider than the day's own; {words.count(len(days), 'day')}"
    return join([tag("h2", "The week ahead"), _figure(title, note, drawings.forecast_chart(days))])


def _by_day(hours: Sequence[Row]) -> list[dict[str, Any]]:
    days: dict[Any, dict[str, Any]] = {}
    for hour in hours:
        day = hour["time"].replace(hour=0, minute=0, second=0, microsecond=0)
        held = days.setdefault(day, {"time": day, "low": 0.0, "mid": 0.0, "high": 0.0, "hours": 0})
        for name in ("low", "mid", "high"):
            held[name] += hour[name]
        held["hours"] += 1
    return [d for d in days.values() if d["hours"] == 24] or list(days.values())


def _wishes(told: Told) -> Markup:
    if not told["opportunities"]:
        return join(
            [
                tag("h2", "Opportunities"),
                tag("p", "Nothing people ask for or praise rose beyond what is normal."),
            ]
        )
    return join(
        [
            tag("h2", "Opportunities"),
            tag(
                "ul",
                *(
                    tag("li", tag("strong", w["title"]), f": {words.headline(w)}")
                    for w in told["opportunities"]
                ),
            ),
        ]
    )


def _untold(told: Told) -> Markup:
    reasons = []
    if words.moved(told["weeks"]["week"]["unhappy"], told["weeks"]["before"]["unhappy"]) in (
        "same",
        "unknown",
    ):
        reasons.append(
            "Whether customers are more or less unhappy than last week: the intervals do not settle it."
        )
    series = words.whole_weeks(words.index(told["trust"]))
    if len(series) < 2 or words.moved(series[-1], series[-2]) in ("same", "unknown"):
        reasons.append("Whether trust moved this week.")
    reasons += [
        f"Whether the fix of {_title(told, v['issue'])} brought trust back."
        for v in told["verdicts"]
        if v["part"] == "both" and v["said"] == "cannot tell"
    ]
    close = [
        s["objective"]
        for s in told["services"]
        if s["estimate"] is not None and s["low"] < s["target"] <= s["high"]
    ]
    reasons += [f"Whether this objective is met: {objective}." for objective in close[:WORTH_TELLING]]
    if told["past"]:
        reasons.append(
            "How services, drivers and fixes stood then: they are measured as of today. States of issues and cases are today's."
        )
    reasons.append("Why anything happened: what goes together is told, its cause is for people to find.")
    reasons.append("What customers think who neither wrote, answered nor came.")
    return join([tag("h2", "What we can not tell"), tag("ul", *(tag("li", r) for r in reasons))])


def _title(told: Told, issue: str) -> str:
    return str(told["titles"].get(issue, issue))


def _figure(title: str, note: str, drawn: str) -> Markup:
    return tag("figure", tag("figcaption", title), tag("div", note, class_="note"), Markup(drawn))


def _foot(told: Told) -> Markup:
    said = (
        f"Written by Allears from data up to {words.day(told['end'] - timedelta(seconds=1))}. Times are UTC. Messages are shown without personal data. "
        "Estimates carry 95 % intervals unless said otherwise; n counts answers, customers or requests. A change is told only when the intervals settle it."
    )
    return tag("footer", tag("p", said, class_="note"))
