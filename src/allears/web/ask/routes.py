"""The doors at which customers answer our surveys. Nobody logs in: a signed link is the right to answer once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from allears.act.survey import LANGUAGES, Survey, fallback, words_in
from allears.errors import AllearsError, NotFound, Refused
from allears.journey.answering import Opened
from allears.lake import InboxFull
from allears.listen.answers import Answer
from allears.web.ask.pace import Pace
from allears.web.ask.page import STYLE, STYLE_NAME, Problem, View, form, note, problems_of, say
from allears.web.who import address_of

if TYPE_CHECKING:
    from allears.space import Space

MOST_BYTES = 256 * 1024
_LANGUAGE = re.compile(r"\s*([A-Za-z]{2})(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q=([0-9.]+))?\s*$")
_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
Endpoint = Callable[[Request], Awaitable[Response]]


def ask_routes(space: Space) -> list[Route]:
    """List the routes of our own surveys."""
    door = _Door(space)
    return [
        Route(f"/ask/{STYLE_NAME}", _asset(STYLE, "text/css", kept=True)),
        Route("/ask/embed.js", _asset(_script("embed.js"), "text/javascript")),
        Route("/ask/frame.js", _asset(_script("frame.js"), "text/javascript")),
        Route("/ask/open/{survey}", door.public, methods=["GET", "POST"]),
        Route("/ask/embed/{survey}", door.embedded, methods=["GET", "POST"]),
        Route("/ask/{token}", door.personal, methods=["GET", "POST"]),
    ]


class _Door:
    def __init__(self, space: Space) -> None:
        self._space = space
        self._pace = Pace()
        self._home = urlsplit(space.settings.ask.url).path.rstrip("/")

    async def personal(self, request: Request) -> Response:
        try:
            opened = await asyncio.to_thread(self._space.answering.open, request.path_params["token"])
        except AllearsError:
            return self._gone(request)
        view = self._view(request, opened.survey, f"/ask/{request.path_params['token']}", opened.language)
        return await self._serve(request, opened, view, "link")

    async def public(self, request: Request) -> Response:
        return await self._anonymous(request, "open")

    async def embedded(self, request: Request) -> Response:
        return await self._anonymous(request, "embed")

    async def _anonymous(self, request: Request, by: str) -> Response:
        name, answering = request.path_params["survey"], self._space.answering
        try:
            visit = await asyncio.to_thread(answering.visit, name)
            opened = answering.open_visit(name, visit)
        except AllearsError:
            return self._gone(request)
        view = self._view(request, opened.survey, f"/ask/{by}/{name}", None, inside=by == "embed")
        return await self._serve(request, opened, view, by, visit)

    async def _serve(
        self, request: Request, opened: Opened, view: View, by: str, visit: str = ""
    ) -> Response:
        if opened.state != "open":
            return _page(note(view, opened.state), opened.survey, view, 410)
        if request.method != "POST":
            return _page(
                form(opened.survey, view, personal=opened.personal, visit=visit), opened.survey, view
            )
        try:
            given = await _given(request)
        except (Refused, ClientDisconnect):
            return self._gone(request, 400)
        if given.get("lang") in opened.survey.languages():
            view = view._replace(language=given["lang"])
        if not opened.personal:
            try:
                opened = self._space.answering.open_visit(opened.survey.name, given.get("visit", ""))
            except NotFound:
                return self._gone(request)
            visit = given["visit"]
            if opened.state != "open":
                return _page(note(view, "ended"), opened.survey, view, 410)
        problems = problems_of(opened.survey, view, given, personal=opened.personal)
        if problems:
            drawn = form(
                opened.survey, view, personal=opened.personal, given=given, problems=problems, visit=visit
            )
            return _page(drawn, opened.survey, view, 422)
        if not opened.personal and not self._pace.allow(address_of(request), opened.survey.answers_an_hour):
            late = _page(note(view, "again"), opened.survey, view, 429)
            late.headers["Retry-After"] = "3600"
            return late
        return await self._take(opened, view, given, by, visit)

    async def _take(self, opened: Opened, view: View, given: dict[str, str], by: str, visit: str) -> Response:
        answering = self._space.answering
        try:
            done = await asyncio.to_thread(
                answering.answer, opened, _answers(opened, given), language=view.language, by=by
            )
            await asyncio.wrap_future(done)
        except InboxFull:
            busy = [Problem(opened.survey.questions[0].id, say(view.language, "busy_more"))]
            drawn = form(
                opened.survey, view, personal=opened.personal, given=given, problems=busy, visit=visit
            )
            late = _page(drawn, opened.survey, view, 429)
            late.headers["Retry-After"] = "2"
            return late
        await asyncio.to_thread(answering.settle, opened)
        own = words_in(opened.survey.thanks, view.language, view.company) if opened.survey.thanks else ""
        return _page(note(view, "thanks", own=own), opened.survey, view)

    def _view(
        self, request: Request, survey: Survey, here: str, told: str | None, *, inside: bool = False
    ) -> View:
        chosen = request.query_params.get("lang") or told or _preferred(request, survey)
        return View(fallback(survey, chosen), self._space.name, self._home + here, self._home, inside)

    def _gone(self, request: Request, status: int = 404) -> Response:
        # Says nothing of the space: whoever tries links learns nothing, not even whose they are.
        language = next((one for one in _accepted(request) if one in LANGUAGES), "en")
        return _page(note(View(language, "", "", self._home), "missing"), None, None, status)


def _answers(opened: Opened, given: dict[str, str]) -> list[Answer]:
    found = []
    for question in opened.survey.asked(opened.personal):
        value = given.get(question.id, "").strip()
        if value and question.scale is not None:
            found.append(Answer(question.id, question.scale, int(value)))
        elif value and question.consent is not None:
            found.append(Answer(question.id, consent=question.consent, said=value == "yes"))
        elif value:
            found.append(Answer(question.id, text=value))
    return found


async def _given(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise Refused(f"the form is larger than {MOST_BYTES >> 10} KB", place="body")
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=100, errors="strict"))
    except ValueError:
        raise Refused("expected a form", place="body") from None


def _preferred(request: Request, survey: Survey) -> str | None:
    whole = survey.languages()
    return next((one for one in _accepted(request) if one in whole), None)


def _accepted(request: Request) -> list[str]:
    found = []
    for place, part in enumerate(request.headers.get("accept-language", "")[:400].split(",")):
        if match := _LANGUAGE.match(part):
            weight = float(match[2]) if match[2] and re.fullmatch(r"[01](\.\d{1,3})?", match[2]) else 1.0
            found.append((-weight, place, match[1].lower()))
    return [language for _, _, language in sorted(found)]


def _page(html: str, survey: Survey | None, view: View | None, status: int = 200) -> Response:
    inside = view is not None and view.inside and survey is not None
    around = " ".join(survey.origins) if inside and survey is not None and survey.origins else "'none'"
    policy = _POLICY + ("script-src 'self'; " if inside else "") + f"frame-ancestors {around}"
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Robots-Tag": "noindex, nofollow",
        "Vary": "Accept-Language",
    }
    return Response(html, status, headers, media_type="text/html; charset=utf-8")


def _script(name: str) -> str:
    return files("allears.web.ask").joinpath(name).read_text("utf-8")


def _asset(text: str, kind: str, *, kept: bool = False) -> Endpoint:
    headers = {"Cache-Control": "public, max-age=31536000, immutable" if kept else "public, max-age=3600"}

    async def asset(_: Request) -> Response:
        return Response(text, headers=headers, media_type=f"{kind}; charset=utf-8")

    return asset
