"""Surveys: who was asked, who answered, what they said, who was left in peace, what waits for a yes."""

from __future__ import annotations

from functools import partial
from typing import Any

from allears.guard.access import Action
from allears.show import words
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import Cell, card, chip, empty, link, table, tabs, tag, titled

PATH = "/trust/surveys"
BY = {"channel": "Channel", "relationship": "Relationship", "region": "Region", "language": "Language", "asked_by": "Asked by"}  # fmt: skip
MOST = 20
COUNTS = ("Asked", "Answered", "Response rate", "May still answer")


def register(door: Door) -> None:
    """Open the page."""
    door.page(PATH, "Surveys", Action.SEE_FIGURES, build)


async def build(page: Page) -> None:
    """Draw it."""
    by = page.request.query_params.get("by", "channel")
    by = by if by in BY else "channel"
    with tag("div", classes="head"):
        link("Trust", "/trust", "over")
        tag("h1", "Surveys")
    await page.fill(
        f"surveys:{by}",
        lambda: page.space.surveys.standing(page.space.permit("analytics"), by),
        partial(_surveys, page),
        lines=10,
    )


def _surveys(page: Page, told: dict[str, Any]) -> None:
    tag("p", said(told), "lead")
    tag(
        "p",
        f"Since {words.day(told['since'])}. Links that may still be answered count as not answered yet.",
        "note",
    )
    with tag("div", classes="grid"):
        if told["proposed"]:
            _proposed(page, told["proposed"])
        _listed(told["surveys"])
        _scores(told["scores"])
        _left(told["left"])
        _groups(told["groups"], told["by"])


def said(told: dict[str, Any]) -> str:
    """Say in a sentence who answered.

    Examples
    --------
    >>> rate = {"estimate": 0.25, "low": 0.2, "high": 0.31, "n": 200, "invited": 200}
    >>> said({"all": rate, "proposed": []})
    'Of 200 who were asked, 25 % answered (20 to 31 %)'
    """
    whole = told["all"]
    if whole is None or whole["estimate"] is None:
        return "Nobody was asked yet"
    asked = f"Of {whole['invited']:,} who were asked, {100 * whole['estimate']:.0f} % answered"
    return f"{asked} ({100 * whole['low']:.0f} to {100 * whole['high']:.0f} %)"


def _rate(row: dict[str, Any]) -> str:
    if row.get("estimate") is None:
        return "nobody asked"
    return words.spread({n: 100 * row[n] for n in ("estimate", "low", "high")} | {"n": row["n"]}, 0, " %")


def _counts(row: dict[str, Any]) -> tuple[Cell, ...]:
    return row["invited"] or 0, row["answered"] or 0, _rate(row), row["open"] or 0


def _listed(surveys: list[dict[str, Any]]) -> None:
    used = [s for s in surveys if s["own"] or s["invited"] or s["held"]]
    with card(f"{words.count(len(used), 'survey')} in use" if used else "No survey was used yet"):
        if used:
            table(
                ("Survey", *COUNTS, "Left in peace"),
                [(partial(_name, s), *_counts(s), s["held"] or 0) for s in used],
                right=(1, 2, 4, 5),
                caption="Surveys",
                classes="cards",
            )
        else:
            empty(
                "Invitations are made on the command line or by playbooks.",
                "allears ask nps --to channel=chat,days=30 --dry-run says who would be asked.",
            )
        unused = [s["survey"] for s in surveys if s not in used]
        if unused:
            tag("p", f"Not used yet, ready to use: {', '.join(unused)}.", "note")


def _name(survey: dict[str, Any]) -> None:
    if survey["wrong"]:
        titled(survey["survey"], "", survey["wrong"])
        chip("to be mended", "bad")
        return
    open_to = ", anybody may answer" if survey.get("public") else ""
    titled(
        survey["survey"],
        "",
        f"{words.count(survey['questions'], 'question')} in {words.count(len(survey['languages']), 'language')}{open_to}",
    )


def _groups(rows: list[dict[str, Any]], by: str) -> None:
    with card("Who answers", "By what they were when they were asked; rates with 95 % intervals"):
        tabs([(text, f"{PATH}?by={name}", name == by) for name, text in BY.items()], "Compare by")
        asked = sorted((r for r in rows if r["invited"]), key=lambda r: (r["survey"], -r["invited"]))
        if not asked:
            empty("Nobody was asked yet.")
            return
        table(
            ("Survey", BY[by], *COUNTS),
            [(r["survey"], _group(r["group"], by), *_counts(r)) for r in asked[:MOST]],
            right=(2, 3, 5),
            caption="Response rates",
            classes="cards",
        )
        if len(asked) > MOST:
            tag("p", f"and {len(asked) - MOST:,} more: allears surveys rates --by {by} lists them", "note")


def _group(group: str, by: str) -> str:
    value = group.partition("=")[2]
    return words.channel(value) if by == "channel" else value


def _scores(rows: list[dict[str, Any]]) -> None:
    with card("What they answered", "With 95 % intervals; fewer than ten answers are not told", "two-thirds"):
        if not rows:
            empty("No answer yet.")
            return
        table(
            ("Survey", "Question", "Measure", "Score", "Interval", "n"),
            [
                (
                    survey,
                    question.replace("-", " "),
                    words.MEASURES.get(r["measure"], r["measure"]),
                    *_score(r),
                    r["n"],
                )
                for r in rows
                for survey, _, question in [r["question"].partition(".")]
            ],
            right=(3, 5),
            caption="Scores",
            classes="cards",
        )


def _score(row: dict[str, Any]) -> tuple[str, str]:
    if row["estimate"] is None:
        return "too few", ""
    unit = " %" if row["measure"] == "csat" else ""
    digits = 0 if row["measure"] in ("nps", "csat") else 1
    return f"{words.number(row['estimate'], digits)}{unit}", words.interval(row, digits)


def _left(rows: list[dict[str, Any]]) -> None:
    people = sum(r["people"] for r in rows)
    title = (
        f"{words.count(people, 'time')} somebody was left in peace"
        if people
        else "Nobody had to be left in peace"
    )
    with card(title, "Decided at the moment of inviting, so that no one is asked too often", "third"):
        if rows:
            table(
                ("Because", "Survey", "Times"),
                [(r["why"], r["survey"], r["people"]) for r in rows],
                right=(2,),
                caption="Left in peace",
                classes="cards",
            )


def _proposed(page: Page, rows: list[dict[str, Any]]) -> None:
    people = sum(r["customers"] for r in rows)
    with card(
        f"Playbooks propose to ask {words.count(people, 'customer')}", "They are asked once somebody says yes"
    ):
        table(
            ("Survey", "Playbook", "For", "Proposed"),
            [
                (
                    str(r["target"] or ""),
                    str(r["playbook"]).replace("-", " "),
                    words.count(r["customers"], "customer"),
                    words.time(r["at"]),
                )
                for r in rows[:MOST]
            ],
            caption="Waiting for a yes",
            classes="cards",
        )
        if page.may(Action.RUN_PLAYBOOKS):
            link("Approve or dismiss", "/cases/playbooks")
