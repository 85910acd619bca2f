"""Durable listening: real servers, Segment batches of 100 over keep-alive connections, against the ceilings of this machine.

The decode-only ceiling is one process that turns the same bodies into typed events with all their fields, in one msgspec
pass, and does nothing else: no HTTP, no checks, no encryption, no disk. Beside it stands what scanning costs: the same
pass into structs that name only what the door looks at, with everything else passed over. Events are as large as
those that browsers send (1 kB); beside them stand the smallest. The load client runs on the
same machine and takes part of its cores, so its processor time is printed apart, and the server's is printed too.

Two processes are compared with one on equal terms: a core each. On two cores a single process that may use both already
takes more than one of them (it seals and fsyncs beside its loop), so that two of those could never be 1.6 times as fast.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from allears.listen import segment
from bench.blast import EVENTS, Load, batch, blast
from bench.postgres import copy_rate
from bench.report import Row, row

SECONDS = 4.0
CONNECTIONS = 64
RUNS = 3
NAME = f"Segment batches of 100, {CONNECTIONS} connections, digest off, client on the same machine"
BARE = "the same with events of 300 bytes, which hold next to nothing"
RANGED = f"low/high: range of {RUNS} runs of {SECONDS:.0f} s"


class _Whole(msgspec.Struct):
    batch: list[segment._Call]


class Run(NamedTuple):
    """What a load reached, and the processor seconds a request that servers and client took for it."""

    load: Load
    server: float
    client: float

    @property
    def rate(self) -> float:
        return self.load.rate


def rows() -> list[Row]:
    body = batch("0" * 24)
    with tempfile.TemporaryDirectory(dir=os.environ.get("ALLEARS_BENCH_DIR")) as name:
        folder = Path(name)
        fsync = _fsync_ceiling(folder, len(body))
        decoding, scanning = _decoding(body), _scanning(body)
        both = _at_once(body) / decoding
        one = _measure(folder, [None])
        pinned = _measure(folder, [0], client={1})
        two = _measure(folder, [0, 1])
        apart = _measure(folder, [0, 1], spaces=2)
        least = _measure(folder, [None], bare=True)
        quiet = _measure(folder, [None], rate=5000.0)[0].load
    rate, server = _median(one), statistics.median(run.server for run in one)
    small = _decoding(batch("0" * 24, bare=True))
    alone, client = _median(pinned), statistics.median(run.client for run in one)
    return [
        row("durable listening", f"{NAME}; one process", rate, "events/s", **_range(one),
            reference=1700, source=f"{RANGED}; reference: RudderStack's published gateway figure on 2 cores"),
        row("share of the decode-only ceiling", f"{NAME}; one process", rate / decoding, "ratio", reference=0.6,
            source=f"ceiling {decoding:,.0f} events/s: msgspec into typed events with all fields, same body, same run, the other core idle"),
        row("share of it while the other core works", f"{NAME}; one process", rate / (decoding * both / 2), "ratio",
            source=f"each of two decoders at once reaches {both / 2:.2f} of one alone: while listening, the client keeps the other core busy"),
        row("share of scanning only", f"{NAME}; one process", rate / scanning, "ratio",
            source=f"{scanning:,.0f} events/s: msgspec into what the door looks at, the rest passed over, same run"),
        row("events a processor second of the server", f"{NAME}; one process", EVENTS / server, "events/s",
            source=f"{server * 1e6:.0f} us a batch, all threads; the client takes {client * 1e6:.0f} us, decoding alone {EVENTS / decoding * 1e6:.0f} us"),
        row("durable listening", BARE, _median(least), "events/s", **_range(least), source=RANGED),
        row("share of the decode-only ceiling", BARE, _median(least) / small, "ratio",
            source=f"ceiling {small:,.0f} events/s: what a request costs apart from its events weighs most here"),
        row("durable listening on one core", f"{NAME}; one process kept to one core", alone, "events/s",
            **_range(pinned), source=RANGED),
        row("durable listening, two processes", f"{NAME}; a core each, one space", _median(two), "events/s",
            **_range(two), reference=1.6 * alone, source=f"{RANGED}; reference: 1.6 times one process on one core"),
        row("two processes against one", f"{NAME}; a core each, one space", _median(two) / alone, "ratio", reference=1.6,
            source=f"on two spaces: {_median(apart) / alone:.2f}; decoding alone in two processes, no client: {both:.2f}"),
        row("answer time p99 at 5,000 events/s", f"{NAME}; one process", quiet.percentile(0.99) * 1000, "ms", reference=50,
            source=f"sent by the clock, counted from when it was due; reached {quiet.rate:,.0f}/s"),
        row("fsync ceiling", f"{len(body) // 1000} kB appends, one writer", fsync * EVENTS, "events/s",
            source="fdatasync after each append of one batch, nothing else, same disk"),
        _copied(),
    ]  # fmt: skip


def _copied() -> Row:
    copied = copy_rate(batches=4000, connections=16)
    if copied is None:
        why = "skipped: Debian's postgresql is not installed, or this is not root"
        return row("PostgreSQL COPY", why, 0.0, "rows/s")
    source = "100 rows a transaction, synchronous_commit on, 16 psql connections, no HTTP, no encryption"
    return row("PostgreSQL COPY", "the same events as rows", copied, "rows/s", source=source)


def _median(runs: list[Run]) -> float:
    return statistics.median(run.rate for run in runs)


def _range(runs: list[Run]) -> dict[str, float]:
    return {"low": min(run.rate for run in runs), "high": max(run.rate for run in runs)}


def _decoding(body: bytes) -> float:
    return _best(partial(msgspec.json.Decoder(_Whole).decode, body))


def _scanning(body: bytes) -> float:
    return _best(partial(segment._BRIEF_BATCH.decode, body))


def _at_once(body: bytes) -> float:
    """Decode in two processes at the same time: what the machine itself allows, events a second."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_scanning, [b'{"batch":[]}'] * 2))
        return sum(pool.map(_decoding, [body] * 2))


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


def _measure(
    folder: Path,
    cores: list[int | None],
    *,
    spaces: int = 1,
    client: set[int] | None = None,
    rate: float | None = None,
    bare: bool = False,
) -> list[Run]:
    """Load fresh servers, one for each core named, on fresh spaces, a few times; once at a rate that is given."""
    made = [_space(folder / uuid.uuid4().hex) for _ in range(spaces)]
    own = os.sched_getaffinity(0)
    with _serving([made[n % spaces][0] for n in range(len(cores))], cores) as running:
        ports, ids = [port for port, _ in running], [pid for _, pid in running]
        keys = [made[n % spaces][1] for n in range(len(cores))]
        os.sched_setaffinity(0, client & own if client and client & own else own)
        try:
            blast(ports, keys, seconds=1.0, connections=CONNECTIONS, bare=bare)
            return [_once(ports, keys, ids, rate, bare) for _ in range(RUNS if rate is None else 1)]
        finally:
            os.sched_setaffinity(0, own)


def _once(ports: list[int], keys: list[str], ids: list[int], rate: float | None, bare: bool) -> Run:
    before, mine = sum(map(_cpu, ids)), time.process_time()
    load = blast(ports, keys, seconds=SECONDS, connections=CONNECTIONS, rate=rate, bare=bare)
    count = max(1, len(load.took))
    return Run(load, (sum(map(_cpu, ids)) - before) / count, (time.process_time() - mine) / count)


def _space(folder: Path) -> tuple[Path, str]:
    _allears("new", str(folder))
    made = _allears("keys", "new", "--role", "sender", "--json", "--space", str(folder))
    return folder, json.loads(made)["key"]


@contextmanager
def _serving(spaces: list[Path], cores: list[int | None]) -> Iterator[list[tuple[int, int]]]:
    there = sorted(os.sched_getaffinity(0))
    processes = []
    for space, core in zip(spaces, cores, strict=True):
        words = ["serve", "--space", str(space), "--port", "0", "--role", "listen"]
        keep = set(there) if core is None else {there[core % len(there)]}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "allears", *words],
                stdout=subprocess.PIPE,
                text=True,
                preexec_fn=partial(os.sched_setaffinity, 0, keep),
            )
        )
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
