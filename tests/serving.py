"""Start and stop the real server in tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from allears.space import Space


def allears(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "allears", *words], capture_output=True, text=True, check=check, timeout=300
    )


@dataclass
class Server:
    process: subprocess.Popen[str]
    url: str
    once: str
    first_key: str

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def new_space(folder: Path, role: str = "engineer") -> str:
    """Make a space and a key."""
    with Space.open(folder) as space:
        return space.keys.make(role, "shop")[0]


def start(folder: Path, *words: str) -> Server:
    """Start a server and wait until it says that it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "allears", "serve", "--space", str(folder), "--port", "0", *words],
        stdout=subprocess.PIPE,
        stderr=None if os.environ.get("ALLEARS_TEST_LOUD") else subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    seen = {"once": "", "key": ""}
    for line in process.stdout:
        if found := re.search(r"open the pages, once: (\S+)", line):
            seen["once"] = found[1]
        if found := re.search(r"first API key, shown once: (\S+)", line):
            seen["key"] = found[1]
        if found := re.search(r"listening on (\S+)", line):
            return Server(process, found[1], seen["once"], seen["key"])
    raise AssertionError(f"the server ended with {process.wait()} before it listened")


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[Server]:
    """Serve a space for the length of a test."""
    server = start(folder, *words)
    try:
        yield server
    finally:
        server.process.terminate()
        try:
            server.process.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
        if server.process.stdout is not None:
            server.process.stdout.close()


# The port is the system's choice: one chosen here might be another's by the time the server has loaded.
MOTO = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def moto() -> Iterator[str]:
    """Serve what moto knows of AWS, on loopback; gives ``host:port``."""
    with subprocess.Popen(
        [sys.executable, "-c", MOTO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        yield f"127.0.0.1:{port}"
        server.kill()
