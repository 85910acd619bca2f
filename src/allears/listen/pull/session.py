"""The HTTP session that dlt's sources ask through: the same hosts, pace and patience as every other pull."""

from __future__ import annotations

from typing import Any

import requests

from allears.errors import WorldFailed
from allears.listen.pull.fetch import Fetcher
from allears.listen.pull.page import Ask


class Careful(requests.Session):  # type: ignore[misc]  # not typed for us
    """A session that asks only the configured hosts, and waits as it is told to.

    A link to the next page comes from the answer: were it followed anywhere, the key would go there as well.
    """

    def __init__(self, ask: Ask, hosts: frozenset[str], per_minute: float) -> None:
        super().__init__()
        self.trust_env = False
        self._ask = ask
        self._fetcher = Fetcher(ask, hosts, per_minute)

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
            It failed for good, or a longer rest was asked for.
        NotAllowed
            It leads to a host that is not configured, or to a private address.
        """
        return self._fetcher.patiently(lambda: self._once(request, more))

    def _once(self, request: requests.PreparedRequest, more: dict[str, Any]) -> requests.Response:
        self._fetcher.check(str(request.url))
        self._fetcher.keep_pace()
        more = more | {"allow_redirects": False, "timeout": self._ask.patience.timeout_seconds}
        try:
            answer: requests.Response = super().send(request, **more)
        except requests.Timeout:
            raise WorldFailed("no answer in time", place=self._ask.place, again=True) from None
        except requests.HTTPError as error:
            # dlt's own hook has looked at the answer already; we judge it as we judge all others.
            error.response.close()
            self._fetcher.judge(error.response)
            raise WorldFailed("the answer was turned away", place=self._ask.place) from None
        except requests.RequestException as error:
            # The kind only: the library's own words hold the address, and with it perhaps a key.
            raise WorldFailed(
                f"the connection failed: {type(error).__name__}", place=self._ask.place, again=True
            ) from None
        if not answer.ok or answer.is_redirect:
            answer.close()
        if answer.is_redirect:
            raise WorldFailed("a redirect is not followed", place=self._ask.place)
        self._fetcher.judge(answer)
        return answer
