"""Bluesky's Jetstream: every public post as it is written, kept when it holds one of the words.

The cursor is the stream's own time; after a cut it is read again from a few seconds before, and ids keep anything from
counting twice. Posts have no name of their author, only a decentralised id, which is what is kept of it.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Meta
from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException
from websockets.sync.client import ClientConnection, connect

from allears.errors import Refused, WorldFailed
from allears.guard.address import resolve
from allears.listen.mapping import Mapping
from allears.listen.pull.page import Ask, Cursor, Page, Row, map_rows, nothing
from allears.listen.times import micros

PUBLIC = "wss://jetstream2.us-east.bsky.network/subscribe"
MAPPING = Mapping(
    id="id",
    text="text",
    occurred_at="at",
    thread="thread",
    channel="social",
    identifiers={"author": "handle"},
    edited_at="edited",
    deleted="deleted",
)
_BEHIND = 5_000_000  # microseconds read again after a cut, as Jetstream's authors advise
_BATCH, _BATCH_SECONDS = 500, 2.0
_EVENT = msgspec.json.Decoder(dict[str, Any])


class JetstreamOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the kind ``jetstream``."""

    words: Annotated[
        tuple[str, ...], Meta(description="Posts with one of these words are kept.", min_length=1)
    ]
    languages: Annotated[tuple[str, ...], Meta(description="Only posts in these languages; none: all.")] = ()


class Jetstream:
    """Follows the stream, or reads it up to now."""

    relists = False

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._options = ask.options_as(JetstreamOptions)
        self.mapping = ask.mapping or MAPPING
        self._url = ask.url or PUBLIC
        self._words = re.compile("|".join(rf"(?<!\w){re.escape(w)}(?!\w)" for w in self._options.words), re.I)
        parts = urlsplit(self._url)
        if (
            parts.scheme not in ("wss", "ws")
            or not parts.hostname
            or (parts.scheme == "ws" and not ask.allow_private)
        ):
            raise Refused("expected wss://host/subscribe", place=ask.place)
        self._secure, self._host = parts.scheme == "wss", parts.hostname
        self._port = parts.port or (443 if self._secure else 80)

    def pages(self, cursor: Cursor) -> Generator[Page, None, None]:
        """Read the stream from the cursor on; without one, from now."""
        now = micros(self._ask.context().received_at)
        start = int(cursor["time_us"]) - _BEHIND if "time_us" in cursor else None
        # Without a cursor nothing was missed: the moment of the first look is where the next one begins.
        last = int(cursor.get("time_us", now))
        try:
            with self._connected(start) as stream:
                yield from self._read(stream, last, now)
        except ConnectionClosed:
            raise WorldFailed("the stream was cut", place=self._ask.place, again=True) from None
        except (OSError, InvalidHandshake, WebSocketException) as error:
            raise WorldFailed(
                f"the stream failed: {type(error).__name__}", place=self._ask.place, again=True
            ) from None

    def _read(self, stream: ClientConnection, last: int, now: int) -> Iterator[Page]:
        rows: list[Row] = []
        silent, due, moved, reached = time.monotonic(), time.monotonic() + _BATCH_SECONDS, False, 0
        cut: ConnectionClosed | None = None
        while cut is None and not self._ask.stop.is_set():
            quiet = time.monotonic() - silent > self._ask.patience.quiet_seconds
            if not self._ask.follow and (quiet or reached >= now):
                break
            try:
                message = stream.recv(timeout=0.2)
            except TimeoutError:
                message = None
            except ConnectionClosed as error:
                cut = error  # what came before it is handed over first
                continue
            if message is not None:
                silent = time.monotonic()
                event = _decoded(message)
                reached, moved = max(reached, _time(event)), True
                last = max(last, reached)
                if (row := self._row(event)) is not None:
                    rows.append(row)
            if moved and (len(rows) >= _BATCH or time.monotonic() >= due):
                yield Page(map_rows(rows, self.mapping, self._ask.context()), {"time_us": last})
                rows, due, moved = [], time.monotonic() + _BATCH_SECONDS, False
        yield Page(
            map_rows(rows, self.mapping, self._ask.context()) if rows else nothing(), {"time_us": last}
        )
        if cut is not None:
            raise cut

    def _row(self, event: dict[str, Any]) -> Row | None:
        commit = event.get("commit")
        if not isinstance(commit, dict):
            return None
        uri = f"at://{event.get('did')}/{commit.get('collection')}/{commit.get('rkey')}"
        does = commit.get("operation")
        if does == "delete" and self.mapping.deleted is not None:
            return {"id": uri, "deleted": True, "edited": _time(event)}
        if does not in ("create", "update"):
            return None
        post = commit.get("record")
        if (
            not isinstance(post, dict)
            or not isinstance(post.get("text"), str)
            or not self._words.search(post["text"])
        ):
            return None
        spoken = post.get("langs")
        if self._options.languages and not set(spoken if isinstance(spoken, list) else []) & set(
            self._options.languages
        ):
            return None
        reply = post.get("reply") if isinstance(post.get("reply"), dict) else {}
        root = reply.get("root") if isinstance(reply, dict) and isinstance(reply.get("root"), dict) else {}
        return {
            "id": uri, "text": post["text"], "at": (_time(event) if does == "create" else 0) or post.get("createdAt"), "author": event.get("did"),
            "edited": _time(event) if does == "update" else None,
            "thread": root.get("uri", uri) if isinstance(root, dict) else uri, "languages": spoken,
        }  # fmt: skip

    @contextmanager
    def _connected(self, start: int | None) -> Iterator[ClientConnection]:
        asked = [
            ("wantedCollections", "app.bsky.feed.post"),
            *([("cursor", str(start))] if start is not None else []),
        ]
        url = f"{self._url}{'&' if '?' in self._url else '?'}{urlencode(asked)}"
        patience = self._ask.patience.timeout_seconds
        # The connection goes to the address that was checked; the certificate is checked against the name.
        ip = resolve(self._host, self._port, allow_private=self._ask.allow_private)
        sock = socket.create_connection((ip, self._port), timeout=patience)
        try:
            sock.settimeout(None)
            with connect(
                url,
                sock=sock,
                ssl=ssl.create_default_context() if self._secure else None,
                server_hostname=self._host if self._secure else None,
                open_timeout=patience,
                max_size=1 << 20,
                proxy=None,
            ) as stream:
                yield stream
        finally:
            sock.close()


def _decoded(message: str | bytes) -> dict[str, Any]:
    try:
        return _EVENT.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}


def _time(event: dict[str, Any]) -> int:
    told = event.get("time_us")
    return told if isinstance(told, int) else 0
