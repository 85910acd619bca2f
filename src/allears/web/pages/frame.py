"""The frame around every page: who may see it, header, navigation, light and dark, how fresh the data is."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from fastapi import FastAPI, Request
from nicegui import ui
from starlette.responses import RedirectResponse, Response

from allears.errors import AllearsError, NotAllowed, NotFound
from allears.guard.access import Action, Principal, Role, Verdict, allow, require
from allears.guard.mask import mask_columns
from allears.guard.sight import Sight
from allears.journey import seen
from allears.journey.person import Person
from allears.show.words import count, time
from allears.web.errors import status_of
from allears.web.pages.answers import Answers
from allears.web.pages.pieces import card, link, skeleton, tag
from allears.web.who import caller

if TYPE_CHECKING:
    from allears.space import Space
    from allears.web.live import Live

NAVIGATION = (
    ("Pulse", "/", Action.SEE_FIGURES),
    ("Issues", "/issues", Action.SEE_FIGURES),
    ("Cases", "/cases", Action.SEE_CASES),
    ("Customers", "/customers", Action.SEE_CUSTOMERS),
    ("Trust", "/trust", Action.SEE_FIGURES),
    ("Services", "/services", Action.SEE_FIGURES),
    ("Channels", "/channels", Action.SEE_HEALTH),
    ("Explore", "/explore", Action.ASK_SQL),
    ("Privacy", "/privacy", Action.SERVE_RIGHTS),
)
OF_ROWS = ("/issues", "/cases", "/customers", "/explore")
"""Pages that tell each reader of the rows within their sight; the others tell of all together."""
NOTHING = Sight(name="nothing", regions=("",))
REFRESH_SECONDS = 5.0
AT_ONCE_SECONDS = 0.7
STYLE = files("allears.web.pages").joinpath("style.css").read_text("utf-8")
STYLE_PATH = f"/assets/allears-{hashlib.sha256(STYLE.encode()).hexdigest()[:12]}.css"
THEME = "allears_theme"
NEXT_THEME = """(() => {
  const order = ['auto', 'light', 'dark'], now = (document.cookie.match(/allears_theme=(\\w+)/) || [])[1] || 'auto';
  const next = order[(order.indexOf(now) + 1) % 3];
  document.cookie = 'allears_theme=' + next + ';path=/;max-age=31536000;samesite=lax';
  Quasar.Dark.set(next === 'auto' ? 'auto' : next === 'dark');
  document.querySelectorAll('.theme').forEach(b => { b.textContent = {auto: 'Auto', light: 'Light', dark: 'Dark'}[next]; });
})()"""


class Page:
    """One page for one reader: what it may show, and the pieces that fill themselves."""

    def __init__(
        self, space: Space, answers: Answers, request: Request, principal: Principal, sight: Sight
    ) -> None:
        self.space, self.answers, self.request, self.principal = space, answers, request, principal
        self.sight = sight
        self._filled: list[Callable[[], Awaitable[None]]] = []

    @property
    def figures(self) -> bool:
        """Whether figures of the whole company may be shown: not to a partner, nor to who sees some rows only."""
        return self.sight.figures

    def may(self, action: Action) -> bool:
        """Tell whether the reader may do something, as of the page's opening."""
        return allow(self.principal, action).allowed

    @property
    def eyes(self) -> str:
        """Whose sight an answer is told for, so that what is kept for one reader is never shown to another."""
        seen = msgspec.structs.replace(self.sight, hidden=frozenset())
        columns = mask_columns(self.sight.hidden)
        if seen == Sight() and not columns:
            return ""
        told = msgspec.json.encode((seen, sorted(columns)))
        return f":{hashlib.blake2b(told, digest_size=12).hexdigest()}"

    def eyes_on(self, person: Person) -> str:
        """Give the same for one customer, of whom a broken glass may show all."""
        return self.eyes if person.glass is None else f":{person.glass.id}"

    async def sure(self, action: Action | None) -> Principal:
        """Insist, at the moment of acting, that the reader still may.

        Raises
        ------
        NotAllowed
            The log-in ended or the role changed meanwhile.
        """
        principal = await asyncio.to_thread(caller, self.space, self.request)
        if principal is None:
            ui.navigate.to("/login")
            raise NotAllowed("your log-in has ended")
        if action is not None:
            require(principal, action)
        return principal

    async def act(self, action: Action | None, what: Callable[[Principal], Any], done: str) -> Any:
        """Do something for the reader in a thread, tell how it went, and show the page anew."""
        try:
            principal = await self.sure(action)
            result = await asyncio.to_thread(what, principal)
        except AllearsError as error:
            ui.notify(error.message, type="negative")
            return None
        self.answers.forget()
        ui.notify(done, type="positive")
        await self.refresh()
        return result

    async def fill(
        self,
        name: str,
        question: Callable[[], Any],
        draw: Callable[[Any], None],
        *,
        lines: int = 4,
        live: bool = True,
    ) -> None:
        """Draw the answer to a question: at once if it is known soon, else a skeleton first; anew when it changed."""
        await self.fill_from({name: question}, draw, lines=lines, live=live)

    async def fill_from(
        self,
        questions: Mapping[str, Callable[[], Any]],
        draw: Callable[..., None],
        *,
        lines: int = 4,
        live: bool = True,
    ) -> None:
        """Draw what several questions answer, in their order; each is asked once, whoever else on the page needs it."""
        box = tag("div", classes="fill")
        task = asyncio.get_running_loop().create_task(self._ask_all(questions))
        await asyncio.wait({task}, timeout=AT_ONCE_SECONDS)
        shown: list[Any] = []

        def put(found: list[Any]) -> None:
            if box.is_deleted or box.client.is_deleted:
                return
            if len(shown) == len(found) and all(a is b for a, b in zip(shown, found, strict=True)):
                return
            shown[:] = found
            box.clear()
            with box:
                _draw(found, draw)

        async def again() -> None:
            put(await self._ask_all(questions))

        if task.done():
            put(task.result())
        else:
            with box:
                skeleton(lines)

            async def late() -> None:
                put(await task)

            # Outside of the box: drawing clears the box, and with it whatever still runs inside.
            ui.timer(0.05, late, once=True)
        if live:
            self._filled.append(again)

    async def refresh(self) -> None:
        """Ask again for all that is shown; only what changed is drawn anew."""
        await asyncio.gather(*(again() for again in self._filled))

    async def _ask_all(self, questions: Mapping[str, Callable[[], Any]]) -> list[Any]:
        return list(await asyncio.gather(*(self._ask(name, ask) for name, ask in questions.items())))

    async def _ask(self, name: str, question: Callable[[], Any]) -> Any:
        try:
            return await self.answers.ask(name, question)
        except AllearsError as error:
            return error


class Door:
    """Opens pages: each knows its path, its title and the right it needs."""

    def __init__(self, app: FastAPI, space: Space, live: Live) -> None:
        self.app, self.space, self.answers = app, space, Answers(space, live)

        @app.get(STYLE_PATH, include_in_schema=False)
        def style() -> Response:
            return Response(
                STYLE, media_type="text/css", headers={"Cache-Control": "public, max-age=31536000, immutable"}
            )

    def page(
        self,
        path: str,
        title: str,
        action: Action | None,
        build: Callable[..., Awaitable[None]],
        *,
        narrowed: bool = False,
    ) -> None:
        """Add a page.

        Parameters
        ----------
        action
            The right it needs; ``None`` for what everybody who is logged in has of their own.
        build
            Awaited with the `Page`, and with what the path holds.
        narrowed
            Whether it tells each reader of the rows within their sight, so that who sees some only may open it.
        """

        async def opened(request: Request) -> Response | None:
            principal = await asyncio.to_thread(caller, self.space, request)
            if principal is None:
                return RedirectResponse(f"/login?next={quote(request.url.path)}", status_code=303)
            verdict = allow(principal, action) if action else Verdict(True, "one's own")
            try:
                mine = await asyncio.to_thread(seen.sight, self.space.ground, principal)
            except AllearsError as error:
                # Not right, or not there any more: nothing is shown rather than everything.
                mine, verdict = NOTHING, Verdict(action is None, error.message)
            if not mine.figures and mine is not NOTHING and not narrowed and path == "/":
                return RedirectResponse("/issues", status_code=303)
            page = Page(self.space, self.answers, request, principal, mine)
            page_title(self.space.name, title)
            if not verdict.allowed or not (narrowed or page.figures):
                _frame(page, title, "")
                with tag("main", classes="page", id="main"), card("This page is not for your role"):
                    rule = (
                        verdict.rule.replace("_", " ")
                        if not verdict.allowed
                        else f"who sees {mine.name} sees its own rows only, and this page tells of all"
                    )
                    tag("p", f"You are logged in as {principal.role}. The rule: {rule}.")
                    tag(
                        "p",
                        "Whoever manages users can give you another role: allears users add NAME --role ROLE.",
                        "note",
                    )
                return _answered(request, 403)
            _frame(page, title, path)
            values = {
                name: request.path_params[name]
                for name in inspect.signature(build).parameters
                if name in request.path_params
            }
            with tag("main", classes="page", id="main"):
                try:
                    await build(page, **values)
                except AllearsError as error:
                    # Told as a page: once NiceGUI has begun, anything that is raised cuts the connection.
                    with card("Not found" if isinstance(error, NotFound) else "This cannot be shown"):
                        tag("p", error.message)
                        link("Back to Pulse", "/")
                    return _answered(request, status_of(error)[0])
            await _foot(page)
            return None

        opened.__name__ = f"page_{title.lower().replace(' ', '_')}"
        # FastAPI hands over path values only to parameters that are named; the request holds them all the same.
        ui.page(path, response_timeout=20)(opened)


def _answered(request: Request, status: int) -> Response:
    response: Response = ui.context.client.build_response(request, status)
    return response


def page_title(space: str, title: str) -> None:
    """Set what the browser's tab says."""
    ui.page_title(f"{title} · {space} · Allears")


def _frame(page: Page, title: str, path: str) -> None:
    ui.add_head_html(f'<link rel="stylesheet" href="{STYLE_PATH}">')
    chosen = page.request.cookies.get(THEME, "auto")
    ui.dark_mode({"light": False, "dark": True}.get(chosen))
    ui.colors(primary="#0b6e6e", positive="#1a7f37", negative="#b3261e", dark_page="#12161c", dark="#1a2029")
    tag("a", "Skip to content", "skip", href="#main")
    with tag("header", classes="top"):
        with link("", "/", "brand"):
            tag("span", "Allears", "mark")
            tag("span", page.space.name, "space")
        with tag("nav", classes="main", aria_label="Pages"):
            for text, target, action in NAVIGATION:
                if page.may(action) and (page.figures or target in OF_ROWS):
                    here = link(
                        text,
                        target,
                        "chosen"
                        if target == path or (target != "/" and path.startswith(target + "/"))
                        else "",
                    )
                    if target == path:
                        here.props["aria-current"] = "page"
        with tag("div", classes="who"):
            theme = tag(
                "button",
                chosen.capitalize(),
                "theme",
                type="button",
                title="Colours: as the system, light, dark",
            )
            theme.on("click", js_handler=f"() => {NEXT_THEME}")
            link(f"{page.principal.name.partition(':')[2]} · {_role(page.principal)}", "/account", "name")
            with tag("form", action="/logout", method="post"):
                tag("button", "Log out", type="submit")


def _role(principal: Principal) -> str:
    return f"partner {principal.partner}" if principal.role is Role.PARTNER else str(principal.role)


async def _foot(page: Page) -> None:
    with tag("footer", classes="foot"):
        if page.figures:
            status = await page.answers.ask("counts", page.space.counts)
            counted = tag("span", _fresh(status))
            tag(
                "span",
                "Times are UTC. Estimates carry 95 % intervals; n says how many answers, customers or requests stand behind them.",
            )

            async def beat() -> None:
                # A page that stays open shows nothing more once its log-in has ended or become another.
                now = await asyncio.to_thread(caller, page.space, page.request, acting=False)
                if now != page.principal:
                    ui.navigate.to("/login")
                    return
                counted.text = _fresh(await page.answers.ask("counts", page.space.counts))
                await page.refresh()

            ui.timer(REFRESH_SECONDS, beat, immediate=False)
        else:
            whose = "your organisation" if page.principal.role is Role.PARTNER else page.sight.name
            tag("span", f"Times are UTC. You see what concerns {whose}.")


def _fresh(status: dict[str, Any]) -> str:
    last = max((s["last_at"] for s in status["sources"] if s["last_at"]), default=None)
    waiting = f", {status['pending']:,} being read" if status["pending"] else ""
    if not isinstance(last, datetime):
        return "No signal yet: allears listen FILE --source NAME takes a file in."
    return f"{status['stored']:,} signals from {count(len(status['sources']), 'source')}, the last taken in {time(last)}{waiting}."


def _draw(found: list[Any], draw: Callable[..., None]) -> None:
    error = next((f for f in found if isinstance(f, AllearsError)), None)
    if error is not None:
        with card("This can not be told now"):
            tag("p", error.message)
        return
    draw(*found)
