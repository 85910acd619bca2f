"""Bounds on connections: how many, how long and large a request's head may be, how long nobody may read an answer."""

from __future__ import annotations

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from allears.settings import ListenSettings

HEAD_BYTES = 64 << 10


def bounded(limits: ListenSettings) -> type[HttpToolsProtocol]:
    """Make the server's protocol, bounded by the settings.

    Notes
    -----
    The server itself ends an idle connection only *after* an answer: one that never finishes its first head would
    stay for ever, and so would one that never reads what it asked for.
    """

    class Bounded(HttpToolsProtocol):
        _in_head = True
        _head = 0
        _slow_head: TimerHandle | None = None
        _slow_reader: TimerHandle | None = None

        def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
            if len(self.connections) >= limits.max_connections:
                transport.abort()
                return
            super().connection_made(transport)
            self._slow_head = self.loop.call_later(limits.head_seconds, self._give_up)

        def connection_lost(self, exc: Exception | None) -> None:
            self._head_done()
            self._reader_back()
            if self.transport is not None:
                super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self.transport is None:
                return
            super().data_received(data)
            if self._in_head:
                self._head += len(data)
                if self._head > HEAD_BYTES:
                    self._give_up()
                elif self._slow_head is None:
                    self._slow_head = self.loop.call_later(limits.head_seconds, self._give_up)

        def on_message_begin(self) -> None:
            self._in_head, self._head = True, 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self.head_whole()
            super().on_headers_complete()

        def head_whole(self) -> None:
            self._in_head = False
            self._head_done()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._slow_reader = self.loop.call_later(limits.body_seconds, self._give_up)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._reader_back()

        def _head_done(self) -> None:
            if self._slow_head is not None:
                self._slow_head.cancel()
                self._slow_head = None

        def _reader_back(self) -> None:
            if self._slow_reader is not None:
                self._slow_reader.cancel()
                self._slow_reader = None

        def _give_up(self) -> None:
            self.transport.abort()

    return Bounded
