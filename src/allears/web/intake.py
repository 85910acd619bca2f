"""What the doors of one server share: know the sender, read the body within bounds, answer only when it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs

from starlette.types import Receive

from allears.errors import NotAllowed, Refused
from allears.guard.access import Action, Principal, Role, require
from allears.journey.take import Admitted, source_name
from allears.lake import InboxFull
from allears.listen.gunzip import gunzip_of
from allears.web.who import key_in

if TYPE_CHECKING:
    from allears.space import Space

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
