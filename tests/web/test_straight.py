"""The short way to a door answers, keeps and refuses exactly as the long one does, and lets go of what it held."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.serving import Server, new_space, serving

from allears.space import Space
from allears.web.app import build
from allears.web.straight import Taking, straight

CALL = {"event": "Viewed", "userId": "u1", "messageId": "m1"}
GOOD = json.dumps({"batch": [CALL | {"type": "track"}] * 3}).encode()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    folder = tmp_path_factory.mktemp("straight") / "space"
    key = new_space(folder, "sender")
    with serving(folder, "--role", "listen") as server:
        yield server, key


def connect(server: Server) -> socket.socket:
    found = re.search(r":(\d+)$", server.url)
    assert found is not None
    sock = socket.create_connection(("127.0.0.1", int(found[1])))
    sock.settimeout(20)
    return sock


def head(path: str, key: str, *more: str, version: str = "1.1") -> bytes:
    lines = [f"POST {path} HTTP/{version}", "Host: x", f"Authorization: Bearer {key}", *more]
    return "\r\n".join(lines).encode() + b"\r\n"


def answer(sock: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read one answer; the day and hour, which may pass between two, are left out."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        assert part, "ended without an answer"
        data += part
    first, _, rest = data.partition(b"\r\n")
    lines, _, body = rest.partition(b"\r\n\r\n")
    told = {
        k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines.decode().split("\r\n"))
    }
    while len(body) < int(told["content-length"]):
        body += sock.recv(65536)
    told.pop("date", None)
    return int(first.split()[1]), told, body


def both_ways(door: tuple[Server, str], path: str, body: bytes, *more: str, key: str = "") -> Any:
    """Send the same with a length, which may go the short way, and in pieces, which never does."""
    server, own = door
    with connect(server) as short, connect(server) as long:
        short.sendall(head(path, key or own, *more, f"Content-Length: {len(body)}") + b"\r\n" + body)
        long.sendall(head(path, key or own, *more, "Transfer-Encoding: chunked") + b"\r\n")
        long.sendall(f"{len(body):x}\r\n".encode() + body + b"\r\n" * bool(body) + b"0\r\n\r\n" * bool(body) + b"\r\n" * (not body))  # fmt: skip
        found, usual = answer(short), answer(long)
    # After a body it did not want, a connection may be closed.
    found[1].pop("connection", None), usual[1].pop("connection", None)
    assert found == usual
    return found


JSON = "Content-Type: application/json"
GZIP = "Content-Encoding: gzip"


@pytest.mark.parametrize(
    ("path", "body", "more", "status"),
    [
        ("/v1/batch", GOOD, [JSON], 200),
        ("/v1/track", json.dumps(CALL).encode(), [JSON], 200),
        ("/v1/batch", gzip.compress(GOOD, mtime=0), [JSON, GZIP], 200),
        ("/signals?source=shop&channel=chat", b'{"text": "hello"}', [JSON], 200),
        ("/v1/logs", b'{"resourceLogs": []}', [JSON], 200),
        ("/v1/batch", b'{"batch": [{"type": "track", "event": 17}]}', [JSON], 400),
        ("/v1/batch", b"{", [JSON], 400),
        ("/v1/batch", b"", [JSON], 400),
        ("/v1/traces", b"\xff" * 9, ["Content-Type: application/x-protobuf"], 400),
        ("/v1/batch", b"no gzip", [JSON, GZIP], 400),
        ("/v1/batch", gzip.compress(GOOD, mtime=0)[:-9], [JSON, GZIP], 400),
        ("/v1/batch", gzip.compress(bytes(2 << 20), mtime=0), [JSON, GZIP], 413),
        ("/v1/batch", GOOD, ["Content-Encoding: br"], 415),
        ("/v1/batch?source=till", GOOD, [JSON], 403),
    ],
)
def test_both_ways_answer_the_same(
    door: tuple[Server, str], path: str, body: bytes, more: list[str], status: int
) -> None:
    assert both_ways(door, path, body, *more)[0] == status


def test_both_ways_let_nobody_in_without_a_key(door: tuple[Server, str]) -> None:
    status, told, _ = both_ways(door, "/v1/batch", GOOD, key="ae_0_0")
    assert status == 401 and "www-authenticate" in told


def test_one_bad_call_is_kept_and_its_neighbours_answered(door: tuple[Server, str]) -> None:
    body = json.dumps({"batch": [CALL | {"type": "track"}, {"type": "track", "event": 17}]}).encode()
    said = json.loads(both_ways(door, "/v1/batch", body)[2])
    assert (said["accepted"], said["refused"], said["reasons"][0]["place"]) == (1, 1, "$.batch[1].event")


def test_requests_sent_without_waiting_are_answered_each_in_turn(door: tuple[Server, str]) -> None:
    server, key = door
    bodies = [json.dumps({"batch": [CALL | {"type": "track"}] * n}).encode() for n in range(1, 30)]
    with connect(server) as sock:
        sock.sendall(
            b"".join(head("/v1/batch", key, f"Content-Length: {len(b)}") + b"\r\n" + b for b in bodies)
        )
        data = b""
        while data.count(b'"accepted":') < len(bodies):
            data += sock.recv(65536)
    assert [int(n) for n in re.findall(rb'"accepted":(\d+)', data)] == list(range(1, 30))


def test_an_old_client_is_answered_and_the_connection_ended(door: tuple[Server, str]) -> None:
    server, key = door
    with connect(server) as sock:
        sock.sendall(head("/v1/batch", key, f"Content-Length: {len(GOOD)}", version="1.0") + b"\r\n" + GOOD)
        status, told, _ = answer(sock)
        assert (status, told["connection"]) == (200, "close")
        assert sock.recv(1) == b""


def test_a_client_that_asks_first_is_told_to_go_on(door: tuple[Server, str]) -> None:
    server, key = door
    with connect(server) as sock:
        sock.sendall(head("/v1/batch", key, f"Content-Length: {len(GOOD)}", "Expect: 100-continue") + b"\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 100")
        sock.sendall(GOOD)
        assert answer(sock)[0] == 200


class Line:
    """A connection's other end, without a network."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> None:
        return None

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


@pytest.mark.parametrize("end", ["gone", "slow", "full", "whole"])
def test_what_a_body_held_is_let_go_however_it_ends(tmp_path: Path, end: str) -> None:
    import uvicorn
    from uvicorn.server import ServerState

    from allears.settings import ListenSettings, Settings

    async def play(space: Space) -> tuple[int, Line]:
        doors = build(space, parts=frozenset({"listen"})).state.doors
        key, record = space.keys.make("sender", "shop")
        space.sources[f"key:{record.id}"] = "shop"
        config = uvicorn.Config(lambda: None, http=straight(space.settings.listen, doors))
        config.load()
        protocol, line = config.http_protocol_class(config, ServerState(), {}), Line()  # type: ignore[call-arg]
        intake = doors[b"/v1/batch"].intake
        protocol.connection_made(line)  # type: ignore[arg-type]
        if end == "full":
            intake.inflight = intake.inflight_bytes
        protocol.data_received(head("/v1/batch", key, f"Content-Length: {len(GOOD)}") + b"\r\n" + GOOD[:50])
        assert isinstance(protocol.cycle, Taking)  # type: ignore[attr-defined]
        if end == "full":
            intake.inflight -= intake.inflight_bytes
        if end == "gone":
            assert intake.inflight == 50
            protocol.connection_lost(None)
        elif end == "slow":
            await asyncio.sleep(0.3)
        elif end == "whole":
            protocol.data_received(GOOD[50:])
            while not line.written:
                await asyncio.sleep(0.01)
        return intake.inflight, line

    with Space.open(tmp_path / "space", settings=Settings(listen=ListenSettings(body_seconds=0.1))) as space:
        held, line = asyncio.run(play(space))
    assert held == 0
    said = b"".join(line.written)
    assert said.startswith({"gone": b"", "slow": b"HTTP/1.1 408", "full": b"HTTP/1.1 429", "whole": b"HTTP/1.1 200"}[end])  # fmt: skip
    assert line.closed == (end != "whole"), "the rest of an unwanted body is not waited for"


def test_a_key_that_asks_too_often_is_told_when_to_come_back_on_either_way(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "space"
    with Space.open(folder) as space:
        key = space.keys.make("engineer", "loader", per_minute=3)[0]
    with serving(folder, "--role", "listen,web") as server, connect(server) as sock:
        length = f"Content-Length: {len(GOOD)}"
        told = []
        for _ in range(5):
            sock.sendall(head("/v1/batch", key, length) + b"\r\n" + GOOD)
            told.append(answer(sock))
        assert [status for status, _, _ in told] == [200, 200, 200, 429, 429]
        assert 1 <= int(told[-1][1]["retry-after"]) <= 20
        with connect(server) as other:
            other.sendall(
                f"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
            )
            status, headers, body = answer(other)
        assert status == 429 and 1 <= int(headers["retry-after"]) <= 20
        assert json.loads(body)["error"]["place"] == "authorization" and key.encode() not in body
