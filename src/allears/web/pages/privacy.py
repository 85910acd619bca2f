"""The Privacy desk: who asked for what by right and until when, what is due to go, what is held, keys, the audit, erasures."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from nicegui import ui

from allears.guard.access import Action
from allears.guard.receipt import give_again
from allears.journey import holds, restricting, retention
from allears.journey.privacy import privacy
from allears.show import words
from allears.web.pages.asked import Line, ask_form, ask_words
from allears.web.pages.breaches import draw_breaches
from allears.web.pages.frame import Door, Page
from allears.web.pages.glass import draw_broken
from allears.web.pages.pieces import button, card, empty, facts, link, table, tag
from allears.web.pages.requested import KINDS, SOON_DAYS, draw_new, draw_requests, draw_whom

CLASSES = {
    "signals": "Whole signals", "texts": "Texts and originals", "originals": "Sealed originals", "refused": "Refused rows",
    "invitations": "Invitations", "deliveries": "Deliveries",
}  # fmt: skip


def register(door: Door) -> None:
    """Open the page."""
    door.page("/privacy", "Privacy desk", Action.SERVE_RIGHTS, build)


async def build(page: Page) -> None:
    """Draw it."""
    tag("h1", "Privacy desk")
    with tag("div", classes="row"):
        link("Approvals: what needs a second person", "/privacy/approvals")
        link("Breaches", "/privacy/breaches")
        link("Register of processing", "/privacy/register")
        link("Redaction, judged", "/privacy/redaction")
    # Outside of what is drawn anew, so that nobody loses what they are writing.
    draw_new(page)
    await page.fill("privacy", lambda: privacy(page.space.ground), partial(_desk, page), lines=10)
    await draw_broken(page)


def _desk(page: Page, told: dict[str, Any]) -> None:
    tag("p", _said(told), "lead")
    with tag("div", classes="stack"):
        _breaches(told["breaches"])
        _lost(told["lost"])
        _cuts(told["cuts"])
        draw_requests(page, told["requests"])
        _consent(told["consent"])
        _due(page, told["retention"])
        _restrictions(page, told["restrictions"])
        _holds(page, told["holds"])
        _redaction(told["redaction"])
        _keys(told["keys"])
        _audit(told["audit"])
        _erasures(page, told["erasures"])
        _closed(told["closed"])


def _said(told: dict[str, Any]) -> str:
    waiting = told["requests"]
    late = sum(r["days_left"] < 0 for r in waiting)
    soon = sum(0 <= r["days_left"] < SOON_DAYS for r in waiting)
    due = sum(row["n"] for row in told["retention"]["due"])
    open_ones = told["breaches"]
    first = f"{words.count(len(open_ones), 'breach is', 'breaches are')} open; " if open_ones else ""
    return first + (
        f"{words.count(len(waiting), 'request is', 'requests are')} open, {late or 'none'} late, {soon or 'none'} due within a week; "
        f"{words.count(due, 'row is', 'rows are') if due else 'nothing is'} due to go; {words.count(len(told['holds']), 'legal hold')}."
    )


def _breaches(found: list[dict[str, Any]]) -> None:
    """Only while one is open: what has 72 hours stands above what has a month."""
    if found:
        with card("Breaches of personal data", "The authority is to be told within 72 hours (article 33)."):
            draw_breaches(found)


def _lost(found: list[dict[str, Any]]) -> None:
    """Only after a restore that could not do everything again: whoever said it believes that it holds."""
    if found:
        said = "A backup was restored that is older than these; do them anew. Whoever did one knows whom it was about."
        with card("Not done again after a restore", said):
            rows = [
                (
                    words.time(r["restored"]),
                    str(r["what"]).capitalize(),
                    words.time(r["at"]),
                    words.actor(r["by"]),
                    r["why"],
                )
                for r in found
            ]
            names = ("Restored", "What", "First done", "By", "Why not again")
            table(names, rows, caption="Not done again after a restore", classes="cards")


def _cuts(found: list[dict[str, Any]]) -> None:
    """Only where the list ended before what the desk had noted on it: a backup made before that would bring back what was erased since."""
    if found:
        said = "Lines that this space wrote are gone. Put a whole copy of the file in its place, or make a backup: it knows what was done."
        with card("End of the list of acts by right missing", said):
            rows = [(words.time(r["noticed"]), str(r["known"]), str(r["found"])) for r in found]
            names = ("Noticed", "Lines known", "Lines found")
            table(names, rows, caption="End of the list missing", classes="cards")


def _consent(told: dict[str, Any]) -> None:
    with card("Consent", "What customers said, purpose by purpose; it is asked for when their data is used."):
        if told["wrong"]:
            tag("p", f"Mend the file first: {told['wrong']}")
            return
        heeded = [row for row in told["purposes"] if row["heeds"]]
        names = ("given", "refused", "withdrawn", "unknown", "n")
        table(
            (
                "Purpose",
                "Basis",
                "Yes",
                "No",
                "Withdrawn",
                "Nothing said",
                "Customers",
                "So its data is used",
            ),
            [
                (row["purpose"].capitalize(), row["basis"], *(row[n] for n in names), _used(row))
                for row in heeded
            ],
            right=(2, 3, 4, 5, 6),
            caption="Consent by purpose",
        )
        owed = ", ".join(row["purpose"] for row in told["purposes"] if not row["heeds"])
        tag("p", f"Without asking, because it is owed or agreed: {owed}. Set by purposes.toml.", "note")


def _used(row: dict[str, Any]) -> str:
    if not row["on"]:
        return "not at all"
    return "of everybody" if row["decision"] == "allowed" else str(row["verdict"]).partition(": ")[2]


def _due(page: Page, told: dict[str, Any]) -> None:
    with card("Due to go", "By the periods of retention.toml; it goes once a day while the server runs."):
        if told["wrong"]:
            tag("p", f"Mend the file first: {told['wrong']}")
        elif not told["in_force"]:
            empty(
                "Everything is kept for good.",
                "A file retention.toml in the space's folder says how long what is kept.",
            )
        elif not told["due"]:
            empty("Nothing is due now.")
        else:
            rows = [(CLASSES[r["what"]], r["source"], r["month"], r["n"]) for r in told["due"]]
            table(("What", "Source", "Month", "Rows"), rows, right=(3,), caption="Due to go")
            n = sum(r["n"] for r in told["due"])
            with tag("div", classes="row"):
                ask_words(
                    page, "Let it go now", f"Let {words.count(n, 'row')} go for good?", "Why now",
                    lambda who, said: retention.retire(page.space.ground, actor=who.name, why=said), "Gone; files that held it follow within an hour",
                    Action.ERASE,
                )  # fmt: skip


def _restrictions(page: Page, found: list[dict[str, Any]]) -> None:
    said = "Kept, and left out of figures, models, playbooks, messages, exports, SQL and pages (article 18)."
    with card("Restricted", said):
        if not found:
            empty("Nobody's data is restricted.", "By command: allears restrict add WHO --why REASON")
            return
        rows = [
            (
                words.day(r["since"]),
                partial(draw_whom, r["customers"]),
                r["why"],
                partial(_lift, page, r["restriction"]),
            )
            for r in found
        ]
        table(("Since", "Of whom", "Why", "Next"), rows, caption="Restrictions", classes="cards")


def _lift(page: Page, restriction: str) -> None:
    ask_words(
        page, "Lift", "How was the person told that it is lifted?", "Such as: by letter of 3 May; the law wants it before",
        lambda who, said: restricting.lift(page.space.ground, restriction, told=said, actor=who.name), "Lifted: the data is used again",
    )  # fmt: skip


def _holds(page: Page, found: list[dict[str, Any]]) -> None:
    with card("Legal holds", "What is held is neither erased nor due."):
        with tag("div", classes="row"):
            ask_form(
                page, "Put a hold on", "Whose data must be kept?",
                (Line("E-mail, phone, user id, handle or customer id"), Line("Why", "Such as: claim 12 of May")),
                lambda who, said: holds.put_hold(page.space.ground, page.space.customer(said[0]).id, why=said[1], actor=who.name), "Held",
            )  # fmt: skip
        if not found:
            empty("Nothing is held.")
            return
        rows = [
            (
                words.day(h["since"]),
                partial(draw_whom, h["customers"]),
                h["why"],
                partial(_end, page, h["hold"]),
            )
            for h in found
        ]
        table(("Since", "Of whom", "Why", "Next"), rows, caption="Legal holds", classes="cards")


def _end(page: Page, hold: str) -> None:
    ask_words(
        page, "End", "Why does the hold end?", "Such as: the claim was withdrawn",
        lambda who, said: holds.end_hold(page.space.ground, hold, actor=who.name, why=said), "Ended", Action.ERASE,
    )  # fmt: skip


def _redaction(now: dict[str, Any]) -> None:
    with card("Quality of redaction", "Judged by people on a random sample of what is stored."):
        if not now["n"]:
            empty("Nobody has judged texts under the present rules yet.")
        else:
            missed = now["missed"]
            tag(
                "p",
                f"Something was missed in {missed['share']:.1%} of {words.count(now['n'], 'text')} (95 % interval {missed['low']:.1%} to {missed['high']:.1%}).",
            )
        link("Judge texts", "/privacy/redaction")


def _keys(keys: dict[str, Any]) -> None:
    layers = keys["layers"]
    with card("Keys and their age"):
        facts(
            [
                ("Space's key comes from", f"{layers['space']['from']} ({layers['space']['fingerprint']})"),
                ("Space's key replaced", _renewed(layers["space"])),
                ("Customers' keys renewed", _renewed(layers["customers"])),
                ("Signing key renewed", _renewed(layers["signing"])),
                ("Customers with a key of their own", keys["customers"]),
                ("Oldest of these", words.day(keys["oldest"]) if keys["oldest"] else "none yet"),
                ("Keys destroyed", keys["destroyed"]),
                ("Keys of programs", keys["api"]),
                ("Oldest of those", words.day(keys["oldest_api"]) if keys["oldest_api"] else "none yet"),
            ]
        )


def _renewed(layer: dict[str, Any]) -> str:
    if layer["since"] is None:
        return "never"
    return words.day(layer["since"]) + ("" if layer["done"] else ", not finished: run it again")


def _audit(audit: dict[str, Any]) -> None:
    head = audit["head"]
    with card("The audit"):
        facts(
            [
                ("Entries", audit["entries"]),
                (
                    "Last signed head",
                    f"{words.time(head['at'])}, {head['size']:,} entries" if head else "none yet",
                ),
                ("Also noted outside", "yes" if audit["outside"] else "no: set heads_file"),
            ]
        )
        if head:
            tag("p", f"Root {head['root']}", "note digest")
        tag("p", f"Public key {audit['key']}", "note digest")


def _erasures(page: Page, told: dict[str, Any]) -> None:
    with card("Erasures", words.count(told["n"], "receipt was given", "receipts were given")):
        if not told["newest"]:
            empty("Nobody was erased yet.")
        rows = [
            (
                words.time(e["at"]),
                e["customer"],
                e["what"],
                e["signals"],
                e["keys"],
                e["recipients"],
                partial(_receipt, page, e["number"]),
            )
            for e in told["newest"]
        ]
        if rows:
            names = (
                "When",
                "Pseudonym",
                "What",
                "Signals emptied",
                "Keys destroyed",
                "Recipients told",
                "Next",
            )
            table(names, rows, right=(3, 4, 5), caption="Erasures", classes="cards")
        if told["told"]:
            notices = [
                (
                    words.time(t["put_at"]),
                    t["destination"],
                    words.time(t["sent_at"]) if t["sent_at"] else t["state"],
                )
                for t in told["told"]
            ]
            tag("h3", "Who was told (article 19)")
            table(("Since", "Recipient", "Arrived"), notices, caption="Notices of erasures")


def _receipt(page: Page, number: int) -> None:
    async def hand_out() -> None:
        await page.sure(Action.SERVE_RIGHTS)
        ground = page.space.ground
        content = await asyncio.to_thread(give_again, ground.desk, ground.audit, number)
        ui.download.content(content, f"receipt-{number}.json", "application/json")

    button("Receipt", hand_out, "small")


def _closed(found: list[dict[str, Any]]) -> None:
    if found:
        with tag("details", classes="card"):
            tag("summary", f"Answered lately: {len(found)}")
            rows = [(words.day(r["closed_at"]), KINDS[r["kind"]], r["state"], r["outcome"]) for r in found]
            table(("Closed", "What", "State", "Outcome"), rows, caption="Requests that are closed")
