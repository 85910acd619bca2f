"""Start and stop the real server in tests."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
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


@contextmanager
def moto() -> Iterator[str]:
    """Serve what moto knows of AWS, on loopback; gives ``host:port``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)
