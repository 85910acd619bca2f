"""Account: one's own log-ins, and how to end them."""

from __future__ import annotations

from functools import partial

from allears.guard.access import Action, Principal
from allears.guard.sessions import SessionRecord
from allears.show import words
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import button, card, chip, link, table, tag
from allears.web.who import cookie_of

PATH = "/account"


def register(door: Door) -> None:
    """Open the page."""
    door.page(PATH, "Account", None, build, narrowed=True)


async def build(page: Page) -> None:
    """Draw it."""
    with tag("div", classes="head"):
        tag("h1", "Your account")
    user = page.principal.name.removeprefix("user:")
    with card(
        f"You are {user}", f"Role: {page.principal.role}. Whoever manages users sets it, and your password."
    ):
        if page.may(Action.MANAGE_KEYS):
            link("Keys of programs", "/keys")
        if page.may(Action.EXPORT):
            link("Approvals: what needs a second person", "/privacy/approvals")
        if any(one.name == user for one in page.space.logins.list()):
            on = page.space.factors.needs(user) == "code"
            link("Second factor: on" if on else "Set up a second factor", "/login/factor?next=/account")
    # Named for the reader: what one asks is remembered for all who ask the same.
    await page.fill(
        f"sessions of {user}", lambda: page.space.sessions.of(user), partial(_sessions, page, user)
    )


def _sessions(page: Page, user: str, found: list[SessionRecord]) -> None:
    sessions, guarded = page.space.sessions, page.space.settings.guard
    here = sessions.id_of(page.request.cookies.get(cookie_of(page.request), ""))
    note = (
        f"A log-in ends after {words.count(guarded.session_idle_minutes, 'minute')} in which you do nothing, "
        f"and after {words.count(guarded.session_hours, 'hour')} in any case. A new password ends them all."
    )
    with card(f"You are logged in at {words.count(len(found), 'place')}", note):
        rows = [
            (
                words.time(one.started_at),
                words.time(one.seen_at),
                words.time(one.expires_at),
                partial(chip, "this one", "good") if one.id == here else partial(_end, page, user, one),
            )
            for one in found
        ]
        table(("Since", "Last act", "Ends at the latest", ""), rows, caption="Your log-ins")
        if len(found) > 1:
            with tag("div", classes="row"):
                button("End all others", partial(_others, page, user), "small")


def _end(page: Page, user: str, one: SessionRecord) -> None:
    def end(_: Principal) -> None:
        page.space.sessions.end_one(user, one.id)
        page.space.ground.audit.record(page.principal.name, "session.end", user, detail={"sessions": 1})

    button("End", lambda: page.act(None, end, "Ended"), "small")


async def _others(page: Page, user: str) -> None:
    def end(_: Principal) -> None:
        token = page.request.cookies.get(cookie_of(page.request), "")
        ended = page.space.sessions.end_all(user, but=token)
        page.space.ground.audit.record(page.principal.name, "session.end", user, detail={"sessions": ended})

    await page.act(None, end, "Ended")
