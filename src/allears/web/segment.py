"""Segment's and RudderStack's calls, as their own clients send them, answered as these expect.

https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive

from allears.errors import NotFound
from allears.listen.segment import wrap, write_key
from allears.web.door import ENCODING, Door
from allears.web.errors import answer, problem
from allears.web.intake import Intake
from allears.web.who import key_in

CALLS = ("track", "identify", "page", "screen", "group", "alias", "batch", "import")
# analytics.js speaks to one-letter paths.
SHORT = {call[0]: call for call in ("track", "identify", "page", "screen", "group", "alias", "batch")}


def segment_routes(intake: Intake) -> list[BaseRoute]:
    """List the routes of Segment's calls."""
    limit = intake.space.settings.listen.max_batch_kb << 10
    routes: list[BaseRoute] = [Route(f"/v1/{call}", SegmentDoor(intake, call, limit)) for call in CALLS]
    routes += [Route(f"/v1/{path}", SegmentDoor(intake, call, limit)) for path, call in SHORT.items()]
    routes.append(Route("/v1/projects/{key}/settings", _settings(intake), methods=["GET"]))
    return routes


class SegmentDoor(Door):
    """One of Segment's calls.

    Parameters
    ----------
    call
        track, identify, page, screen, group, alias, batch or import.
    """

    def __init__(self, intake: Intake, call: str, limit: int) -> None:
        super().__init__(intake, limit)
        self._call = call

    async def serve(self, told: dict[bytes, bytes], query: bytes, receive: Receive) -> tuple[bytes, bytes]:
        """Take a call in; a browser's beacon carries its key in the body."""
        if b"authorization" in told:
            return await super().serve(told, query, receive)
        body = await self.intake.read(receive, told.get(ENCODING, b"").decode("latin-1"), self.limit)
        sent = await self.intake.recognise_all(told, query, write_key(body))
        taken = self._admit(sent, body)
        await self.intake.settled(taken)
        return self.reply(taken.receipt, told)

    def prepare(self, body: bytes) -> tuple[str, bytes]:
        """Make a batch of a single call."""
        return "segment", wrap(self._call, body)

    def complain(self, error: Exception, told: dict[bytes, bytes]) -> tuple[int, bytes, bytes]:
        """Answer an error in our shape, and in the one that Segment's and RudderStack's clients look for."""
        status, kind, body = super().complain(error, told)
        found = msgspec.json.decode(body)["error"]
        return status, kind, msgspec.json.encode(
            {"success": False, "code": found["code"], "message": found["message"], "error": found}
        )  # fmt: skip


def _settings(intake: Intake) -> Callable[[Request], Awaitable[Response]]:
    """Tell analytics.js where to send, so that it needs no other server."""

    async def settings(request: Request) -> Response:
        key = request.path_params["key"]
        if key_in(f"Bearer {key}") == "" or intake.space.keys.check(key) is None:
            return problem(NotFound("no source has this write key", place="path"))
        host = f"{request.headers.get('host', request.url.netloc)}/v1"
        plan = {"apiKey": key, "apiHost": host, "protocol": request.url.scheme, "type": "browser"}
        found = answer({"integrations": {"Segment.io": plan}, "plan": {"track": {}}, "edgeFunction": {}})
        found.headers["access-control-allow-origin"] = "*"
        return found

    return settings
