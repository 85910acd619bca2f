"""Requests that attack a running server, and what must not come of any: answers of 500, traces, silence, calls to a trap."""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from bench import hostile

SECONDS = 10.0
# So many of the places that take text see each text, in turns: every place sees every family.
PLACES = 4
OWN = ("Traceback (most recent call last)", "/allears/", "site-packages", "sqlalchemy", "duckdb.")
# The questions that take text in their address.
ASKED = (
    "/api/trust?by=", "/api/trust?every=", "/api/experience?by=", "/api/surveys?by=", "/api/forecast?channel=", "/api/forecast?days=",
    "/api/issues?state=", "/api/issues?cursor=", "/api/issues?limit=", "/api/cases?state=", "/api/moves?decision=", "/api/refused?source=",
    "/api/refused?reason=", "/api/refused?cursor=", "/api/issues/", "/api/refused/", "/issues/", "/customers/", "/customers?search=",
    "/channels/refused?source=", "/ask/", "/ask/open/", "/ask/embed/", "/once/", "/v1/projects/", "/hooks/", "/login?next=", "/assets/", "/",
)  # fmt: skip


class Failures(list[str]):
    """What went wrong, told without the attack's own text."""


class Tried(NamedTuple):
    """What a part tried, what went wrong, and what it could not reach, told by name."""

    family: str
    cases: int
    failures: Failures
    left: tuple[str, ...] = ()


class Trap:
    """A server on loopback that counts who calls."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.calls = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                self._socket.accept()[0].close()
            except OSError:
                return
            self.calls += 1

    def close(self) -> None:
        self._socket.close()


@contextmanager
def serving(folder: Path, log: Path) -> Iterator[str]:
    words = ["serve", "--space", str(folder), "--port", "0", "--role", "listen,web"]
    with log.open("ab") as told:
        process = subprocess.Popen([sys.executable, "-m", "allears", *words], stdout=subprocess.PIPE, stderr=told, text=True)  # fmt: skip
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if "listening on " in line:
                    break
            yield line.split()[-1]
        finally:
            process.terminate()
            process.communicate()


class Attack:
    """Sends requests and notes what must not happen."""

    def __init__(self, url: str, failures: Failures, **headers: str) -> None:
        self.cases = 0
        self._failures = failures
        self._client = httpx.Client(base_url=url, headers=headers, timeout=SECONDS * 3)

    def __enter__(self) -> Attack:
        return self

    def __exit__(self, *_: object) -> None:
        self.cases += 1
        try:
            alive = self._client.get("/health/live").status_code == 200
        except httpx.HTTPError:
            alive = False
        if not alive:
            self._failures.append("the server is gone")
        self._client.close()

    def send(self, place: str, method: str, path: str, **more: Any) -> httpx.Response | None:
        self.cases += 1
        start = time.monotonic()
        try:
            request = self._client.build_request(method, path, **more)
        except (ValueError, UnicodeError, httpx.InvalidURL):
            return None  # no client can send this at all
        try:
            answer = self._client.send(request)
        except (httpx.RemoteProtocolError, httpx.LocalProtocolError):
            return None  # cut off: an answer as well, if the server goes on
        except httpx.HTTPError as error:
            self._failures.append(f"{place}: {type(error).__name__}")
            return None
        if answer.status_code == 500 or answer.status_code > 503:
            self._failures.append(f"{place}: {answer.status_code}")
        if any(own in answer.text for own in OWN) and not path.startswith("/_nicegui"):
            self._failures.append(f"{place}: tells of its inside")
        if time.monotonic() - start > SECONDS:
            self._failures.append(f"{place}: took longer than {SECONDS:.0f} s")
        return answer


def doors(url: str, keys: dict[str, str], texts: list[str]) -> Tried:
    """Put each text into every field that senders fill."""
    failures = Failures()
    with Attack(url, failures, authorization=f"Bearer {keys['engineer']}") as attack:
        for number, text in enumerate(texts):
            for place, path, body in _calls(number, text):
                # Half a surrogate can be written in JSON: as an escape.
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                attack.send(
                    place, "POST", path, content=content, headers={"content-type": "application/json"}
                )
            attack.send(
                "/signals?source",
                "POST",
                f"/signals?source={_quoted(text)}&channel={_quoted(text)}",
                json={"text": "x"},
            )
    return Tried(f"doors that listen, {len(texts)} texts in every field", attack.cases, failures)


def _calls(number: int, t: str) -> list[tuple[str, str, Any]]:
    many = dict.fromkeys(
        ("service", "release", "region", "platform", "text", "channel", "thread", "rating"), t
    )
    span = {"name": t, "traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "startTimeUnixNano": "1760000000000000000",
            "endTimeUnixNano": "1760000001000000000", "attributes": [{"key": t[:50], "value": {"stringValue": t}}]}  # fmt: skip
    about = {"attributes": [{"key": "service.name", "value": {"stringValue": t}}]}
    return [
        ("/signals text", "/signals", {"text": t, "signal_id": f"a{number}", "identifiers": {"user_id": f"h{number}"}}),
        ("/signals fields", "/signals", {"text": "x", "signal_id": t, "channel": t, "name": t, "thread": t, "properties": {t: t}}),
        ("/signals identifiers", "/signals", {"text": "x", "identifiers": {"email": t, "handle": t, "phone": t}}),
        ("/v1/track", "/v1/track", {"event": t, "userId": t, "properties": {t: t}}),
        ("/v1/track fields", "/v1/track", {"event": "x", "userId": "u", "properties": many, "context": {"page": {"path": t}, "campaign": {"name": t}, "locale": t}}),
        ("/v1/identify", "/v1/identify", {"userId": f"h{number}", "traits": {"name": t, "email": t, "address": {"street": t}, t: t, "account": t}}),
        ("/v1/page", "/v1/page", {"userId": "u", "name": t, "category": t}),
        ("/v1/alias", "/v1/alias", {"userId": t, "previousId": t}),
        ("/v1/group", "/v1/group", {"userId": "u", "groupId": t, "traits": {"name": t}}),
        ("/v1/traces", "/v1/traces", {"resourceSpans": [{"resource": about, "scopeSpans": [{"spans": [span]}]}]}),
        ("/hooks", "/hooks/helpdesk", t.encode("utf-8", "surrogatepass")),
    ]  # fmt: skip


def bodies(url: str, keys: dict[str, str]) -> Tried:
    """Send what is hostile as a whole body to every door."""
    failures = Failures()
    paths = ("/signals", "/v1/batch", "/v1/track", "/v1/traces", "/v1/logs", "/v1/metrics", "/hooks/helpdesk", "/api/refused/replay", "/login")  # fmt: skip
    kinds = (
        "application/json",
        "application/x-protobuf",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/xml",
    )
    with Attack(url, failures, authorization=f"Bearer {keys['engineer']}") as attack:
        for number, (path, body) in enumerate(itertools.product(paths, hostile.documents())):
            headers = {"content-type": kinds[number % 5] if number % 3 == 0 else kinds[0]}
            if body[:2] == b"\x1f\x8b":
                headers["content-encoding"] = "gzip"
            attack.send(f"{path} body", "POST", path, content=body, headers=headers)
    return Tried("bodies", attack.cases, failures)


def questions(url: str, keys: dict[str, str], texts: list[str]) -> Tried:
    """Put each text into addresses, in turns."""
    failures, turns = Failures(), itertools.cycle(ASKED)
    with Attack(url, failures, authorization=f"Bearer {keys['cio']}") as attack:
        for text in texts:
            for path in itertools.islice(turns, PLACES):
                attack.send(path, "GET", path + _quoted(text))
        for path in hostile.paths():
            attack.send("a raw path", "GET", "/assets/" + path)
            attack.send("a raw path", "GET", "/issues/" + path)
    return Tried(f"questions and addresses, {len(texts)} texts", attack.cases, failures)


def headers(url: str, texts: list[str]) -> Tried:
    """Put each text into headers, in turns, and some into the log-in."""
    names = (
        "authorization",
        "cookie",
        "host",
        "x-forwarded-for",
        "origin",
        "content-type",
        "accept-language",
        "referer",
        "content-encoding",
    )
    failures, turns = Failures(), itertools.cycle(names)
    with Attack(url, failures) as attack:
        for text in texts:
            value = b" ".join(text[:2000].encode("utf-8", "surrogatepass").replace(b"\0", b" ").split())
            for name in itertools.islice(turns, PLACES):
                attack.send(f"header {name}", "POST", "/signals", headers={name: value}, content=b"{}")
        for text in texts[::12]:
            word = text.encode("utf-8", "replace").decode()[:500]
            attack.send("login", "POST", "/login", data={"name": word, "password": word})
    return Tried(f"headers and log-in, {len(texts)} texts", attack.cases, failures)


def _quoted(text: str) -> str:
    return quote(text[:3000], safe="", errors="surrogatepass")
