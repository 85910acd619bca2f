"""dlt's declarative REST source, asked through our own session; needs dlt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from dlt.common import jsonpath
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator
from dlt.sources.rest_api import rest_api_source

from allears.errors import Refused
from allears.listen.pull import tables
from allears.listen.pull.page import Ask
from allears.listen.pull.session import Careful
from allears.listen.reading import BadRow
from allears.listen.times import EPOCH, read_time


class LinkUntil(JSONLinkPaginator):  # type: ignore[misc]  # dlt is not typed for us
    """Follows links until the answer itself says that it was the last: some places link on for ever."""

    def __init__(self, next_url_path: str, stop_path: str) -> None:
        super().__init__(next_url_path)
        self._stop = jsonpath.compile_path(stop_path)

    def update_state(self, response: Any, data: Any = None) -> None:
        """Read the next link, unless the end was told."""
        super().update_state(response, data)
        if True in jsonpath.find_values(self._stop, response.json()):
            self._next_reference = None


def _moment(value: Any) -> datetime:
    found = read_time(value)
    if found is None:
        raise BadRow("expected a time")
    return EPOCH + timedelta(microseconds=found[0])


CONVERT: dict[str, Callable[[Any], str]] = {
    "seconds": lambda value: str(int(_moment(value).timestamp())),
    "milliseconds": lambda value: str(int(_moment(value).timestamp() * 1000)),
    "soql": lambda value: _moment(value).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "whole": lambda value: str(int(value)),
}
"""How the last value of a column that grows is written into the next question."""


def declare(
    config: dict[str, Any], ask: Ask, hosts: frozenset[str], per_minute: float
) -> tuple[Any, Callable[[], None]]:
    """Build the source; gives it and what closes its connections."""
    session = Careful(ask, hosts, per_minute)
    config["client"]["session"] = session
    for resource in config["resources"]:
        endpoint = resource["endpoint"]
        moving = endpoint.get("incremental", {})
        if named := moving.get("convert"):
            if named not in CONVERT:
                raise Refused(f"convert must be one of {', '.join(CONVERT)}", place=ask.place)
            moving["convert"] = CONVERT[named]
            if named == "whole":
                moving["initial_value"] = int(moving["initial_value"])
        paginator = endpoint.get("paginator")
        if isinstance(paginator, dict) and "stop_path" in paginator:
            endpoint["paginator"] = LinkUntil(paginator["next_url_path"], paginator["stop_path"])
    return tables.open_source(
        lambda: rest_api_source(config, name="pulled"), ask.folder, ask.place
    ), session.close
