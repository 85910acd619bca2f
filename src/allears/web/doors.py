"""The doors that take signals in: Segment's calls, OpenTelemetry, our own JSON. Answered only when durable."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from allears.errors import AllearsError, Refused
from allears.guard.access import Action, Principal
from allears.journey import Receipt, take
from allears.listen.segment import wrap
from allears.web.errors import answer, problem
from allears.web.who import knock

if TYPE_CHECKING:
    from allears.space import Space

CALLS = ("track", "identify", "page", "screen", "group", "alias", "batch", "import")
OTLP: dict[str, Any] = {
    "traces": ExportTraceServiceResponse,
    "metrics": ExportMetricsServiceResponse,
    "logs": ExportLogsServiceResponse,
}
Endpoint = Callable[[Request], Awaitable[Response]]


def doors(space: Space) -> list[Route]:
    """List the routes that take signals in."""
    routes = [Route(f"/v1/{call}", _segment(space, call), methods=["POST"]) for call in CALLS]
    routes += [Route(f"/v1/{signal}", _otlp(space, signal), methods=["POST"]) for signal in OTLP]
    routes.append(Route("/signals", _signals(space), methods=["POST"]))
    return routes


def _segment(space: Space, call: str) -> Endpoint:
    async def segment(request: Request) -> Response:
        return await _take(space, request, "segment", lambda body: wrap(call, body))

    return segment


def _signals(space: Space) -> Endpoint:
    async def signals(request: Request) -> Response:
        return await _take(space, request, "signals", lambda body: body)

    return signals


def _otlp(space: Space, signal: str) -> Endpoint:
    async def otlp(request: Request) -> Response:
        binary = "protobuf" in request.headers.get("content-type", "")
        try:
            receipt = await _accept(space, request, f"otlp-{signal}", lambda body: body)
        except (AllearsError, ClientGone) as error:
            return problem(error)
        reply = OTLP[signal]()
        if receipt.refused:
            field = {
                "traces": "rejected_spans",
                "metrics": "rejected_data_points",
                "logs": "rejected_log_records",
            }[signal]
            setattr(reply.partial_success, field, receipt.refused)
            reply.partial_success.error_message = receipt.reasons[0]["reason"] if receipt.reasons else ""
        if binary:
            return Response(reply.SerializeToString(), media_type="application/x-protobuf")
        partial = {"partialSuccess": {field: str(receipt.refused)}} if receipt.refused else {}
        return answer(partial)

    return otlp


async def _take(space: Space, request: Request, door: str, prepare: Callable[[bytes], bytes]) -> Response:
    try:
        receipt = await _accept(space, request, door, prepare)
    except (AllearsError, ClientGone) as error:
        return problem(error)
    if not receipt.accepted and receipt.refused:
        first = receipt.reasons[0]
        return problem(Refused(first["reason"], place=first["place"]))
    return answer(
        {
            "success": True,
            "accepted": receipt.accepted,
            "refused": receipt.refused,
            "reasons": receipt.reasons,
        }
    )


async def _accept(space: Space, request: Request, door: str, prepare: Callable[[bytes], bytes]) -> Receipt:
    principal = knock(space, request, Action.LISTEN)
    body = prepare(await read_body(request, space.settings.listen.max_body_mb << 20))
    source = request.query_params.get("source") or await source_of(space, principal)
    channel = request.query_params.get("channel")
    receipt, done = take(space.ground, door, body, source=source, channel=channel)
    await asyncio.wrap_future(done)
    return receipt


async def source_of(space: Space, principal: Principal) -> str:
    """Name the source of a sender that names none: what its key is called."""
    if principal.name not in space.sources:
        keys = await asyncio.to_thread(space.keys.list)
        space.sources.update({f"key:{k.id}": k.name for k in keys})
    return space.sources.get(principal.name, principal.name)


class ClientGone(Exception):
    """The client went away before the body was whole."""


async def read_body(request: Request, limit: int) -> bytes:
    """Read a body, undo gzip, and never hold more than ``limit`` bytes of it.

    Raises
    ------
    Refused
        Too large, or not the compression it says it is.
    """
    unpack = zlib.decompressobj(31) if request.headers.get("content-encoding", "").lower() == "gzip" else None
    parts, size = [], 0
    async for chunk in request.stream():
        try:
            part = unpack.decompress(chunk, limit + 1 - size) if unpack else chunk
        except zlib.error:
            raise Refused("expected gzip", place="body") from None
        size += len(part)
        if size > limit:
            raise Refused(f"the body is larger than {limit >> 20} MB", place="body", too_large=True)
        parts.append(part)
    if unpack and not unpack.eof:
        raise Refused("the gzip stream is cut short", place="body")
    return b"".join(parts)
