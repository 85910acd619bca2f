"""The web application: doors that listen, the API, the pages, health and metrics."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from allears.errors import AllearsError
from allears.guard.access import Action, allow
from allears.journey import hooks
from allears.journey.pulls import Pulls
from allears.web.api import api
from allears.web.ask.routes import ask_routes
from allears.web.describe import door_paths
from allears.web.doors import busy, doors
from allears.web.errors import answer, problem
from allears.web.hosts import KnownHosts, known_names
from allears.web.live import Live
from allears.web.nowhere import answer_programs
from allears.web.policy import SafeHeaders
from allears.web.quiet import keep_values_out
from allears.web.site import public_origins
from allears.web.who import OneTime, caller, remember

if TYPE_CHECKING:
    from allears.space import Space

PARTS = frozenset({"listen", "digest", "web"})
log = logging.getLogger(__name__)


def build(
    space: Space, *, parts: frozenset[str] = PARTS, once: OneTime | None = None, host: str = ""
) -> FastAPI:
    """Put the application of a space together.

    Parameters
    ----------
    parts
        ``listen`` (doors), ``digest`` (the loop), ``web`` (pages and API); all of them by default.
    once
        Tokens that let their reader in once.
    host
        The name it is served on, known besides those in the settings.
    """
    live = Live(space)
    pulls = Pulls(space.ground, os.environ)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(live.run()) if "digest" in parts else None
        counting = asyncio.create_task(_count_rejected(space))
        if "listen" in parts:
            pulls.start()
        try:
            yield
        finally:
            live.stop()
            counting.cancel()
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
    for name in ("nicegui", "uvicorn.error"):
        logging.getLogger(name).addFilter(keep_values_out)

    app.add_middleware(KnownHosts, names=known_names(space.settings, host))
    app.add_middleware(SafeHeaders, public=public_origins(space.settings))
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
    answer_programs(app)
    return app


async def _count_rejected(space: Space) -> None:
    """Write down what was turned away since: the last of a flood is followed by no other that would."""
    while True:
        await asyncio.sleep(hooks.FLUSH_SECONDS)
        try:
            await asyncio.to_thread(hooks.flush_rejected, space.ground)
        except Exception as error:
            # A door: a desk that cannot be written to just now must not end the counting.
            log.warning("rejected requests could not be counted: %s", type(error).__name__)


def _describe(app: FastAPI, paths: list[str]) -> None:
    made = app.openapi

    def whole() -> dict[str, Any]:
        found = made()
        found["paths"] |= door_paths(paths)
        return found

    app.openapi = whole  # type: ignore[method-assign]


async def _complain(_: Request, error: Exception) -> Response:
    return problem(error)


def _once(app: FastAPI, space: Space, once: OneTime) -> None:
    @app.get("/once/{token}", include_in_schema=False)
    async def enter(request: Request, token: str) -> Response:
        principal = once.use(token)
        if principal is None:
            return RedirectResponse("/login", status_code=303)
        response = RedirectResponse("/", status_code=303)
        token = await asyncio.to_thread(space.sessions.start, principal)
        remember(response, request, token, hours=space.settings.guard.session_hours)
        await asyncio.to_thread(space.ground.audit.record, principal.name, "login.once", principal.name)
        return response


def _health(space: Space) -> list[Route]:
    async def alive(_: Request) -> Response:
        return answer({"alive": True})

    async def ready(_: Request) -> Response:
        found = await asyncio.to_thread(space.counts)
        return answer({"ready": True, "pending": found["pending"]})

    async def metrics(request: Request) -> Response:
        found = await asyncio.to_thread(space.counts)
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
