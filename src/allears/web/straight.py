"""The short way from a connection to a door: no task, no framework, one write for the answer.

It takes whole requests of known senders. Whatever is unusual about one - no key, a body without a length or larger than
allowed, a second request before the first was answered - goes the long way, through ASGI, and is told there what is
wrong. Both ways end at the same `Door`, so that they cannot differ in what they let in, keep or answer.
"""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle
from collections.abc import Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from allears.errors import AllearsError
from allears.settings import ListenSettings
from allears.web.connections import bounded
from allears.web.door import CORS, HEADERS, Door, Pairs, again
from allears.web.intake import Sent, too_slow

_ALWAYS = b"".join(name + b": " + value + b"\r\n" for name, value in (*CORS, *HEADERS))


class Taking:
    """One request on the short way; it stands where the server expects the cycle of a request and its answer."""

    # The server wakes whoever waits for more of a body; on this way nobody does.
    message_event = asyncio.Event()

    def __init__(self, line: Any, door: Door, sent: Sent, keep_alive: bool) -> None:
        self.line, self.door, self.sent, self.keep_alive = line, door, sent, keep_alive
        self.response_complete = self.disconnected = False
        self.parts: list[bytes] = []
        self.size = 0
        self.whole = False
        self.slow: TimerHandle | None = None

    @property
    def waits(self) -> bool:
        """Whether more of the body is to come."""
        return not self.whole and not self.response_complete

    def add(self, part: bytes) -> None:
        """Take a part of the body, within what may be on its way in."""
        if self.response_complete:
            return
        self.parts.append(part)
        self.size += len(part)
        try:
            self.door.intake.hold(len(part))
        except AllearsError as error:
            self.fail(error)

    def too_slow(self) -> None:
        """Give up waiting for the rest of the body."""
        self.fail(too_slow())

    def finish(self) -> None:
        """Hand the body over, now that it is whole, and answer once it is durable."""
        if self.response_complete:
            return
        self.whole = True
        body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.let_go()
        intake = self.door.intake
        try:
            taken = self.door.admit(self.sent, body)
        except Exception as error:
            self.fail(error)
            return
        if taken.refused:
            task = self.line.loop.create_task(intake.settled(taken))
            self.line.tasks.add(task)
            task.add_done_callback(self.line.tasks.discard)
            task.add_done_callback(lambda done: self.durable(done.exception(), taken.receipt))
        elif taken.receipt.accepted:
            intake.when_durable(taken.done, lambda error: self.durable(error, taken.receipt))
        else:
            self.durable(None, taken.receipt)

    def durable(self, error: BaseException | None, receipt: Any) -> None:
        """Answer: everything good is on disk, or it failed."""
        try:
            if error is not None:
                raise error
            kind, body = self.door.reply(receipt, self.sent.told)
        except Exception as found:
            self.fail(found)
            return
        self.answer(200, kind, body)

    def fail(self, error: Exception) -> None:
        """Answer an error."""
        status, kind, body = self.door.complain(error, self.sent.told)
        # What is left of a body that nobody wants would be read for nothing.
        self.keep_alive = self.keep_alive and self.whole
        self.answer(status, kind, body, again(status, error))

    def answer(self, status: int, kind: bytes, body: bytes, more: Pairs = ()) -> None:
        """Write head and body at once."""
        self.let_go()
        self.response_complete = True
        if self.disconnected:
            return
        head = [STATUS_LINE[status]]
        for name, value in (*self.line.server_state.default_headers, *more):
            head += (name, b": ", value, b"\r\n")
        if not self.keep_alive:
            head.append(b"connection: close\r\n")
        head += (_ALWAYS, b"content-type: ", kind, b"\r\ncontent-length: %d\r\n\r\n" % len(body), body)
        self.line.transport.write(b"".join(head))
        if not self.keep_alive:
            self.line.transport.close()
        self.line.on_response_complete()

    def let_go(self) -> None:
        """Stop counting the body among what is on its way in."""
        self.door.intake.inflight -= self.size
        self.size, self.parts = 0, []
        if self.slow is not None:
            self.slow.cancel()
            self.slow = None


def straight(limits: ListenSettings, doors: Mapping[bytes, Door]) -> type[HttpToolsProtocol]:
    """Make the server's protocol: bounded by the settings, with a short way to the doors."""

    class Straight(bounded(limits)):  # type: ignore[misc]
        def on_headers_complete(self) -> None:
            path, _, query = self.url.partition(b"?")
            door = doors.get(path)
            taking = None if door is None else self._taking(door, query)
            if taking is None:
                super().on_headers_complete()
                return
            self.head_whole()
            self.cycle = taking

        def on_body(self, body: bytes) -> None:
            if isinstance(self.cycle, Taking):
                self.cycle.add(body)
            else:
                super().on_body(body)

        def on_message_complete(self) -> None:
            if isinstance(self.cycle, Taking):
                self.cycle.finish()
            else:
                super().on_message_complete()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            taking = self.cycle
            if isinstance(taking, Taking) and taking.waits and taking.slow is None:
                taking.slow = self.loop.call_later(limits.body_seconds, taking.too_slow)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if isinstance(self.cycle, Taking):
                self.cycle.let_go()

        def _taking(self, door: Door, query: bytes) -> Taking | None:
            busy = self.cycle is not None and not self.cycle.response_complete
            if busy or self.flow.write_paused or self.expect_100_continue or self.parser.should_upgrade():
                return None
            told = dict(self.headers)
            length = told.get(b"content-length", b"")
            if self.parser.get_method() != b"POST" or not length.isdigit() or int(length) > door.limit:
                return None
            try:
                sent = door.intake.recognise(told, query)
            except AllearsError:
                return None
            keep = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
            return None if sent is None else Taking(self, door, sent, keep)

    return Straight
