"""Connections that are slow, endless or too many: each is ended, and nobody else notices."""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from tests.serving import Server, new_space, serving

LIMITS = """
[listen]
head_seconds = 2.0
body_seconds = 2.0
max_connections = 20
"""
BODY = json.dumps({"event": "Viewed", "userId": "u1"}).encode()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    folder = tmp_path_factory.mktemp("slow") / "space"
    key = new_space(folder)
    settings = folder / "allears.toml"
    settings.write_text(settings.read_text("utf-8") + LIMITS, "utf-8")
    with serving(folder, "--role", "listen") as server:
        yield server, key


def connect(door: tuple[Server, str], receive: int | None = None) -> socket.socket:
    found = re.search(r":(\d+)$", door[0].url)
    assert found is not None
    sock = socket.socket()
    if receive:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    sock.connect(("127.0.0.1", int(found[1])))
    sock.settimeout(60)
    return sock


def head(key: str, length: int) -> bytes:
    return f"POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {length}\r\n".encode()


def ended(sock: socket.socket) -> bytes:
    """Read until the other side ends the connection."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(65536):
            parts.append(part)
    sock.close()
    return b"".join(parts)


def works(door: tuple[Server, str]) -> None:
    answer = httpx.post(
        f"{door[0].url}/v1/track", content=BODY, headers={"Authorization": f"Bearer {door[1]}"}, timeout=60
    )
    assert answer.json()["success"] is True


def test_a_connection_that_says_nothing_is_ended(door: tuple[Server, str]) -> None:
    assert ended(connect(door)) == b""
    works(door)


def test_a_head_that_never_ends_is_ended(door: tuple[Server, str]) -> None:
    drip = connect(door)
    drip.sendall(head(door[1], 10))
    with contextlib.suppress(ConnectionError):
        for _ in range(200):
            drip.sendall(b"x-slow: 1\r\n")
            time.sleep(0.05)
        raise AssertionError("a slow head was never ended")
    drip.close()
    large = connect(door)
    with contextlib.suppress(ConnectionError):
        for _ in range(1000):
            large.sendall(b"GET / HTTP/1.1\r\n" if _ == 0 else b"x-large: " + b"y" * 1000 + b"\r\n")
        large.sendall(b"\r\n")
        assert ended(large) == b""
    large.close()
    works(door)


def test_a_body_that_comes_too_slowly_is_answered_408(door: tuple[Server, str]) -> None:
    slow = connect(door)
    slow.sendall(head(door[1], 1000) + b"\r\n" + BODY[:5])
    assert slow.recv(65536).startswith(b"HTTP/1.1 408")
    slow.close()
    works(door)


def test_more_connections_than_allowed_are_ended_and_there_is_room_again(door: tuple[Server, str]) -> None:
    held = [connect(door) for _ in range(20)]
    more = connect(door)
    # With a whole request, which alone would be answered: who says nothing is ended anyway.
    with contextlib.suppress(ConnectionError):
        more.sendall(head(door[1], len(BODY)) + b"\r\n" + BODY)
    assert ended(more) == b"", "one too many"
    for sock in held:
        sock.close()
    for _ in range(600):
        with contextlib.suppress(httpx.HTTPError):
            works(door)
            return
        time.sleep(0.05)
    raise AssertionError("no room again")


def test_a_client_that_never_reads_its_answers_is_ended(door: tuple[Server, str]) -> None:
    deaf = connect(door, receive=2048)
    deaf.settimeout(2.0)
    with contextlib.suppress(TimeoutError, ConnectionError):
        deaf.sendall(b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 50_000)
    works(door)
    hung_up = select.poll()
    hung_up.register(deaf, 0)
    assert hung_up.poll(120_000), "answers nobody read were made without end"
    deaf.close()
    works(door)
