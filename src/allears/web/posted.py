"""What is posted to the API: with a key, as JSON, of bounded size and a shape that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
from fastapi import Request

from allears.errors import NotAllowed, Refused
from allears.guard.access import Action, Principal
from allears.journey.people import require_figures
from allears.listen.reading import explain
from allears.web.who import key_in, knock

if TYPE_CHECKING:
    from allears.space import Space

T = TypeVar("T")
LARGEST = 8192


def with_key(space: Space, request: Request, action: Action) -> Principal:
    """Find the caller by a key, and ask whether the action is allowed.

    Raises
    ------
    NotAllowed
        No key (401), no right to this, or a sight that does not go so far (403).
    """
    # A browser sends a log-in's cookie by itself, a key never: where something is done, only a key counts.
    if not key_in(request.headers.get("authorization", "")):
        raise NotAllowed("expected an API key", place="authorization", unknown_caller=True)
    principal = knock(space, request, action)
    require_figures(space.ground, principal)
    return principal


async def body(request: Request, shape: type[T]) -> T:
    """Read a posted body.

    Raises
    ------
    Refused
        It is no JSON, too large, or of another shape; the message says where, never what.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused("expected application/json", place="content-type", unknown_encoding=True)
    told = b""
    async for part in request.stream():
        told += part
        if len(told) > LARGEST:
            raise Refused(f"larger than {LARGEST} bytes", too_large=True)
    try:
        return msgspec.json.decode(told, type=shape)
    except msgspec.DecodeError as error:
        place, reason = explain(error, "$")
        raise Refused(reason, place=place) from None
