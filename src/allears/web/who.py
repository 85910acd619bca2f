"""Who knocks: an API key in a header, or the session of a person who logged in. Denied until a role allows it."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from starlette.responses import Response

from allears.errors import NotAllowed
from allears.guard.access import Action, Principal, Role, require

if TYPE_CHECKING:
    from allears.space import Space

COOKIE = "allears_session"


def caller(space: Space, request: HTTPConnection, *, acting: bool = True) -> Principal | None:
    """Find who sent a request: ``Authorization: Bearer``, ``Basic`` (Segment's write key), or the log-in cookie.

    Parameters
    ----------
    acting
        Whether somebody does something, rather than a page that looks again by itself.

    Raises
    ------
    NotAllowed
        A key asks more often than it may (429).
    """
    key = key_in(request.headers.get("authorization", ""))
    if key:
        principal = space.keys.check(key)
        if principal is not None:
            space.keys.admit(principal)
        return principal
    token = request.cookies.get(cookie_of(request))
    return space.sessions.who(token, acting=acting) if token else None


def address_of(request: HTTPConnection) -> str:
    """Tell from where a request came; behind a proxy on this machine, what the proxy says."""
    return request.client.host if request.client is not None else ""


def cookie_of(request: HTTPConnection) -> str:
    """Name the log-in cookie; over TLS with a prefix that keeps other hosts of the same domain from setting it."""
    return f"__Host-{COOKIE}" if request.url.scheme in ("https", "wss") else COOKIE


def remember(response: Response, request: HTTPConnection, token: str, *, hours: int) -> None:
    """Give a browser its log-in: unreadable to scripts, over TLS alone where there is TLS, not sent with other sites' forms."""
    response.set_cookie(
        cookie_of(request),
        token,
        max_age=hours * 3600,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def forget(response: Response, request: HTTPConnection) -> None:
    """Take a browser's log-in away."""
    secure = request.url.scheme == "https"
    response.delete_cookie(cookie_of(request), httponly=True, samesite="lax", secure=secure)


def knock(space: Space, request: HTTPConnection, action: Action) -> Principal:
    """Find the caller and ask whether the action is allowed.

    Raises
    ------
    NotAllowed
        Nobody known (401), or no right to this (403).
    """
    principal = caller(space, request)
    if principal is None:
        raise NotAllowed("expected an API key or a log-in", place="authorization", unknown_caller=True)
    require(principal, action)
    return principal


class OneTime:
    """Links printed on the terminal that let their reader in once, so that the first visit needs no password."""

    def __init__(self) -> None:
        self._open: set[str] = set()

    def make(self) -> str:
        """Make a token."""
        token = secrets.token_urlsafe(24)
        self._open.add(token)
        return token

    def use(self, token: str) -> Principal | None:
        """Use a token up."""
        if token not in self._open:
            return None
        self._open.discard(token)
        return Principal("user:local", Role.CIO)


def key_in(header: str) -> str:
    """Read the key in an ``Authorization`` header: a bearer token, or the user of basic authentication."""
    kind, _, value = header.partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
