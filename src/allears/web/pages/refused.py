"""Refused rows: one line for each source and reason, opened to its rows; a look at one; another try."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from nicegui import ui

from allears.errors import AllearsError
from allears.guard.access import Action
from allears.journey import mending, refused
from allears.journey.ground import Ground
from allears.journey.refused import Replayed, Wanted
from allears.show import words
from allears.web.pages.frame import Door, Page
from allears.web.pages.pieces import button, card, empty, link, tag
from allears.web.pages.why import ask_why

PATH = "/channels/refused"
ROWS, GROUPS = 25, 100


def register(door: Door) -> None:
    """Open the page."""
    door.page(PATH, "Refused rows", Action.SEE_HEALTH, build)


async def build(page: Page) -> None:
    """Draw it."""
    given = page.request.query_params
    with tag("div", classes="head"):
        link("Channels", "/channels", "over")
        tag("h1", "Refused rows")
    await _Refused(page, Wanted(given.get("source") or None, given.get("reason") or None)).draw()


class _Refused:
    """What one reader sees: drawn once, and anew after each try, so that an opened line stays open meanwhile."""

    def __init__(self, page: Page, wanted: Wanted) -> None:
        self.page, self.wanted = page, wanted
        self.said = tag("div", role="status")
        self.box = tag("div", classes="stack")
        self.may_try = page.may(Action.REPLAY_REFUSED)
        self.may_look = page.may(Action.OPEN_SEALED)

    async def draw(self) -> None:
        """Ask what waits, and draw it."""
        ground = self.page.space.ground
        every = await asyncio.to_thread(refused.groups, ground)
        one = self.wanted.source if self.may_try else None
        mapping = await asyncio.to_thread(mending.mapping_text, ground, one) if one else None
        self.box.clear()
        with self.box:
            self._all(every)
            if mapping is not None and every:
                self._mapping(str(one), mapping)

    def _all(self, every: list[dict[str, Any]]) -> None:
        if not every:
            with card("No refused row waits"):
                empty("What is not accepted is kept here, sealed, with place and reason.")
            return
        _filters(every, self.wanted)
        shown = [
            g
            for g in every
            if self.wanted.source in (None, g["source"]) and self.wanted.reason in (None, g["reason"])
        ]
        if not shown:
            with card("Nothing like that waits"):
                link("Show all refused rows", PATH)
            return
        sources, reasons = ({g[name] for g in shown} for name in ("source", "reason"))
        with tag("div", classes="spread"):
            tag(
                "p",
                f"{words.count(sum(g['n'] for g in shown), 'row')} from {words.count(len(sources), 'source')}, "
                f"for {words.count(len(reasons), 'reason')}. Each is kept, sealed, until it is accepted.",
                "lead",
            )
            if self.may_try and self.wanted.source and len(shown) > 1:
                self._try(f"Try all of {self.wanted.source} again", Wanted(self.wanted.source), "main")
        for group in shown[:GROUPS]:
            self._group(group)
        if len(shown) > GROUPS:
            tag("p", f"The {GROUPS} most frequent of {len(shown):,}; choose a source to see others.", "note")
        if not (self.may_try and self.may_look):
            role = self.page.principal.role
            tag(
                "p",
                f"Engineers try rows again, privacy officers look at one; you are here as {role}.",
                "note",
            )

    def _group(self, group: dict[str, Any]) -> None:
        wanted = Wanted(group["source"], group["reason"])
        first, latest = words.time(group["first_at"]), words.time(group["last_at"])
        when = latest if first == latest else f"{first} to {latest}"
        reason = group["reason"]
        with tag("section", classes="card"):
            with tag("div", classes="spread"):
                with tag("div"):
                    tag("h2", reason[:1].upper() + reason[1:])
                    tag("p", f"{words.count(group['n'], 'row')} from {group['source']}, {when}", "note")
                if self.may_try:
                    self._try("Try again", wanted, "small")
            with tag("details") as details:
                tag("summary", "Show the row" if group["n"] == 1 else f"Show the {group['n']:,} rows")
                rows = _Rows(self, wanted)
            details.on("toggle", rows.open)

    def _mapping(self, source: str, text: str) -> None:
        with card(), tag("details"):
            tag("summary", f"How rows of {source} are read")
            with tag("div", classes="stack"):
                field = ui.textarea(value=text).props("borderless autogrow aria-label='Mapping, as TOML'")
                field.classes("sql")

                def keep(ground: Ground, actor: str) -> Replayed:
                    mending.mend(ground, source, str(field.value), actor=actor)
                    return refused.replay(ground, Wanted(source), actor=actor)

                self._put("Keep it, and try all again", keep, "main")

    def _try(self, text: str, wanted: Wanted, classes: str) -> None:
        self._put(text, lambda ground, actor: refused.replay(ground, wanted, actor=actor), classes)

    def _put(self, text: str, work: Callable[[Ground, str], Replayed], classes: str) -> None:
        async def again() -> None:
            put.props["disabled"] = True
            try:
                principal = await self.page.sure(Action.REPLAY_REFUSED)
                done = await asyncio.to_thread(work, self.page.space.ground, principal.name)
            except AllearsError as error:
                place = f" - at {error.place}" if error.place else ""
                ui.notify(f"{error.message}{place}", type="negative")
                return
            finally:
                del put.props["disabled"]
            self.page.answers.forget()
            self._say(done)
            await self.draw()

        put = button(text, again, classes)

    def _say(self, done: Replayed) -> None:
        self.said.clear()
        with self.said, card(f"{done.accepted:,} accepted after all, {done.refused:,} still refused"):
            for one in done.reasons:
                tag(
                    "p", f"{words.count(one['n'], 'row')}: {one['reason']}, such as at {one['place']}", "note"
                )


class _Rows:
    """The rows of a line: asked for when it is opened, a few at a time."""

    def __init__(self, whole: _Refused, wanted: Wanted) -> None:
        self.whole, self.wanted = whole, wanted
        self.box = tag("div", classes="rows")
        self.opened = False

    async def open(self) -> None:
        """Show the newest rows, once."""
        if not self.opened:
            self.opened = True
            await self.load(None)

    async def load(self, after: str | None) -> None:
        """Show rows, and a way to earlier ones."""
        ground = self.whole.page.space.ground
        found, following = await asyncio.to_thread(refused.page, ground, self.wanted, limit=ROWS, after=after)
        with self.box:
            for row in found:
                self._row(row)
            if following is not None:

                async def more() -> None:
                    put.delete()
                    await self.load(following)

                put = button("Show earlier rows", more, "small")

    def _row(self, row: dict[str, Any]) -> None:
        with tag("div", classes="refused"):
            tag("span", words.time(row["received_at"]), "when")
            tag("code", row["place"] or "$")
            with tag("div", classes="row"):
                if self.whole.may_look:
                    button("Look at it", lambda: self._look(row, place), "small")
                if self.whole.may_try:
                    self.whole._try("Try again", Wanted(refused=row["refused"]), "small")
            place = tag("div", classes="wide")

    async def _look(self, row: dict[str, Any], place: Any) -> None:
        why = await ask_why()
        if why is None:
            return
        page = self.whole.page
        try:
            principal = await page.sure(Action.OPEN_SEALED)
            found = await asyncio.to_thread(refused.reveal, page.space.ground, principal, row["refused"], why)
        except AllearsError as error:
            ui.notify(error.message, type="negative")
            return
        place.clear()
        with place:
            tag("pre", found["payload"] or "(nothing)", "original")


def _filters(every: list[dict[str, Any]], wanted: Wanted) -> None:
    # A form that the browser sends by itself: each choice has its own address.
    with tag("form", classes="search", action=PATH, method="get"):
        for name, label in (("source", "Every source"), ("reason", "Every reason")):
            counted: Counter[str] = Counter()
            for group in every:
                counted[group[name]] += group["n"]
            select = tag("select", aria_label=label)
            select.props["name"] = name
            with select:
                tag("option", label, value="")
                for value, n in counted.most_common():
                    option = tag("option", f"{value} ({n:,})", value=value)
                    if value == getattr(wanted, name):
                        option.props["selected"] = True
        tag("button", "Show", "button", type="submit")
