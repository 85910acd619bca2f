"""Refused rows over HTTP: listed, counted by reason, one looked at, some or all tried again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from allears.errors import Refused
from allears.guard.access import Action
from allears.journey import refused
from allears.journey.people import require_figures
from allears.journey.refused import PAGE, Wanted
from allears.web.describe import ERRORS, POSTED, REFUSED_PARAMETERS, described, posted_described
from allears.web.errors import answer
from allears.web.posted import body, with_key
from allears.web.who import knock

if TYPE_CHECKING:
    from allears.space import Space

MOST = 1000


class Reason(msgspec.Struct, forbid_unknown_fields=True):
    """Why somebody looks."""

    why: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Again(Wanted, frozen=True, forbid_unknown_fields=True):
    """Which rows are tried again."""

    everything: bool = False


def refused_routes(router: APIRouter, space: Space) -> None:
    """Add the routes to a router."""

    @router.get(
        "/refused",
        summary="What was not accepted, with place and reason; filters: source, reason",
        name="/refused",
        responses=ERRORS,
        openapi_extra=described("/refused", REFUSED_PARAMETERS, paged=True),
    )
    async def listed(request: Request) -> Response:
        _look(space, request)
        given = request.query_params
        rows, following = await asyncio.to_thread(
            refused.page, space.ground, _wanted(request), limit=_limit(request), after=given.get("cursor")
        )
        return answer({"items": rows, "next": following})

    @router.get(
        "/refused/groups",
        summary="What was not accepted, counted by source and reason",
        responses=ERRORS,
        openapi_extra=described(
            "/refused/groups", {n: REFUSED_PARAMETERS[n] for n in ("source", "reason")}, paged=True
        ),
    )
    async def grouped(request: Request) -> Response:
        _look(space, request)
        found = await asyncio.to_thread(refused.groups, space.ground, _wanted(request))
        return answer({"items": found, "next": None})

    @router.post(
        "/refused/replay",
        summary="Try refused rows again: of a source, of a reason, one, or all",
        responses=POSTED,
        openapi_extra=posted_described("/refused/replay", Again),
    )
    async def replay(request: Request) -> Response:
        principal = with_key(space, request, Action.REPLAY_REFUSED)
        asked = await body(request, Again)
        if (asked == Again()) or (asked.everything and asked != Again(everything=True)):
            raise Refused("expected source, reason or refused, or everything: true", place="$")
        wanted = Wanted(asked.source, asked.reason, asked.refused)
        return answer(await asyncio.to_thread(refused.replay, space.ground, wanted, actor=principal.name))

    @router.get(
        "/refused/{row}",
        summary="One refused row, sealed",
        responses=ERRORS,
        openapi_extra=described("/refused/{row}", {}, paged=False),
    )
    async def one(request: Request) -> Response:
        _look(space, request)
        return answer(await asyncio.to_thread(refused.row, space.ground, request.path_params["row"]))

    @router.post(
        "/refused/{row}/open",
        summary="Look at one refused row as it came; needs a reason, audited",
        responses=POSTED,
        openapi_extra=posted_described("/refused/{row}/open", Reason),
    )
    async def opened(request: Request) -> Response:
        # Both: whoever may not see the listening's health has no business with its rows. The look itself is
        # decided, and denied, where the audit is written.
        principal = with_key(space, request, Action.SEE_HEALTH)
        asked = await body(request, Reason)
        row = request.path_params["row"]
        return answer(await asyncio.to_thread(refused.reveal, space.ground, principal, row, asked.why))


def _look(space: Space, request: Request) -> None:
    require_figures(space.ground, knock(space, request, Action.SEE_HEALTH))


def _wanted(request: Request) -> Wanted:
    return Wanted(request.query_params.get("source"), request.query_params.get("reason"))


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(PAGE))
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise Refused(f"expected a number from 1 to {MOST}", place="limit")
    return int(text)
