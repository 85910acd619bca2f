"""One issue: what happened, whom it hit, what they said, what is being done, whether it worked."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from allears.act import issue as issue_desk
from allears.act.transition import AFTER
from allears.guard.access import Action
from allears.journey import effects, seen
from allears.show import figures, words
from allears.web.pages import silence
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import button, card, chip, empty, facts, figure, link, state, table, tag

SHOWN_PEOPLE = 8
ACTS = {
    "acknowledged": ("I am on it", issue_desk.acknowledge, "Noted: somebody is on it"),
    "fixed": (
        "Mark as fixed",
        issue_desk.mark_fixed,
        "Marked as fixed: from now Allears measures whether trust comes back",
    ),
    "dismissed": ("Dismiss", issue_desk.dismiss, "Dismissed: it will not come back by itself"),
    "open": ("Open again", issue_desk.reopen, "Open again"),
}
FACTORS = {
    "burst": "How sudden", "severity": "How severe", "breadth": "How many are hit", "novelty": "How new",
}  # fmt: skip


def register(door: Door) -> None:
    """Open the page."""
    door.page("/issues/{issue}", "Issue", Action.SEE_FIGURES, build, narrowed=True)


async def build(page: Page, issue: str) -> None:
    """Draw it."""
    space = page.space
    row = await asyncio.to_thread(seen.find_issue, space.ground, page.principal, issue)

    def draw(told: dict[str, Any]) -> None:
        _head(page, told)
        with tag("div", classes="grid"):
            quiet = "heard" in told
            with tag("div", classes="two-thirds column"):
                if quiet:
                    silence.before_it(told)
                else:
                    _outbreak(told)
                    _words(page, told)
                _cases(page, told)
            with tag("div", classes="third column"):
                if quiet:
                    silence.about(page, told)
                else:
                    _about(told)
                    _people(page, told)
                _history(told)

    await page.fill(
        f"issue{page.eyes}:{issue}", lambda: seen.story(space.ground, page.principal, issue), draw, lines=10
    )
    if row["fixed_at"] is not None and page.figures:
        await page.fill(
            f"verdict:{issue}",
            lambda: effects.verdict_of(space.ground, space.permit("analytics"), row).to_pylist(),
            _verdict,
        )


def _head(page: Page, told: dict[str, Any]) -> None:
    with tag("div", classes="head"):
        link("Issues", "/issues", "over")
        with tag("div", classes="spread"):
            with tag("div", classes="row"):
                tag("h1", told["title"])
                state(told["state"])
            _actions(page, told)
        tag("p", f"{words.headline(told)}. {words.noticed(told)}.", "lead")
        if told.get("shared_with"):
            tag(
                "p",
                f"Shared with {', '.join(told['shared_with'])}, which sees its own signals of it.",
                "note",
            )
        if told.get("shared"):
            tag("p", "Shared with you: the company settles it; you see your own signals of it.", "note")


def _actions(page: Page, told: dict[str, Any]) -> None:
    with tag("div", classes="row"):
        if not page.may(Action.WORK_CASES) or told.get("shared"):
            return
        for to, (text, act, done) in ACTS.items():
            if to not in AFTER.get(told["state"], ()):
                continue

            async def press(to: str = to, act: Any = act, done: str = done) -> None:
                desk, now = page.space.ground.desk, page.space.now()

                def work(principal: Any) -> None:
                    seen.require_own(page.space.ground, principal, told["id"])
                    if to == "fixed":
                        # Through the space: playbooks that wait for a fix must hear of it.
                        page.space.mark_fixed(told["id"], now, actor=principal.name)
                    else:
                        act(desk, told["id"], principal.name, now)

                await page.act(Action.WORK_CASES, work, done)

            button(text, press, "main" if to == "acknowledged" else "")


def _outbreak(told: dict[str, Any]) -> None:
    summed: dict[Any, int] = {}
    for row in told["counts"]:
        summed[row["time"]] = summed.get(row["time"], 0) + row["signals"]
    if not summed:
        with card("Signals over time"):
            empty("Its signals are no longer kept.")
        return
    marks = [(told["first_signal_at"], "first signal"), (told["detected_at"], "noticed")]
    if told["fixed_at"]:
        marks.append((told["fixed_at"], "marked fixed"))
    peak = max(summed, key=lambda t: summed[t])
    every = told["every"]
    figure(
        figures.outbreak(
            sorted(summed.items()), None, marks, f"signals {'an hour' if every == 'hour' else 'a day'}"
        ),
        title=f"It peaked on {words.time(peak)} with {words.count(summed[peak], 'signal')} in {'an hour' if every == 'hour' else 'a day'}",
        note=f"Signals gathered, counted by {every}; n {sum(summed.values()):,}."
        + (
            ""
            if told["expected"] is None
            else f" Expected without it in the same time: {words.number(told['expected'], 1)}"
        ),
        height=290,
    )


def _about(told: dict[str, Any]) -> None:
    with card("What its signals share"):
        facets = {name: value for name, value in told["facets"].items() if value}
        if facets:
            facts(
                [
                    (name.capitalize(), words.channel(value) if name == "channel" else str(value))
                    for name, value in facets.items()
                ]
            )
        if told["topics"]:
            facts([("Topics", ", ".join(t.replace("/", ": ") for t in told["topics"]))])
        if told["terms"]:
            facts([("Words that set it apart", ", ".join(told["terms"]))])
        if not (facets or told["topics"] or told["terms"]):
            tag("p", "No channel, service, release, region or partner is shared by most.", "note")
        if told["score"] is None:
            return
        tag("h3", f"Why it ranks at {words.number(told['score'])}")
        factors = {
            name: float(value) for name, value in told["factors"].items() if isinstance(value, int | float)
        }
        most = max(factors.values(), default=1.0) or 1.0
        with tag("div", classes="bars"):
            for name, value in factors.items():
                with tag("div", classes="bar"):
                    tag("span", FACTORS.get(name, name))
                    with tag("div", classes="track"):
                        tag("div").style(f"width: {100 * value / most:.0f}%")
                    tag("span", f"× {value:.1f}")
        tag("p", "The factors multiply.", "note")


def _words(page: Page, told: dict[str, Any]) -> None:
    with card("What they say and meet", "Typical first. Personal data is hidden"):
        if not page.may(Action.READ_TEXT):
            tag("p", f"A {page.principal.role} does not read messages.", "note")
            return
        if not told["examples"]:
            empty("No typical signal is kept.")
        with tag("div", classes="quotes"):
            for row in told["examples"]:
                quote(row)
        if told["voices"]:
            tag("h3", "What those who were hit wrote meanwhile")
            with tag("div", classes="quotes"):
                for row in told["voices"]:
                    quote(row)


def quote(row: dict[str, Any]) -> None:
    """Put what one customer said, or met."""
    mood = row["sentiment"]
    tone = "" if mood is None or abs(mood) < 0.2 else "bad" if mood < 0 else "good"
    with tag("blockquote", classes=f"quote {tone}"):
        tag("p", said(row))
        about = [words.channel(row["channel"]), words.time(row["occurred_at"])]
        if row.get("service"):
            about.append(row["service"])
        if row["language"] and row["language"] != "en":
            about.append(f"language: {row['language']}")
        if mood is not None:
            about.append(f"sentiment {mood:+.1f}")
        tag("span", " · ".join(about), "note")


def said(row: dict[str, Any]) -> str:
    """Say in words what a signal was."""
    if row["text"]:
        return str(row["text"])
    took = f" after {words.number(row['duration_ms'])} ms" if row.get("duration_ms") is not None else ""
    if row["kind"] == "telemetry":
        return f"{row['name']} {'worked' if row['ok'] else 'failed'}{took}"
    if row["kind"] == "feedback" and not row["name"] and row.get("rating") is None:
        return "something whose words are no longer kept"
    return str(row["name"] or row["kind"])


def _people(page: Page, told: dict[str, Any]) -> None:
    people = told["people"]
    title = (
        f"{told['known']:,} of {max(told['customers'], told['known']):,} customers can be looked up"
        if people
        else "None of them can be looked up"
    )
    with card(title):
        if not page.may(Action.SEE_CUSTOMERS):
            tag("p", "Who they are is shown to those who look after customers.", "note")
            return
        if people:
            table(
                ("Customer", "Signals", "Last"),
                [
                    (
                        partial(link, p["customer"], f"/customers/{p['customer']}"),
                        p["signals"],
                        words.time(p["last_at"]),
                    )
                    for p in people[:SHOWN_PEOPLE]
                ],
                right=(1,),
                caption="Customers hit",
            )
        if len(people) > SHOWN_PEOPLE:
            tag("p", f"and {len(people) - SHOWN_PEOPLE:,} more", "note")


def _cases(page: Page, told: dict[str, Any]) -> None:
    cases, now = told["cases"], page.space.now()
    with card(f"{words.count(len(cases), 'case')} for it" if cases else "No case was opened for it"):
        if not cases:
            return
        table(
            ("With", "Priority", "State", "To be resolved", "Why"),
            [
                (
                    partial(link, c["department"], f"/cases?department={c['department']}"),
                    c["priority"],
                    partial(state, c["state"]),
                    partial(chip, words.due(c["resolve_by"], now), "bad" if c["overdue"] else "")
                    if c["state"] in ("open", "acknowledged")
                    else None,
                    c["why"],
                )
                for c in cases
            ],
            caption="Cases of this issue",
            classes="cards",
        )


def _history(told: dict[str, Any]) -> None:
    with card("What happened with it"):
        for event in reversed(told["history"]):
            with tag("div"):
                tag("span", _step(event))
                tag(
                    "div",
                    words.time(event["at"])
                    + (f" · {words.actor(event['actor'])}" if event["actor"] else "")
                    + (f" · {event['note']}" if event["note"] else ""),
                    "note",
                )


def _step(event: dict[str, Any]) -> str:
    if event["what"] == "found":
        return "Noticed by Allears"
    if event["what"] == "state":
        return f"From {words.STATES.get(event['before'], event['before'])} to {words.STATES.get(event['after'], event['after'])}"
    return f"{event['what'].capitalize()} changed" + (f" to {event['after']}" if event["after"] else "")


def _verdict(rows: list[dict[str, Any]]) -> None:
    said_all = ", ".join(dict.fromkeys(r["said"] for r in rows)) or "nothing can be told"
    with card(
        f"Did the fix bring trust back? {said_all.capitalize()}",
        "Against customers like them who were not hit",
    ):
        if not rows:
            empty("The verdict needs a few days after the fix.")
            return
        table(
            ("Measured by", "Said", "Damage", "Gap left", "n", "In words"),
            [
                (
                    words.PARTS.get(r["part"], r["part"]),
                    partial(chip, r["said"], {"regained": "good", "not regained": "bad"}.get(r["said"], "")),
                    _gap(r, "damage"),
                    _gap(r, "gap"),
                    r["n"],
                    r["why"],
                )
                for r in rows
            ],
            right=(4,),
            caption="Verdict",
            classes="cards",
        )


def _gap(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return "can not be told"
    return f"{words.number(row[name], 1)} ({words.number(row[f'{name}_low'], 1)} to {words.number(row[f'{name}_high'], 1)})"
