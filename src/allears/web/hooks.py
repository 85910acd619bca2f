"""The door of vendors' webhooks: ``/hooks/{source}``. Let in by the vendor's own signature, answered when durable."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from allears.errors import AllearsError, NotAllowed, NotFound, Refused
from allears.guard.signature import Sent
from allears.journey import hooks
from allears.listen.vendor import CompiledAnswer
from allears.web.errors import answer, problem
from allears.web.intake import Intake

LONGEST_GREETING = 1024


def hook_routes(intake: Intake) -> list[Route]:
    """List the routes that vendors post to."""
    space = intake.space

    async def hook(request: Request) -> Response:
        try:
            known = await asyncio.to_thread(hooks.find_hook, space.ground, request.path_params["source"])
            if request.method == "HEAD":
                return Response(status_code=200)
            if request.method == "GET":
                return _greeting(known, dict(request.query_params))
            return await _posted(intake, known, request)
        except AllearsError as error:
            return problem(error)

    return [Route("/hooks/{source}", hook, methods=["POST", "GET", "HEAD"])]


async def _posted(intake: Intake, known: hooks.Known, request: Request) -> Response:
    space = intake.space
    encoding = request.headers.get("content-encoding", "")
    body = await intake.read(request.receive, encoding, intake.body_bytes)
    query = dict(request.query_params)
    address = known.url or str(request.url)
    if known.url and request.url.query:
        address = f"{known.url}?{request.url.query}"
    # Latin-1 is what HTTP headers are; a header sent twice counts as sent last.
    sent = Sent(request.method, address, dict(request.headers), body, query)
    await asyncio.to_thread(hooks.let_in, space.ground, known, sent)
    kind = request.headers.get("content-type", "")
    wanted, scope, receipt, done = await asyncio.to_thread(hooks.post, space.ground, known, kind, sent)
    await asyncio.wrap_future(done)
    if not scope and receipt.refused:
        first = receipt.reasons[0]
        return problem(Refused(first["reason"], place=first["place"]))
    if wanted is not None:
        return _answered(wanted, scope)
    return answer({"accepted": receipt.accepted, "refused": receipt.refused, "reasons": receipt.reasons})


def _greeting(known: hooks.Known, query: dict[str, str]) -> Response:
    wanted = hooks.greet(known, "GET", {"query": query})
    if wanted is None:
        raise NotFound("nothing to see here; vendors post", place="path")
    if wanted.token is not None and not hooks.same(wanted.token.of({"query": query}), known.verify):
        raise NotAllowed("the verify token is not this channel's", place="query", unknown_caller=True)
    return _answered(wanted, {"query": query})


def _answered(wanted: CompiledAnswer, scope: dict[str, Any]) -> Response:
    said, about = wanted.body.of(scope) if wanted.body is not None else None, wanted.answer
    if said is None:
        return Response(status_code=about.status)
    if isinstance(said, str):
        # A challenge is repeated as plain text, never as a page.
        return Response(said[:LONGEST_GREETING], about.status, media_type=about.type)
    return Response(msgspec.json.encode(said), about.status, media_type="application/json")
