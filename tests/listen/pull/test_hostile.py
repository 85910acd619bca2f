"""Servers that mean harm, or are broken as if they did: no pull hangs, swells or is led astray."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from tests.listen.pull.answers import Place, Told
from tests.listen.pull.vendor_places import zendesk

from allears.errors import WorldFailed
from allears.listen.pull.fetch import Fetcher
from allears.listen.pull.kinds import make
from allears.listen.pull.page import Ask, Patience

HERE = frozenset({"127.0.0.1"})
HURRIED = Patience(timeout_seconds=60, answer_seconds=0.4, retry_seconds=())
ONCE = Patience(retry_seconds=())


@contextmanager
def saying(*parts: bytes, pause: float = 0.0, forever: bytes = b"") -> Iterator[str]:
    """Serve raw bytes to whoever connects, one part after the other, then ``forever`` again and again."""
    over = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            for part in parts:
                connection.sendall(part)
                over.wait(pause)
            while forever and not over.wait(pause):
                connection.sendall(forever)

    def listen() -> None:
        while not over.is_set():
            with suppress(OSError):
                threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


def fetched(ask: Callable[..., Ask], url: str, **more: Any) -> bytes:
    fetcher = Fetcher(ask("x", **more), HERE)
    try:
        return fetcher.get(url).body
    finally:
        fetcher.close()


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize(
    ("parts", "drop"),
    [((b"HTTP/1.1 200 OK\r\n",), b"x-a: b\r\n"), ((HEAD, b"content-length: 99999999\r\n\r\n"), b" ")],
    ids=["headers", "body"],
)
def test_an_answer_that_drips_for_ever_is_given_up_as_a_whole(
    parts: tuple[bytes, ...], drop: bytes, ask: Callable[..., Ask]
) -> None:
    begun = time.monotonic()
    with (
        saying(*parts, pause=0.05, forever=drop) as url,
        pytest.raises(WorldFailed, match="no answer in time") as failed,
    ):
        fetched(ask, url, patience=HURRIED)
    # Far below the minute that one read may take, which never passes between two drops.
    assert failed.value.again and time.monotonic() - begun < 40


def test_a_bomb_packed_twice_is_never_unpacked(place: Place, ask: Callable[..., Ask]) -> None:
    bomb = gzip.compress(gzip.compress(bytes(1 << 20)))
    place.tell("/twice", Told(bomb, headers={"content-encoding": "gzip, gzip"}))
    place.tell("/odd", Told(zlib.compress(b"{}"), headers={"content-encoding": "deflate"}))
    for path in ("/twice", "/odd"):
        with pytest.raises(WorldFailed, match="nobody asked for"):
            fetched(ask, place.url + path)
    assert place.asked[0][2]["accept-encoding"] == "gzip"


def test_a_packed_answer_is_read_and_a_bomb_or_a_torn_one_is_not(
    place: Place, ask: Callable[..., Ask], monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = gzip.compress(b"x" * 1_000_000) + gzip.compress(b"x" * 2_000_000)
    place.tell("/x", Told(packed, headers={"content-encoding": "gzip"}))
    place.tell("/torn", Told(packed[:-9], headers={"content-encoding": "gzip"}))
    place.tell("/false", Told(b"{}", headers={"content-encoding": "gzip"}))
    assert fetched(ask, f"{place.url}/x") == b"x" * 3_000_000
    for path, said in (("/torn", "cut off"), ("/false", "cannot be unpacked")):
        with pytest.raises(WorldFailed, match=said):
            fetched(ask, place.url + path)
    monkeypatch.setattr("allears.listen.pull.fetch.LARGEST_ANSWER", 1 << 20)
    with pytest.raises(WorldFailed, match="longer than"):
        fetched(ask, f"{place.url}/x")


def test_a_stream_without_an_end_of_line_is_left(ask: Callable[..., Ask]) -> None:
    stream = HEAD + b"\r\n"
    with saying(stream, forever=b"x" * 400_000) as url:
        fetcher = Fetcher(ask("x"), HERE)
        with (
            pytest.raises(WorldFailed, match="a line longer than"),
            fetcher.stream(url, {}, patience=5) as lines,
        ):
            list(lines)
        fetcher.close()


def test_what_is_no_http_and_no_tls_is_a_failed_connection(ask: Callable[..., Ask]) -> None:
    with saying(b"SSH-2.0-OpenSSH\r\n") as url:
        with pytest.raises(WorldFailed, match="connection failed"):
            fetched(ask, url, patience=ONCE)
        with pytest.raises(WorldFailed, match="connection failed"):
            fetched(ask, url.replace("http", "https"), patience=ONCE)


def test_dlt_is_not_led_round_by_a_page_that_names_itself(place: Place, ask: Callable[..., Ask]) -> None:
    pytest.importorskip("dlt", reason='needs pip install "allears[pull]"')
    path = "/api/v2/incremental/users/cursor.json"
    again = Told({"users": [], "after_url": f"{place.url}{path}?cursor=a", "end_of_stream": False})
    zendesk(place)
    place.answers[path] = [again]
    options = {"subdomain": "acme", "email": "agent@example.com"}
    asked = ask("zendesk", url=place.url, options=options, secret="tok")
    with pytest.raises(WorldFailed, match="again and again"):
        list(make(asked).pages({}))
    assert len(place.asked) < 100


def test_dlt_connects_to_the_address_that_was_checked(
    place: Place, ask: Callable[..., Ask], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dlt", reason='needs pip install "allears[pull]"')
    from allears.listen.pull.session import Careful

    place.tell("/x", Told({"a": 1}))
    found, looked = socket.getaddrinfo, []

    def rebinding(host: Any, *more: Any, **named: Any) -> Any:
        if host != "shop.example":
            return found(host, *more, **named)
        looked.append(host)
        if len(looked) > 1:
            raise OSError("asked again: by now the name leads elsewhere")
        return found("127.0.0.1", *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    session = Careful(ask("x"), frozenset({"shop.example"}), 60_000.0)
    url = place.url.replace("127.0.0.1", "shop.example")
    assert session.get(f"{url}/x").json() == {"a": 1} and len(looked) == 1
    assert place.asked[0][2]["host"].startswith("shop.example:")
    session.close()
