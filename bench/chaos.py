"""kill -9 of the real servers under load, at random moments: what was acknowledged is what is stored, once.

Senders are Segment's own Python library and a plain HTTP client; both send again until they are told "accepted".
``ALLEARS_BENCH_ROUNDS`` sets how many kills (100).

Each server is a process of its own that runs what ``allears serve`` runs. It is forked from one that has loaded the code
and opened nothing, so that a start costs tenths of a second instead of seconds, and moments are struck at which little
else than serving goes on.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import socket
import tempfile
import threading
import time
from collections import Counter
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import httpx

from allears.web.serve import serve
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
    struck = ", ".join(f"{role} {count}" for role, count in sorted(found.struck.items()))
    return [
        row("rounds", data, rounds, "kills", source=f"kill -9 of {struck}"),
        row("signals acknowledged", data, len(found.acknowledged), "signals", source=about),
        row("signals stored", data, found.stored, "signals",
            source=f"{found.stored - len(found.acknowledged)} of them stored although their answer was lost in a kill"),
        row("lost: acknowledged and missing", data, len(found.missing), "signals", reference=0, source=about),
        row("duplicates: stored more than once", data, found.doubled, "signals", reference=0, source=about),
        row("stored and never sent", data, found.foreign, "signals", reference=0, source=about),
    ]  # fmt: skip


@dataclass
class Found:
    """What was acknowledged, and what the lake holds in the end."""

    sent: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    doubled: int = 0
    foreign: int = 0
    stored: int = 0
    struck: Counter[str] = field(default_factory=Counter)
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
    from allears.space import Space

    with Space.open(folder) as space:
        key, _ = space.keys.make("sender", "shop")
    chance, stop, struck = random.Random(seed), threading.Event(), Counter[str]()
    ports = [_free_port(), _free_port(), _free_port()]
    senders: list[Plain | Library] = [Plain(f"s{n}", key, ports[: n + 1], stop) for n in range(2)]
    senders.append(Library(key, ports[0], stop))
    done = 0
    for number, house in enumerate(HOUSES):
        running = [_serve(folder, role, port) for role, port in zip(house, ports, strict=False)]
        if number == 0:
            for sender in senders:
                sender.start()
        while done < rounds * (number + 1) // len(HOUSES):
            time.sleep(chance.uniform(0.05, 1.0))
            place = chance.randrange(len(running))
            _strike(running[place])
            running[place] = _serve(folder, house[place], ports[place])
            struck[house[place]] += 1
            done += 1
        if number == len(HOUSES) - 1:
            time.sleep(1.0)
            stop.set()
            for sender in senders:
                sender.join(120)
        for process in running:
            _strike(process)
    found = _compare(folder, senders)
    found.struck = struck
    return found


def _compare(folder: Path, senders: list[Plain | Library]) -> Found:
    from allears.space import Space

    found = Found()
    for sender in senders:
        found.sent |= {f"shop:{i}" for i in sender.sent}
        found.acknowledged |= {f"shop:{i}" for i in sender.acknowledged}
    with Space.open(folder, create=False) as space:
        space.digest(look=False)
        stored = space.ground.engine.query("SELECT signal_id, count(*) AS n FROM signals GROUP BY signal_id")
        found.pending = space.counts()["pending"]
    ids = set(stored["signal_id"].to_pylist())
    found.stored = len(ids)
    found.missing = found.acknowledged - ids
    found.doubled = sum(n > 1 for n in stored["n"].to_pylist())
    found.foreign = len(ids - found.sent)
    return found


def _serve(folder: Path, role: str, port: int) -> BaseProcess:
    """Start a server; wait until it listens."""
    process = _loaded().Process(target=_served, args=(folder, role, port), daemon=True)
    process.start()
    while process.is_alive():
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return process
        time.sleep(0.01)
    raise RuntimeError(f"a server of the role {role} ended with {process.exitcode}")


def _served(folder: Path, role: str, port: int) -> None:
    # What it says, a key among it, is for a terminal.
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        serve(space=folder, role=role, port=port)


def _strike(process: BaseProcess) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()


@cache
def _loaded() -> ForkServerContext:
    """Make a process that has loaded everything and opened nothing: servers are forked from it."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["bench.chaos", "allears.space"])
    return found


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
