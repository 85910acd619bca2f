"""Addresses that lead nowhere, and methods nobody answers: told to programs as every other error, to browsers as a page."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import Receive, Scope, Send

from allears.errors import NotFound, Refused
from allears.web.errors import problem
from allears.web.hosts import OF_PROGRAMS

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def answer_programs(app: FastAPI) -> None:
    """Have errors of the framework told in our shape; called once all routes are there."""
    app.add_exception_handler(HTTPException, _told)
    app.add_exception_handler(Exception, _failed)
    last = app.router.routes[-1]
    if isinstance(last, Mount) and not last.path:
        # The pages' framework takes whatever comes to it, and draws a page for it.
        app.router.routes.insert(-1, Nowhere(app.router.routes[:-1], last.routes))


class Nowhere(BaseRoute):
    """What a program asks for and nobody answers.

    Parameters
    ----------
    ours
        Routes that were asked before this one.
    pages
        Routes that come after it.
    """

    def __init__(self, ours: Iterable[BaseRoute], pages: Iterable[BaseRoute]) -> None:
        self._ours, self._pages = list(ours), pages

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Take what is a program's and no page."""
        mine = scope["type"] == "http" and of_program(scope) and not _answered(self._pages, scope)
        return (Match.FULL if mine else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell what there is instead."""
        routes = [*self._ours, *self._pages]
        allowed = [method for method in METHODS if _answered(routes, {**scope, "method": method})]
        await (_not_so(allowed) if allowed else _nothing())(scope, receive, send)


def of_program(scope: Scope) -> bool:
    """Tell whether a program asks: at a door of theirs, or without a word that it could show a page.

    Examples
    --------
    >>> browser = [(b"accept", b"text/html,*/*;q=0.8")]
    >>> [of_program({"path": path, "headers": browser}) for path in ("/nowhere", "/api/nowhere", "/apiary")]
    [False, True, False]
    >>> of_program({"path": "/nowhere", "headers": [(b"accept", b"*/*")]})
    True
    """
    told = b",".join(value for name, value in scope["headers"] if name == b"accept")
    return b"text/html" not in told.lower() or scope["path"].startswith((*OF_PROGRAMS, "/api/"))


def _answered(routes: Iterable[BaseRoute], scope: Scope) -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in routes)


def _nothing() -> Response:
    return problem(NotFound("nothing is at this address", place="path"))


def _not_so(allowed: Iterable[str]) -> Response:
    answer = problem(Refused(f"expected {' or '.join(allowed)}", place="method", wrong_method=True))
    answer.headers["Allow"] = ", ".join(allowed)
    return answer


async def _told(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return _nothing()
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "").split(", ")
        return _not_so(sorted(set(allowed) & set(METHODS)))
    return problem(Refused(str(error.detail), place="request"))


async def _failed(_: Request, error: Exception) -> Response:
    return problem(error)
