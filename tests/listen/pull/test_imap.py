"""A mailbox on a real IMAP server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.listen.pull.mailserver import PASSWORD, USER, MailServer, mail_server
from tests.listen.pull.test_web import cursor, rows

from allears.errors import Refused, WorldFailed
from allears.listen.plans import Limits
from allears.listen.pull.kinds import make
from allears.listen.pull.page import Ask, Page


@pytest.fixture(scope="module")
def running() -> Iterator[MailServer]:
    with mail_server() as found:
        yield found


@pytest.fixture
def server(running: MailServer) -> MailServer:
    with running.client() as client:
        for name in ("INBOX", "Later"):
            if client.folder_exists(name):
                client.select_folder(name)
                client.delete_messages(client.search())
                client.expunge()
        if not client.folder_exists("Later"):
            client.create_folder("Later")
    return running


@pytest.fixture
def imap(server: MailServer, ask: Callable[..., Ask]) -> Callable[..., Any]:
    def make_one(folder: str = "INBOX", secret: str = PASSWORD, **more: Any) -> Any:
        options = {"ca_file": str(server.ca)} | more.pop("options", {})
        return make(
            ask(
                "imap",
                url=f"imap://{USER}@127.0.0.1:{server.port}/{folder}",
                secret=secret,
                options=options,
                **more,
            )
        )

    return make_one


def letter(number: int, text: str = "") -> str:
    return f"From: a{number}@example.com\r\nMessage-ID: <m{number}@x>\r\nSubject: s\r\n\r\n{text or f'number {number}'}\r\n"


def test_new_mail_is_read_from_the_last_uid_on_and_nothing_is_marked(
    server: MailServer, imap: Callable[..., Any]
) -> None:
    server.deliver(letter(1), letter(2))
    pages = list(imap().pages({}))
    assert [r["text"] for r in rows(pages)] == ["number 1", "number 2"]
    assert server.flags() == [(), ()]
    assert rows(list(imap().pages(cursor(pages)))) == []
    server.deliver(letter(3))
    later = list(imap().pages(cursor(pages)))
    assert [r["text"] for r in rows(later)] == ["number 3"]
    assert server.flags() == [(), (), ()]


def test_a_mailbox_that_was_numbered_anew_is_read_from_its_beginning(
    server: MailServer, imap: Callable[..., Any]
) -> None:
    server.deliver(letter(1), folder="Later")
    told = cursor(list(imap("Later").pages({})))
    with server.client() as client:
        client.delete_folder("Later")
        time.sleep(1.1)  # UIDVALIDITY counts seconds
        client.create_folder("Later")
    server.deliver(letter(1), letter(5), folder="Later")
    again = list(imap("Later").pages(told | {"uid": 99}))
    assert [r["signal_id"] for r in rows(again)] == ["mentions:m1@x", "mentions:m5@x"], (
        "ids keep the first from counting twice"
    )
    assert cursor(again)["validity"] != told["validity"]


def test_mail_comes_in_batches_each_with_its_cursor(server: MailServer, imap: Callable[..., Any]) -> None:
    server.deliver(*(letter(n) for n in range(5)))
    pages = list(imap(options={"batch": 2}).pages({}))
    assert [page.reading.arrivals.num_rows for page in pages] == [2, 2, 1]
    rest = list(imap().pages(pages[0].cursor or {}))
    assert [r["text"] for r in rows(rest)] == ["number 2", "number 3", "number 4"]


def test_what_cannot_be_read_is_refused_and_the_rest_goes_on(
    server: MailServer, imap: Callable[..., Any]
) -> None:
    server.deliver("Subject: nobody\r\n\r\nhello\r\n", letter(2, "x" * 9000), letter(3))
    pages = list(imap(limits=Limits(max_line=5000)).pages({}))
    assert [r["text"] for r in rows(pages)] == ["number 3"]
    reasons = [r.reason for page in pages for r in page.reading.refused]
    assert reasons == ["expected a sender", "a message longer than 5,000 bytes"]


def test_idle_hears_new_mail_at_once_and_ends_when_stopped(
    server: MailServer, imap: Callable[..., Any]
) -> None:
    server.deliver(letter(1))
    stop = threading.Event()
    found: list[Page] = []

    def follow() -> None:
        for page in imap(follow=True, stop=stop).pages({}):
            found.append(page)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        _until(lambda: len(rows(found)) == 1)
        time.sleep(0.3)
        server.deliver(letter(2))
        _until(lambda: len(rows(found)) == 2)
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive() and [r["text"] for r in rows(found)] == ["number 1", "number 2"]


def _until(done: Callable[[], bool]) -> None:
    for _ in range(400):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def test_a_wrong_password_and_a_wrong_folder_are_told_apart(imap: Callable[..., Any]) -> None:
    with pytest.raises(WorldFailed, match="refused user or password") as found:
        list(imap(secret="wrong").pages({}))
    assert not found.value.again and "wrong" not in str(found.value)
    with pytest.raises(WorldFailed, match="the mail server refused"):
        list(imap("Nowhere").pages({}))


def test_tls_from_the_start_and_a_certificate_nobody_trusts(
    server: MailServer, ask: Callable[..., Ask]
) -> None:
    server.deliver(letter(1))
    url = f"imaps://{USER}@127.0.0.1:{server.secure}/INBOX"  # type: ignore[attr-defined]
    trusting = make(ask("imap", url=url, secret=PASSWORD, options={"ca_file": str(server.ca)}))
    assert len(rows(list(trusting.pages({})))) == 1
    with pytest.raises(WorldFailed, match="certificate is not trusted"):
        list(make(ask("imap", url=url, secret=PASSWORD)).pages({}))


def test_a_server_that_is_not_there_may_come_back(ask: Callable[..., Ask]) -> None:
    with pytest.raises(WorldFailed) as found:
        list(make(ask("imap", url="imaps://u@127.0.0.1:1/INBOX", secret="x")).pages({}))
    assert found.value.again


@pytest.mark.parametrize(
    "url",
    [
        "imap.example.com",
        "https://u@example.com/INBOX",
        "imaps://example.com/INBOX",
        "imaps://u:p@example.com/INBOX",
        "imaps://u@example.com:port/",
    ],
)
def test_an_address_must_name_user_and_host_and_no_password(url: str, ask: Callable[..., Ask]) -> None:
    with pytest.raises(Refused):
        make(ask("imap", url=url, secret="x"))
