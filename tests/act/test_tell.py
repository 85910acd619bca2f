"""A plugin of apprise reaches nothing in a private network: looked at when a socket is connected, not when a name is looked up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from allears.act.send import Message, Outcome
from allears.act.tell import Teller

MESSAGE = Message("msg_1", "case.opened", json.dumps({"data": {"title": "late", "priority": "P1"}}))


def _tell(*addresses: str, allow_private: bool = False, seconds: float = 20.0) -> list[Outcome]:
    async def told() -> list[Outcome]:
        async with Teller(seconds) as teller:
            return [
                await teller.tell(one, one.partition(":")[0] + "://", MESSAGE, allow_private=allow_private)
                for one in addresses
            ]

    return asyncio.run(told())


def test_no_way_of_a_plugin_leads_inside(receiver: Callable[..., Any]) -> None:
    server = receiver(200)
    port = server.url.rpartition(":")[2]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.2)
        addresses = (
            f"json://127.0.0.1:{port}/",
            f"json://localhost:{port}/",
            f"mailto://a:b@localhost:{port}?smtp=127.0.0.1&to=c@d.example&mode=insecure",
            f"rsyslog://127.0.0.1:{listener.getsockname()[1]}",
            f"rsyslog://localhost:{listener.getsockname()[1]}",
        )
        assert [one.error for one in _tell(*addresses)] == ["private address"] * len(addresses)
        with pytest.raises(TimeoutError):
            listener.recv(100)
        assert server.got == []
        allowed = _tell(addresses[0], addresses[3], allow_private=True)
        assert [one.sent for one in allowed] == [True, True] and len(server.got) == 1
        assert b"late" in listener.recv(1000)


def test_a_plugin_ends_with_the_process_it_works_for(tmp_path: Path) -> None:
    """Killed without a word, while the plugin waits for a service that does not answer."""
    script = """
import asyncio, json, os, signal, socket, sys
from allears.act.send import Message
from allears.act.tell import Teller
silent = socket.create_server(("127.0.0.1", 0))
message = Message("m", "case.opened", json.dumps({"data": {"title": "late"}}))
async def told():
    async with Teller(60) as teller:
        asked = asyncio.create_task(teller.tell(f"json://127.0.0.1:{silent.getsockname()[1]}/", "json://", message, allow_private=True))
        await asyncio.to_thread(silent.accept)
        print(teller._process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(told())
"""
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, timeout=240)
    plugin = Path("/proc") / done.stdout.strip()
    assert done.returncode == -signal.SIGKILL and plugin.name.isdigit()
    for _ in range(600):
        if not plugin.exists():
            return
        time.sleep(0.1)
    raise AssertionError("the plugin is still there")


def test_a_plugin_starts_no_other_program() -> None:
    script = """
import subprocess, sys
from allears.act.plugin import Boundary
boundary = Boundary()
sys.addaudithook(boundary)
subprocess.run(["true"], check=True)
boundary.closed = True
try:
    subprocess.run(["true"])
except PermissionError:
    print(boundary.refused)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "another program"


def test_a_plugin_that_hangs_is_ended_and_the_next_message_goes(
    hung: Any, receiver: Callable[..., Any]
) -> None:
    server, slow = receiver(200), hung.url.replace("http", "json") + "?rto=30&cto=30"
    found = _tell(slow, server.url.replace("http", "json"), allow_private=True, seconds=2.0)
    assert [one.error for one in found] == ["timeout", ""] and len(server.got) == 1


def test_addresses_that_are_none_are_told_so() -> None:
    assert [one.error for one in _tell("nothing://x", "json:")] == ["address not understood"] * 2


def test_a_name_that_moves_inside_between_two_looks_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    network = f"ip link set lo up && ip addr add 8.8.4.4/32 dev lo && mount --bind {tmp_path}/resolv.conf /etc/resolv.conf"
    own = ["unshare", "--net", "--mount", "sh", "-c"]
    tried = subprocess.run([*own, network], capture_output=True) if os.getuid() == 0 else None
    if tried is None or tried.returncode:
        pytest.skip("a network of its own needs root, unshare and ip")
    script = str(Path(__file__).with_name("rebinding.py"))
    done = subprocess.run(
        [*own, f'{network} && exec "$@"', "sh", sys.executable, script], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = {what: (said, called["public"], called["inside"]) for what, (said, called) in json.loads(done.stdout).items()}  # fmt: skip
    assert found == {
        "first": ("sent", 1, 0),
        "second": ("private address", 1, 0),
        "mail": ("private address", 1, 0),
        # One of its addresses is public: there it was sent, and to the other one nothing.
        "both": ("sent", 2, 0),
        "away": ("service refused", 3, 0),
        "allowed": ("sent", 3, 1),
        "no longer": ("private address", 3, 1),
        "followed": ("private address", 4, 1),
    }
