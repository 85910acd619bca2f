"""Pulse: one screen read in a minute. What changed, who is hit, what is being done, is trust moving."""

from __future__ import annotations

from functools import partial
from typing import Any

from allears.guard.access import Action
from allears.journey import briefing, seen
from allears.show import figures, words
from allears.show.palette import BLUE
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import card, chart, chip, empty, figure, link, state, table, tag, titled

OPEN = ("open", "acknowledged")
PART_COLOURS = {"trust index": BLUE}


def register(door: Door) -> None:
    """Open the page."""
    door.page("/", "Pulse", Action.SEE_FIGURES, build)


STEPS = (
    (
        "Take a file in: tweets, reviews, tickets, survey answers, in CSV or JSON",
        "allears listen FILE --source NAME",
    ),
    (
        "Send events and requests: Segment's and OpenTelemetry's own libraries work unchanged",
        "allears keys new --role engineer --name shop",
    ),
    ("Or look at a simulated company first", "allears demo"),
)


async def build(page: Page) -> None:
    """Draw it."""
    space = page.space
    if not (await page.answers.ask("status", space.status))["stored"]:
        _welcome()
        return

    def weeks() -> dict[str, Any]:
        return briefing.weeks(space.ground, space.permit("analytics"))

    def cases() -> list[dict[str, Any]]:
        return seen.cases(space.ground, page.principal, "active")

    def issues() -> list[dict[str, Any]]:
        return seen.issues(space.ground, page.principal)

    named, work = f"issues{page.eyes}", f"cases:active{page.eyes}"

    with tag("div", classes="head"):
        await page.fill_from({named: issues, work: cases, "weeks": weeks}, _head, lines=2)
    with tag("div", classes="grid"):
        await page.fill("weeks", weeks, _changed)
        await page.fill_from({named: issues, "weeks": weeks}, _hit)
        await page.fill(work, cases, _doing)
        await page.fill("trust", lambda: space.trust().to_pylist(), _trust)
    with tag("div", classes="grid"):
        await page.fill(named, issues, _issues)
        await page.fill("trust", lambda: space.trust().to_pylist(), _trust_figure)
        await page.fill("volumes", lambda: space.volumes("channel", days=28).to_pylist(), _volumes)
        await page.fill("services", space.services, _services)
        await page.fill(named, issues, _opportunities)


def _welcome() -> None:
    tag("h1", "All ears, and nothing heard yet")
    with card("Three ways to begin"), tag("div", classes="steps"):
        for text, command in STEPS:
            with tag("div"):
                tag("p", text)
                tag("code", command)


def _head(issues: list[dict[str, Any]], cases: list[dict[str, Any]], weeks: dict[str, Any]) -> None:
    end = weeks["end"]
    alive = [i for i in issues if i["state"] in OPEN and i["kind"] == "issue"]
    fresh = [i for i in alive if (end - i["detected_at"]).days < 7]
    late = sum(bool(c["overdue"]) for c in cases)
    tag("h1", f"The week to {words.day(end)}")
    said = [words.count(len(fresh), "new issue") if fresh else "No new issue"]
    if alive:
        said.append(f"{len(alive)} open in all, {words.count(weeks['hit'], 'customer')} hit")
    said.append(f"{words.count(late, 'case is', 'cases are')} late" if late else "no case is late")
    unhappy = words.change(weeks["week"]["unhappy"], weeks["before"]["unhappy"], unit=" %")
    tag("p", f"{'; '.join(said)}. Unhappy messages: {unhappy}.", "lead")


def _card(question: str, big: str, small: str, said: str, note: str = "", tone: str = "") -> Any:
    box = tag("section", classes="card figure-card quarter")
    with box:
        tag("div", question, "question")
        with tag("div", classes=f"big {tone}"):
            tag("span", big)
            tag("small", f" {small}")
        tag("div", said, "said")
        if note:
            tag("div", note, "note")
    return box


def _changed(weeks: dict[str, Any]) -> None:
    now, before = weeks["week"], weeks["before"]
    unhappy = now["unhappy"]
    big = f"{words.number(unhappy['estimate'])} %" if unhappy else "none"
    note = (
        f"95 % interval {words.interval(unhappy)} %, n {unhappy['n']:,} messages"
        if unhappy
        else "no message was read this week"
    )
    compared = f"{words.number(now['messages'])} messages this week, {words.number(before['messages'])} the week before"
    _card(
        "What changed?",
        big,
        "unhappy",
        words.change(unhappy, before["unhappy"], unit=" %").capitalize(),
        f"{note}. {compared}",
    )


def _hit(issues: list[dict[str, Any]], weeks: dict[str, Any]) -> None:
    alive = [i for i in issues if i["state"] in OPEN and i["kind"] == "issue"]
    worst = max(alive, key=lambda i: i["customers"], default=None)
    said = f"Most by: {worst['title']} ({worst['customers']:,})" if worst else "No issue is open"
    of = weeks["week"]["customers"]
    _card(
        "Who is hit?",
        words.number(weeks["hit"]),
        "customers in open issues",
        said,
        f"{words.count(of, 'different customer', 'different customers')} {'was' if of == 1 else 'were'} heard this week",
        "bad-text" if alive else "",
    )


def _doing(cases: list[dict[str, Any]]) -> None:
    late, taken = [c for c in cases if c["overdue"]], [c for c in cases if c["state"] == "acknowledged"]
    departments = sorted({c["department"] for c in cases})
    said = (
        f"{len(late)} late, {len(taken)} taken on, {len(cases) - len(taken)} wait for somebody"
        if cases
        else "Nothing waits"
    )
    note = f"With {', '.join(departments)}" if departments else ""
    with _card(
        "What is being done?", words.number(len(cases)), "open cases", said, note, "bad-text" if late else ""
    ):
        link("See cases", "/cases", "note")


def _trust(rows: list[dict[str, Any]]) -> None:
    told = words.whole_weeks(words.index(rows))
    if not told:
        _card(
            "Is trust moving?",
            "?",
            "",
            "Too few answers and visits to tell yet",
            "It needs survey answers or some weeks of behaviour",
        )
        return
    now, before = told[-1], told[-2] if len(told) > 1 else None
    tone = {"down": "bad-text", "up": "good-text"}.get(words.moved(now, before), "")
    said = words.change(now, before, than="the week before").capitalize()
    with _card(
        "Is trust moving?",
        words.number(now["estimate"]),
        "of 100",
        said,
        f"95 % interval {words.interval(now)}, n {now['n']:,}, week of {words.day(now['time'])}",
        tone,
    ):
        if len(told) > 2:
            chart(figures.spark([r["estimate"] for r in told]), said="Trust index by week", height=34)


def _issues(issues: list[dict[str, Any]]) -> None:
    alive = [i for i in issues if i["state"] in OPEN and i["kind"] == "issue"]
    title = f"{words.count(len(alive), 'issue is', 'issues are')} open" if alive else "No issue is open"
    with card(title, "Ranked by burst, severity, breadth and novelty", classes="two-thirds"):
        if not alive:
            empty(
                "Nothing stands out from what is normal.",
                "Allears compares every hour with what the weeks before let expect.",
            )
            return
        table(
            ("Issue", "Customers", "Signals", "Since", "State"),
            [
                (
                    partial(
                        titled, i["title"], f"/issues/{i['id']}", words.outgrown(i["signals"], i["expected"])
                    ),
                    i["customers"],
                    i["signals"],
                    words.time(i["first_signal_at"]),
                    partial(state, i["state"]),
                )
                for i in alive[:6]
            ],
            right=(1, 2),
            caption="Open issues",
            classes="cards",
        )
        if len(alive) > 6:
            link(f"All {len(alive)} open issues", "/issues", "note")


def _trust_figure(rows: list[dict[str, Any]]) -> None:
    told = words.whole_weeks(words.index(rows))
    if len(told) < 2:
        with card("Trust over time", classes="third"):
            empty("Two weeks of answers or visits are needed.")
        return
    way = {"up": "Trust rose", "down": "Trust fell", "same": "Trust holds", "unknown": "Trust"}[
        words.moved(told[-1], told[-2])
    ]
    figure(
        figures.band({"trust index": told}, unit="index, 0 to 100", colours=PART_COLOURS),
        title=f"{way}: {words.number(told[-1]['estimate'])} in the week of {words.day(told[-1]['time'])}",
        note=f"By week; band: 95 % interval; n {told[-1]['n']:,} in the last whole week",
        height=250,
        classes="third",
    )


def _volumes(rows: list[dict[str, Any]]) -> None:
    if not rows:
        with card("What came in", classes="two-thirds"):
            empty("No signal in the last four weeks.", "allears listen FILE --source NAME takes a file in.")
        return
    total = sum(r["signals"] for r in rows)
    busiest: dict[str, int] = {}
    for row in rows:
        busiest[row["group"]] = busiest.get(row["group"], 0) + row["signals"]
    most = max(busiest, key=lambda name: busiest[name])
    figure(
        figures.stacked(rows, unit="signals a day", names=words.CHANNELS),
        title=f"{words.channel(most)} brings most: {100 * busiest[most] / total:.0f} % of {total:,} signals",
        note="By day and channel, the last four weeks; counted, not estimated",
        classes="two-thirds",
    )


def _services(services: list[dict[str, Any]]) -> None:
    burning = sorted({s["service"] for s in services if s["burns"]})
    missing = sorted(
        {s["service"] for s in services if s["high"] is not None and s["high"] < s["target"]} - set(burning)
    )
    title = (
        f"{words.count(len(burning), 'service burns', 'services burn')} its budget"
        if burning
        else "No service burns its budget now"
    )
    with card(
        title,
        f"{words.count(len(missing), 'other')} surely missed an objective over 28 days"
        if missing
        else "Over 28 days",
        classes="third",
    ):
        if not services:
            empty("No service was heard of in that time.", "Send OpenTelemetry traces to /v1/traces.")
        for name in [*burning, *missing][:6]:
            row = min(
                (s for s in services if s["service"] == name and s["estimate"] is not None),
                key=lambda s: s["estimate"] - s["target"],
            )
            with tag("div"):
                with tag("div", classes="row"):
                    link(name, "/services")
                    chip("burning" if name in burning else "missed", "bad" if name in burning else "warn")
                tag("span", words.service(row), "note")


def _opportunities(issues: list[dict[str, Any]]) -> None:
    wishes = [i for i in issues if i["state"] in OPEN and i["kind"] == "opportunity"][:5]
    with card(
        "What customers newly want" if wishes else "No new wish stands out",
        "Rising wishes and praise, ranked as issues are",
    ):
        for wish in wishes:
            with tag("div"):
                link(wish["title"], f"/issues/{wish['id']}")
                tag("div", words.headline(wish), "note")
        if not wishes:
            tag("p", "Nothing people ask for or praise rose beyond what is normal.", "note")
