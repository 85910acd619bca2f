"""The second factor: a code after the password, an authenticator set up, or taken away. Plain forms, as the log-in's."""

from __future__ import annotations

import asyncio
from html import escape
from typing import NamedTuple

import segno
from fastapi import Request
from starlette.responses import RedirectResponse, Response

from allears.errors import AllearsError
from allears.guard.access import Role, make_principal
from allears.web.pages.frame import Door
from allears.web.pages.login import local, log_in, plain, read_form
from allears.web.site import of_this_site, public_origins
from allears.web.who import cookie_of, remember

PATH = "/login/factor"
CODE = """<form method="post" action="/login/factor"><input type="hidden" name="next" value="{next}">
<label>{label}<input type="text" name="code" autocomplete="one-time-code" autofocus required maxlength="64"></label>
<button class="button main" type="submit">{button}</button></form>"""
ENROL = """<p>{why} Read this with an authenticator, then type the code it shows.</p>
<img class="qr" alt="The secret, for an authenticator to read" src="{picture}">
<details><summary>It cannot read pictures?</summary><p class="note">Type this secret into it: <code>{secret}</code></p></details>"""
SHOWN = """<p>From now on your password alone opens nothing. Should you lose the authenticator, each of these lets you in once. They are shown once:
print them, or keep them where your passwords are.</p><pre class="original">{codes}</pre><p><a class="button main" href="{next}">I have kept them</a></p>"""


class _Visit(NamedTuple):
    user: str
    stage: str
    token: str


def register(door: Door) -> None:
    """Add the routes."""
    space, ours = door.space, public_origins(door.space.settings)

    def visit(request: Request) -> _Visit | None:
        token = request.cookies.get(cookie_of(request), "")
        waiting = space.sessions.waiting(token) if token else None
        if waiting is not None:
            return _Visit(*waiting, token)
        principal = space.sessions.who(token) if token else None
        user = principal.name.removeprefix("user:") if principal else ""
        known = next((one for one in space.logins.list() if one.name == user), None) if user else None
        return _Visit(user, "end" if known.factor_since else "begin", token) if known else None

    def shown(request: Request, who: _Visit, target: str, complaint: str = "") -> Response:
        status = 403 if complaint else 200
        form = {"next": escape(target)}
        if who.stage == "code":
            body = CODE.format(
                **form, label="Code of your authenticator, or a recovery code", button="Log in"
            )
            return plain(door, request, "One more step", body, complaint=complaint, status=status)
        if who.stage == "end":
            left = space.factors.left(who.user)
            body = f"<p>Your second factor is on; {left} recovery codes are left. To move to another authenticator, end it and begin anew.</p>"
            body += CODE.format(**form, label="Code, or a recovery code", button="End it")
            return plain(
                door,
                request,
                "Second factor",
                body,
                title="Second factor",
                complaint=complaint,
                status=status,
            )
        made = space.factors.begin(who.user)
        why = "Your role needs a second factor." if who.stage == "enrol" else "Set up a second factor."
        picture = segno.make(made.uri, error="m").svg_data_uri(scale=4, border=3, light="#fff")
        body = ENROL.format(why=why, picture=escape(picture), secret=made.secret)
        body += CODE.format(**form, label="Code it shows now", button="Switch it on")
        return plain(
            door, request, "Second factor", body, title="Second factor", complaint=complaint, status=status
        )

    @door.app.get(PATH, include_in_schema=False)
    async def ask(request: Request) -> Response:
        who = await asyncio.to_thread(visit, request)
        if who is None:
            return RedirectResponse("/login", status_code=303)
        return await asyncio.to_thread(
            shown, request, who, local(request.query_params.get("next", "/account"))
        )

    @door.app.post(PATH, include_in_schema=False)
    async def take(request: Request) -> Response:
        who = await asyncio.to_thread(visit, request) if of_this_site(request.scope, ours) else None
        if who is None:
            return log_in(door, request, "/", "That took too long: log in again", 403)
        form = await read_form(request)
        return await asyncio.to_thread(
            taken, request, who, form.get("code", ""), local(form.get("next", "/"))
        )

    def taken(request: Request, who: _Visit, code: str, target: str) -> Response:
        audit, actor = space.ground.audit.record, f"user:{who.user}"
        try:
            if who.stage in ("code", "end"):
                how, made = space.factors.check(who.user, code), []
            else:
                how, made = "code", space.factors.confirm(who.user, code)
        except AllearsError as error:
            audit("nobody" if who.stage in ("code", "enrol") else actor, "factor.failed", who.user)
            return shown(request, who, target, error.message.capitalize())
        if who.stage == "end":
            space.factors.end(who.user)
            audit(actor, "factor.end", who.user)
            return RedirectResponse("/account", status_code=303)
        if made:
            audit(actor, "factor.on", who.user)
            body = SHOWN.format(codes="\n".join(made), next=escape(target))
            response: Response = plain(door, request, "Recovery codes", body, title="Recovery codes")
        else:
            response = RedirectResponse(target, status_code=303)
        if who.stage in ("code", "enrol"):
            enter(request, response, who)
            audit(actor, "login", actor, detail={"factor": how})
        return response

    def enter(request: Request, response: Response, who: _Visit) -> None:
        # A new token: the one that waited was in the browser before anything was proven.
        space.sessions.end(who.token)
        one = next(one for one in space.logins.list() if one.name == who.user)
        principal = make_principal("user", one.name, Role(one.role), one.partner, one.sight)
        token = space.sessions.start(principal)
        remember(response, request, token, hours=space.settings.guard.session_hours)
