"""One attempt to hand one event to one destination: what is handed over, how it ended, and a signed webhook."""

from __future__ import annotations

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

import httpx
import msgspec
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from allears.act.retry import Patience
from allears.errors import NotAllowed, WorldFailed
from allears.guard.address import resolve


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt ended. ``error`` names the kind, never what was sent or answered; ``denied``: guard let nothing go."""

    sent: bool
    error: str = ""
    retry_after_seconds: float = 0.0
    gone: bool = False
    denied: bool = False


class Message(msgspec.Struct, frozen=True):
    """What is handed over: the same bytes and the same id at every attempt."""

    event_id: str
    event_type: str
    body: str


class Poster:
    """Posts to one destination, over one connection while it lasts.

    Parameters
    ----------
    tls
        Whose certificates are trusted.
    patience
        Time limits.
    threads
        Where this destination's name is looked up.
    """

    def __init__(self, tls: ssl.SSLContext | None, patience: Patience, threads: ThreadPoolExecutor) -> None:
        timeout = httpx.Timeout(patience.total_seconds, connect=patience.connect_seconds)
        # No proxy or file of certificates from the environment, and nobody is followed elsewhere.
        self._client = httpx.AsyncClient(
            timeout=timeout, follow_redirects=False, trust_env=False, verify=tls or trusted()
        )
        self._seconds = patience.total_seconds
        self._threads = threads

    async def __aenter__(self) -> Poster:
        """Begin."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def post(self, url: str, secret: str, message: Message, *, allow_private: bool) -> Outcome:
        """Post an event as Standard Webhooks ask: signed, the answer's body unread.

        References
        ----------
        https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(url, _headers(secret, message), message, allow_private)
        except (TimeoutError, httpx.TimeoutException):
            return Outcome(False, "timeout")
        except (httpx.HTTPError, httpx.InvalidURL, WorldFailed) as error:
            return Outcome(False, _kind(error))
        except NotAllowed:
            return Outcome(False, "private address")
        except (ValueError, EmptyWebhookSecretError):
            return Outcome(False, "secret not usable")

    async def _post(
        self, url: str, headers: dict[str, str], message: Message, allow_private: bool
    ) -> Outcome:
        parts = urlsplit(url)
        host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
        look_up = partial(resolve, host, port, allow_private=allow_private)
        ip = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        # The connection goes to the address that was checked; the certificate is still checked against the name.
        target, named = httpx.URL(url).copy_with(host=ip), {"sni_hostname": host}
        headers = headers | {"host": parts.netloc}
        async with self._client.stream(
            "POST", target, content=message.body, headers=headers, extensions=named
        ) as answer:
            return _judge(answer.status_code, answer.headers.get("retry-after", ""))


def trusted() -> ssl.SSLContext:
    """Read the certificates that are trusted; it takes a while and is done once."""
    return httpx.create_ssl_context(trust_env=False)


def _headers(secret: str, message: Message) -> dict[str, str]:
    # The receiver compares this with its own clock, so it is the machine's time even in a simulation.
    now = datetime.now(UTC)
    return {
        "content-type": "application/json",
        "user-agent": "allears",
        "webhook-id": message.event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message.event_id, now, message.body),
    }


def _judge(status: int, retry_after: str) -> Outcome:
    if 200 <= status < 300:
        return Outcome(True)
    seconds = float(retry_after) if retry_after.isdigit() else 0.0
    return Outcome(False, f"answered {status}", min(seconds, 86_400.0), gone=status == 410)


def _kind(error: Exception) -> str:
    names = {
        httpx.ConnectError: "no connection",
        httpx.RemoteProtocolError: "connection broken",
        WorldFailed: "no address",
    }
    return names.get(type(error), type(error).__name__)[:64]
