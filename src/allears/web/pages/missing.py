"""An address where no page is: said in our words, without repeating the address, with a way back."""

from __future__ import annotations

from fastapi import Request
from nicegui import core
from starlette.responses import Response

from allears.web.pages.frame import Door
from allears.web.pages.login import plain

BODY = '<p>A link to it is old or was mistyped.</p><a class="button main" href="/">Go to the first page</a>'


def register(door: Door) -> None:
    """Answer in the place of the pages' framework, which draws a page of its own."""

    async def missing(request: Request, _: Exception) -> Response:
        return plain(door, request, "Nothing is at this address", BODY, title="Not found", status=404)

    core.app.add_exception_handler(404, missing)
