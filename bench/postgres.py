"""A PostgreSQL of our own for a measurement: a fresh cluster on loopback, durable as it ships, removed afterwards."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.blast import EVENTS, batch

TABLE = (
    "CREATE TABLE events (message_id text, type text, event text, anonymous_id text, user_id text, "
    "at timestamptz, context json, properties json)"
)


def copy_rate(*, batches: int, connections: int) -> float | None:
    """Copy batches of 100 rows in, each its own durable transaction; rows a second, None where there is no PostgreSQL."""
    with cluster() as where:
        if where is None:
            return None
        host, port = where
        psql = ["runuser", "-u", "postgres", "--", "psql", "-qXh", host, "-p", str(port), "-d", "postgres"]
        subprocess.run([*psql, "-c", TABLE], check=True, capture_output=True)
        script = _copy_in(json.loads(batch("0" * 24))["batch"]) * (batches // connections)
        start = time.perf_counter()
        running = [
            subprocess.Popen(psql, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            for _ in range(connections)
        ]
        for one in running:
            # A pipe holds 64 KB: written one after the other, the first would be done before the last began.
            os.set_blocking(one.stdin.fileno(), True)  # type: ignore[union-attr]
        _feed(running, script)
        took = time.perf_counter() - start
        counted = subprocess.run(
            [*psql, "-Atc", "SELECT count(*) FROM events"], check=True, capture_output=True
        )
        rows = int(counted.stdout)
        if rows != batches // connections * connections * EVENTS:
            raise RuntimeError("PostgreSQL did not take every row")
        return rows / took


def _feed(running: list[subprocess.Popen[bytes]], script: bytes) -> None:
    import threading

    def one(process: subprocess.Popen[bytes]) -> None:
        process.communicate(script)

    threads = [threading.Thread(target=one, args=(process,)) for process in running]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _copy_in(calls: list[dict[str, object]]) -> bytes:
    lines = [
        "\t".join(
            (
                str(c["messageId"]), str(c["type"]), str(c["event"]), str(c["anonymousId"]), str(c["userId"]), str(c["timestamp"]),
                json.dumps(c["context"]), json.dumps(c["properties"]),
            )
        )
        for c in calls
    ]  # fmt: skip
    return ("COPY events FROM STDIN;\n" + "\n".join(lines) + "\n\\.\n").encode()


@contextmanager
def cluster() -> Iterator[tuple[str, int] | None]:
    """Run a PostgreSQL on loopback, everybody trusted; gives its host and port, None where it is not installed or this is not root."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or shutil.which("psql") is None or shutil.which("runuser") is None or os.getuid() != 0:
        yield None
        return
    binaries = found[-1].parent
    folder = Path(tempfile.mkdtemp(dir=os.environ.get("ALLEARS_BENCH_DIR")))
    shutil.chown(folder, "postgres")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    as_postgres = ["runuser", "-u", "postgres", "--"]
    data = str(folder / "data")
    try:
        subprocess.run(
            [*as_postgres, str(binaries / "initdb"), "-D", data, "-A", "trust"],
            check=True,
            capture_output=True,
        )
        options = f"-h 127.0.0.1 -p {port} -k {folder}"
        control = [*as_postgres, str(binaries / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log")]
        subprocess.run([*control, "-o", options, "start"], check=True, capture_output=True)
        yield "127.0.0.1", port
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
