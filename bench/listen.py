"""Durable listening: real servers, Segment batches of 100 over keep-alive connections, against the ceilings of this machine.

What the ceiling is: one process that decodes the same bodies with msgspec into the same typed structs the door checks
them with, and does nothing else - no HTTP, no encryption, no disk. Beside it, the decoding into the fuller structs
that the digest reads, which whoever uses the events has to do at some point. The load client runs on the same machine
and takes part of its cores, so that figures are lower than with the client elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.blast import EVENTS, Load, batch, blast
from bench.postgres import copy_rate
from bench.report import Row, row

SECONDS = 5.0
CONNECTIONS = 16
RUNS = 3
NAME = "Segment batches of 100, digest off, client on the same machine"


def rows() -> list[Row]:
    body = batch("0" * 24)
    with tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR")) as folder:
        fsync = _fsync_ceiling(Path(folder), len(body))
        door, full = _ceilings(body)
        one = [_measure(Path(folder), servers=1) for _ in range(RUNS)]
        two = [_measure(Path(folder), servers=2) for _ in range(RUNS)]
        quiet = _measure(Path(folder), servers=1, rate=5000.0)[0]
    copied = copy_rate(batches=4000, connections=CONNECTIONS)
    rate, rates = statistics.median(load.rate for load, _ in one), [load.rate for load, _ in one]
    both = [load.rate for load, _ in two]
    cpu = statistics.median(cpu for _, cpu in one)
    ranged = f"low/high: range of {RUNS} runs of {SECONDS:.0f} s"
    found = [
        row("durable listening", f"{NAME}; one process", rate, "events/s", low=min(rates), high=max(rates),
            reference=1700, source=f"{ranged}; reference: RudderStack's published gateway figure on 2 cores"),
        row("share of the decode-only ceiling", f"{NAME}; one process", rate / door, "ratio", reference=0.6,
            source=f"ceiling {door:,.0f} events/s: msgspec into the structs the door checks, same body, same run"),
        row("share of the full decoding", f"{NAME}; one process", rate / full, "ratio",
            source=f"{full:,.0f} events/s: msgspec into the structs the digest reads, same body, same run"),
        row("processor time of the server", f"{NAME}; one process", cpu * 1e6, "us/batch",
            source=f"all its threads; decoding alone takes {EVENTS / door * 1e6:.0f} us of one core"),
        row("durable listening, two processes", f"{NAME}; two processes on one space", statistics.median(both), "events/s",
            low=min(both), high=max(both), reference=1.6 * rate, source=f"{ranged}; reference: 1.6 times one process"),
        row("answer time p99 at 5,000 events/s", f"{NAME}; one process", quiet.percentile(0.99) * 1000, "ms", reference=50,
            source=f"sent by the clock, counted from when it was due; reached {quiet.rate:,.0f}/s"),
        row("fsync ceiling", f"{len(body) // 1000} kB appends, one writer", fsync * EVENTS, "events/s",
            source="fdatasync after each append of one batch, nothing else, same disk"),
    ]  # fmt: skip
    if copied is None:
        found.append(
            row(
                "PostgreSQL COPY",
                "skipped: Debian's postgresql is not installed, or this is not root",
                0.0,
                "rows/s",
            )
        )
    else:
        source = f"100 rows a transaction, synchronous_commit on, {CONNECTIONS} psql connections, no HTTP, no encryption"
        found.append(row("PostgreSQL COPY", "the same events as rows", copied, "rows/s", source=source))
    return found


def _ceilings(body: bytes) -> tuple[float, float]:
    from allears.listen import segment

    def full() -> None:
        for part in segment._BATCH.decode(body).batch:
            segment._CALL.decode(part)

    return _best(lambda: segment._BRIEF_BATCH.decode(body)), _best(full)


def _best(decode: Callable[[], object]) -> float:
    best = 0.0
    for _ in range(5):
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < 0.5:
            decode()
            count += EVENTS
        best = max(best, count / (time.perf_counter() - start))
    return best


def _fsync_ceiling(folder: Path, size: int) -> float:
    data, count, start = os.urandom(size), 0, time.perf_counter()
    with open(folder / "ceiling", "wb", buffering=0) as file:
        while time.perf_counter() - start < 2.0:
            file.write(data)
            os.fdatasync(file.fileno())
            count += 1
    return count / (time.perf_counter() - start)


def _measure(folder: Path, *, servers: int, rate: float | None = None) -> tuple[Load, float]:
    """Load fresh servers on a fresh space; gives what was reached and the servers' processor seconds a request."""
    space = folder / uuid.uuid4().hex
    _allears("new", str(space))
    made = _allears("keys", "new", "--role", "sender", "--json", "--space", str(space))
    key = json.loads(made)["key"]
    with _serving(space, servers) as running:
        ports, ids = [port for port, _ in running], [pid for _, pid in running]
        blast(ports, key, seconds=1.0, connections=CONNECTIONS)
        before = sum(map(_cpu, ids))
        load = blast(ports, key, seconds=SECONDS, connections=CONNECTIONS, rate=rate)
        spent = sum(map(_cpu, ids)) - before
    return load, spent / max(1, len(load.took))


@contextmanager
def _serving(space: Path, servers: int) -> Iterator[list[tuple[int, int]]]:
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "allears",
                "serve",
                "--space",
                str(space),
                "--port",
                "0",
                "--role",
                "listen",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(servers)
    ]
    try:
        yield [(_port(process), process.pid) for process in processes]
    finally:
        for process in processes:
            process.terminate()
            process.communicate()


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"listening on http://[^:]+:(\d+)", line):
            return int(found[1])
    raise RuntimeError("the server ended before it listened")


def _cpu(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _allears(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "allears", *words], check=True, capture_output=True, text=True
    )
    return done.stdout
