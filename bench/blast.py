"""A load client that takes little of the machine: requests made beforehand, plain sockets, one thread."""

from __future__ import annotations

import json
import select
import socket
import time
import uuid
from typing import Any, NamedTuple

EVENTS = 100
POOL = 64


class Load(NamedTuple):
    """What a load reached: events a second, and how long answers took, seconds, in order."""

    rate: float
    took: list[float]

    def percentile(self, share: float) -> float:
        return self.took[min(len(self.took) - 1, int(len(self.took) * share))]


def batch(seed: str, *, bare: bool = False) -> bytes:
    """Write a Segment batch with ids of its own, as the library for browsers sends product views with the specification's properties; ``bare``: with next to nothing in them."""
    calls = [_call(seed, i) | ({} if bare else _told(i)) for i in range(EVENTS)]
    return json.dumps({"batch": calls, "sentAt": "2026-06-01T10:00:01.000Z"}).encode()


def _call(seed: str, i: int) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Product Viewed",
        "messageId": f"{seed}{i:08d}",
        "anonymousId": f"a{i}",
        "userId": f"u{i}",
        "timestamp": "2026-06-01T10:00:00.000Z",
        "context": {"app": {"version": "5.2.0"}, "os": {"name": "iOS"}},
        "properties": {"product": f"p{i}", "price": 19.9, "region": "North"},
    }


def _told(i: int) -> dict[str, Any]:
    page = f"https://shop.example/products/p{i}"
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
    return {
        "context": {
            "app": {"version": "5.2.0"},
            "library": {"name": "analytics.js", "version": "next-1.70.0"},
            "locale": "en-GB",
            "page": {"path": f"/products/p{i}", "referrer": "https://shop.example/", "search": "", "title": "Product", "url": page},
            "timezone": "Europe/London",
            "userAgent": agent,
        },
        "properties": {
            "product_id": f"p{i}", "sku": f"G-{i}", "category": "Games", "name": "Monopoly: 3rd Edition", "brand": "Hasbro",
            "variant": "200 pieces", "price": 18.99, "quantity": 1, "coupon": "MAYDEALS", "currency": "EUR", "position": 3,
            "value": 18.99, "url": page, "image_url": f"{page}.jpg", "region": "North",
        },
        "integrations": {},
        "originalTimestamp": "2026-06-01T10:00:00.000Z",
        "sentAt": "2026-06-01T10:00:01.000Z",
    }  # fmt: skip


def requests(key: str, *, bare: bool = False) -> list[bytes]:
    """Make whole requests: the door does not look at ids, so that a few dozen may go round."""
    made = []
    for _ in range(POOL):
        body = batch(uuid.uuid4().hex[:24], bare=bare)
        head = (
            f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


def blast(
    ports: list[int],
    keys: list[str],
    *,
    seconds: float,
    connections: int,
    rate: float | None = None,
    bare: bool = False,
) -> Load:
    """Send for some seconds.

    Parameters
    ----------
    keys
        The key of the server at each port.
    rate
        Events a second, sent by the clock whether or not answers come: an answer's time counts from when its request
        was due. None: every connection sends as soon as it was answered.
    bare
        Whether events hold next to nothing.
    """
    made = {key: requests(key, bare=bare) for key in set(keys)}
    socks = [_connect(ports[i % len(ports)]) for i in range(connections)]
    by_handle = {sock.fileno(): sock for sock in socks}
    pools = {sock.fileno(): made[keys[i % len(keys)]] for i, sock in enumerate(socks)}
    turn = 0
    poll = select.epoll()
    for handle in by_handle:
        poll.register(handle, select.EPOLLIN)
    due: dict[int, float] = {}
    idle = list(by_handle)
    waiting: list[float] = []
    took: list[float] = []
    start = time.perf_counter()
    end, following = start + seconds, start
    while (now := time.perf_counter()) < end or due:
        if rate is not None:
            while following <= now and following < end:
                waiting.append(following)
                following += EVENTS / rate
        while idle and now < end and (rate is None or waiting):
            handle = idle.pop()
            due[handle] = waiting.pop(0) if rate is not None else time.perf_counter()
            by_handle[handle].sendall(pools[handle][turn % POOL])
            turn += 1
        for handle, _ in poll.poll(0.001 if rate is not None else 0.1):
            answer = by_handle[handle].recv(4096)
            if b'"success"' not in answer:
                if not answer.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(answer.decode())
                continue
            took.append(time.perf_counter() - due.pop(handle))
            idle.append(handle)
    spent = time.perf_counter() - start
    for sock in socks:
        sock.close()
    return Load(len(took) * EVENTS / spent, sorted(took))


def _connect(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    return sock
