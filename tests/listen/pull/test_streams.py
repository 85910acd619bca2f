"""Streams that are cut, silent or babbling: Jetstream over a real WebSocket server, Mastodon as server-sent events, feeds."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.listen.pull.answers import Place, Told
from tests.listen.pull.conftest import NOW, QUICK
from tests.listen.pull.test_web import cursor, rows, status
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from allears.errors import Refused, WorldFailed
from allears.listen.pull.feed import read_feed
from allears.listen.pull.kinds import make
from allears.listen.pull.page import Ask, Page, Patience

AT = int(NOW.timestamp() * 1_000_000)


@contextmanager
def jetstream(*, events: list[str], cut: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Serve the events after the cursor that a client asks for, as Jetstream does; ``cut`` ends without a word."""
    asked: list[str] = []

    def handle(connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        asked.append(request.path)
        start = int(parse_qs(urlsplit(request.path).query).get("cursor", ["0"])[0])
        for event in events:
            time_us = (
                json.loads(event).get("time_us", AT) if event.startswith("{") and event.endswith("}") else AT
            )
            if time_us >= start:
                connection.send(event)
        if cut:
            connection.socket.close()
        else:
            # The stream has come to this moment: whoever caught up need not wait until it is quiet.
            connection.send(json.dumps({"did": "x", "time_us": AT, "kind": "identity"}))
            with suppress(ConnectionClosed):
                connection.recv()

    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/subscribe", asked
        server.shutdown()
        thread.join()


def test_a_stream_that_falls_quiet_is_left(ask: Callable[..., Ask]) -> None:
    def handle(connection: ServerConnection) -> None:
        connection.send(post(1, "acme one"))
        with suppress(ConnectionClosed):
            connection.recv()

    with serve(handle, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/subscribe"
        patience = Patience(quiet_seconds=2.0)
        pages = list(stream(ask, url, patience).pages({"time_us": AT - 2_000_000}))
        server.shutdown()
    assert cursor(pages) == {"time_us": AT - 1_000_000 + 1}


def post(number: int, text: str, **more: Any) -> str:
    record = {
        "$type": "app.bsky.feed.post",
        "text": text,
        "langs": ["en"],
        "createdAt": "2026-05-31T10:00:00Z",
    } | more.pop("record", {})
    commit = {
        "operation": "create",
        "collection": "app.bsky.feed.post",
        "rkey": f"r{number}",
        "record": record,
    } | more
    return json.dumps(
        {"did": f"did:plc:{number}", "time_us": AT - 1_000_000 + number, "kind": "commit", "commit": commit}
    )


def stream(ask: Callable[..., Ask], url: str, patience: Patience = QUICK, **options: Any) -> Any:
    return make(
        ask("jetstream", url=url, options={"words": ["Acme", "acme.shop"]} | options, patience=patience)
    )


def test_posts_with_a_word_are_kept_and_the_streams_time_is_the_cursor(ask: Callable[..., Ask]) -> None:
    reply = {"reply": {"root": {"uri": "at://root"}, "parent": {"uri": "at://parent"}}}
    events = [
        post(1, "Is ACME down?"), post(2, "macmeal for lunch"), post(3, "yes, acme.shop is", record=reply), post(4, "acme", operation="delete"),
        json.dumps({"did": "x", "time_us": AT - 1_000_000 + 5, "kind": "identity"}), "not json", "[1]", json.dumps({"commit": {"operation": "create", "record": 3}}),
    ]  # fmt: skip
    with jetstream(events=events) as (url, asked):
        pages = list(stream(ask, url).pages({}))
        assert [(r["text"], r["thread"]) for r in rows(pages)] == [
            ("Is ACME down?", "at://did:plc:1/app.bsky.feed.post/r1"),
            ("yes, acme.shop is", "at://root"),
        ]
        assert rows(pages)[0]["identifiers"] == [{"type": "handle", "value": "did:plc:1"}]
        assert "wantedCollections=app.bsky.feed.post" in asked[0] and "cursor" not in asked[0]
        told = cursor(pages)
        list(stream(ask, url).pages(told))
        assert f"cursor={told['time_us'] - 5_000_000}" in asked[1]


def test_edits_and_deletes_of_the_stream_are_told(ask: Callable[..., Ask]) -> None:
    events = [
        post(1, "acme is down"), post(2, "acme is up"), post(1, "acme is down again", operation="update"),
        post(2, "", operation="delete"), post(3, "something else", operation="update"),
    ]  # fmt: skip
    with jetstream(events=events) as (url, _):
        pages = list(stream(ask, url).pages({}))
    changes = [change for page in pages for change in page.reading.changes]
    assert [(c.signal_id.rpartition("/")[2], c.row is None) for c in changes] == [("r1", False), ("r2", True)]
    assert "acme is down again" in str(changes[0].row) and len(rows(pages)) == 2


def test_a_cut_hands_over_what_came_and_is_read_again_from_there(ask: Callable[..., Ask]) -> None:
    pages: list[Page] = []
    with (
        jetstream(events=[post(1, "acme one"), post(2, "acme two")], cut=True) as (url, _),
        pytest.raises(WorldFailed, match="cut") as found,
    ):
        collect(stream(ask, url).pages({"time_us": AT - 2_000_000}), pages)
    assert found.value.again and len(rows(pages)) == 2
    assert cursor(pages) == {"time_us": AT - 1_000_000 + 2}


def collect(pages: Iterator[Page], into: list[Page]) -> None:
    for page in pages:  # one by one: what came before an error counts
        into.append(page)


def test_a_language_can_be_asked_for(ask: Callable[..., Ask]) -> None:
    with jetstream(
        events=[
            post(1, "acme"),
            post(2, "acme ist kaputt", record={"langs": ["de"]}),
            post(3, "acme", record={"langs": None}),
        ]
    ) as (url, _):
        assert [r["text"] for r in rows(list(stream(ask, url, languages=["de"]).pages({"time_us": 1})))] == [
            "acme ist kaputt"
        ]


def test_a_stream_in_clear_or_nowhere_is_refused(ask: Callable[..., Ask]) -> None:
    with pytest.raises(Refused, match="wss://"):
        make(ask("jetstream", url="ws://127.0.0.1:1/x", options={"words": ["acme"]}, allow_private=False))
    with pytest.raises(WorldFailed, match="stream failed"):
        list(stream(ask, "ws://127.0.0.1:1/x").pages({}))
    with pytest.raises(Refused, match="words"):
        make(ask("jetstream", options={"words": []}))


@contextmanager
def mastodon(timeline: list[dict[str, Any]], live: list[str]) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked.append(parts.path)
            self.send_response(200)
            self.end_headers()
            if parts.path.startswith("/api/v1/streaming"):
                for line in live:
                    self.wfile.write(line.encode())
                    self.wfile.flush()
                return
            start = int(parse_qs(parts.query).get("min_id", ["0"])[0])
            self.wfile.write(json.dumps([s for s in timeline if int(s["id"]) > start]).encode())

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


def test_a_hashtag_is_followed_live_after_what_was_missed(ask: Callable[..., Ask]) -> None:
    live = [":thump\n", "event: update\n", f"data: {json.dumps(status(9))}\n\n", "event: delete\ndata: 3\n\n",
            f"event: status.update\ndata: {json.dumps(status(9) | {'edited_at': '2026-05-31T12:00:00Z'})}\n\n",
            "event: update\ndata: {broken\n\n",
            f"event: update\ndata: {json.dumps(status(10))}\n\n", ":thump\n"]  # fmt: skip
    pages: list[Page] = []
    with mastodon([status(2), status(1)], live) as (url, asked):
        puller = make(ask("mastodon", url=url, options={"tag": "acme"}, follow=True))
        with pytest.raises(WorldFailed, match="cut"):
            collect(puller.pages({}), pages)
    assert asked[0] == "/api/v1/streaming/hashtag", "the stream is open before the timeline is read"
    assert [r["signal_id"] for r in rows(pages)] == ["mentions:2", "mentions:1", "mentions:9", "mentions:10"]
    changes = [change for page in pages for change in page.reading.changes]
    assert [(c.signal_id, c.row is None) for c in changes] == [("mentions:9", False), ("mentions:3", True)]
    assert cursor(pages) == {"last": "10"}


RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>
<item><guid>g1</guid><title>Acme recalls lids</title><description>&lt;p&gt;They &lt;b&gt;melt&lt;/b&gt;&lt;/p&gt;</description>
<pubDate>Sun, 31 May 2026 10:00:00 GMT</pubDate><link>https://news.example/1</link></item>
<item><guid>g2</guid><title>Weather</title></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>a1</id><title>Acme</title><updated>2026-05-31T10:00:00Z</updated>
<content type="html">melts</content><author><name>Ada Byrne</name></author></entry></feed>"""


def test_a_feed_is_asked_again_only_when_it_changed(place: Place, ask: Callable[..., Ask]) -> None:
    place.tell(
        "/rss", Told(RSS, headers={"etag": '"v1"', "content-type": "application/rss+xml"}), Told(b"", 304)
    )
    puller = make(ask("feed", url=f"{place.url}/rss", options={"words": ["acme"]}))
    pages = list(puller.pages({}))
    [row] = rows(pages)
    assert (row["text"], row["signal_id"], row["name"]) == (
        "Acme recalls lids\nThey melt",
        "mentions:g1",
        "mention",
    )
    assert cursor(pages) == {"etag": '"v1"'} and list(puller.pages(cursor(pages))) == []
    assert place.asked[1][2]["if-none-match"] == '"v1"'


def test_atom_is_read_too(place: Place, ask: Callable[..., Ask]) -> None:
    place.tell("/atom", Told(ATOM))
    [row] = rows(list(make(ask("feed", url=f"{place.url}/atom")).pages({})))
    assert (row["text"], row["personal"]) == ("Acme\nmelts", [{"type": "name", "value": "Ada Byrne"}])


BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><rss><channel><item><title>&b;</title></item></channel></rss>'
FILE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><rss version="2.0"><channel><item><title>&f;</title></item></channel></rss>'


@pytest.mark.parametrize(
    "body",
    [
        BOMB.encode(),
        FILE.encode(),
        BOMB.replace('version="1.0"', 'version="1.0" encoding="utf-16"').encode("utf-16"),
    ],
)
def test_a_feed_that_declares_entities_is_not_read(body: bytes) -> None:
    with pytest.raises(WorldFailed, match="declares entities"):
        read_feed(body, "application/xml", "feed")


@pytest.mark.parametrize(
    "body",
    [b"", b"<html><body>hello</body></html>", b"\x00\xff" * 100, b"http://127.0.0.1:9/secret", b'{"a": 1}'],
)
def test_what_is_no_feed_is_said(body: bytes) -> None:
    with pytest.raises(WorldFailed, match="no feed"):
        read_feed(body, "text/html", "feed")
