"""kill -9 of the real servers under load, at random moments: what was acknowledged is what is stored, once.

Senders are Segment's own Python library and a plain HTTP client; both send again until they are told "accepted".
``ALLEARS_BENCH_ROUNDS`` sets how many kills (100).
"""

from __future__ import annotations

import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx

from bench.report import Row, row

BATCH = 20
# One process for everything, or one for each part; the parts are killed by turns.
HOUSES = (("listen,digest",), ("listen", "digest"), ("listen", "listen", "digest"))


def rows() -> list[Row]:
    rounds = int(os.environ.get("ALLEARS_BENCH_ROUNDS", "100"))
    with tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR")) as folder:
        start = time.perf_counter()
        found = run(Path(folder) / "space", rounds=rounds, seed=7)
        took = time.perf_counter() - start
    data = f"{rounds} kills of listener, digester or both in one; {took:,.0f} s; seed 7"
    about = "Segment's Python library and a plain client, both sending again until told that it was accepted"
    return [
        row("signals acknowledged", data, len(found.acknowledged), "signals", source=about),
        row("acknowledged and missing", data, len(found.missing), "signals", reference=0, source=about),
        row("stored more than once", data, found.doubled, "signals", reference=0, source=about),
        row("stored and never sent", data, found.foreign, "signals", reference=0, source=about),
    ]


@dataclass
class Found:
    """What was acknowledged, and what the lake holds in the end."""

    sent: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    doubled: int = 0
    foreign: int = 0
    pending: int = 0


class Plain(threading.Thread):
    """Sends batches with their own ids, each again until it is acknowledged."""

    def __init__(self, name: str, key: str, ports: list[int], stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.prefix, self.key, self.ports, self.stopped = name, key, ports, stop
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()

    def run(self) -> None:
        number = 0
        with httpx.Client(timeout=30, headers={"Authorization": f"Bearer {self.key}"}) as client:
            while not self.stopped.is_set():
                ids = [f"{self.prefix}-{number}-{i}" for i in range(BATCH)]
                number += 1
                self.sent.update(ids)
                body = {
                    "batch": [
                        {"type": "track", "event": "Viewed", "messageId": i, "userId": "u"} for i in ids
                    ]
                }
                for attempt in count(number):
                    if self._send(client, body, self.ports[attempt % len(self.ports)]):
                        self.acknowledged.update(ids)
                        break
                    if self.stopped.wait(0.05):
                        break

    def _send(self, client: httpx.Client, body: dict[str, object], port: int) -> bool:
        try:
            return client.post(f"http://127.0.0.1:{port}/v1/batch", json=body).status_code == 200
        except httpx.HTTPError:
            return False


class Library(threading.Thread):
    """Segment's own library, unmodified: what its flush leaves without an error was acknowledged."""

    def __init__(self, key: str, port: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.key, self.port, self.stopped = key, port, stop
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()

    def run(self) -> None:
        from segment.analytics.client import Client

        failed: set[str] = set()
        client = Client(
            self.key,
            host=f"http://127.0.0.1:{self.port}",
            on_error=lambda error, batch: failed.update(m["messageId"] for m in batch),
            max_retries=1000,
            timeout=30,
            upload_interval=0.05,
        )
        number = 0
        while not self.stopped.is_set():
            ids = [f"library-{number}-{i}" for i in range(BATCH)]
            number += 1
            for one in ids:
                client.track("u", "Viewed", message_id=one)
            self.sent.update(ids)
            client.flush()
            self.acknowledged.update(set(ids) - failed)
        client.join()


def run(folder: Path, *, rounds: int, seed: int) -> Found:
    """Kill and start again, ``rounds`` times, under load; then digest what is left and compare."""
    _allears("new", str(folder))
    key = json.loads(
        _allears("keys", "new", "--role", "sender", "--name", "shop", "--json", "--space", str(folder))
    )["key"]
    chance, stop = random.Random(seed), threading.Event()
    ports = [_free_port(), _free_port()]
    senders: list[Plain | Library] = [Plain(f"s{n}", key, ports[: n + 1], stop) for n in range(2)]
    senders.append(Library(key, ports[0], stop))
    done = 0
    for house in range(len(HOUSES)):
        running = [_serve(folder, role, port) for role, port in _plan(house, ports)]
        if house == 0:
            for sender in senders:
                sender.start()
        while done < rounds * (house + 1) // len(HOUSES):
            time.sleep(chance.uniform(0.05, 1.0))
            struck = chance.randrange(len(running))
            running[struck].kill()
            running[struck].wait()
            running[struck] = _serve(folder, *_plan(house, ports)[struck])
            done += 1
        if house == len(HOUSES) - 1:
            time.sleep(1.0)
            stop.set()
            for sender in senders:
                sender.join(120)
        for process in running:
            process.kill()
            process.wait()
    return _compare(folder, senders)


def _compare(folder: Path, senders: list[Plain | Library]) -> Found:
    from allears.space import Space

    found = Found()
    for sender in senders:
        found.sent |= {f"shop:{i}" for i in sender.sent}
        found.acknowledged |= {f"shop:{i}" for i in sender.acknowledged}
    with Space.open(folder, create=False) as space:
        space.digest(look=False)
        stored = space.ground.engine.query("SELECT signal_id, count(*) AS n FROM signals GROUP BY signal_id")
        found.pending = space.status()["pending"]
    ids = set(stored["signal_id"].to_pylist())
    found.missing = found.acknowledged - ids
    found.doubled = sum(n > 1 for n in stored["n"].to_pylist())
    found.foreign = len(ids - found.sent)
    return found


def _plan(house: int, ports: list[int]) -> list[tuple[str, int]]:
    free = iter(ports)
    return [(role, next(free) if "listen" in role else 0) for role in HOUSES[house]]


def _serve(folder: Path, role: str, port: int) -> subprocess.Popen[str]:
    """Start a server; wait until it listens."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "allears",
            "serve",
            "--space",
            str(folder),
            "--port",
            str(port),
            "--role",
            role,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as printed:
        for line in printed:
            if re.search(r"listening on ", line):
                return process
    raise RuntimeError(f"a server of the role {role} ended with {process.wait()}")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _allears(*words: str) -> str:
    made = subprocess.run(
        [sys.executable, "-m", "allears", *words], check=True, capture_output=True, text=True
    )
    return made.stdout
