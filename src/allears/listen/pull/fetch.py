"""Asking over HTTP: only the configured hosts, never a private address unless told so, at a polite pace, with patience."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx

from allears.errors import NotAllowed, Refused, WorldFailed
from allears.guard.address import check_url, resolve
from allears.listen.pull.deadline import Deadline, transport
from allears.listen.pull.page import Ask, Resting
from allears.listen.pull.unpack import lines, unpacked
from allears.listen.times import read_time

T = TypeVar("T")
LARGEST_ANSWER = 64 << 20
LONGEST_LINE = 1 << 20
_MOVED = (301, 302, 303, 307, 308)
_LATER = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529)
_MOST_MOVES = 4


class Judged(Protocol):
    """What an answer is judged by."""

    status_code: int

    @property
    def headers(self) -> Any:
        """Its headers, by name."""
        ...


class Answer:
    """Status, headers and bytes of an answer."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


class Fetcher:
    """Fetches pages for one pull.

    Parameters
    ----------
    ask
        Its pace, patience, and whether private addresses may be asked.
    hosts
        Host names that may be asked; a redirect to any other is not followed.
    """

    def __init__(self, ask: Ask, hosts: frozenset[str], per_minute: float | None = None) -> None:
        self._ask = ask
        self._hosts = hosts
        pace = ask.per_minute or per_minute
        self._pause = 60.0 / pace if pace else 0.0
        self._next = 0.0
        self._deadline = Deadline()
        # No proxy or certificates from the environment, and nobody is followed unseen.
        self._client = httpx.Client(
            timeout=ask.patience.timeout_seconds,
            follow_redirects=False,
            trust_env=False,
            transport=transport(_trusted(), self._deadline),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(
        self, url: str, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Fetch one address, trying again while that makes sense.

        Raises
        ------
        Resting
            The place asked for a longer rest.
        WorldFailed
            It failed; ``again`` says whether later may be better.
        NotAllowed
            It led to a host that is not configured, or to a private address.
        """
        return self.patiently(lambda: self._once(url, params, headers))

    def patiently(self, attempt: Callable[[], T]) -> T:
        """Run an attempt again after each failure that may pass."""
        waits = iter(self._ask.patience.retry_seconds)
        while True:
            try:
                return attempt()
            except Resting as rest:
                wait = next(waits, None)
                asked = float(rest.facts["wait_seconds"])
                if wait is None or asked > self._ask.patience.longest_wait_seconds:
                    raise
                self.wait(max(wait, asked))
            except WorldFailed as error:
                wait = next(waits, None)
                if not error.again or wait is None:
                    raise
                self.wait(wait)

    def wait(self, seconds: float) -> None:
        """Wait, unless the pull is stopped meanwhile.

        Raises
        ------
        WorldFailed
            It was stopped.
        """
        if self._ask.stop.wait(seconds):
            raise WorldFailed("stopped", place=self._ask.place, again=True)

    @contextmanager
    def stream(self, url: str, headers: Mapping[str, str], *, patience: float) -> Iterator[Iterator[str]]:
        """Open an answer that does not end and give its lines; ``patience`` bounds the silence in seconds."""
        timeout = httpx.Timeout(self._ask.patience.timeout_seconds, read=patience)
        with self._opened("GET", url, headers, timeout=timeout) as answer:
            self.judge(answer)
            self._deadline.lift()
            yield lines(answer, self._ask.place, LONGEST_LINE)

    def exchange(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        """Ask once, whatever the answer's status; nobody is followed.

        Raises
        ------
        WorldFailed
            There was no whole answer in time.
        NotAllowed
            It leads to a host that is not configured, or to a private address.
        """
        with self._opened(method, url, headers, content=content) as answer:
            return Answer(answer.status_code, dict(answer.headers), self._read(answer))

    def _once(self, url: str, params: Mapping[str, Any] | None, headers: Mapping[str, str] | None) -> Answer:
        for _ in range(_MOST_MOVES):
            with self._opened("GET", url, headers or {}, params=params) as answer:
                if answer.status_code in _MOVED and (target := answer.headers.get("location")):
                    url, params = self._moved(url, target), None
                    continue
                self.judge(answer)
                return Answer(answer.status_code, dict(answer.headers), self._read(answer))
        raise WorldFailed("redirected too often", place=self._ask.place)

    @contextmanager
    def _opened(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        params: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        timeout: httpx.Timeout | None = None,
    ) -> Iterator[httpx.Response]:
        self.keep_pace()
        target, named = self._pinned(url)
        asked = {
            "accept": "*/*",
            "user-agent": "allears (customer listening; +https://github.com/)",
            **headers,
            "accept-encoding": "gzip",
            "host": urlsplit(url).netloc.rpartition("@")[2],
        }
        self._deadline.begin(self._ask.patience.answer_seconds)
        try:
            with self._client.stream(
                method,
                target if not params else target.copy_merge_params(dict(params)),
                headers=asked,
                content=content,
                extensions=named,
                timeout=timeout or self._client.timeout,
            ) as answer:
                yield answer
        except httpx.TimeoutException:
            raise WorldFailed("no answer in time", place=self._ask.place, again=True) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The kind only: the library's own words may hold the address, and with it a key.
            raise WorldFailed(
                f"the connection failed: {type(error).__name__}", place=self._ask.place, again=True
            ) from None

    def _pinned(self, url: str) -> tuple[httpx.URL, dict[str, Any]]:
        host, ip = self.check(url)
        # The connection goes to the address that was checked; the certificate is still checked against the name.
        return httpx.URL(url).copy_with(host=ip), {"sni_hostname": host}

    def check(self, url: str) -> tuple[str, str]:
        """Give the host of an address that may be asked, and its IP address."""
        check_url(url, allow_private=self._ask.allow_private)
        parts = urlsplit(url)
        host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
        if host not in self._hosts:
            raise NotAllowed("it leads to a host that is not configured", place=self._ask.place)
        return host, resolve(host, port, allow_private=self._ask.allow_private)

    def _moved(self, url: str, target: str) -> str:
        moved = urljoin(url, target)
        if urlsplit(url).scheme == "https" and urlsplit(moved).scheme != "https":
            raise NotAllowed("a redirect away from https is not followed", place=self._ask.place)
        return moved

    def _read(self, answer: httpx.Response) -> bytes:
        held = bytearray()
        for chunk in unpacked(answer, self._ask.place):
            held += chunk
            if len(held) > LARGEST_ANSWER:
                raise WorldFailed(f"an answer longer than {LARGEST_ANSWER:,} bytes", place=self._ask.place)
        return bytes(held)

    def judge(self, answer: Judged) -> None:
        """Turn an answer that is none into its failure."""
        status = answer.status_code
        if status < 300 or status == 304:
            return
        if status in (429, 503) or (status == 403 and answer.headers.get("retry-after")):
            raise Resting(
                f"answered {status}",
                place=self._ask.place,
                again=True,
                wait_seconds=retry_after(answer.headers),
            )
        if status in (401, 403):
            raise WorldFailed(
                f"answered {status}: the key is missing, wrong or may not", place=self._ask.place
            )
        raise WorldFailed(f"answered {status}", place=self._ask.place, again=status in _LATER)

    def keep_pace(self) -> None:
        """Wait until the next request may go out."""
        now = time.monotonic()
        if self._next > now:
            self.wait(self._next - now)
        self._next = max(now, self._next) + self._pause


def retry_after(headers: Mapping[str, str]) -> float:
    """Read how long to wait: seconds, a date, or the reset of a rate limit; at most a day.

    Examples
    --------
    >>> retry_after({"retry-after": "7"}), retry_after({}), retry_after({"retry-after": "soon"})
    (7.0, 0.0, 0.0)
    """
    given = headers.get("retry-after") or headers.get("x-ratelimit-reset", "")
    seconds = 0.0
    try:
        seconds = float(given)
        if seconds > 1_000_000_000:  # some say the moment instead
            seconds -= time.time()
    except ValueError:
        moment = read_time(given)
        seconds = moment[0] / 1e6 - time.time() if moment is not None else 0.0
    return min(max(seconds, 0.0), 86_400.0) if seconds == seconds else 0.0


def host_of(url: str, place: str) -> str:
    """Read the host of an address.

    Raises
    ------
    Refused
        There is none.
    """
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise Refused("expected an address with a host", place=place)
    return host


def connect(host: str, port: int, *, allow_private: bool, seconds: float) -> socket.socket:
    """Connect to the address that was checked."""
    try:
        return socket.create_connection(
            (resolve(host, port, allow_private=allow_private), port), timeout=seconds
        )
    except OSError:
        raise WorldFailed("the connection failed", place=host, again=True) from None


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
