"""What every door that listens does: know the sender, read the body within bounds, answer only when it is durable.

Plain ASGI, because doors are busy: a framework's request and response cost more than the decoding.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs

import msgspec
from starlette.types import Message, Receive, Scope, Send

from allears.errors import NotAllowed, Refused
from allears.guard.access import Action, Principal, Role, require
from allears.journey.take import Admitted, Receipt, admit, source_name
from allears.lake import InboxFull
from allears.listen.gunzip import gunzip_of
from allears.web.errors import retry_seconds, status_of
from allears.web.who import key_in

if TYPE_CHECKING:
    from allears.space import Space

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
Tell = Callable[[BaseException | None], None]
_MEMBERS = 1000


class Sent(NamedTuple):
    """What is known of a request before its body: its headers, and what it is sent as."""

    told: dict[bytes, bytes]
    source: str
    channel: str | None


class ClientGone(Refused):
    """The client went away before the body was whole."""


class Intake:
    """What the doors of one server share.

    Parameters
    ----------
    space
        Where things go.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        limits = space.settings.listen
        self.body_seconds = limits.body_seconds
        self.body_bytes = limits.max_body_mb << 20
        self.inflight_bytes = limits.inflight_mb << 20
        self.inflight = 0
        self._awaited: tuple[Future[None], list[Tell]] | None = None

    async def read(self, receive: Receive, encoding: str, limit: int) -> bytes:
        """Read a body, undo gzip, and never hold more than ``limit`` bytes of it, nor wait for it for ever.

        Raises
        ------
        Refused
            Too large, too slow, or not the compression it says it is.
        InboxFull
            Too much is on its way in just now.
        """
        packed = gunzip_of(encoding, _MEMBERS)
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.body_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    part, more = message.get("body", b""), message.get("more_body", False)
                    for piece in (part,) if packed is None else packed.pieces(part):
                        size += len(piece)
                        self.hold(len(piece))
                        if size > limit:
                            raise too_large(limit)
                        parts.append(piece)
        except TimeoutError:
            raise too_slow() from None
        finally:
            self.inflight -= size
        if packed is not None and not packed.whole:
            raise cut_short()
        return b"".join(parts) if len(parts) != 1 else bytes(parts[0])

    def unpack(self, body: bytes, encoding: str, limit: int) -> bytes:
        """Undo gzip of a whole body, within the same bounds."""
        packed = gunzip_of(encoding, _MEMBERS)
        if packed is None:
            return body
        parts: list[bytes] = []
        size = 0
        for piece in packed.pieces(body):
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            parts.append(piece)
        if not packed.whole:
            raise cut_short()
        return b"".join(parts)

    def hold(self, size: int) -> None:
        """Count bytes that are on their way in.

        Raises
        ------
        InboxFull
            They are more than may be; counted all the same, until they are let go.
        """
        self.inflight += size
        if self.inflight > self.inflight_bytes:
            raise InboxFull("more is on its way in than this server may hold", place="intake")

    def recognise(self, told: dict[bytes, bytes], query: bytes) -> Sent | None:
        """Tell who sends and as which source; ``None`` when that has to be looked up first.

        Raises
        ------
        NotAllowed
            Nobody known, no right to send, or not as this source.
        """
        sender = self.sender(key_of(told))
        source, channel = _asked(query)
        named = _named(sender, source, self.space.sources.get(sender.name))
        if named is None:
            return None
        self.space.keys.admit(sender)
        return Sent(told, named, channel)

    async def recognise_all(self, told: dict[bytes, bytes], query: bytes, key: str) -> Sent:
        """Tell who sends and as which source, whatever has to be looked up for it."""
        sender = self.sender(key)
        self.space.keys.admit(sender)
        source, channel = _asked(query)
        named = _named(sender, source, self.space.sources.get(sender.name))
        if named is None:
            named = _named(sender, source, await source_of(self.space, sender))
        return Sent(told, named or sender.name, channel)

    async def settled(self, taken: Admitted) -> None:
        """Keep what was refused; returns when what was accepted is durable."""
        if taken.refused:
            await asyncio.to_thread(taken.keep, self.space.ground)
        if taken.receipt.accepted:
            done = asyncio.get_running_loop().create_future()
            self.when_durable(taken.done, lambda error: _settle(done, error))
            await done

    def when_durable(self, done: Future[None], tell: Tell) -> None:
        """Have somebody told, on the loop, that it is durable or why it is not.

        All requests of one fsync are told at once: the loop is woken once for them, not once for each.
        """
        if self._awaited is None or self._awaited[0] is not done:
            loop, waiting = asyncio.get_running_loop(), list[Tell]()
            self._awaited = (done, waiting)
            done.add_done_callback(lambda _: loop.call_soon_threadsafe(self._durable, done, waiting))
        self._awaited[1].append(tell)

    def _durable(self, done: Future[None], waiting: list[Tell]) -> None:
        if self._awaited is not None and self._awaited[0] is done:
            self._awaited = None
        error = done.exception()
        for tell in waiting:
            tell(error)

    def sender(self, key: str) -> Principal:
        """Find whose key this is.

        Raises
        ------
        NotAllowed
            Nobody known (401), or no right to send (403).
        """
        principal = self.space.keys.check(key) if key else None
        if principal is None:
            raise NotAllowed("expected an API key", place="authorization", unknown_caller=True)
        require(principal, Action.LISTEN)
        return principal


async def source_of(space: Space, principal: Principal) -> str:
    """Name the source of a sender that names none: what its key is called."""
    if principal.name not in space.sources:
        keys = await asyncio.to_thread(space.keys.list)
        space.sources.update({f"key:{k.id}": k.name for k in keys})
    return space.sources.get(principal.name, principal.name)


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


def too_large(limit: int) -> Refused:
    """Refuse a body for its size."""
    shown = f"{limit >> 20} MB" if limit >= 1 << 20 else f"{limit >> 10} KB"
    return Refused(f"the body is larger than {shown}", place="body", too_large=True)


def cut_short() -> Refused:
    """Refuse a body that ends in the middle of its gzip."""
    return Refused("the gzip stream is cut short", place="body")


def too_slow() -> Refused:
    """Refuse a body that does not come."""
    return Refused("the body came too slowly", place="body", too_slow=True)


def key_of(told: dict[bytes, bytes]) -> str:
    """Read the key in a request's headers; nothing when there is none."""
    return key_in(told.get(b"authorization", b"").decode("latin-1"))


def _asked(query: bytes) -> tuple[str, str | None]:
    asked = parse_qs(query.decode("latin-1")) if query else {}
    return asked.get("source", [""])[0], asked.get("channel", [None])[0]


def _named(sender: Principal, source: str, known: str | None) -> str | None:
    """Decide as which source somebody sends; ``None`` when the name of their key has to be known first."""
    own = sender.role is Role.SENDER
    if known is None and (not source or own):
        return None
    if source and own and source != known:
        raise NotAllowed("a sender's key sends as its own source only", place="source")
    return source_name(source) if source else known


def _settle(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
