"""Durable listening: a real server, Segment batches of 100 over keep-alive connections, against the ceilings of this machine."""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import msgspec

from bench.report import Row, row

EVENTS = 100
SECONDS = 6.0
CONNECTIONS = 8


def rows() -> list[Row]:
    body = _body()
    with tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR")) as folder:
        fsync = _fsync_ceiling(Path(folder))
        decode = _decode_ceiling(body)
        full = [asyncio.run(_against_server(Path(folder), rate=None)) for _ in range(3)]
        quiet = asyncio.run(_against_server(Path(folder), rate=5000))
    rates = [f["rate"] for f in full]
    name = "Segment batches of 100, one process, digest off, client on the same machine"
    return [
        row(
            "durable listening",
            name,
            statistics.median(rates),
            "events/s",
            low=min(rates),
            high=max(rates),
            reference=1700,
            source="low/high: range of 3 runs; reference: RudderStack's published gateway figure on 2 cores",
        ),
        row(
            "share of the decode-only ceiling",
            name,
            statistics.median(rates) / decode,
            "ratio",
            source=f"ceiling {decode:,.0f} events/s: msgspec decode of the same body, same run",
        ),
        row(
            "answer time p99 at 5,000 events/s",
            name,
            quiet["p99_ms"],
            "ms",
            source=f"offered 5,000/s, reached {quiet['rate']:,.0f}/s",
        ),
        row(
            "fsync ceiling",
            "20 kB appends, one writer",
            fsync,
            "fsyncs/s",
            source="fdatasync after each append, same disk",
        ),
    ]


def _body() -> bytes:
    batch = [
        {
            "type": "track",
            "event": "Product Viewed",
            "messageId": "0" * 32,
            "anonymousId": f"a{i}",
            "userId": f"u{i}",
            "timestamp": "2026-06-01T10:00:00.000Z",
            "context": {"app": {"version": "5.2.0"}, "os": {"name": "iOS"}},
            "properties": {"product": f"p{i}", "price": 19.9, "region": "North"},
        }
        for i in range(EVENTS)
    ]
    return json.dumps({"batch": batch, "sentAt": "2026-06-01T10:00:01.000Z"}).encode()


def _fresh(template: bytes) -> bytes:
    seed = uuid.uuid4().hex[:24]
    parts = template.split(b"0" * 32)
    return b"".join(
        p + (f"{seed}{i:08d}".encode() if i < len(parts) - 1 else b"") for i, p in enumerate(parts)
    )


def _decode_ceiling(body: bytes) -> float:
    from datetime import UTC, datetime

    from allears.listen.formats import FORMATS
    from allears.listen.reading import Context

    context = Context(source="bench", channel=None, received_at=datetime.now(UTC))
    check = FORMATS["segment"].check
    best = 0.0
    for _ in range(3):
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < 1.0:
            check(body, context)
            count += EVENTS
        best = max(best, count / (time.perf_counter() - start))
    _ = msgspec
    return best


def _fsync_ceiling(folder: Path) -> float:
    data, count, start = os.urandom(20_000), 0, time.perf_counter()
    with open(folder / "ceiling", "wb", buffering=0) as file:
        while time.perf_counter() - start < 2.0:
            file.write(data)
            os.fdatasync(file.fileno())
            count += 1
    return count / (time.perf_counter() - start)


async def _against_server(folder: Path, rate: int | None) -> dict[str, float]:
    space = folder / uuid.uuid4().hex
    subprocess.run([sys.executable, "-m", "allears", "new", str(space)], check=True, capture_output=True)
    made = subprocess.run(
        [
            sys.executable,
            "-m",
            "allears",
            "keys",
            "new",
            "--role",
            "engineer",
            "--json",
            "--space",
            str(space),
        ],
        check=True,
        capture_output=True,
    )
    key = json.loads(made.stdout)["key"]
    server = subprocess.Popen(
        [sys.executable, "-m", "allears", "serve", "--space", str(space), "--port", "0", "--role", "listen"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = 0
        for line in server.stdout:
            if found := re.search(r"listening on http://[^:]+:(\d+)", line):
                port = int(found[1])
                break
        return await _load(port, key, rate)
    finally:
        server.terminate()
        server.wait()


async def _load(port: int, key: str, rate: int | None) -> dict[str, float]:
    template, times = _body(), []
    end = time.perf_counter() + SECONDS
    gap = CONNECTIONS * EVENTS / rate if rate else 0.0

    async def one(offset: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(offset)
        while time.perf_counter() < end:
            body = _fresh(template)
            start = time.perf_counter()
            writer.write(
                b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                + key.encode()
                + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                + body
            )
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"content-length: (\d+)", head.lower())[1])
            await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            took = time.perf_counter() - start
            times.append(took)
            if gap:
                await asyncio.sleep(max(0.0, gap - took))
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(one(i * gap / CONNECTIONS) for i in range(CONNECTIONS)))
    took = time.perf_counter() - start
    times.sort()
    return {"rate": len(times) * EVENTS / took, "p99_ms": times[int(len(times) * 0.99)] * 1000}
