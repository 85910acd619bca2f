"""Mastodon: what was posted since, from the timeline; then live, as server-sent events.

The stream cannot be resumed, so each time it opens the timeline tells first what was missed; the stream is opened before
the timeline is read, so that nothing falls between them.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import msgspec

from allears.errors import WorldFailed
from allears.listen.changes import Change
from allears.listen.gather import Gather
from allears.listen.pull.fetch import LONGEST_LINE, Fetcher, host_of
from allears.listen.pull.page import Ask, Cursor, Page, map_rows
from allears.listen.pull.recipe import compiled, read_shipped
from allears.listen.pull.web import Web
from allears.listen.times import micros

_SILENCE_SECONDS = 60.0  # the server sends a heartbeat every fifteen
_BATCH, _BATCH_SECONDS = 100, 2.0


class Mastodon:
    """Follows a hashtag on one server."""

    relists = True

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._recipe = read_shipped("mastodon-timeline")
        self._timeline = Web(ask, self._recipe)
        self.mapping = self._timeline.mapping

    def pages(self, cursor: Cursor) -> Generator[Page, None, None]:
        """Read what was missed, then follow."""
        if not self._ask.follow:
            yield from self._timeline.pages(cursor)
            return
        base = self._ask.needed_url().rstrip("/")
        query = urlencode({"tag": str(self._ask.options["tag"])})
        headers = {"authorization": f"Bearer {self._ask.secret}"} if self._ask.secret else {}
        fetcher = Fetcher(self._ask, frozenset({host_of(base, self._ask.place)}))
        with ExitStack() as open_things:
            open_things.callback(fetcher.close)
            stream = open_things.enter_context(
                fetcher.stream(
                    f"{base}/api/v1/streaming/hashtag?{query}",
                    headers | {"accept": "text/event-stream"},
                    patience=_SILENCE_SECONDS,
                )
            )
            missed = Web(replace(self._ask, follow=False), self._recipe)
            for page in missed.pages(cursor):
                cursor = page.cursor or cursor
                yield page
            yield from self._live(stream, cursor)
        if not self._ask.stop.is_set():
            raise WorldFailed("the stream was cut", place=self._ask.place, again=True)

    def _live(self, stream: Iterator[str], cursor: Cursor) -> Iterator[Page]:
        rows: list[Any] = []
        gone: list[str] = []
        due = time.monotonic() + _BATCH_SECONDS
        last = str(cursor.get("last", "0"))
        for name, data in events(stream):
            if name in ("update", "status.update") and (status := _decoded(data)) is not None:
                rows.append(status)
            elif name == "delete":
                gone.append(data)
            # A heartbeat is an event of no name here: it moves what waits.
            held = len(rows) + len(gone)
            if held and (held >= _BATCH or time.monotonic() >= due or name is None):
                # Ids grow with time and differ in length only on very young servers.
                last = max([last, *(str(s.get("id", "0")) for s in rows)], key=lambda text: (len(text), text))
                records = compiled(self._recipe.records, self._ask.place).search(rows)
                context = self._ask.context()
                reading = map_rows(records, self.mapping, context)
                ended, gather = micros(context.received_at), Gather(context)
                reading.changes += [Change(gather.signal_id(one, b""), ended, None) for one in gone]
                yield Page(reading, {"last": last})
                rows, gone = [], []
            if not rows and not gone:
                due = time.monotonic() + _BATCH_SECONDS
            if self._ask.stop.is_set():
                return


def events(lines: Iterator[str]) -> Iterator[tuple[str | None, str]]:
    r"""Read server-sent events as name and data; a heartbeat has no name.

    Examples
    --------
    >>> list(events(iter([":thump", "event: update", 'data: {"id":', "data: 1}", "", "data: x", ""])))
    [(None, ''), ('update', '{"id":\n1}'), ('message', 'x')]
    """
    name: str = "message"
    data: list[str] = []
    size = 0
    for line in lines:
        if line.startswith(":"):
            yield None, ""
        elif not line:
            if data and size <= LONGEST_LINE:
                yield name, "\n".join(data)
            name, data, size = "message", [], 0
        else:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data" and (size := size + len(value) + 1) <= LONGEST_LINE:
                data.append(value)


def _decoded(data: str) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return None
