"""The web application: doors that listen, the API, the pages, health and metrics."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from allears.errors import AllearsError
from allears.guard.access import Action, allow
from allears.journey.pulls import Pulls
from allears.web.api import api
from allears.web.ask.routes import ask_routes
from allears.web.describe import door_paths
from allears.web.doors import busy, doors
from allears.web.errors import answer, problem
from allears.web.intake import HEADERS
from allears.web.live import Live
from allears.web.who import COOKIE, OneTime, caller

if TYPE_CHECKING:
    from allears.space import Space

PARTS = frozenset({"listen", "digest", "web"})


def build(space: Space, *, parts: frozenset[str] = PARTS, once: OneTime | None = None) -> FastAPI:
    """Put the application of a space together.

    Parameters
    ----------
    parts
        ``listen`` (doors), ``digest`` (the loop), ``web`` (pages and API); all of them by default.
    once
        Tokens that let their reader in once.
    """
    live = Live(space)
    pulls = Pulls(space.ground, os.environ)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(live.run()) if "digest" in parts else None
        if "listen" in parts:
            pulls.start()
        try:
            yield
        finally:
            live.stop()
            await asyncio.to_thread(pulls.stop)
            if task is not None:
                await task

    app = FastAPI(
        title="Allears",
        lifespan=lifespan,
        # A page that draws it would load its scripts from elsewhere, beside everybody's log-in.
        docs_url=None,
        openapi_url="/api/openapi.json",
        redoc_url=None,
    )
    app.add_exception_handler(AllearsError, _complain)

    app.add_middleware(SafeHeaders)
    app.router.routes.extend(_health(space))
    if "listen" in parts:
        open_doors = doors(space)
        app.router.routes.extend(open_doors)
        app.state.doors = busy(open_doors)
        _describe(app, [path.decode() for path in app.state.doors])
        app.router.routes.extend(ask_routes(space))
    if "web" in parts:
        app.include_router(api(space))
        _once(app, space, once or OneTime())
        from allears.web.pages import pages

        pages(app, space, live)
    return app


def _describe(app: FastAPI, paths: list[str]) -> None:
    made = app.openapi

    def whole() -> dict[str, Any]:
        found = made()
        found["paths"] |= door_paths(paths)
        return found

    app.openapi = whole  # type: ignore[method-assign]


class SafeHeaders:
    """Adds the headers that keep a browser careful; plain ASGI, because doors are busy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with headers on the way back."""

        async def safer(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = dict(message["headers"])
                # A page that names who may frame it says it better than the older header can.
                framed = b"frame-ancestors http" in given.get(b"content-security-policy", b"")
                message["headers"] = [
                    *message["headers"],
                    *(
                        h
                        for h in HEADERS
                        if h[0] not in given and not (framed and h[0] == b"x-frame-options")
                    ),
                ]
            await send(message)

        await self._app(scope, receive, safer if scope["type"] == "http" else send)


async def _complain(_: Request, error: Exception) -> Response:
    return problem(error)


def _once(app: FastAPI, space: Space, once: OneTime) -> None:
    @app.get("/once/{token}", include_in_schema=False)
    async def enter(token: str) -> Response:
        principal = once.use(token)
        if principal is None:
            return RedirectResponse("/login", status_code=303)
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(
            COOKIE, space.logins.start(principal), httponly=True, samesite="lax", max_age=12 * 3600
        )
        return response


def _health(space: Space) -> list[Route]:
    async def alive(_: Request) -> Response:
        return answer({"alive": True})

    async def ready(_: Request) -> Response:
        found = await asyncio.to_thread(space.status)
        return answer({"ready": True, "pending": found["pending"]})

    async def metrics(request: Request) -> Response:
        found = await asyncio.to_thread(space.status)
        lines = []
        for name in ("accepted", "stored", "duplicates", "refused", "pending"):
            kind = "gauge" if name in ("pending", "refused") else "counter"
            lines += [f"# TYPE allears_signals_{name} {kind}", f"allears_signals_{name} {found[name]}"]
        # Counts are for anybody who may reach the port, names of sources for those who may see how each stands.
        who = await asyncio.to_thread(caller, space, request)
        if who is not None and allow(who, Action.SEE_HEALTH).allowed:
            lines.append("# TYPE allears_hooks_rejected counter")
            lines += [
                f'allears_hooks_rejected{{source="{one["source"]}"}} {one["rejected"]}'
                for one in await asyncio.to_thread(space.channels)
            ]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    return [Route("/health/live", alive), Route("/health/ready", ready), Route("/metrics", metrics)]
