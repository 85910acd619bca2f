"""Log in and out: plain forms, so that they work before anything else has loaded."""

from __future__ import annotations

import asyncio
from functools import partial
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from allears.errors import NotAllowed
from allears.web.pages.frame import STYLE_PATH, Door
from allears.web.site import of_this_site, public_origins
from allears.web.who import address_of, cookie_of, forget, remember

if TYPE_CHECKING:
    from allears.guard.access import Principal

LONGEST_FORM = 10_000
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · {space} · Allears</title><link rel="stylesheet" href="{style}"></head>
<body class="{dark}"><main class="login"><section class="card"><div><h1>{heading}</h1><p class="note">{space}</p></div>
{complaint}{body}</section></main></body></html>"""
ASK = """<form method="post" action="/login"><input type="hidden" name="next" value="{next}">
<label>Name<input type="text" name="name" autocomplete="username" autofocus required maxlength="64"></label>
<label>Password<input type="password" name="password" autocomplete="current-password" required maxlength="1024"></label>
<button class="button main" type="submit">Log in</button></form>
<p class="note">No user yet? On the machine itself: <code>allears users add NAME --role ROLE</code>, or open the link that
<code>allears serve</code> prints.</p>"""


def register(door: Door) -> None:
    """Add the routes."""
    space, ours = door.space, public_origins(door.space.settings)

    @door.app.get("/login", include_in_schema=False)
    async def ask(request: Request) -> Response:
        return log_in(door, request, request.query_params.get("next", "/"))

    @door.app.post("/login", include_in_schema=False)
    async def enter(request: Request) -> Response:
        if not of_this_site(request.scope, ours):
            return log_in(door, request, "/", "That form came from another site", 403)
        form = await read_form(request)
        try:
            principal: Principal = await asyncio.to_thread(
                space.logins.check,
                form.get("name", ""),
                form.get("password", ""),
                address=address_of(request),
            )
        except NotAllowed as error:
            await asyncio.to_thread(space.ground.audit.record, "nobody", "login.failed", form.get("name", ""))
            return log_in(door, request, form.get("next", "/"), error.message.capitalize(), 403)
        target = local(form.get("next", "/"))
        needs = await asyncio.to_thread(space.factors.needs, principal.name.removeprefix("user:"))
        if needs:
            response = RedirectResponse(f"/login/factor?next={quote(target, safe='')}", status_code=303)
            token = await asyncio.to_thread(partial(space.sessions.start, principal, needs=needs))
            remember(response, request, token, hours=1)
            return response
        response = RedirectResponse(target, status_code=303)
        token = await asyncio.to_thread(space.sessions.start, principal)
        remember(response, request, token, hours=space.settings.guard.session_hours)
        await asyncio.to_thread(space.ground.audit.record, principal.name, "login", principal.name)
        return response

    @door.app.post("/logout", include_in_schema=False)
    async def leave(request: Request) -> Response:
        response = RedirectResponse("/login", status_code=303)
        if of_this_site(request.scope, ours):
            if token := request.cookies.get(cookie_of(request)):
                await asyncio.to_thread(space.sessions.end, token)
            forget(response, request)
        return response


def local(target: str) -> str:
    r"""Keep a redirect inside: a path of this site, else the first page.

    Examples
    --------
    >>> local("/issues?view=all"), local("//evil.example"), local("https://evil.example/"), local("/\\evil.example")
    ('/issues?view=all', '/', '/', '/')
    """
    parts = urlsplit(target)
    inside = (
        target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    )
    return target if inside and not parts.scheme and not parts.netloc else "/"


async def read_form(request: Request) -> dict[str, str]:
    """Read a form; one that is too large is empty."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
            return {}
    return {
        name: values[0]
        for name, values in parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True).items()
    }


def plain(
    door: Door,
    request: Request,
    heading: str,
    body: str,
    *,
    title: str = "Log in",
    complaint: str = "",
    status: int = 200,
) -> HTMLResponse:
    """Answer a page that needs no script. What is in ``body`` is markup."""
    told = f'<p class="chip bad" role="alert">{escape(complaint)}</p>' if complaint else ""
    dark = "body--dark" if request.cookies.get("allears_theme") == "dark" else ""
    html = PAGE.format(
        space=escape(door.space.name),
        style=STYLE_PATH,
        dark=dark,
        complaint=told,
        heading=heading,
        title=title,
        body=body,
    )
    # The form says where it came from: `policy.WITH_FORMS`.
    return HTMLResponse(html, status, headers={"Cache-Control": "no-store", "Referrer-Policy": "same-origin"})


def log_in(door: Door, request: Request, target: str, complaint: str = "", status: int = 200) -> Response:
    """Ask for name and password."""
    body = ASK.format(next=escape(local(target)))
    if door.space.settings.oidc.issuer:
        there = f"/login/oidc?next={quote(local(target), safe='')}"
        body = f'<a class="button main" href="{escape(there)}">Log in with your company account</a>{body}'
    return plain(door, request, "Allears", body, complaint=complaint, status=status)
