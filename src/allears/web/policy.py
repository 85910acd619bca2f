"""What a browser may do with our answers, and which pages may open a socket to them."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any

import jinja2
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from allears.web.door import HEADERS
from allears.web.site import of_this_site

# Nothing in it runs, loads or is framed: what is no page of ours says so.
NOTHING = b"default-src 'none'; base-uri 'none'; form-action 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
# `unsafe-eval`: the pages' framework compiles its templates and event handlers in the browser.
# `unsafe-inline` for styles alone: it writes them into the page and into attributes.
PAGE = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; script-src-attr 'none'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; frame-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# Under `no-referrer` a browser says "null" of where a form came from, which a page of another site can make it say too.
WITH_FORMS = (b"referrer-policy", b"same-origin")
STRICT_TLS = (b"strict-transport-security", b"max-age=31536000")
SOCKET = "/_nicegui_ws"


class SafeHeaders:
    """Adds the headers that keep a browser careful; turns away sockets of other sites. Plain ASGI, because doors are busy."""

    def __init__(self, app: ASGIApp, public: Collection[str] = ()) -> None:
        self._app, self._public = app, public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with headers on the way back."""
        kind = scope["type"]
        if (
            kind in ("http", "websocket")
            and scope["path"].startswith(SOCKET)
            and not of_this_site(scope, self._public)
        ):
            await _turn_away(kind, send)
            return
        if kind != "http":
            await self._app(scope, receive, send)
            return
        # Handed to the page's template; a new one for each request, so that nobody can know it beforehand.
        nonce = scope.setdefault("state", {})["nonce"] = secrets.token_urlsafe(16)

        async def safer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_missing(message, scope, nonce)]
            await send(message)

        await self._app(scope, receive, safer)


def give_scripts_their_nonce(environment: jinja2.Environment) -> None:
    """Have each script that stands in a template carry the request's nonce; what is filled in later gets none."""
    if environment.loader is not None and not isinstance(environment.loader, _Nonced):
        environment.loader = _Nonced(environment.loader)


class _Nonced(jinja2.BaseLoader):
    def __init__(self, inner: jinja2.BaseLoader) -> None:
        self._inner = inner

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, Any, Any]:
        source, path, fresh = self._inner.get_source(environment, template)
        # Before anything is filled in: markup that came in with a value is no script of the template's.
        return source.replace("<script", '<script nonce="{{ request.state.nonce }}"'), path, fresh


def _missing(message: Message, scope: Scope, nonce: str) -> list[tuple[bytes, bytes]]:
    given = dict(message["headers"])
    policy = given.get(b"content-security-policy", b"")
    # A page that names who may frame it says it better than the older header can.
    framed = b"frame-ancestors http" in policy
    page = b"x-nicegui-content" in given
    added = [WITH_FORMS] if page else []
    held = {*given, *(name for name, _ in added), *([b"x-frame-options"] if framed else [])}
    added += [header for header in HEADERS if header[0] not in held]
    # What any site may read is read by programs: doors answer the same whichever way a request came to them.
    if not policy and b"access-control-allow-origin" not in given:
        added.append((b"content-security-policy", PAGE.format(nonce=nonce).encode() if page else NOTHING))
    if scope.get("scheme") == "https":
        added.append(STRICT_TLS)
    return added


async def _turn_away(kind: str, send: Send) -> None:
    if kind == "websocket":
        # Closed before it was accepted: the server answers 403.
        await send({"type": "websocket.close", "code": 1008, "reason": "not from this site"})
        return
    await send(
        {"type": "http.response.start", "status": 403, "headers": [*HEADERS, (b"content-length", b"0")]}
    )
    await send({"type": "http.response.body", "body": b""})
