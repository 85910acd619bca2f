"""Connections that end when a request as a whole took too long, however often a few more bytes come."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx


class Deadline:
    """The moment by which the present request must have been answered; none while a stream is followed."""

    def __init__(self) -> None:
        self._at: float | None = None

    def begin(self, seconds: float) -> None:
        """Give the request that begins now so many seconds."""
        self._at = time.monotonic() + seconds

    def lift(self) -> None:
        """Let what has begun to answer go on for ever."""
        self._at = None

    def left(self, timeout: float | None) -> float | None:
        """Shorten the wait for the next bytes to what is left.

        Raises
        ------
        httpcore.ReadTimeout
            Nothing is left.
        """
        if self._at is None:
            return timeout
        left = self._at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if timeout is None else min(left, timeout)


def transport(tls: ssl.SSLContext, deadline: Deadline) -> httpx.HTTPTransport:
    """Make httpx keep a deadline: its own time limits are for each read, and a server that drips has no end."""
    made = httpx.HTTPTransport(verify=tls, trust_env=False)
    made.close()
    made._pool = httpcore.ConnectionPool(ssl_context=tls, network_backend=_Network(deadline))
    return made


class _Network(httpcore.NetworkBackend):
    def __init__(self, deadline: Deadline) -> None:
        self._real, self._deadline = httpcore.SyncBackend(), deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        timeout = self._deadline.left(timeout)
        return _Stream(
            self._real.connect_tcp(host, port, timeout, local_address, socket_options), self._deadline
        )


class _Stream(httpcore.NetworkStream):
    def __init__(self, real: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._real, self._deadline = real, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._real.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._real.write(buffer, self._deadline.left(timeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._real.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _Stream(secured, self._deadline)

    def close(self) -> None:
        self._real.close()

    def get_extra_info(self, info: str) -> Any:
        return self._real.get_extra_info(info)
