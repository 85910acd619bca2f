"""What runs apprise's plugins: a process of its own that connects to no private address, whatever a plugin looks up.

A hundred plugins bring their own ways to the network: HTTP and what it redirects to, mail, MQTT, XMPP, plain sockets. So
no name is checked here, but each address at the moment when a socket is connected to it, by the interpreter's own audit
of sockets. It is started as a script, and of Allears reads the rule for addresses alone: the rest takes longer to load.

In comes a line of JSON for each message (address, scheme, title, text, whether private networks are allowed); out goes an
empty object once apprise is loaded, then for each message whether it was sent, and the kind of what went wrong.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from queue import SimpleQueue
from typing import Any

is_public = runpy.run_path(str(Path(__file__).parents[1] / "guard" / "address.py"))["is_public"]

REACHING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
# Another program would reach where it likes.
STARTING = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"})


class Boundary:
    """Refuses sockets that reach into a private network, while it is closed."""

    def __init__(self) -> None:
        self.closed = False
        self.refused = ""

    def __call__(self, event: str, facts: tuple[Any, ...]) -> None:
        """Look at what the interpreter is about to do."""
        if not self.closed:
            return
        if event in STARTING:
            self._refuse("another program")
        # What is sent over a connection names no address; it was looked at when it was connected.
        elif event in REACHING and facts[1] is not None and not _public(facts[1]):
            self._refuse("private address")

    def _refuse(self, what: str) -> None:
        self.refused = what
        raise PermissionError(what)


def serve() -> None:
    """Answer, until the pipe is closed."""
    # Ctrl-C is for the first process, which then ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    # What a plugin prints must not get among the answers.
    os.dup2(2, 1)
    import apprise

    apprise.Apprise.instantiate("json://localhost")
    boundary = Boundary()
    sys.addaudithook(boundary)
    print("{}", file=answers)
    for line in _lines():
        asked = json.loads(line)
        boundary.closed, boundary.refused = not asked["allow_private"], ""
        server = apprise.Apprise.instantiate(asked["address"], suppress_exceptions=True)
        error = _notify(server, asked)
        # What got through all the same was sent: a name may have public addresses besides.
        print(json.dumps({"error": error and (boundary.refused or error)}), file=answers)


def _lines() -> Iterator[bytes]:
    """Give what comes in. When the first process is gone, killed too, this one ends, whatever it waits for."""
    came: SimpleQueue[bytes] = SimpleQueue()

    def listen() -> None:
        for line in sys.stdin.buffer:
            came.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        yield came.get()


def _notify(server: Any, asked: dict[str, Any]) -> str:
    if server is None or asked["address"].split(":", 1)[0] != asked["scheme"].split(":", 1)[0]:
        return "address not understood"
    server.redirects = False
    try:
        return "" if server.notify(body=asked["text"], title=asked["title"]) else "service refused"
    except Exception as error:  # a hundred plugins raise what they like: this is their door
        return type(error).__name__[:64]


def _public(address: Any) -> bool:
    # A path (a socket of this machine), or a name: that would be looked up after we looked.
    try:
        ip_address(str(address[0]).split("%")[0])
    except (ValueError, IndexError, TypeError):
        return False
    return bool(is_public(str(address[0])))


if __name__ == "__main__":
    serve()
