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
FACTS = (
    ("unknown_caller", 401),
    ("wrong_method", 405),
    ("too_large", 413),
    ("too_slow", 408),
    ("unknown_encoding", 415),
    ("too_many", 429),
)
# Options that are called otherwise than the field.
_FIELDS = {"--received": "received_at"}
RETRY_SECONDS = b"2"


def answer(content: Any, status: int = 200) -> Response:
    """Answer JSON."""
    return Response(msgspec.json.encode(content, enc_hook=str), status, media_type="application/json")


def status_of(error: Exception) -> tuple[int, dict[str, dict[str, str]]]:
    """Decide the status code and the content of an answer to an error."""
    if not isinstance(error, AllearsError):
        log.error("a request failed: %s", type(error).__name__)
        said = "something failed inside; it is in the log"
        return 500, {"error": {"code": "internal", "message": said, "place": ""}}
    status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
    status = next((code for fact, code in FACTS if error.facts.get(fact)), status)
    return status, {"error": {"code": error.code, "message": error.message, "place": field_of(error.place)}}


def field_of(place: str) -> str:
    """Name the field of a request where the command line has an option.

    Examples
    --------
    >>> [field_of(place) for place in ("--why", "--received", "$.since")]
    ['why', 'received_at', '$.since']
    """
    if not place.startswith("--"):
        return place
    return _FIELDS.get(place, place.removeprefix("--").replace("-", "_"))


def retry_seconds(error: Exception) -> bytes:
    """Tell after how many seconds trying again helps."""
    told = error.facts.get("wait_seconds") if isinstance(error, AllearsError) else None
    return str(told).encode() if told else RETRY_SECONDS


def problem(error: Exception) -> Response:
    """Answer an error: what kind, where, and whether to try again."""
    status, content = status_of(error)
    response = answer(content, status)
    if status in (429, 503):
        response.headers["Retry-After"] = retry_seconds(error).decode()
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="allears"'
    return response
