"""Breaches of personal data: the clock of 72 hours, whom one concerns, what was decided and why, the draft of the notice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from nicegui import ui

from allears.guard.access import Action
from allears.guard.approval import Approvals
from allears.journey import breaches
from allears.journey.affected import affected
from allears.journey.breaches import NATURES
from allears.show import words
from allears.web.pages.asked import ask_words
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import button, card, chip, empty, facts, link, table, tag

PATH = "/privacy/breaches"
RISKS = {None: "not judged yet", "none": "unlikely to be a risk", "some": "a risk", "high": "a high risk"}
KINDS = {
    "opened": "Opened", "note": "Found", "consequence": "Likely consequence", "measure": "Measure", "delay": "Why it is told late",
    "risk.none": "Judged: no risk likely", "risk.some": "Judged: a risk", "risk.high": "Judged: a high risk", "authority.told": "Authority told",
    "authority.not": "Authority not told", "people.told": "People told", "people.not": "People not told", "closed": "Closed",
}  # fmt: skip
SOON_HOURS = 24


def register(door: Door) -> None:
    """Open the pages."""
    door.page(PATH, "Breaches", Action.SERVE_RIGHTS, build)
    door.page(PATH + "/{breach}", "Breach", Action.SERVE_RIGHTS, build_one)


async def build(page: Page) -> None:
    """Draw all."""
    with tag("div", classes="head"):
        link("Privacy desk", "/privacy", "over")
        tag("h1", "Breaches")
        tag(
            "p",
            "Within 72 hours of noticing one, the authority is told; at a high risk, the people too.",
            "lead",
        )
    _new(page)
    await page.fill("breaches", lambda: breaches.breaches(page.space.ground, closed=True), _all)


def _all(found: list[dict[str, Any]]) -> None:
    current = [b for b in found if b["closed_at"] is None]
    with card(words.count(len(current), "open breach", "open breaches")):
        if current:
            draw_breaches(current)
        else:
            empty("No breach is open.", "allears breach open --what TEXT")
    past = [b for b in reversed(found) if b["closed_at"] is not None]
    if past:
        with tag("details", classes="card"):
            tag("summary", f"Closed: {len(past)}")
            rows = [
                (
                    words.day(b["closed_at"]),
                    partial(link, b["what"], f"{PATH}/{b['breach']}"),
                    RISKS[b["risk"]],
                )
                for b in past
            ]
            table(("Closed", "What", "Risk"), rows, caption="Closed breaches")


def draw_breaches(found: list[dict[str, Any]]) -> None:
    """Put a table of open breaches with their clocks."""
    rows = [
        (
            partial(_clock, b),
            partial(link, b["what"], f"{PATH}/{b['breach']}"),
            RISKS[b["risk"]],
            "; ".join(b["left"]) or "nothing: it can be closed",
        )
        for b in found
    ]
    table(("Clock", "What", "Risk", "Left to decide"), rows, caption="Open breaches", classes="cards")


def _clock(told: dict[str, Any]) -> None:
    left = told["hours_left"]
    if left is None:
        chip("authority told" if told["authority_told_at"] else "not to be told", "good")
        return
    tone = "bad" if left < 0 else "warn" if left < SOON_HOURS else "quiet"
    chip(f"{-left:,.0f} hours late" if left < 0 else f"{left:,.0f} hours left", tone)
    tag("div", words.time(told["due_at"]), "note")


async def build_one(page: Page, breach: str) -> None:
    """Draw one."""
    breaches.breach_of(page.space.ground, breach)
    with tag("div", classes="head"):
        link("Breaches", PATH, "over")
        tag("h1", "Breach")
    await page.fill(
        f"breach:{breach}", lambda: page.space.breach(breach), partial(_one, page), lines=8, live=False
    )


def _one(page: Page, told: dict[str, Any]) -> None:
    whom = told["affected"]
    tag("p", told["what"], "lead")
    with tag("div", classes="stack"):
        with card():
            facts(
                [
                    ("Clock", partial(_clock, told)),
                    ("Risk", RISKS[told["risk"]]),
                    ("Noticed", words.time(told["noticed_at"])),
                    (
                        "Could happen from",
                        words.time(told["began_at"]) if told["began_at"] else "the beginning",
                    ),
                    ("Until", words.time(told["ended_at"]) if told["ended_at"] else "now"),
                    ("Where", told["place"] or "not said"),
                    ("Lost", ", ".join(told["nature"])),
                    ("Keys and accounts", ", ".join(told["actors"]) or "none named"),
                    (
                        "Sources",
                        "the whole store"
                        if told["everything"]
                        else ", ".join(told["sources"]) or "none named",
                    ),
                ]
            )
            if told["closed_at"] is None:
                _steps(page, told)
        _whom(page, told, whom)
        with card("Written down", "None of it is ever changed; it is in the audit too."):
            rows = [
                (
                    words.time(n["noted_at"]),
                    KINDS.get(n["kind"], n["kind"]),
                    n["text"],
                    words.actor(n["by"]),
                )
                for n in told["notes"]
            ]
            table(("When", "What", "Words", "By"), rows, caption="Notes", classes="cards")
        with card(
            "Draft for the authority", "The fields of article 33(3); complete it and send it yourself."
        ):
            tag("pre", told["notice"], "original")
            with tag("div", classes="row"):
                button(
                    "Save as a file",
                    lambda: ui.download.content(told["notice"], f"notice-{told['breach']}.md"),
                    "small",
                )


def _whom(page: Page, told: dict[str, Any], whom: dict[str, Any]) -> None:
    who = ", ".join(f"{n:,} {kind}s" for kind, n in sorted(whom["people"].items()))
    title = f"{words.count(whom['customers'], 'person', 'people')} affected" + (f": {who}" if who else "")
    with card(
        title,
        "From the audit and the store, as of now. Exports and sources count everybody who was stored by then.",
    ):
        if not whom["ways"]:
            empty("Nobody was found: name the keys, accounts or sources that are concerned.")
        else:
            rows = [(w["way"], w["degree"], w["entries"], w["customers"]) for w in whom["ways"]]
            table(
                ("How", "How sure", "Audit entries", "People"),
                rows,
                right=(2, 3),
                caption="How they are affected",
            )
        if whom["within_reach"]:
            said = words.count(whom["within_reach"], "person was", "people were")
            tag(
                "p",
                f"{said} within reach of that role: pages, figures and SQL (redacted) leave no entry for each look.",
                "note",
            )
        if whom["data"]:
            tag("h3", "Of what")
            data = [(d["what"], d["records"], d["people"]) for d in whom["data"]]
            table(("Kind of data", "Records", "People"), data, right=(1, 2), caption="Kinds of data")
        if whom["customers"]:
            tag(
                "p",
                f"Their ids, for telling them (article 34), need a second person: allears breach people {told['breach']} --out FILE",
                "note",
            )
            with tag("div", classes="row"):
                _ask_second(page, told)


def _ask_second(page: Page, told: dict[str, Any]) -> None:
    approvals: Approvals = page.space.approvals
    ground, name = page.space.ground, told["breach"]
    ask_words(
        page, "Ask a second person", "What are the ids needed for?", "Such as: to tell them by letter",
        lambda who, said: approvals.ask(who, "export", f"breach {name}", len(affected(ground, name).certain), said), "Asked; see Approvals",
        Action.EXPORT,
    )  # fmt: skip


def _steps(page: Page, told: dict[str, Any]) -> None:
    ground, name = page.space.ground, told["breach"]

    def put(text: str, title: str, hint: str, act: Callable[..., Any], *given: Any, **more: Any) -> None:
        ask_words(
            page, text, title, hint, lambda who, said: act(ground, name, *given, said, actor=who.name, **more), "Written down"
        )  # fmt: skip

    with tag("div", classes="row"):
        put(
            "Consequence",
            "What may follow for people?",
            "Such as: unwanted calls",
            breaches.add,
            "consequence",
        )
        put("Measure", "What was done, or will be?", "Such as: the key was ended", breaches.add, "measure")
        put("Note", "What was found?", "Words for whoever reads this later", breaches.add, "note")
    with tag("div", classes="row"):
        for risk, says in (("none", "No risk likely"), ("some", "A risk"), ("high", "High risk")):
            put(says, f"Why is it {RISKS[risk]}?", "How bad for people, and how likely", breaches.judge, risk)
    with tag("div", classes="row"):
        if told["hours_left"] is not None and told["hours_left"] < 0:
            put(
                "Why late",
                "Why was the authority not told in time?",
                "It goes into the notice",
                breaches.add,
                "delay",
            )
        for whom in ("authority", "people"):
            hint = "Such as: by their form, number 4711"
            put(f"{whom.capitalize()} told", "How were they told?", hint, breaches.decide, whom, told=True)
            hint = "What the law lets you rest on"
            put(
                f"{whom.capitalize()} not told",
                "Why are they not told?",
                hint,
                breaches.decide,
                whom,
                told=False,
            )
        put("Close", "How did it end?", "Once everything is decided", breaches.close)


def _new(page: Page) -> None:
    with tag("details", classes="card"):
        tag("summary", "Open a breach")
        with tag("div", classes="fields"):
            with tag("label", "What happened"):
                what = ui.input().props("outlined dense maxlength=1000")
            with tag("label", "Where"):
                place = ui.input().props("outlined dense maxlength=400")
            with tag("label", "What was lost"):
                nature = ui.select(list(NATURES), multiple=True, value=["confidentiality"]).props(
                    "outlined dense"
                )
            with tag("label", "Noticed (UTC; empty: now)"):
                noticed = ui.input().props("outlined dense type=datetime-local")
            with tag("label", "Could happen from (UTC)"):
                began = ui.input().props("outlined dense type=datetime-local")
            with tag("label", "Until (UTC; empty: now)"):
                ended = ui.input().props("outlined dense type=datetime-local")
            with tag("label", "Keys and accounts, such as key:ab12cd34, user:ann"):
                actors = ui.input().props("outlined dense maxlength=400")
            with tag("label", "Sources"):
                known = sorted(s["source"] for s in page.space.counts()["sources"])
                sources = ui.select(known, multiple=True).props("outlined dense")
            with tag("label", "The whole store, such as a stolen disk"):
                everything = ui.checkbox()

        async def put() -> None:
            made = await page.act(
                Action.SERVE_RIGHTS,
                lambda who: breaches.open_breach(
                    page.space.ground, str(what.value or ""), actor=who.name, place=str(place.value or ""), nature=nature.value or (),
                    noticed_at=_time(noticed.value), began_at=_time(began.value), ended_at=_time(ended.value),
                    actors=[a for a in str(actors.value or "").replace(",", " ").split() if a], sources=sources.value or (), everything=bool(everything.value),
                ),
                "Opened: 72 hours from when it was noticed",
            )  # fmt: skip
            if made:
                ui.navigate.to(f"{PATH}/{made}")

        with tag("div", classes="row"):
            button("Open it", put, "main")


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
