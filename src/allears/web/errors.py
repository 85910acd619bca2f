"""One error shape for every door: ``{"error": {"code", "message", "place"}}``."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from starlette.responses import Response

from allears.errors import AllearsError, NotAllowed, NotFound, NotReady, Refused, WorldFailed
from allears.lake import InboxFull

log = logging.getLogger("allears.web")
STATUS: tuple[tuple[type[AllearsError], int], ...] = (
    (InboxFull, 429),
    (Refused, 400),
    (NotFound, 404),
    (NotAllowed, 403),
    (NotReady, 503),
    (WorldFailed, 503),
)


def answer(content: Any, status: int = 200) -> Response:
    """Answer JSON."""
    return Response(msgspec.json.encode(content, enc_hook=str), status, media_type="application/json")


def problem(error: Exception) -> Response:
    """Answer an error: what kind, where, and whether to try again."""
    if not isinstance(error, AllearsError):
        log.error("a request failed: %s", type(error).__name__)
        return answer(
            {
                "error": {
                    "code": "internal",
                    "message": "something failed inside; it is in the log",
                    "place": "",
                }
            },
            500,
        )
    status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
    if error.facts.get("unknown_caller"):
        status = 401
    if error.facts.get("too_large"):
        status = 413
    response = answer({"error": {"code": error.code, "message": error.message, "place": error.place}}, status)
    if status in (429, 503):
        response.headers["Retry-After"] = "2"
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="allears"'
    return response
