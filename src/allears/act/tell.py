"""Tell one of apprise's services, in words a person reads: its plugin runs in a process of its own (`plugin`)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from allears.act.send import Message, Outcome

# Loading a hundred plugins is not the service's fault; on a busy machine it takes a while.
LOADING_SECONDS = 30.0
# What else stands in the environment (passwords of the desk, of a provider) is nothing of a plugin's.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")  # fmt: skip
_PLUGIN = (sys.executable, "-I", str(Path(__file__).with_name("plugin.py")))


class _Answer(msgspec.Struct, frozen=True):
    error: str = ""


class Teller:
    """Tells one destination, by one process while it lasts; the process begins with the first message.

    Parameters
    ----------
    seconds
        Longest attempt.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._process: Process | None = None

    async def __aenter__(self) -> Teller:
        """Begin."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the process."""
        await self._end()

    async def tell(self, address: str, scheme: str, message: Message, *, allow_private: bool) -> Outcome:
        """Hand one message over; a plugin that takes too long is ended with its process."""
        title, text = _words(message)
        asked = {"address": address, "scheme": scheme, "title": title, "text": text, "allow_private": allow_private}  # fmt: skip
        try:
            process = await self._running()
            async with asyncio.timeout(self._seconds):
                answer = await _answered(process, json.dumps(asked).encode() + b"\n")
        except TimeoutError:
            await self._end()
            return Outcome(False, "timeout")
        except (OSError, msgspec.DecodeError):
            # It died, or said what is no answer.
            await self._end()
            return Outcome(False, "plugin ended")
        return Outcome(not answer.error, answer.error)

    async def _running(self) -> Process:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(*_PLUGIN, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={name: os.environ[name] for name in _KEPT if name in os.environ})  # fmt: skip
            async with asyncio.timeout(LOADING_SECONDS):
                await _answered(self._process, b"")
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _answered(process: Process, line: bytes) -> _Answer:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(line)
    await process.stdin.drain()
    return msgspec.json.decode(await process.stdout.readline(), type=_Answer)


def _words(message: Message) -> tuple[str, str]:
    data: dict[str, Any] = json.loads(message.body)["data"]
    title = str(data.get("title") or message.event_type.replace(".", " "))
    lines = [
        f"{name.replace('_', ' ')}: {value}"
        for name, value in data.items()
        if name != "title" and value not in (None, "", [])
    ]
    return f"[{message.event_type}] {title}", "\n".join(lines) or title
