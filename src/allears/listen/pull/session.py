"""The HTTP session that dlt's sources ask through: the same hosts, pace and patience as every other pull."""

from __future__ import annotations

import io
from collections import Counter
from hashlib import blake2b
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from allears.errors import WorldFailed
from allears.listen.pull.fetch import Fetcher
from allears.listen.pull.page import Ask

MOST_REPEATS = 20
"""How often one pull may ask the very same: a row's details twice, yes; the same page for ever, no."""


class Careful(requests.Session):  # type: ignore[misc]  # not typed for us
    """A session that asks only the configured hosts, and waits as it is told to.

    A link to the next page comes from the answer: were it followed anywhere, the key would go there as well.
    """

    def __init__(self, ask: Ask, hosts: frozenset[str], per_minute: float) -> None:
        super().__init__()
        self.trust_env = False
        self._ask = ask
        self._fetcher = Fetcher(ask, hosts, per_minute)
        self._asked: Counter[bytes] = Counter()
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Through(self._fetcher))

    def __deepcopy__(self, memo: dict[int, Any]) -> Careful:
        # dlt copies its configuration to check it; connections are not copied.
        return self

    def close(self) -> None:
        """Close the connections."""
        self._fetcher.close()
        super().close()

    def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        """Send a request, again after each failure that may pass.

        Raises
        ------
        WorldFailed
            It failed for good, a longer rest was asked for, or the same was asked again and again.
        NotAllowed
            It leads to a host that is not configured, or to a private address.
        """
        asked = blake2b(f"{request.method} {request.url} {request.body!r}".encode(), digest_size=16).digest()
        self._asked[asked] += 1
        if self._asked[asked] > MOST_REPEATS:
            raise WorldFailed("the place names the same next page again and again", place=self._ask.place)
        return self._fetcher.patiently(lambda: self._once(request, more))

    def _once(self, request: requests.PreparedRequest, more: dict[str, Any]) -> requests.Response:
        try:
            answer: requests.Response = super().send(request, **more | {"allow_redirects": False})
        except requests.HTTPError as error:
            # dlt's own hook has looked at the answer already; we judge it as we judge all others.
            self._fetcher.judge(error.response)
            raise WorldFailed("the answer was turned away", place=self._ask.place) from None
        except requests.RequestException as error:
            # The kind only: the library's own words hold the address, and with it perhaps a key.
            raise WorldFailed(
                f"the connection failed: {type(error).__name__}", place=self._ask.place, again=True
            ) from None
        if answer.is_redirect:
            raise WorldFailed("a redirect is not followed", place=self._ask.place)
        self._fetcher.judge(answer)
        return answer


class _Through(HTTPAdapter):  # type: ignore[misc]  # not typed for us
    """Carries what ``requests`` asks over our own connections: to the address that was checked, bounded in time and bytes."""

    def __init__(self, fetcher: Fetcher) -> None:
        super().__init__()
        self._fetcher = fetcher

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        # What belongs to the connection is our own to say.
        headers = {k.lower(): v for k, v in request.headers.items() if k.lower() not in _OURS}
        told = self._fetcher.exchange(str(request.method), str(request.url), headers, body)
        kept = {k: v for k, v in told.headers.items() if k not in _OURS}
        raw = HTTPResponse(io.BytesIO(told.body), kept, told.status, preload_content=False)
        return self.build_response(request, raw)


_OURS = {
    "connection", "content-length", "content-encoding", "transfer-encoding", "accept-encoding", "host", "keep-alive",
}  # fmt: skip
