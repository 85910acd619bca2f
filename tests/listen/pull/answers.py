"""A web server on loopback that gives prepared answers, in order for each path, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Told:
    """One answer; ``cut`` ends the connection after so many bytes, ``late`` waits first."""

    body: bytes | str | dict[str, Any] | list[Any] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    late: float = 0.0

    def bytes(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


Answering = Callable[[dict[str, str]], Told]


class Place:
    def __init__(self) -> None:
        self.answers: dict[str, list[Told | Answering]] = defaultdict(list)
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.url = ""

    def tell(self, path: str, *told: Told | Answering) -> None:
        """Prepare answers; the last one is given again and again."""
        self.answers[path] += told

    def next(self, path: str, query: dict[str, str]) -> Told:
        held = self.answers.get(path)
        if not held:
            return Told(b"not here", 404)
        one = held.pop(0) if len(held) > 1 else held[0]
        return one(query) if callable(one) else one


@contextmanager
def answering() -> Iterator[Place]:
    place = Place()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.do_GET(self.rfile.read(int(self.headers["content-length"])))

        def do_GET(self, body: bytes = b"") -> None:
            parts = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(parts.query).items()}
            if body:
                query["body"] = body.decode()
            place.asked.append((parts.path, query, {k.lower(): v for k, v in self.headers.items()}))
            told = place.next(parts.path, query)
            time.sleep(told.late)
            body = told.bytes()
            try:
                self.send_response(told.status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body if told.cut is None else body[: told.cut])
            except OSError:
                return
            if told.cut is not None:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    place.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield place
    finally:
        server.shutdown()
        server.server_close()
