"""One door that listens: preflight, bounds, answers.

Plain ASGI, because doors are busy: a framework's request and response cost more than the decoding.
"""

from __future__ import annotations

import msgspec
from starlette.types import Message, Receive, Scope, Send

from allears.errors import Refused
from allears.journey.take import Admitted, Receipt, admit
from allears.web.errors import retry_seconds, status_of
from allears.web.intake import Intake, Sent, key_of

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
# Any site may send, as with every analytics service: a key is needed, and no cookie is looked at.
CORS = ((b"access-control-allow-origin", b"*"),)
PREFLIGHT = (
    *CORS,
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding, anonymousid, traceparent, tracestate, baggage"),
    (b"access-control-max-age", b"86400"),
)  # fmt: skip
JSON = b"application/json"
ENCODING = b"content-encoding"
Pairs = tuple[tuple[bytes, bytes], ...]


class Door:
    """One door, as an ASGI application: preflight, bounds, answers. What it says is up to the kind of door.

    Parameters
    ----------
    intake
        Shared by all doors.
    limit
        Largest body, bytes; the server's own when none is given.
    """

    def __init__(self, intake: Intake, limit: int | None = None) -> None:
        self.intake = intake
        self.limit = min(limit or intake.body_bytes, intake.body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        method = scope["method"]
        if method == "OPTIONS":
            await _send(send, 204, b"", JSON, PREFLIGHT)
            return
        if method != "POST":
            wrong = Refused("expected POST", place="method", wrong_method=True)
            status, kind, body = self.complain(wrong, dict(scope["headers"]))
            await _send(send, status, body, kind, ((b"allow", b"POST, OPTIONS"), *CORS))
            return
        told = dict(scope["headers"])
        more: Pairs = ()
        try:
            kind, body = await self.serve(told, scope["query_string"], receive)
            status = 200
        except Exception as error:
            # A door: whatever failed inside is logged by its kind, and the sender told to whom it matters.
            status, kind, body = self.complain(error, told)
            more = again(status, error)
        await _send(send, status, body, kind, (*more, *CORS))

    async def serve(self, told: dict[bytes, bytes], query: bytes, receive: Receive) -> tuple[bytes, bytes]:
        """Take the request in; gives the kind and the text of the answer."""
        intake = self.intake
        sent = await intake.recognise_all(told, query, key_of(told))
        body = await intake.read(receive, told.get(ENCODING, b"").decode("latin-1"), self.limit)
        taken = self._admit(sent, body)
        await intake.settled(taken)
        return self.reply(taken.receipt, told)

    def admit(self, sent: Sent, body: bytes) -> Admitted:
        """Check a body as it was sent, and hand what is good to the inbox."""
        encoding = sent.told.get(ENCODING)
        if encoding:
            body = self.intake.unpack(body, encoding.decode("latin-1"), self.limit)
        return self._admit(sent, body)

    def _admit(self, sent: Sent, body: bytes) -> Admitted:
        space = self.intake.space
        door, body = self.prepare(body)
        return admit(space.ground, door, body, source=sent.source, channel=sent.channel, at=space.now())

    def prepare(self, body: bytes) -> tuple[str, bytes]:
        """Name the format of a body, and bring it into that format."""
        raise NotImplementedError

    def reply(self, receipt: Receipt, told: dict[bytes, bytes]) -> tuple[bytes, bytes]:
        """Answer when everything that was good is durable."""
        if not receipt.accepted and receipt.refused:
            first = receipt.reasons[0]
            raise Refused(first["reason"], place=first["place"])
        return JSON, msgspec.json.encode(
            {
                "success": True,
                "accepted": receipt.accepted,
                "refused": receipt.refused,
                "reasons": receipt.reasons,
            }
        )

    def complain(self, error: Exception, told: dict[bytes, bytes]) -> tuple[int, bytes, bytes]:
        """Answer an error: status, kind and text."""
        status, content = status_of(error)
        return status, JSON, msgspec.json.encode(content)


def again(status: int, error: Exception) -> Pairs:
    """Say when to try again, where trying again helps."""
    return ((b"retry-after", retry_seconds(error)),) if status in (429, 503) else ()


async def _send(send: Send, status: int, body: bytes, kind: bytes, more: Pairs) -> None:
    head: list[tuple[bytes, bytes]] = [
        (b"content-length", str(len(body)).encode()),
        (b"content-type", kind),
        *more,
        *HEADERS,
    ]
    if status == 401:
        head.append((b"www-authenticate", b'Basic realm="allears"'))
    start: Message = {"type": "http.response.start", "status": status, "headers": head}
    await send(start)
    await send({"type": "http.response.body", "body": body})
