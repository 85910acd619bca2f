"""Which names this server answers to: a strange name that somebody points at it meets no page and no log-in."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from allears.settings import Settings

LOOPBACK = ("localhost",)
# What asks for a key or a vendor's signature in each request, and looks at no cookie: a name protects nothing there.
OF_PROGRAMS = ("/v1/", "/signals", "/hooks/", "/health/", "/metrics")
SAID = msgspec.json.encode(
    {"error": {"code": "refused", "message": "not a name of this server (allowed_hosts)", "place": "host"}}
)


class KnownHosts:
    """Answers 421 to requests for names that are not ours. Plain ASGI."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app, self._names = app, frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, if it is for us."""
        kind = scope["type"]
        if kind not in ("http", "websocket") or scope["path"].startswith(OF_PROGRAMS):
            await self._app(scope, receive, send)
            return
        told = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(told) <= 1 and known(told[0] if told else "", self._names):
            await self._app(scope, receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "not a name of this server"})
        else:
            length = str(len(SAID)).encode()
            head = [(b"content-type", b"application/json"), (b"content-length", length)]
            await send({"type": "http.response.start", "status": 421, "headers": head})
            await send({"type": "http.response.body", "body": SAID})


def known_names(settings: Settings, host: str = "") -> list[str]:
    """List the names a server answers to."""
    told = [urlsplit(url).hostname or "" for url in (settings.ask.url, settings.oidc.url)]
    found = (*LOOPBACK, host, *told, *settings.guard.allowed_hosts)
    return list(dict.fromkeys(name.lower() for name in found if name))


def known(host: str, names: Iterable[str]) -> bool:
    """Tell whether a host header names this server.

    A bare address is let through: nobody can point somebody else's name at us with it, and without a header there is no browser.

    Examples
    --------
    >>> [known(host, ["ears.example", "*.corp.example"]) for host in ("ears.example:8765", "a.corp.example", "[::1]:80", "192.0.2.1")]
    [True, True, True, True]
    >>> [known(host, ["ears.example", "*.corp.example"]) for host in ("evil.example", "corp.example", "ears.example.evil", "ears.example@evil")]
    [False, False, False, False]
    """
    name = _name(host).rstrip(".")
    if not name:
        return not host
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        pass
    return any(name == one or (one.startswith("*.") and name.endswith(one[1:])) for one in names)


def _name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    name, _, port = host.partition(":")
    return name.lower() if not port or port.isdecimal() else ""
