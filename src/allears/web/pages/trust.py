"""Trust: is it moving, for whom, what goes along with it, and did fixes bring it back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allears.guard.access import Action
from allears.journey import seen
from allears.show import figures, words
from allears.show.palette import BLUE, GREEN, ORANGE
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import card, chart, chip, empty, figure, link, table, tabs, tag

BY = ("channel", "region", "relationship", "platform", "language", "topic")
COLOURS = {"trust index": BLUE, "what they say": ORANGE, "what they do": GREEN}
MOST_GROUPS = 14


def register(door: Door) -> None:
    """Open the page."""
    door.page("/trust", "Trust", Action.SEE_FIGURES, build)


async def build(page: Page) -> None:
    """Draw it."""
    space = page.space
    by = page.request.query_params.get("by", BY[0])
    by = by if by in BY else BY[0]
    with tag("div", classes="head"):
        tag("h1", "Trust")
        await page.fill(
            "trust",
            lambda: space.trust().to_pylist(),
            lambda rows: tag("p", words.trust(rows) + ".", "lead"),
            lines=1,
        )
    with tag("div", classes="grid"):
        await page.fill("trust", lambda: space.trust().to_pylist(), _over_time)
        await page.fill(
            f"trust:{by}{page.eyes}",
            lambda: seen.open_groups(page.sight, space.trust(by=by)).to_pylist(),
            lambda rows: _by_group(rows, by),
        )
        await page.fill("drivers", lambda: space.drivers().to_pylist(), _drivers)
        await page.fill("experience", lambda: space.experience().to_pylist(), _surveys)
        await page.fill(
            f"verdicts{page.eyes}",
            lambda: (
                space.verdicts().to_pylist(),
                {i["id"]: i for i in seen.issues(space.ground, page.principal)},
            ),
            _verdicts,
        )


def _over_time(rows: list[dict[str, Any]]) -> None:
    lines = {
        words.PARTS[part]: words.latest(rows, part, name="trust")
        for part in ("composite", "behavioural", "stated")
    }
    lines = {name: told for name, told in lines.items() if told}
    if not any(len(told) > 1 for told in lines.values()):
        with card("Trust over time"):
            empty(
                "It takes two weeks of answers or visits to tell.",
                "Surveys, ratings, orders, returns and visits all count.",
            )
        return
    main = next(iter(lines))
    told = words.whole_weeks(lines[main])
    best, worst = max(told, key=lambda r: r["estimate"]), min(told, key=lambda r: r["estimate"])
    with figure(
        figures.band(lines, unit="index, 0 to 100", colours=COLOURS, bands=[main]),
        title=f"Between {words.number(worst['estimate'])} (week of {words.day(worst['time'])}) and {words.number(best['estimate'])} (week of {words.day(best['time'])})",
        note=f"The {main} by week; band: its 95 % interval; n {min(r['n'] for r in told):,} to {max(r['n'] for r in told):,} a week",
        height=320,
    ):
        tag(
            "p",
            "50 is this company's own usual level. What they say: surveys and ratings. What they do: come back, order, complain, leave.",
            "note",
        )


def _by_group(rows: list[dict[str, Any]], by: str) -> None:
    newest = _newest(rows)
    with card(classes="half"):
        with tag("div", classes="stack"):
            tag("h2", _apart(newest))
            tag("p", "Last whole week, 95 % intervals; bars that overlap can hardly be told apart", "note")
            tabs([(name.capitalize(), f"/trust?by={name}", name == by) for name in BY], "Compare by")
        if not newest:
            empty(
                f"Too little is known by {by}.",
                "Groups of fewer than the smallest allowed number are not shown.",
            )
            return
        listed = [{**r, "label": words.group(r["group"])} for r in newest[:MOST_GROUPS]]
        chart(
            figures.forest(listed, unit="trust index, 0 to 100", reference=50.0),
            said=_apart(newest),
            height=60 + 28 * len(listed),
        )
        tag(
            "p",
            f"n {min(r['n'] for r in listed):,} to {max(r['n'] for r in listed):,} customers a group",
            "note",
        )


def _newest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pick each group's latest told figure, composite where there is one, highest first."""
    best: dict[str, dict[str, Any]] = {}
    for row in rows:
        if (
            row["estimate"] is None
            or row["name"] != "trust"
            or row["cutoff"] - row["time"] < timedelta(days=6)
        ):
            continue
        rank = (row["part"] == "composite", row["part"] == "behavioural", row["time"])
        held = best.get(row["group"])
        if held is None or rank > (held["part"] == "composite", held["part"] == "behavioural", held["time"]):
            best[row["group"]] = row
    return sorted(best.values(), key=lambda r: -r["estimate"])


def _apart(newest: list[dict[str, Any]]) -> str:
    if len(newest) < 2:
        return "Trust by group"
    high, low = newest[0], newest[-1]
    if high["low"] > low["high"]:
        return f"Trusted most: {words.group(high['group'])}; least: {words.group(low['group'])}"
    return "No group can be told apart from another"


def _drivers(rows: list[dict[str, Any]]) -> None:
    told = sorted((r for r in rows if r["estimate"] is not None), key=lambda r: -r["estimate"])
    if not told:
        with card("What goes along with trust", classes="half"):
            empty(
                "Too few rated messages to tell.", "Drivers need about 200 answers with a rating and words."
            )
        return
    clear = [r for r in told if r["low"] > 0 or r["high"] < 0]
    worst = min(clear, key=lambda r: r["estimate"], default=None)
    title = (
        f"{_topic(worst)} goes with {abs(worst['estimate']):.0f} points less"
        if worst and worst["estimate"] < 0
        else "What goes along with trust"
    )
    shown = [*told[:7], *told[-7:]] if len(told) > 14 else told
    listed = [{**r, "label": _topic(r)} for r in shown]
    figure(
        figures.forest(listed, unit="points of stated trust", reference=0.0, signed=True, digits=1),
        title=title,
        note=f"Association, not cause; 95 % intervals; n {min(r['n'] for r in told):,} to {max(r['n'] for r in told):,} answers each",
        height=60 + 28 * len(listed),
        classes="half",
    )


def _topic(row: dict[str, Any]) -> str:
    return words.group(row["group"]).capitalize()


def _surveys(rows: list[dict[str, Any]]) -> None:
    names = [n for n in dict.fromkeys(r["name"] for r in rows) if words.latest(rows, name=n)]
    with card("Surveys and ratings, last whole week", "With 95 % intervals", classes="half"):
        if not names:
            empty("No survey answer or rating yet.", "Ratings come with reviews, tickets and survey answers.")
            link("Our own surveys", "/trust/surveys")
            return
        table(
            ("Measure", "Latest", "Interval", "n", "Against the week before"),
            [_survey(name, words.whole_weeks(words.latest(rows, name=name))) for name in names],
            right=(1, 3),
            caption="Surveys",
            classes="cards",
        )
        link("Our own surveys: who was asked, who answered", "/trust/surveys")


def _survey(name: str, told: list[words.Row]) -> tuple[str, str, str, int, str]:
    digits = 2 if name in ("stars", "sentiment") else 0
    now, before = told[-1], told[-2] if len(told) > 1 else None
    change = words.change(now, before, digits, than="the week before")
    return (
        words.MEASURES.get(name, name),
        words.number(now["estimate"], digits),
        words.interval(now, digits),
        now["n"],
        change,
    )


def _verdicts(found: Any) -> None:
    rows, issues = found
    title = (
        f"{words.count(len({r['issue'] for r in rows}), 'fix', 'fixes')} judged"
        if rows
        else "No fix to judge yet"
    )
    with card(
        f"Did fixes bring trust back? {title}", "Against customers like them who were not hit", classes="half"
    ):
        if not rows:
            empty("Mark an issue as fixed, and a few days later this tells whether trust came back.")
            return
        for issue in dict.fromkeys(r["issue"] for r in rows):
            parts = {r["part"]: r for r in rows if r["issue"] == issue}
            whole = parts.get("both") or next(iter(parts.values()))
            with tag("div", classes="verdict"):
                with tag("div", classes="spread"):
                    link(issues.get(issue, {}).get("title", issue), f"/issues/{issue}")
                    chip(whole["said"], {"regained": "good", "not regained": "bad"}.get(whole["said"], ""))
                with tag("details"):
                    tag("summary", f"Why, n {whole['n']:,}")
                    for part in ("stated", "behavioural"):
                        if part in parts:
                            tag("p", f"{words.PARTS[part].capitalize()}: {parts[part]['why']}")
