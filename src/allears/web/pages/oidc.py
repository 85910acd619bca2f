"""The way to the company's provider and back."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from allears.errors import AllearsError, NotFound
from allears.guard.oidc import ASKED_SECONDS, BACK, Provider
from allears.guard.sight import sight_of_groups
from allears.journey import rules
from allears.web.pages.frame import Door
from allears.web.pages.login import local, log_in
from allears.web.who import remember

PATH = "/login/oidc"
KEPT = "allears_oidc"


def register(door: Door) -> None:
    """Add the routes; without a provider they lead nowhere."""
    space, chosen = door.space, door.space.settings.oidc
    provider = (
        Provider(
            chosen,
            os.environ.get(chosen.secret_env, ""),
            space.ground.vault,
            space.ground.clock,
            lambda groups: sight_of_groups(rules.sights(space.ground), groups),
        )
        if chosen.issuer
        else None
    )

    @door.app.get(PATH, include_in_schema=False)
    async def leave(request: Request) -> Response:
        if provider is None:
            raise NotFound("no provider is set", place="oidc")
        target = local(request.query_params.get("next", "/"))
        try:
            url, kept = await asyncio.to_thread(provider.leave, target)
        except AllearsError as error:
            return log_in(door, request, target, error.message.capitalize(), 503)
        response = RedirectResponse(url, status_code=303)
        # Lax: it has to come along when the provider sends the browser back.
        response.set_cookie(
            KEPT,
            base64.urlsafe_b64encode(kept).decode(),
            max_age=ASKED_SECONDS,
            path=PATH,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    @door.app.get(BACK, include_in_schema=False)
    async def back(request: Request) -> Response:
        if provider is None:
            raise NotFound("no provider is set", place="oidc")
        try:
            kept = base64.urlsafe_b64decode(request.cookies.get(KEPT, ""))
        except (binascii.Error, ValueError):
            kept = b""
        try:
            principal, target = await asyncio.to_thread(provider.back, kept, dict(request.query_params))
        except AllearsError as error:
            await asyncio.to_thread(space.ground.audit.record, "nobody", "login.failed", "oidc")
            response = log_in(door, request, "/", error.message.capitalize(), 403)
        else:
            response = RedirectResponse(target, status_code=303)
            token = await asyncio.to_thread(space.sessions.start, principal)
            remember(response, request, token, hours=space.settings.guard.session_hours)
            await asyncio.to_thread(
                space.ground.audit.record, principal.name, "login", principal.name, detail={"by": "oidc"}
            )
        response.delete_cookie(KEPT, path=PATH, httponly=True, samesite="lax")
        return response
