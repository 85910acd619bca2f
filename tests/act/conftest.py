from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pyarrow as pa
import pytest

from allears.act.scene import Scene
from allears.tables import TABLES

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
def found() -> Callable[..., pa.Table]:
    """Rows of the issues table, with what a test does not care about filled in."""

    def rows(*given: dict[str, Any]) -> pa.Table:
        full = []
        for row in given:
            ids = row.get("signal_ids", ["s1", "s2"])
            base = {
                "issue": "i1", "title": "card declined", "kind": "issue", "topics": ["payment/declined"],
                "facets": json.dumps({"service": "checkout"}), "terms": ["declined", "card"], "exemplars": ids[:1], "signal_ids": ids,
                "first_signal_at": NOON - timedelta(hours=3), "detected_at": NOON, "signals": len(ids), "customers": len(ids),
                "expected": 0.5, "growth": 4.0, "score": 7.0, "factors": "{}", "method": "test/1",
            }  # fmt: skip
            full.append(base | row)
        return pa.Table.from_batches([TABLES["issues"].rows(full)])

    return rows


@pytest.fixture
def scene() -> Callable[..., Scene]:
    """A scene of signals, with what a test does not care about filled in."""

    def build(signals: list[dict[str, Any]], members: dict[str, list[str]] | None = None) -> Scene:
        return Scene(signal_table(signals), members)

    return build


def signal_table(signals: list[dict[str, Any]]) -> pa.Table:
    rows = []
    for index, row in enumerate(signals):
        at = row.get("occurred_at", NOON)
        base = {
            "signal_id": f"s{index}",
            "occurred_at": at,
            "received_at": at,
            "kind": "feedback",
            "channel": "chat",
            "direction": "in",
        }
        rows.append(base | {"customer_key": f"c{index}", "relationship": "consumer"} | row)
    return pa.Table.from_batches([TABLES["signals"].rows(rows)])


class Receiver:
    """A real HTTP server that answers as told and remembers what it got."""

    def __init__(self, answers: list[int]) -> None:
        self.answers = answers
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.paths: list[str] = []
        self.headers: dict[str, str] = {}
        self.arrived = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                with outer.arrived:
                    outer.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
                    outer.paths.append(self.path)
                    status = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                    outer.arrived.notify_all()
                self.send_response(status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Callable[..., Receiver]]:
    running: list[Receiver] = []

    def start(*answers: int) -> Receiver:
        running.append(Receiver(list(answers) or [200]))
        return running[-1]

    yield start
    for server in running:
        server.stop()


class HungServer:
    """Accepts every connection, reads what comes, and never says a word."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/hook"
        self.requests: list[bytes] = []
        self.reached = threading.Event()
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            connection.settimeout(2)
            try:
                self.requests.append(connection.recv(65_536))
            except OSError:
                continue
            self.reached.set()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._open:
            connection.close()


@pytest.fixture
def hung() -> Iterator[HungServer]:
    server = HungServer()
    yield server
    server.stop()
